/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stick_lock.h - which process has a stick. One library kernel may have it, so of those who
 * want to mount something of it one starts, and the others ask that one (join.h).
 */
#ifndef STICK_LOCK_H
#define STICK_LOCK_H

#include <stdbool.h>

#define STICK_LOCK_NAME_SIZE 512

/*
 * What all who mean the same stick call it: the image's file, the USB device's port, the
 * USB/IP server's name for it. Of a source that nobody else can name, something random.
 */
void stick_lock_name(const char *source, char *ret_name);

/*
 * 1: it is ours until stick_lock_end or the end of this process and those that it has
 * forked; *ret_listener is the socket that the others find. 0: somebody has it, or is
 * about to have it, or to end. -errno.
 */
int stick_lock_take(const char *name, int *ret_listener);
void stick_lock_end(void);

/* A socket to the process that has it. -ENOENT or -ECONNREFUSED: none, at this moment. */
int stick_lock_connect(const char *name);

/* Whether it is the name of the stick that is ours. */
bool stick_lock_is_ours(const char *name);

/* The socket of the stick that is ours, as a name within its folder. */
const char *stick_lock_socket(void);

#endif
