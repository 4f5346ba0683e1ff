/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stdio_socket.h - standard input and output as one stream socket: two threads copy.
 * They are often pipes, and shared with others, so they are neither sockets nor may
 * they be made non-blocking.
 */
#ifndef STDIO_SOCKET_H
#define STDIO_SOCKET_H

#include <pthread.h>

struct stdio_socket {
	int fd;				/* the threads' end */
	pthread_t out;
};

/* ret_fd: the other end. s lives as long as the process. -errno. */
int stdio_socket_open(struct stdio_socket *s, int *ret_fd);

/* The threads. -errno. */
int stdio_socket_start(struct stdio_socket *s);

/* After ret_fd was closed: what was written there is on standard output. */
void stdio_socket_close(struct stdio_socket *s);

#endif
