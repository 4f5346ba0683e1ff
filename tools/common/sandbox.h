/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sandbox.h - what a process may still ask of the host's kernel, once it has opened what it
 * needs: for the rest of its life, and for the threads that it makes from then on.
 *
 *   Landlock   no path (but those beneath one folder, for files that are made), no TCP,
 *              no signal to and no abstract socket of another process
 *   seccomp    a list of system calls, some with certain arguments only
 *   the rest   no new privileges, no core dump, few descriptors
 *
 * Neither knows what the process is for: descriptors that are open stay as good as they are.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>

struct sandbox {
	int beneath;		/* a folder in which files may be made, or -1 */
	bool readable;		/* and read */
	bool usb;		/* transfers over usbfs */
	bool terminal;		/* its modes are changed */
	bool trace;		/* files may become their owner's only */
	bool front_ends;	/* of vhost-user, which are waited for by epoll */
	bool ring;		/* FUSE over io_uring, by rings that are made, and can nothing else */
	/*
	 * For debugging: what is not allowed fails with EPERM and is named on stderr.
	 * Otherwise it kills the process: nothing in it tries that, but somebody who has
	 * taken it over.
	 */
	bool lenient;
};

/* What of it there is. */
struct sandbox_state {
	int landlock;		/* version of its ABI, or 0 */
	bool seccomp;
};

/* Of this host's kernel. Changes nothing. */
void sandbox_offered(struct sandbox_state *ret_state);

/*
 * The calling thread is the only one. What the host's kernel does not have is left out,
 * which ret_state says. -errno: something failed, and the process has to end.
 */
int sandbox_enter(const struct sandbox *sandbox, struct sandbox_state *ret_state);

#endif
