/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb_backend.h - where URBs go: the seam between the virtio-usbip device (or
 * any other USB host) and what answers: emulated stick, usbfs, USB/IP peer,
 * null. Filters (delay, fault, trace, readonly) implement the same operations
 * and hold a `next`.
 *
 * One struct usb_backend is one USB device that is plugged into one port.
 */
#ifndef USB_BACKEND_H
#define USB_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Values of Linux's enum usb_device_speed. */
enum usb_speed {
	USB_SPEED_UNKNOWN_ = 0,
	USB_SPEED_LOW_ = 1,
	USB_SPEED_FULL_ = 2,
	USB_SPEED_HIGH_ = 3,
	USB_SPEED_SUPER_ = 5,
	USB_SPEED_SUPER_PLUS_ = 6,
};

/* Transfer flags, values of the wire (docs/protocol.md). */
#define USB_URB_SHORT_NOT_OK	0x001
#define USB_URB_ISO_ASAP	0x002
#define USB_URB_ZERO_PACKET	0x040
#define USB_URB_NO_INTERRUPT	0x080
#define USB_URB_DIR_IN		0x200

struct usb_iso_packet {
	uint32_t offset, length;	/* bytes, inside the data; checked */
	uint32_t actual;		/* set by the backend, <= length */
	int32_t status;			/* 0 or -errno, set by the backend */
};

struct usb_backend;

/*
 * A transfer. The submitter owns it and all it points to until submit returns
 * 0; the backend until it calls complete; then the submitter again.
 */
struct usb_urb {
	uint8_t ep;			/* endpoint number, 0..15 */
	bool in;			/* device to host; control: setup bit 7 */
	uint32_t flags;			/* USB_URB_* */
	uint32_t length;		/* bytes of data; the iovs hold at least that */
	uint32_t stream_id;		/* bulk streams, 0 = none */
	uint32_t interval;		/* interrupt, iso: in (micro)frames */
	uint8_t setup[8];		/* control: as on the wire; wLength <= length */

	struct iovec *iov;		/* data, in guest memory: may change under us */
	unsigned int n_iov;

	unsigned int n_iso;		/* 0 unless isochronous */
	struct usb_iso_packet *iso;
	uint32_t start_frame;
	uint32_t error_count;

	/* results */
	int32_t status;			/* 0 or -errno as Linux's urb->status */
	uint32_t actual;		/* bytes, <= length */

	void (*complete)(struct usb_urb *urb);	/* submitter's */
	void *submitter;			/* submitter's */
	void *backend_priv;			/* backend's while it owns the URB */
	struct usb_urb *backend_next;		/* likewise, for its queues */
};

/*
 * Every op may be called from any thread, also at the same time, unless said
 * otherwise. submit, cancel and reset may be called on the thread that drives
 * the guest: they must not block for longer than an I/O served from the host's
 * page cache takes.
 */
struct usb_backend_ops {
	const char *name;
	/*
	 * 0: complete will be called exactly once, perhaps before this returns,
	 * perhaps on another thread. Negative errno: complete is not called.
	 * Order is kept for one endpoint and direction.
	 */
	int (*submit)(struct usb_backend *b, struct usb_urb *urb);
	/*
	 * Asks for an early end with status -ECONNRESET; may race with the
	 * URB's normal end and never doubles it. urb must be in flight, or have
	 * completed while the caller prevents its reuse. Does not wait.
	 */
	void (*cancel)(struct usb_backend *b, struct usb_urb *urb);
	/*
	 * Port reset: ends everything in flight (-ECONNRESET), device back to
	 * address state. done(ctx, 0 or -errno) is called exactly once, after the
	 * last complete, perhaps before this returns. -ENODEV: device is gone.
	 */
	void (*reset)(struct usb_backend *b, void (*done)(void *ctx, int status),
		      void *ctx);
	/*
	 * The port goes to sleep, when nothing is in flight, or wakes up. NULL: the
	 * device does not care. Likewise must not block.
	 */
	void (*suspend)(struct usb_backend *b, bool suspended);
	/* Grants 0..n streams on the endpoints; NULL = none ever. */
	int (*alloc_streams)(struct usb_backend *b, const uint8_t *eps,
			     unsigned int n_eps, unsigned int n_streams);
	int (*free_streams)(struct usb_backend *b, const uint8_t *eps,
			    unsigned int n_eps);
	/* Ends everything in flight (-ESHUTDOWN), stops threads, frees. May block. */
	void (*close)(struct usb_backend *b);
};

/* What the owner of a port wants to hear. NULL ops are not called. */
struct usb_backend_events {
	/* The device left by itself; what is in flight completes with -ESHUTDOWN. */
	void (*gone)(void *ctx);
	/* Remote wakeup, for the host to resume the port. Not inside an operation. */
	void (*wake)(void *ctx);
};

/* Embedded first in every backend's own struct. */
struct usb_backend {
	const struct usb_backend_ops *ops;
	enum usb_speed speed;
	const struct usb_backend_events *events;	/* set by the port, or NULL */
	void *events_ctx;
};

#endif
