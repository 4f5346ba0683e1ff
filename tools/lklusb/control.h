/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control.h - the socket through which the process that serves a stick is asked about
 * its mounts and for more of them (request.h). In a folder that only the user can enter;
 * peers are checked besides. Each mount has a name there that leads to the socket.
 *
 * Each who asks is answered by a thread of its own: nobody waits for another's disk, and
 * who hangs is waited for by nobody. Answers are lines until the connection ends:
 *
 *   status   a JSON object
 *   dmesg    the library kernel's log
 *   others   a JSON array: the folders of the stick's other mounts
 *   umount   "dirty BYTES", "synced STATUS TEXT" once everything is written, and
 *            after the end of the mount "done STATUS CODE TEXT"
 *   eject    the same, and the disk is stopped before the end; or "mounted", and
 *            nothing happens: there are others
 *   wait     nothing until "done ..."
 *   mount    see join.h
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <sys/types.h>

#include "request.h"

struct one_mount;

/* Any thread, several at a time. */
struct control_ops {
	/* The mount with this device number, which stays until put; NULL: none. */
	struct one_mount *(*get)(dev_t dev);
	void (*put)(struct one_mount *m);
	/* malloc'ed text; NULL = no memory. */
	char *(*status)(struct one_mount *m);
	char *(*others)(struct one_mount *m);
	char *(*log)(void);
	/* Bytes not yet on the medium. */
	unsigned long long (*dirty)(void);
	/* Writes all out: 0 or -errno. May block. */
	int (*sync)(struct one_mount *m);
	/*
	 * Whether the disk will be stopped when this, its only one, is not mounted any
	 * more; false: there are others.
	 */
	bool (*want_eject)(struct one_mount *m);
	/*
	 * Has the socket, the descriptor and the request, which lies in message and is
	 * freed with it. Must not block.
	 */
	void (*mount)(int socket, int fd, const struct request *request, char *message);
};

/* Answers on threads of its own; has listener. 0 or -errno. */
int control_start(int listener, const struct control_ops *ops);

/*
 * No op is called any more when this returns, so the library kernel may be halted.
 * Those who asked for an end still wait. Nothing if it was not started.
 */
void control_stop(void);

/* Makes the mount with this device number found; or not any more. 0 or -errno. */
int control_publish(dev_t dev);
void control_withdraw(dev_t dev);

/* Tells those who wait for the end of m, which nobody can get any more. */
void control_finish(const struct one_mount *m, int status, const char *code,
		    const char *text);

#endif
