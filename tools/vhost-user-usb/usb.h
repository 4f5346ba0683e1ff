/* SPDX-License-Identifier: GPL-2.0-only */
/* usb.h - USB devices of the host, named as for lklusb; of any class. */
#ifndef USB_H
#define USB_H

#include <stdbool.h>
#include <stdint.h>

#include "usb_backend.h"

/* usb:VID:PID, usb:BUS-PORT[.PORT...], a node in /dev/bus/usb, fd:N. */
bool usb_named_by(const char *name);

/* The N of fd:N; -1: it is named in another way. */
int usb_fd(const char *name);

/* ---- outside of the sandbox ---- */

/* What gives the host its drivers back. */
struct usb_taken {
	int fd;			/* or -1: nothing was taken */
	uint32_t interfaces;
};

/*
 * Opens it. detach: takes all its interfaces from drivers of the host, too; nobody looks
 * whether the host uses what is on it. The descriptor can do neither, unless it is fd:N
 * and something was detached.
 * -ENODEV: no such device; -ENOTUNIQ: several; as open(2).
 */
int usb_take(const char *name, bool detach, int *ret_fd, struct usb_taken *ret_taken);

/* Nothing is claimed any more, or soon. */
void usb_give_back(struct usb_taken *taken);

/* ---- inside ---- */

/*
 * The device with all its interfaces; fd is one of usb_take, and closed if it fails. As
 * usbfs_backend_new; who has it is logged.
 */
int usb_open(const char *name, bool detach, int fd, struct usb_backend **ret_backend);

#endif
