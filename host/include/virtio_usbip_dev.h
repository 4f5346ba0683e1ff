/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio_usbip_dev.h - the virtio-usbip device of docs/protocol.md: a USB host
 * controller whose ports take USB backends. Carried by any virtio transport.
 */
#ifndef VIRTIO_USBIP_DEV_H
#define VIRTIO_USBIP_DEV_H

#include "usb_backend.h"
#include "virtio_dev.h"

struct usbip_dev;

struct usbip_dev_config {
	unsigned int usb2_ports;	/* 0..31 */
	unsigned int usb3_ports;	/* 0..15; with usb2_ports at least 1 */
	unsigned int request_queues;	/* 2..8; 0 = 2 */
	uint64_t features_off;		/* optional features not to offer, 1 << bit */
	unsigned int max_streams;	/* of an endpoint, up to 65533; 0: not offered */
	/* Of control and bulk: what the guest is told, >= 8 MiB, and what is kept to
	 * whatever the guest does; bytes, 0: no limit */
	uint32_t max_inflight_bytes, budget_bytes;
};

/* -EINVAL: out of range; -ENOMEM. Starts no thread. */
int usbip_dev_new(const struct usbip_dev_config *config, struct usbip_dev **ret_dev);

/* After the transport is gone (it resets the device). Closes all backends. */
void usbip_dev_free(struct usbip_dev *dev);

/*
 * Connects a backend to the first free port of its speed, at any time. From then
 * on the backend is the device's. -ENOSPC: no free port; the backend stays the
 * caller's; -EINVAL: no such speed, likewise. A device that left by itself (gone) is
 * closed here if it was in that port, so this may block. Any thread, but not from a
 * notify, nor from a backend's complete or gone.
 */
int usbip_dev_plug(struct usbip_dev *dev, struct usb_backend *backend,
		   unsigned int *ret_port);

/*
 * As if the stick was pulled: what is in flight ends with -108, the guest is told,
 * the backend is closed. May block; not from a notify or a backend's complete or gone.
 * -ENODEV: the port is empty; -EINVAL: there is no such port.
 */
int usbip_dev_unplug(struct usbip_dev *dev, unsigned int port);

#define USBIP_DEV_LATENCIES	24u

/* Since it was made. */
struct usbip_dev_stats {
	uint64_t urbs;			/* that a backend got */
	uint64_t failed;		/* of these: ended with an error, unlinked ones too */
	uint64_t bytes_in, bytes_out;	/* of data; in: from the USB device */
	unsigned int in_flight, most_in_flight;
	/*
	 * Of every 16th control and bulk transfer, from the backend's submit to the
	 * chain's return: [i] took less than 2^i us, but not less than half of that; the
	 * last one all that is longer.
	 */
	uint64_t latency[USBIP_DEV_LATENCIES];
};

/* Any thread. */
void usbip_dev_stats(struct usbip_dev *dev, struct usbip_dev_stats *ret_stats);

/* Its `dev` is a struct usbip_dev. */
extern const struct virtio_device_ops usbip_dev_ops;

#endif
