// SPDX-License-Identifier: GPL-2.0-only
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker.h"
#include "progress.h"
#include "report.h"

static int ready_fd = -1, null_fd = -1;

/* Each message of the child is of this size: what it does now, or nothing: ready. */
struct message {
	bool ready;
	char phase[207];
};

static void show(const struct message *m, unsigned int half_seconds)
{
	if (*m->phase && half_seconds >= 2)
		progress_line("%s ... %u s", m->phase, half_seconds / 2);
}

/* Returns whether it is ready; false: it ends. */
static bool wait_ready(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct message m = { 0 };
	unsigned int half_seconds = 0;
	ssize_t n = sizeof(m);

	while (n == sizeof(m) && !m.ready) {
		if (!poll(&pfd, 1, progress_wanted() ? 500 : -1)) {
			show(&m, ++half_seconds);
			continue;
		}
		n = read(fd, &m, sizeof(m));
		m.phase[sizeof(m.phase) - 1] = 0;
		half_seconds = 0;
		progress_clear();
	}
	return n == sizeof(m);
}

static void wait_and_exit(pid_t child, int fd)
{
	int status;

	if (wait_ready(fd))
		_exit(REPORT_OK);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			_exit(REPORT_BUG);
	if (WIFEXITED(status) && WEXITSTATUS(status))
		_exit(WEXITSTATUS(status));
	report(REPORT_BUG, "died", "the serving process ended by signal %d",
	       WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		report_hint("the sandbox ended it: --sandbox=debug names the system call");
	_exit(REPORT_BUG);
}

int daemon_fork(void)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return report(REPORT_SYSTEM, "fork", "pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return report(REPORT_SYSTEM, "fork", "fork: %s", strerror(errno));
	if (pid) {
		close(fds[1]);
		/* The child gets what is typed, too, and says how it ends. */
		signal(SIGINT, SIG_IGN);
		signal(SIGQUIT, SIG_IGN);
		wait_and_exit(pid, fds[0]);
	}
	close(fds[0]);
	ready_fd = fds[1];
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return 0;
}

void daemon_phase(const char *what)
{
	struct message m = { 0 };

	if (ready_fd < 0 || !progress_wanted())
		return;
	if (what)
		progress_elsewhere();
	snprintf(m.phase, sizeof(m.phase), "%s", what ? what : "");
	if (write(ready_fd, &m, sizeof(m)) < 0)
		return;			/* nobody is there to see it */
}

void daemon_ready(void)
{
	struct message m = { .ready = true };

	if (ready_fd < 0)
		return;
	report_to_syslog(broker_log);
	setsid();		/* not before: a passphrase is asked on the terminal */
	for (int fd = 0; null_fd >= 0 && fd <= 2; fd++)
		dup2(null_fd, fd);
	if (null_fd > 2)
		close(null_fd);
	broker_quiet();
	/* Not before: somebody may wait for the end of our output. */
	if (write(ready_fd, &m, sizeof(m)) < 0)
		report(REPORT_SYSTEM, "fork", "nobody waits for this process");
	close(ready_fd);
	ready_fd = -1;
}
