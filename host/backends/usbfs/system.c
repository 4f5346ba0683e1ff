// SPDX-License-Identifier: GPL-2.0-only
/* The host's operations: system calls, errors as return values. */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "usbfs_backend.h"

static int system_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

static int system_poll(void *ctx, struct pollfd *fds, unsigned int n, int timeout_ms)
{
	int ret = poll(fds, n, timeout_ms);

	return ret < 0 ? -errno : ret;
}

static ssize_t system_pread(void *ctx, int fd, void *buf, size_t len, off_t off)
{
	ssize_t ret = pread(fd, buf, len, off);

	return ret < 0 ? -errno : ret;
}

static int system_close(void *ctx, int fd)
{
	return close(fd) ? -errno : 0;
}

const struct usbfs_host_ops usbfs_system = {
	.ioctl = system_ioctl,
	.poll = system_poll,
	.pread = system_pread,
	.close = system_close,
};
