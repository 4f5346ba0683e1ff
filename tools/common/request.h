/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * request.h - what the process that serves a stick is asked, through a SOCK_SEQPACKET
 * socket: one message, which is words that each end in a 0 byte.
 *
 *   status, dmesg, umount, eject, others, wait   MAJOR:MINOR of the mount
 *   mount    version, stick, current folder, source, folder, then a command line of
 *            lklusb mount; with the descriptor of the FUSE connection
 *   key      nothing more; with a socket to a key helper (key_helper.h), when that was
 *            asked for while it mounts
 *
 * Whoever sends may be of another version, or hostile.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define REQUEST_SIZE	32768u	/* bytes */
#define REQUEST_WORDS	256u	/* of a command line */

enum request_kind {
	REQUEST_STATUS,
	REQUEST_DMESG,
	REQUEST_UMOUNT,
	REQUEST_EJECT,
	REQUEST_OTHERS,
	REQUEST_WAIT,
	REQUEST_MOUNT,
	REQUEST_KEY,
	REQUEST_N_KINDS,
};

struct request {
	enum request_kind kind;
	dev_t dev;		/* all but REQUEST_MOUNT, REQUEST_KEY */
	/* REQUEST_MOUNT; all of them in the message */
	const char *version, *stick, *cwd;
	const char *source, *dir;	/* absolute, if they are paths */
	int argc;		/* at least 1 */
	char *argv[REQUEST_WORDS + 1];
};

/*
 * The message becomes what it says, or false: nothing that may be believed. The
 * result points into it.
 */
bool request_decode(char *message, size_t len, bool has_fd, struct request *ret_request);

/* fd: goes along, or -1. -E2BIG: longer than a message may be. */
int request_send(int socket, const struct request *request, int fd);

/*
 * One message into buf of REQUEST_SIZE bytes: its length; 0: the peer has closed. -EBADMSG:
 * it is too long, or comes with more than one descriptor, all of which are closed.
 * ret_fd: the one, or -1.
 */
ssize_t request_receive(int socket, char *buf, int *ret_fd);

#endif
