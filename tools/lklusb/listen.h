/* SPDX-License-Identifier: GPL-2.0-only */
/* listen.h - sockets that lklusb export accepts connections on. */
#ifndef LISTEN_H
#define LISTEN_H

#include <stdbool.h>

#define LISTEN_MAX 8

struct listener {
	int fds[LISTEN_MAX];
	unsigned int n;
	const char *unix_path;		/* of a socket that we made, or NULL: the caller removes it */
};

/*
 * where: ADDR, ADDR:PORT, [V6] or [V6]:PORT; the port is 3240 by default, 0: any, it is
 * printed. All addresses of the host only with all. Reports; 0 or an exit status.
 */
int listen_tcp(struct listener *l, const char *where, bool all);

/* A socket in the file system, open to its user only; a dead one is replaced. */
int listen_unix(struct listener *l, const char *path);

void listen_close(struct listener *l);

#endif
