// SPDX-License-Identifier: GPL-2.0-only
/*
 * PDUs in chains: section 4 of docs/protocol.md. A chain is two streams of bytes,
 * R then W, in iovs whose borders carry no meaning. Data is never copied: the
 * URB's iovs are the chain's, without what is before the data.
 *
 * Everything the guest wrote is read once, into req->cmd and req->iso.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "device_i.h"

#define PDU_SIZE	((size_t)VIRTIO_USBIP_PDU_SIZE)
#define PDU_ISO_SIZE	sizeof(struct virtio_usbip_iso_packet)
#define PDU_FLAGS	(USB_URB_SHORT_NOT_OK | USB_URB_ISO_ASAP | \
			 USB_URB_ZERO_PACKET | USB_URB_NO_INTERRUPT)

_Static_assert(USB_URB_SHORT_NOT_OK == VIRTIO_USBIP_SHORT_NOT_OK &&
	       USB_URB_ISO_ASAP == VIRTIO_USBIP_ISO_ASAP &&
	       USB_URB_ZERO_PACKET == VIRTIO_USBIP_ZERO_PACKET &&
	       USB_URB_NO_INTERRUPT == VIRTIO_USBIP_NO_INTERRUPT &&
	       USB_URB_DIR_IN == VIRTIO_USBIP_DIR_IN_FLAG,
	       "flags are those of the wire");
_Static_assert(sizeof(struct virtio_usbip_cmd_submit) == VIRTIO_USBIP_PDU_SIZE &&
	       sizeof(struct virtio_usbip_ret_submit) == VIRTIO_USBIP_PDU_SIZE,
	       "size of a PDU");

/* ---- bytes in iovs; the caller knows that there are enough ---- */

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void iov_get(const struct iovec *iov, size_t off, void *to, size_t len)
{
	for (; len; iov++) {
		size_t part;

		if (off >= iov->iov_len) {
			off -= iov->iov_len;
			continue;
		}
		part = min_size(len, iov->iov_len - off);
		memcpy(to, (char *)iov->iov_base + off, part);
		to = (char *)to + part;
		len -= part;
		off = 0;
	}
	/* The guest may write there: the compiler must not read a second time. */
	__asm__ volatile("" ::: "memory");
}

static void iov_put(const struct iovec *iov, size_t off, const void *from, size_t len)
{
	for (; len; iov++) {
		size_t part;

		if (off >= iov->iov_len) {
			off -= iov->iov_len;
			continue;
		}
		part = min_size(len, iov->iov_len - off);
		memcpy((char *)iov->iov_base + off, from, part);
		from = (const char *)from + part;
		len -= part;
		off = 0;
	}
}

/*
 * Makes an entry begin at byte off and returns its index. The array has room for
 * one more. Not needed where the guest gave header and data buffers of their own.
 */
static unsigned int iov_split(struct iovec *iov, unsigned int *n, size_t off)
{
	unsigned int i;

	for (i = 0; i < *n && off >= iov[i].iov_len; i++)
		off -= iov[i].iov_len;
	if (!off)
		return i;
	memmove(&iov[i + 1], &iov[i], (*n - i) * sizeof(*iov));
	iov[i].iov_len = off;
	iov[i + 1].iov_base = (char *)iov[i + 1].iov_base + off;
	iov[i + 1].iov_len -= off;
	(*n)++;
	return i + 1;
}

void pdu_put_data(const struct usb_urb *urb, const void *from, size_t len)
{
	iov_put(urb->iov, 0, from, len);
}

void pdu_get_data(const struct usb_urb *urb, void *to, size_t len)
{
	iov_get(urb->iov, 0, to, len);
}

void pdu_zero_data(const struct usb_urb *urb)
{
	for (unsigned int i = 0; i < urb->n_iov; i++)
		memset(urb->iov[i].iov_base, 0, urb->iov[i].iov_len);
}

/* ---- numbers ---- */

static uint16_t pdu_le16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

uint16_t pdu_setup_value(const uint8_t *setup)
{
	return pdu_le16(setup + 2);
}

uint16_t pdu_setup_index(const uint8_t *setup)
{
	return pdu_le16(setup + 4);
}

uint16_t pdu_setup_length(const uint8_t *setup)
{
	return pdu_le16(setup + 6);
}

