// SPDX-License-Identifier: GPL-2.0-only
/*
 * vhost-user-usb that was taken over: before it serves it tries what the variable TRY
 * names, and prints what came of it. The linker puts this in between (--wrap).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vhost_user.h"

static int try_nothing(void)
{
	return 0;
}

static int try_open(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static int try_create(void)
{
	return open("new", O_WRONLY | O_CREAT, 0600);
}

static int try_stat(void)
{
	struct stat st;

	return stat("/etc/passwd", &st);
}

static int try_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

/* Of the descriptors that it has; what it is does not matter before a sandbox. */
static int try_connect(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int ret = connect(STDIN_FILENO, (struct sockaddr *)&addr, sizeof(addr));

	return ret && errno == ENOTSOCK ? 0 : ret;
}

static int try_exec(void)
{
	return execl("/bin/true", "true", NULL);
}

static int try_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return pid;
}

static int try_kill(void)
{
	return kill(getppid(), 0);
}

static const struct {
	const char *name;
	int (*run)(void);
} attempts[] = {
	{ "nothing", try_nothing },
	{ "open", try_open },
	{ "create", try_create },
	{ "stat", try_stat },
	{ "socket", try_socket },
	{ "connect", try_connect },
	{ "exec", try_exec },
	{ "fork", try_fork },
	{ "kill", try_kill },
};

int __wrap_vhost_user_new(const struct virtio_device_ops *ops, void *dev, int fd,
			  struct vhost_user **ret_vu)
{
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (strcmp(getenv("TRY"), attempts[i].name))
			continue;
		puts(attempts[i].run() < 0 ? strerror(errno) : "done");
		fflush(stdout);
	}
	return -ECANCELED;
}
