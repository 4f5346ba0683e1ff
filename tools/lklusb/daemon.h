/* SPDX-License-Identifier: GPL-2.0-only */
/* daemon.h - into the background, but not before it works. */
#ifndef DAEMON_H
#define DAEMON_H

/*
 * Forks. The parent waits until the child calls daemon_ready or ends, and exits
 * with 0 or the child's status; it never returns. The child returns 0 and is a
 * session of its own; until daemon_ready it writes to the user's terminal.
 * No thread may exist yet. Returns an exit status on failure.
 */
int daemon_fork(void);

/*
 * What takes its time from now on, for the user at a terminal; NULL: nothing, somebody else
 * writes there. At most 200 bytes.
 */
void daemon_phase(const char *what);

/* The user may go on. Messages go to the system's log from here. */
void daemon_ready(void);

#endif
