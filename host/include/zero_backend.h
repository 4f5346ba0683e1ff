/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * zero_backend.h - an emulated device for tests of a USB host, after Linux's "gadget
 * zero": configuration 3 sources and sinks data (bulk; in setting 1 also isochronous
 * and interrupt), configuration 2 gives back on bulk IN what came on bulk OUT. Linux's
 * usbtest driver binds to it. At low speed it has interrupt endpoints alone and the
 * identity of usbtest's other firmware.
 */
#ifndef ZERO_BACKEND_H
#define ZERO_BACKEND_H

#include "usb_backend.h"

struct zero_config {
	enum usb_speed speed;		/* any */
	/*
	 * What is sourced, and must be sunk or else the endpoint halts: 0 zeros, 1 byte
	 * i of a packet is i mod 63.
	 */
	unsigned int pattern;
	unsigned int wake_ms;		/* remote wakeup after so long a sleep; 0: never */
};

/* Starts a thread. -EINVAL: no such speed or pattern; -ENOMEM, -EAGAIN. */
int zero_backend_new(const struct zero_config *config, struct usb_backend **ret_backend);

#endif
