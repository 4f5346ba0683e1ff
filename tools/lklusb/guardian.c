// SPDX-License-Identifier: GPL-2.0-only
#include "guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/usbdevice_fs.h>

#define TRIES		200
#define TRY_US		50000

static pid_t child;
static int alive = -1;		/* closes with this process, if not before */

/* Nobody must wait for what this process still has open. */
static void keep_only(int fd, int pipe_fd)
{
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i <= 2; i++)
		dup2(null, i);
	dup2(fd, 3);
	dup2(pipe_fd, 4);
	close_range(5, ~0u, 0);
}

/*
 * The end of a killed process closes the pipe and releases its claim in any order: as
 * long as the claim is there, the host says EBUSY.
 */
static void give_back(int fd, unsigned int interface)
{
	struct usbdevfs_ioctl connect = { .ifno = interface, .ioctl_code = USBDEVFS_CONNECT };

	for (int i = 0; i < TRIES; i++) {
		if (ioctl(fd, USBDEVFS_IOCTL, &connect) >= 0 || errno != EBUSY)
			return;
		usleep(TRY_US);
	}
}

static void guard(int fd, int pipe_fd, unsigned int interface)
{
	sigset_t all;
	char c;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "lklusb-guardian");
	/* Out of the way of the two places that they go to. */
	keep_only(fcntl(fd, F_DUPFD, 5), fcntl(pipe_fd, F_DUPFD, 5));
	while (read(4, &c, 1) < 0 && errno == EINTR)
		;
	give_back(3, interface);
	_exit(0);
}

int guardian_start(int fd, unsigned int interface)
{
	int fds[2], err = 0;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	child = fork();
	if (child < 0)
		err = -errno;
	if (!child) {
		close(fds[1]);
		guard(fd, fds[0], interface);
	}
	close(fds[0]);
	close(fd);
	if (err)
		close(fds[1]);
	else
		alive = fds[1];
	return err;
}

void guardian_finish(void)
{
	if (alive < 0)
		return;
	close(alive);
	alive = -1;
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}
