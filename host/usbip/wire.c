// SPDX-License-Identifier: GPL-2.0-only
#include "usbip_wire.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

_Static_assert(USB_URB_SHORT_NOT_OK == VIRTIO_USBIP_SHORT_NOT_OK &&
	       USB_URB_ISO_ASAP == VIRTIO_USBIP_ISO_ASAP &&
	       USB_URB_ZERO_PACKET == VIRTIO_USBIP_ZERO_PACKET &&
	       USB_URB_NO_INTERRUPT == VIRTIO_USBIP_NO_INTERRUPT &&
	       USB_URB_DIR_IN == VIRTIO_USBIP_DIR_IN_FLAG,
	       "flags are those of the wire");
_Static_assert(sizeof(struct virtio_usbip_cmd_submit) == VIRTIO_USBIP_PDU_SIZE &&
	       sizeof(struct virtio_usbip_ret_submit) == VIRTIO_USBIP_PDU_SIZE &&
	       sizeof(struct virtio_usbip_cmd_unlink) == VIRTIO_USBIP_PDU_SIZE,
	       "size of a PDU");

void usbip_cmd_decode(struct usbip_cmd *cmd, const struct virtio_usbip_cmd_submit *raw)
{
	cmd->command = be32toh(raw->command);
	cmd->seq = be32toh(raw->seq);
	cmd->devid = be32toh(raw->devid);
	cmd->direction = be32toh(raw->direction);
	cmd->ep = be32toh(raw->ep);
	cmd->flags = be32toh(raw->flags);
	cmd->length = be32toh(raw->length);
	cmd->start_frame = be32toh(raw->start_frame);
	cmd->num_packets = be32toh(raw->num_packets);
	cmd->interval = be32toh(raw->interval);
	memcpy(cmd->setup, raw->setup, sizeof(cmd->setup));
}

void usbip_cmd_encode(struct virtio_usbip_cmd_submit *raw, const struct usbip_cmd *cmd)
{
	raw->command = htobe32(cmd->command);
	raw->seq = htobe32(cmd->seq);
	raw->devid = htobe32(cmd->devid);
	raw->direction = htobe32(cmd->direction);
	raw->ep = htobe32(cmd->ep);
	raw->flags = htobe32(cmd->flags);
	raw->length = htobe32(cmd->length);
	raw->start_frame = htobe32(cmd->start_frame);
	raw->num_packets = htobe32(cmd->num_packets);
	raw->interval = htobe32(cmd->interval);
	memcpy(raw->setup, cmd->setup, sizeof(raw->setup));
}

void usbip_ret_decode(struct usbip_ret *ret, const struct virtio_usbip_ret_submit *raw)
{
	ret->command = be32toh(raw->command);
	ret->seq = be32toh(raw->seq);
	ret->status = usbip_wire_errno(be32toh(raw->status));
	ret->actual = be32toh(raw->actual);
	ret->start_frame = be32toh(raw->start_frame);
	ret->num_packets = be32toh(raw->num_packets);
	ret->error_count = be32toh(raw->error_count);
}

void usbip_ret_encode(struct virtio_usbip_ret_submit *raw, const struct usbip_ret *ret)
{
	*raw = (struct virtio_usbip_ret_submit) {
		.command = htobe32(ret->command),
		.seq = htobe32(ret->seq),
		.status = htobe32(usbip_wire_status(ret->status)),
		.actual = htobe32(ret->actual),
		.start_frame = htobe32(ret->start_frame),
		.num_packets = htobe32(ret->num_packets),
		.error_count = htobe32(ret->error_count),
	};
}

void usbip_iso_decode(struct usb_iso_packet *p, const struct virtio_usbip_iso_packet *raw)
{
	p->offset = be32toh(raw->offset);
	p->length = be32toh(raw->length);
	p->actual = be32toh(raw->actual);
	p->status = usbip_wire_errno(be32toh(raw->status));
}

void usbip_iso_encode(struct virtio_usbip_iso_packet *raw, const struct usb_iso_packet *p)
{
	raw->offset = htobe32(p->offset);
	raw->length = htobe32(p->length);
	raw->actual = htobe32(p->actual);
	raw->status = htobe32(usbip_wire_status(p->status));
}

/* The host's errno may have other values than the wire's. */
static const struct {
	int err, wire;
} statuses[] = {
	{ 0, 0 },
	{ -ENOENT, -2 },
	{ -ENOMEM, -12 },
	{ -EXDEV, -18 },
	{ -ENODEV, -19 },
	{ -EINVAL, -22 },
	{ -EPIPE, -32 },
	{ -ETIME, -62 },
	{ -ENOSR, -63 },
	{ -ECOMM, -70 },
	{ -EPROTO, -71 },
	{ -EOVERFLOW, -75 },
	{ -EILSEQ, -84 },
	{ -EMSGSIZE, -90 },
	{ -ECONNRESET, -104 },
	{ -ESHUTDOWN, -108 },
	{ -ETIMEDOUT, -110 },
	{ -EREMOTEIO, -121 },
};
#define N_STATUSES (sizeof(statuses) / sizeof(statuses[0]))

int32_t usbip_wire_status(int err)
{
	for (size_t i = 0; i < N_STATUSES; i++)
		if (statuses[i].err == err)
			return statuses[i].wire;
	return -71;
}

int usbip_wire_errno(int32_t status)
{
	for (size_t i = 0; i < N_STATUSES; i++)
		if (statuses[i].wire == status)
			return statuses[i].err;
	return -EPROTO;
}

/* ---- bytes in iovs ---- */

void usbip_iov_get(const struct iovec *iov, size_t off, void *to, size_t len)
{
	for (; len; iov++) {
		size_t part;

		if (off >= iov->iov_len) {
			off -= iov->iov_len;
			continue;
		}
		part = iov->iov_len - off < len ? iov->iov_len - off : len;
		memcpy(to, (char *)iov->iov_base + off, part);
		to = (char *)to + part;
		len -= part;
		off = 0;
	}
	/* The guest may write there: the compiler must not read a second time. */
	__asm__ volatile("" ::: "memory");
}

void usbip_iov_put(const struct iovec *iov, size_t off, const void *from, size_t len)
{
	for (; len; iov++) {
		size_t part;

		if (off >= iov->iov_len) {
			off -= iov->iov_len;
			continue;
		}
		part = iov->iov_len - off < len ? iov->iov_len - off : len;
		memcpy((char *)iov->iov_base + off, from, part);
		from = (const char *)from + part;
		len -= part;
		off = 0;
	}
}
