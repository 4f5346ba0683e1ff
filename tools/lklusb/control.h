/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control.h - the socket through which the process that serves a mount is asked
 * about it. In a folder that only the user can enter; peers are checked besides.
 *
 * A request is one line; the answer is lines until the connection ends:
 *
 *   status   a JSON object
 *   dmesg    the library kernel's log
 *   umount   "dirty BYTES", "synced STATUS TEXT" once everything is written, and
 *            after the end of the mount "done STATUS CODE TEXT"
 *   eject    the same, and the disk is stopped before the end
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <sys/types.h>

struct control_ops {
	/* malloc'ed text; NULL = no memory. */
	char *(*status)(void);
	char *(*log)(void);
	/* Bytes not yet on the medium. */
	unsigned long long (*dirty)(void);
	/* Writes all out: 0 or -errno. May block. */
	int (*sync)(void);
	/* The disk is to be stopped when nothing is mounted any more. */
	void (*want_eject)(void);
};

/* ---- the serving side ---- */

/* Listens for the mount with this device number; answers on a thread of its own. */
int control_start(dev_t dev, const struct control_ops *ops);

/*
 * No op is called any more when this returns, so the library kernel may be halted.
 * Those who asked for the end still wait. Nothing if it was not started.
 */
void control_stop(void);

/* After control_stop: tells them how it went. */
void control_finish(int status, const char *code, const char *text);

/* ---- the asking side ---- */

/*
 * A stream socket to the process that serves uid's mount dev, or -errno: -ENOENT or
 * -ECONNREFUSED if there is no such process.
 */
int control_connect(dev_t dev, uid_t uid);

#endif
