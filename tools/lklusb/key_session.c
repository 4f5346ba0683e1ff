// SPDX-License-Identifier: GPL-2.0-only
#include "key_session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "send_fd.h"

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
	int key, setup, header, socket;
};

static int spawn(const struct ends *fds, pid_t *ret_pid)
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
	posix_spawn_file_actions_adddup2(&actions, fds->setup, KEY_FD_SETUP);
	posix_spawn_file_actions_adddup2(&actions, fds->header, KEY_FD_HEADER);
	posix_spawn_file_actions_adddup2(&actions, fds->socket, KEY_FD_SOCKET);
	posix_spawn_file_actions_addclosefrom_np(&actions, KEY_FD_SOCKET + 1);
	err = -posix_spawn(ret_pid, path, &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return err;
}

static int start(const struct key_setup *setup, struct ends *fds, struct key_session *ret)
{
	int pipe[2], sockets[2], err;

	if (pipe2(pipe, O_CLOEXEC))
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets)) {
		err = -errno;
		goto close_pipe;
	}
	fds->setup = high(pipe[0]);
	fds->socket = high(sockets[1]);
	/* Fits into an empty pipe. */
	err = write(pipe[1], setup, sizeof(*setup)) < 0 ? -errno : spawn(fds, &ret->pid);
	close(fds->setup);
	close(fds->socket);
	close(sockets[1]);
	if (err)
		close(sockets[0]);
	else
		ret->socket = sockets[0];
close_pipe:
	close(pipe[0]);
	close(pipe[1]);
	return err;
}

int key_session_start(const struct key_setup *setup, int key_file, int header,
		      struct key_session *ret_session)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), err;
	struct ends fds = {
		.key = high(key_file < 0 ? null : key_file),
		.header = high(header < 0 ? null : header),
	};

	*ret_session = (struct key_session) { .watch = -1 };
	err = start(setup, &fds, ret_session);
	close(fds.key);
	close(fds.header);
	close(null);
	return err;
}

/* ---- questions ---- */

static int cancelled = -1;	/* eventfd */
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void make_cancelled(void)
{
	cancelled = eventfd(0, EFD_CLOEXEC);
}

void key_session_cancel(void)
{
	pthread_once(&made, make_cancelled);
	eventfd_write(cancelled, 1);
}

int key_session_wait(int socket, int watch)
{
	struct pollfd fds[] = {
		{ .fd = socket, .events = POLLIN },
		{ .fd = watch },
		{ .events = POLLIN },
	};

	pthread_once(&made, make_cancelled);
	fds[2].fd = cancelled;
	while (poll(fds, 3, -1) < 0)
		if (errno != EINTR)
			return -errno;
	return fds[1].revents || fds[2].revents ? -ECANCELED : 0;
}

int key_session_ask(const struct key_session *session, const struct key_question *question,
		    int header, struct key_answer *ret_answer)
{
	int err = send_fd(session->socket, question, sizeof(*question), MSG_DONTWAIT, header);
	ssize_t n;

	if (!err)
		err = key_session_wait(session->socket, session->watch);
	if (err)
		return err == -EPIPE ? 0 : err;
	n = recv(session->socket, ret_answer, sizeof(*ret_answer), MSG_DONTWAIT | MSG_TRUNC);
	return n < 0 ? -errno : (int)n;
}

void key_session_end(struct key_session *session)
{
	if (session->socket >= 0)
		close(session->socket);
	if (session->pid)
		kill(session->pid, SIGTERM);
	while (session->pid && waitpid(session->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (session->end)
		session->end();
	*session = (struct key_session) { .socket = -1, .watch = -1 };
}
