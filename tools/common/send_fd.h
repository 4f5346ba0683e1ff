/* SPDX-License-Identifier: GPL-2.0-only */
/* send_fd.h - a message that has a descriptor with it. */
#ifndef SEND_FD_H
#define SEND_FD_H

#include <stddef.h>

/* With fd, or without if that is -1; flags as of sendmsg. 0 or -errno. */
int send_fd(int socket, const void *message, size_t len, int flags, int fd);

#endif
