// SPDX-License-Identifier: GPL-2.0-only
#include "key_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	pthread_mutex_t lock;	/* protects all */
	pid_t pid;		/* not waited for yet, or 0 */
	bool cancelled;
} helper = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Beside this program (a build, or a private copy), or where it is installed. */
static int find_helper(char *path, size_t size)
{
	static const char *const beside[] = { "lklusb-key", "../lklusb-key/lklusb-key" };
	char self[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = 0;
		slash = strrchr(self, '/');
		for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
			snprintf(path, size, "%.*s/%s", (int)(slash - self), self, beside[i]);
			if (!access(path, X_OK))
				return 0;
		}
	}
	snprintf(path, size, "%s", LKLUSB_LIBEXEC "/lklusb-key");
	return access(path, X_OK) ? -errno : 0;
}

/* Out of the way of the numbers that they get there. */
static int high(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 64);
}

struct ends {
	int key, request, header, answer;
};

static int spawn(const struct ends *fds)
{
	char path[PATH_MAX], name[] = "lklusb-key";
	char *const argv[] = { name, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int err = find_helper(path, sizeof(path));

	if (err)
		return err;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds->key, KEY_FD_KEY);
	posix_spawn_file_actions_adddup2(&actions, fds->request, KEY_FD_REQUEST);
	posix_spawn_file_actions_adddup2(&actions, fds->header, KEY_FD_HEADER);
	posix_spawn_file_actions_adddup2(&actions, fds->answer, KEY_FD_ANSWER);
	posix_spawn_file_actions_addclosefrom_np(&actions, KEY_FD_ANSWER + 1);
	pthread_mutex_lock(&helper.lock);
	err = helper.cancelled ? -ECANCELED :
	      -posix_spawn(&helper.pid, path, &actions, &attr, argv, environ);
	pthread_mutex_unlock(&helper.lock);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return err;
}

static int read_answer(int fd, struct key_answer *answer)
{
	char *to = (char *)answer;
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, to + len, sizeof(*answer) - len);
		len += n > 0 ? n : 0;
	} while ((n < 0 && errno == EINTR) || (n > 0 && len < sizeof(*answer)));
	return n < 0 ? -errno : (int)len;
}

/* It has answered, or ended. */
static void reap(void)
{
	pid_t pid = helper.pid;

	pthread_mutex_lock(&helper.lock);
	helper.pid = 0;
	pthread_mutex_unlock(&helper.lock);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int start(const struct key_request *request, struct ends *fds, int *ret_answer)
{
	int to[2], from[2], err;

	if (pipe2(to, O_CLOEXEC))
		return -errno;
	if (pipe2(from, O_CLOEXEC)) {
		err = -errno;
		goto close_to;
	}
	fds->request = high(to[0]);
	fds->answer = high(from[1]);
	/* Fits into an empty pipe. */
	err = write(to[1], request, sizeof(*request)) < 0 ? -errno : spawn(fds);
	close(fds->request);
	close(fds->answer);
	close(from[1]);
	if (err)
		close(from[0]);
	else
		*ret_answer = from[0];
close_to:
	close(to[0]);
	close(to[1]);
	return err;
}

int key_process_ask(const struct key_request *request, int header, int key_file,
		    struct key_answer *ret_answer)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), n, fd = -1;
	struct ends fds = {
		.key = high(key_file < 0 ? null : key_file), .header = high(header),
	};

	n = start(request, &fds, &fd);
	close(fds.key);
	close(fds.header);
	close(null);
	if (n)
		return n;
	n = read_answer(fd, ret_answer);
	close(fd);
	reap();
	return n;
}

void key_process_cancel(void)
{
	pthread_mutex_lock(&helper.lock);
	helper.cancelled = true;
	if (helper.pid)
		kill(helper.pid, SIGTERM);
	pthread_mutex_unlock(&helper.lock);
}
