// SPDX-License-Identifier: GPL-2.0-only
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"

static int ready_fd = -1;

static void wait_and_exit(pid_t child, int fd)
{
	int status;
	ssize_t n;
	char c;

	do
		n = read(fd, &c, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(REPORT_OK);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			_exit(REPORT_BUG);
	if (WIFEXITED(status) && WEXITSTATUS(status))
		_exit(WEXITSTATUS(status));
	report(REPORT_BUG, "died", "the serving process ended by signal %d",
	       WIFSIGNALED(status) ? WTERMSIG(status) : 0);
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
	return 0;
}

void daemon_ready(void)
{
	int null;

	if (ready_fd < 0)
		return;
	report_to_syslog();
	setsid();		/* not before: a passphrase is asked on the terminal */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	/* Not before: somebody may wait for the end of our output. */
	if (write(ready_fd, "", 1) < 0)
		report(REPORT_SYSTEM, "fork", "nobody waits for this process");
	close(ready_fd);
	ready_fd = -1;
}
