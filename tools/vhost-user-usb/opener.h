/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * opener.h - the broker of vhost-user-usb: a process outside of the sandbox, made before it,
 * which opens what the command line names, by its number on it, whenever it is asked
 * (broker_word.h: REOPEN, GIVE_BACK), and reads nothing of it. When the one in the sandbox has
 * ended, in whatever way, it gives the host its drivers back and removes the socket.
 */
#ifndef OPENER_H
#define OPENER_H

#include "options.h"

/* Before there are threads. 0 or -errno; broker_hang_up ends it. */
int opener_start(const struct options *options);

/*
 * A descriptor of the stick: as image_open_fd, usb_take or usbip_source_connect. Any thread;
 * a server that does not answer takes ten seconds and more. -EPIPE: the broker has gone.
 */
int opener_open(const struct options *options, const struct stick_spec *stick, int *ret_fd);

/* Its backend was closed: the host gets its drivers back. */
void opener_give_back(const struct options *options, const struct stick_spec *stick);

/* The socket of the front ends: made, if that is wanted. As unix_listen; -EBADF. */
int opener_socket(const struct options *options, int *ret_fd);

#endif
