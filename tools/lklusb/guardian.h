/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guardian.h - the descriptor with the right to give the host its driver back, which is
 * not in the process that runs the library kernel but in the broker.
 */
#ifndef GUARDIAN_H
#define GUARDIAN_H

/* Of an open usbfs node with all its rights, which is had from now on. */
void guardian_guard(int fd, unsigned int interface);

/* Nothing is claimed any more, or soon. */
void guardian_give_back(void);

#endif
