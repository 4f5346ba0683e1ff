/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usbip_wire.h - USB/IP's bytes, as virtqueues and TCP have them alike: headers of
 * 48 bytes, isochronous descriptors, numbers of errors. Nothing here checks what a
 * field says: whoever reads from a peer does.
 */
#ifndef USBIP_WIRE_H
#define USBIP_WIRE_H

#include <linux/virtio_usbip.h>

#include "usb_backend.h"

/* A command in the CPU's byte order. */
struct usbip_cmd {
	uint32_t command, seq, devid, direction, ep, flags, length;
	uint32_t start_frame;		/* or stream ID */
	uint32_t num_packets, interval;
	uint8_t setup[8];
};

/* CMD_UNLINK has the victim where CMD_SUBMIT has flags. */
static inline uint32_t usbip_cmd_victim(const struct usbip_cmd *cmd)
{
	return cmd->flags;
}

/* An answer, likewise; status is a negative errno of this host. */
struct usbip_ret {
	uint32_t command, seq;
	int32_t status;
	uint32_t actual, start_frame, num_packets, error_count;
};

void usbip_cmd_decode(struct usbip_cmd *cmd, const struct virtio_usbip_cmd_submit *raw);
void usbip_cmd_encode(struct virtio_usbip_cmd_submit *raw, const struct usbip_cmd *cmd);
void usbip_ret_decode(struct usbip_ret *ret, const struct virtio_usbip_ret_submit *raw);
void usbip_ret_encode(struct virtio_usbip_ret_submit *raw, const struct usbip_ret *ret);
void usbip_iso_decode(struct usb_iso_packet *p, const struct virtio_usbip_iso_packet *raw);
void usbip_iso_encode(struct virtio_usbip_iso_packet *raw, const struct usb_iso_packet *p);

/* Number on the wire of a negative errno, and back (DEV-13); what is unknown: EPROTO. */
int32_t usbip_wire_status(int err);
int usbip_wire_errno(int32_t status);

/* Bytes in iovs, which hold at least off + len. */
void usbip_iov_get(const struct iovec *iov, size_t off, void *to, size_t len);
void usbip_iov_put(const struct iovec *iov, size_t off, const void *from, size_t len);

#endif
