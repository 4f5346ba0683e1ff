/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guardian.h - a small process that gives the host its driver back when this one has
 * ended, in whatever way: the descriptor with the right to do so is not in the process
 * that runs the library kernel.
 */
#ifndef GUARDIAN_H
#define GUARDIAN_H

/*
 * Starts it: fd, an open usbfs node with all its rights, is closed here. No thread
 * exists yet. 0 or -errno.
 */
int guardian_start(int fd, unsigned int interface);

/* Has it done now, and waits for that. Nothing is claimed any more. */
void guardian_finish(void);

#endif
