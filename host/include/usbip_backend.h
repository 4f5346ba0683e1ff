/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usbip_backend.h - a USB device that a USB/IP server exports: usbipd of Linux, or
 * ours. First usbip_import() on a connected stream socket, then usbip_backend_new().
 */
#ifndef USBIP_BACKEND_H
#define USBIP_BACKEND_H

#include "usb_backend.h"
#include "usbip_op.h"

/*
 * Asks for the device busid. Afterwards the connection is the device's, or of no use.
 * Waits for the peer, at most timeout_ms.
 *
 * -ENODEV: no such device; -EBUSY: somebody else has it; -EIO: the peer says that it
 * does not work; -EPROTONOSUPPORT: another version of USB/IP; -EPROTO: what it says
 * makes no sense; -EINVAL: busid is too long; -ETIMEDOUT, -EPIPE (closed), -errno.
 */
int usbip_import(int fd, const char *busid, unsigned int timeout_ms,
		 struct usbip_device *ret_device);

/*
 * Calls fn for each device that the peer exports, with its first n interfaces; stops
 * at the first result that is not 0. Errors as above. The peer closes afterwards.
 */
int usbip_list(int fd, unsigned int timeout_ms,
	       int (*fn)(void *ctx, const struct usbip_device *device,
			 const struct usbip_interface *interfaces, unsigned int n),
	       void *ctx);

struct usbip_backend_config {
	int fd;				/* after usbip_import(); closed by the backend */
	const struct usbip_device *device;	/* of usbip_import(); copied */
	/*
	 * So long may the peer take to end a transfer that was cancelled, before the
	 * connection counts as lost; 0 = 10 s.
	 */
	unsigned int patience_ms;
	/*
	 * The connection was lost; once, on the backend's thread, after everything in
	 * flight ended and the port was told. Must not block. NULL = ignore.
	 */
	void (*gone)(void *ctx);
	void *gone_ctx;
};

/*
 * Starts no thread: the first transfer does. What the peer sends is checked, and what
 * makes no sense ends the connection: everything in flight ends with -ESHUTDOWN, and
 * nothing is ever sent again on another connection.
 *
 * USB/IP has no message for a port's reset: reset ends what is in flight, and the
 * device is set up anew by the SET_CONFIGURATION that follows. It has no streams.
 *
 * -ENOMEM, -EMFILE.
 */
int usbip_backend_new(const struct usbip_backend_config *config,
		      struct usb_backend **ret_backend);

#endif
