// SPDX-License-Identifier: GPL-2.0-only
/*
 * PDUs in chains: section 4 of docs/protocol.md. A chain is two streams of bytes,
 * R then W, in iovs whose borders carry no meaning. Data is never copied: the
 * URB's iovs are the chain's, without what is before the data.
 *
 * Everything the guest wrote is read once, into req->cmd and req->iso.
 */
#include <errno.h>
#include <string.h>

#include "device_i.h"

#define PDU_SIZE	((size_t)VIRTIO_USBIP_PDU_SIZE)
#define PDU_ISO_SIZE	sizeof(struct virtio_usbip_iso_packet)
#define PDU_FLAGS	(USB_URB_SHORT_NOT_OK | USB_URB_ISO_ASAP | \
			 USB_URB_ZERO_PACKET | USB_URB_NO_INTERRUPT)

/* ---- bytes in iovs; the caller knows that there are enough ---- */

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
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
	usbip_iov_put(urb->iov, 0, from, len);
}

void pdu_get_data(const struct usb_urb *urb, void *to, size_t len)
{
	usbip_iov_get(urb->iov, 0, to, len);
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
	usbip_iov_get(req->iov, 0, &raw, sizeof(raw));
	usbip_cmd_decode(cmd, &raw);
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
		struct usb_iso_packet *p = &req->iso[i];

		usbip_iov_get(req->iov, off, &raw, sizeof(raw));
		usbip_iso_decode(p, &raw);
		if (p->offset > cmd->length || p->length > cmd->length - p->offset)
			return -EINVAL;
		p->actual = 0;
		p->status = 0;
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
		struct usb_iso_packet p = req->iso[i];
		struct virtio_usbip_iso_packet raw;

		p.actual = min_size(p.actual, p.length);
		usbip_iso_encode(&raw, &p);
		usbip_iov_put(w, off, &raw, sizeof(raw));
		if (p.actual && p.offset + p.actual > end)
			end = p.offset + p.actual;
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
	struct usbip_ret ret = {
		.command = unlink ? VIRTIO_USBIP_RET_UNLINK : VIRTIO_USBIP_RET_SUBMIT,
		.seq = req->cmd.seq,
		.status = urb->status,
	};
	struct virtio_usbip_ret_submit raw;
	uint32_t actual = min_size(urb->actual, urb->length);
	uint32_t end = actual;

	if (req->in_len < sizeof(raw))
		return 0;
	if (!unlink) {
		ret.actual = actual;
		ret.start_frame = urb->start_frame;
		ret.num_packets = req->cmd.num_packets;
		ret.error_count = urb->error_count;
	}
	usbip_ret_encode(&raw, &ret);
	usbip_iov_put(w, 0, &raw, sizeof(raw));
	if (req->n_iso)
		end = pdu_write_iso(req, w);
	return sizeof(raw) + req->n_iso * PDU_ISO_SIZE + (in ? end : 0);
}
