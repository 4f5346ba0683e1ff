/* SPDX-License-Identifier: GPL-2.0-only */
/* runtime.h - the folder of sockets and locks that only one user can enter. */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stdbool.h>
#include <sys/types.h>

#define RUNTIME_PATH_SIZE 108	/* what a socket's address holds */

/*
 * The path of a file in uid's folder, which is made if create says so. -EPERM: the
 * folder is somebody else's trap.
 */
int runtime_path(const char *name, uid_t uid, bool create, char *ret_path);

/* A connected SOCK_SEQPACKET socket, or -errno. */
int runtime_connect(const char *name, uid_t uid);

#endif