/* The host's errno may have other values than the wire's. */
int32_t pdu_wire_status(int err)
{
	switch (err) {
	case 0:
		return 0;
	case -ENOENT:
		return -2;
	case -ENOMEM:
		return -12;
	case -EXDEV:
		return -18;
	case -ENODEV:
		return -19;
	case -EINVAL:
		return -22;
	case -EPIPE:
		return -32;
	case -ETIME:
		return -62;
	case -ENOSR:
		return -63;
	case -ECOMM:
		return -70;
	case -EOVERFLOW:
		return -75;
	case -EILSEQ:
		return -84;
	case -EMSGSIZE:
		return -90;
	case -ECONNRESET:
		return -104;
	case -ESHUTDOWN:
		return -108;
	case -ETIMEDOUT:
		return -110;
	case -EREMOTEIO:
		return -121;
	default:
		return -71;
	}
}

/* ---- commands ---- */

int pdu_decode(struct usbip_req *req, const struct virtq_chain *chain)
{
	struct usbip_cmd *cmd = &req->cmd;
	struct virtio_usbip_cmd_submit raw;

	req->head = chain->head;
	req->n_out = chain->n_out;
	req->n_in = chain->n_in;
	req->out_len = chain->out_len;
	req->in_len = chain->in_len;
	req->n_iso = 0;
	if (chain->out_len < sizeof(raw)) {
		*cmd = (struct usbip_cmd){ 0 };
		return -EINVAL;
	}
	iov_get(req->iov, 0, &raw, sizeof(raw));
	cmd->command = be32toh(raw.command);
	cmd->seq = be32toh(raw.seq);
	cmd->devid = be32toh(raw.devid);
	cmd->direction = be32toh(raw.direction);
	cmd->ep = be32toh(raw.ep);
	cmd->flags = be32toh(raw.flags);
	cmd->length = be32toh(raw.length);
	cmd->start_frame = be32toh(raw.start_frame);
	cmd->num_packets = be32toh(raw.num_packets);
	cmd->interval = be32toh(raw.interval);
	memcpy(cmd->setup, raw.setup, sizeof(cmd->setup));
	return 0;
}

/* DR-11: both streams exactly as long as the command says. */
static bool pdu_lengths_ok(const struct usbip_req *req)
{
	const struct usbip_cmd *cmd = &req->cmd;
	size_t meta = PDU_SIZE + cmd->num_packets * PDU_ISO_SIZE;
	bool in = cmd->direction == VIRTIO_USBIP_DIR_IN;

	return req->out_len == meta + (in ? 0 : cmd->length) &&
	       req->in_len == meta + (in ? cmd->length : 0);
}

/* DR-10 and DEV-8. */
static bool pdu_setup_ok(const struct usbip_cmd *cmd)
{
	unsigned int w_length = pdu_setup_length(cmd->setup);

	if (w_length > cmd->length || cmd->num_packets)
		return false;
	return !w_length || cmd->direction == cmd->setup[0] >> 7;
}

static int pdu_check_submit(const struct usbip_req *req)
{
	const struct usbip_cmd *cmd = &req->cmd;
	unsigned int max_iso = usbip_has_feature(req->dev, VIRTIO_USBIP_F_ISO) ?
			       USBIP_MAX_ISO : 0;

	if (cmd->length > USBIP_MAX_TRANSFER)
		return -EMSGSIZE;
	if (cmd->direction > VIRTIO_USBIP_DIR_IN || cmd->num_packets > max_iso ||
	    !pdu_lengths_ok(req))
		return -EINVAL;
	if (cmd->ep > 15)
		return -ENOENT;
	if (!cmd->ep && !pdu_setup_ok(cmd))
		return -EINVAL;
	return 0;
}

/* iso[] comes after the data of R. */
static int pdu_load_iso(struct usbip_req *req)
{
	const struct usbip_cmd *cmd = &req->cmd;
	size_t off = req->out_len - cmd->num_packets * PDU_ISO_SIZE;

	for (unsigned int i = 0; i < cmd->num_packets; i++, off += PDU_ISO_SIZE) {
		struct virtio_usbip_iso_packet raw;
		uint32_t offset, length;

		iov_get(req->iov, off, &raw, sizeof(raw));
		offset = be32toh(raw.offset);
		length = be32toh(raw.length);
		if (offset > cmd->length || length > cmd->length - offset)
			return -EINVAL;
		req->iso[i] = (struct usb_iso_packet){ offset, length, 0, 0 };
	}
	return 0;
}

