/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stick_lock.h - which process has a stick, or several. One library kernel may have it, so of
 * those who want to mount something of it one starts, and the others ask that one (join.h).
 *
 *   stick_lock_add ... -> stick_lock_take -> stick_lock_end, or stick_lock_connect
 */
#ifndef STICK_LOCK_H
#define STICK_LOCK_H

#include <stdbool.h>

#define STICK_LOCK_MAX 8u	/* sticks */

/*
 * One more that is wanted, under the name that all who mean the same stick have for it: the
 * image's file, the USB device's port, the USB/IP server's name for it. Of a source that
 * nobody else can name, something random.
 */
void stick_lock_add(const char *source);

/*
 * 1: all are ours until stick_lock_end or the end of this process and those that it has
 * forked; *ret_listener is the socket that the others find. 0: somebody has one of them, or
 * is about to have it, or to end; and none is ours. -errno.
 */
int stick_lock_take(int *ret_listener);
void stick_lock_end(void);

/* A socket to the process that has one of them. -ENOENT or -ECONNREFUSED: none, at this moment. */
int stick_lock_connect(void);

/* All names, as one word; until the next call. */
const char *stick_lock_names(void);

enum stick_match {
	STICK_NONE,	/* is ours */
	STICK_SOME,	/* are ours, or it is not all of ours though it is several */
	STICK_SAME,	/* one of ours, or all of them */
};

/* What another process has as stick_lock_names, and ours. */
enum stick_match stick_lock_match(const char *names);

/* The descriptors that are the locks, at most STICK_LOCK_MAX; how many. */
unsigned int stick_lock_fds(int *ret_fds);

/* Whether the source is one of ours, under whatever name. */
bool stick_lock_covers(const char *source);

/* The socket of the sticks that are ours, as a name within its folder. */
const char *stick_lock_socket(void);

#endif
