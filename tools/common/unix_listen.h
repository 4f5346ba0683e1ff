/* SPDX-License-Identifier: GPL-2.0-only */
/* unix_listen.h - a listening socket in the file system. */
#ifndef UNIX_LISTEN_H
#define UNIX_LISTEN_H

/*
 * Only its user may connect. One that a killed server left is replaced. accept does not
 * block. -errno.
 */
int unix_listen(const char *path, int *ret_fd);

#endif