/* Where the data begins; what is before it stays as it was for pdu_write_ret. */
static void pdu_find_data(struct usbip_req *req)
{
	struct usb_urb *urb = &req->urb;
	struct iovec *w = &req->iov[req->n_out];
	unsigned int i;

	if (req->cmd.direction == VIRTIO_USBIP_DIR_IN) {
		i = iov_split(w, &req->n_in,
			      PDU_SIZE + req->cmd.num_packets * PDU_ISO_SIZE);
		urb->iov = w + i;
		urb->n_iov = req->n_in - i;
	} else {
		unsigned int n_all = req->n_out + req->n_in;

		i = iov_split(req->iov, &n_all, PDU_SIZE);
		req->n_out = n_all - req->n_in;
		urb->iov = req->iov + i;
		urb->n_iov = req->n_out - i;
	}
}

int pdu_decode_submit(struct usbip_req *req)
{
	const struct usbip_cmd *cmd = &req->cmd;
	struct usb_urb *urb = &req->urb;
	bool streams = usbip_has_feature(req->dev, VIRTIO_USBIP_F_STREAMS);
	bool control = !cmd->ep;
	int err = pdu_check_submit(req);

	if (!err && cmd->num_packets)
		err = pdu_load_iso(req);
	if (err)
		return err;
	req->n_iso = cmd->num_packets;
	urb->ep = cmd->ep;
	/* Without a data stage the two may differ (DEV-8): the bus has setup's. */
	urb->in = control ? cmd->setup[0] >> 7 : cmd->direction;
	urb->flags = (cmd->flags & PDU_FLAGS) | (urb->in ? USB_URB_DIR_IN : 0);
	urb->length = control ? pdu_setup_length(cmd->setup) : cmd->length;
	urb->stream_id = streams && !control && !req->n_iso ? cmd->start_frame : 0;
	urb->interval = cmd->interval;
	memcpy(urb->setup, cmd->setup, sizeof(urb->setup));
	urb->n_iso = req->n_iso;
	urb->iso = req->iso;
	urb->start_frame = req->n_iso ? cmd->start_frame : 0;
	urb->error_count = 0;
	urb->status = 0;
	urb->actual = 0;
	pdu_find_data(req);
	return 0;
}

/* ---- answers ---- */

/* Writes iso[]; the end of the last byte that a packet brought. */
static uint32_t pdu_write_iso(struct usbip_req *req, const struct iovec *w)
{
	size_t off = PDU_SIZE, end = 0;

	for (unsigned int i = 0; i < req->n_iso; i++, off += PDU_ISO_SIZE) {
		const struct usb_iso_packet *p = &req->iso[i];
		uint32_t actual = min_size(p->actual, p->length);
		struct virtio_usbip_iso_packet raw = {
			.offset = htobe32(p->offset),
			.length = htobe32(p->length),
			.actual = htobe32(actual),
			.status = htobe32(pdu_wire_status(p->status)),
		};

		iov_put(w, off, &raw, sizeof(raw));
		if (actual && p->offset + actual > end)
			end = p->offset + actual;
	}
	return end;
}

/* DEV-10. */
uint32_t pdu_write_ret(struct usbip_req *req)
{
	const struct usb_urb *urb = &req->urb;
	const struct iovec *w = &req->iov[req->n_out];
	bool unlink = req->cmd.command == VIRTIO_USBIP_CMD_UNLINK;
	bool in = req->cmd.direction == VIRTIO_USBIP_DIR_IN;
	struct virtio_usbip_ret_submit ret = {
		.command = htobe32(unlink ? VIRTIO_USBIP_RET_UNLINK :
					    VIRTIO_USBIP_RET_SUBMIT),
		.seq = htobe32(req->cmd.seq),
		.status = htobe32(pdu_wire_status(urb->status)),
	};
	uint32_t actual = min_size(urb->actual, urb->length);
	uint32_t end = actual;

	if (req->in_len < sizeof(ret))
		return 0;
	if (!unlink) {
		ret.actual = htobe32(actual);
		ret.start_frame = htobe32(urb->start_frame);
		ret.num_packets = htobe32(req->cmd.num_packets);
		ret.error_count = htobe32(urb->error_count);
	}
	iov_put(w, 0, &ret, sizeof(ret));
	if (req->n_iso)
		end = pdu_write_iso(req, w);
	return sizeof(ret) + req->n_iso * PDU_ISO_SIZE + (in ? end : 0);
}
