/* SPDX-License-Identifier: GPL-2.0-only */
/* key_session.h - the key helper as a process, and the socket through which it is asked. */
#ifndef KEY_SESSION_H
#define KEY_SESSION_H

#include <stdbool.h>
#include <sys/types.h>

#include "key_helper.h"

struct key_session {
	int socket;		/* whose peer is the helper */
	pid_t pid;		/* of our child; 0: it is another process's */
	int watch;		/* a socket to that process, which may end; or -1 */
	void (*end)(void);	/* has that process end the helper, and waits; or NULL */
};

/*
 * Starts the helper with a key file and the copy of a detached header, or -1 each. 0 or
 * -errno: -ENOENT is "not installed".
 */
int key_session_start(const struct key_setup *setup, int key_file, int header,
		      struct key_session *ret_session);

/*
 * Asks, and waits for the answer, which may take as long as somebody types. Returns how
 * many bytes answered, which are not to be believed yet; 0: the helper has ended; -errno:
 * -ECANCELED also if the other process is gone.
 */
int key_session_ask(const struct key_session *session, const struct key_question *question,
		    int header, struct key_answer *ret_answer);

/* The helper ends; our own is waited for, since it may have the terminal. */
void key_session_end(struct key_session *session);

/* Until there is something to receive: 0; -ECANCELED: key_session_cancel, or no peer. */
int key_session_wait(int socket, int watch);

/* Any thread: nobody waits for an answer any more, from now on. */
void key_session_cancel(void);

#endif
