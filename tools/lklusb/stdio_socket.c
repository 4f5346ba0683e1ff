// SPDX-License-Identifier: GPL-2.0-only
#include "stdio_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

static bool write_all(int fd, const char *buf, ssize_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		buf += n;
		len -= n;
	}
	return true;
}

static void copy(int from, int to)
{
	char buf[64 << 10];
	ssize_t n;

	do
		n = read(from, buf, sizeof(buf));
	while ((n < 0 && errno == EINTR) || (n > 0 && write_all(to, buf, n)));
}

static void *copy_in(void *arg)
{
	struct stdio_socket *s = arg;

	copy(STDIN_FILENO, s->fd);
	shutdown(s->fd, SHUT_WR);
	return NULL;
}

static void *copy_out(void *arg)
{
	struct stdio_socket *s = arg;

	copy(s->fd, STDOUT_FILENO);
	shutdown(s->fd, SHUT_RD);	/* nobody reads: the server shall know */
	return NULL;
}

int stdio_socket_open(struct stdio_socket *s, int *ret_fd)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	s->fd = fds[0];
	*ret_fd = fds[1];
	return 0;
}

/* The thread that reads standard input stays there: the process ends with it. */
int stdio_socket_start(struct stdio_socket *s)
{
	pthread_t in;
	int err = pthread_create(&s->out, NULL, copy_out, s);

	if (!err)
		err = pthread_create(&in, NULL, copy_in, s);
	if (!err)
		pthread_detach(in);
	return -err;
}

void stdio_socket_close(struct stdio_socket *s)
{
	pthread_join(s->out, NULL);
}
