/* SPDX-License-Identifier: GPL-2.0-only */
/* send_fd.h - a message that has a descriptor with it. */
#ifndef SEND_FD_H
#define SEND_FD_H

#include <stddef.h>
#include <sys/types.h>

/* With fd, or without if that is -1; flags as of sendmsg. 0 or -errno. */
int send_fd(int socket, const void *message, size_t len, int flags, int fd);

/*
 * One message into buf: its length; 0: the peer has closed. -EBADMSG: it is too long, or
 * comes with more than one descriptor, all of which are closed. ret_fd: the one, or -1.
 */
ssize_t receive_fd(int socket, void *buf, size_t size, int *ret_fd);

#endif
