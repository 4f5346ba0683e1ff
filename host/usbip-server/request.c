// SPDX-License-Identifier: GPL-2.0-only
/* A peer's command: all checks of it are here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "server_i.h"

#define FLAGS_KNOWN	(USB_URB_SHORT_NOT_OK | USB_URB_ISO_ASAP | \
			 USB_URB_ZERO_PACKET | USB_URB_NO_INTERRUPT)
#define NO_PACKETS	UINT32_MAX	/* some clients say so where others say 0 */

static uint32_t setup_length(const struct usbip_cmd *cmd)
{
	return cmd->setup[6] | cmd->setup[7] << 8;
}

/* SET_FEATURE(PORT_RESET) of a hub: means the device itself, as for Linux's server. */
static bool is_port_reset(const struct usbip_cmd *cmd)
{
	static const uint8_t setup[4] = { 0x23, 3, 4, 0 };

	return !cmd->ep && !memcmp(cmd->setup, setup, sizeof(setup));
}

size_t req_out_len(const struct req *r)
{
	return r->cmd.direction == VIRTIO_USBIP_DIR_OUT ? r->cmd.length : 0;
}

size_t req_iso_len(const struct req *r)
{
	return r->urb.n_iso * sizeof(r->raw_iso[0]);
}

/* ---- life ---- */

void req_free(struct req *r)
{
	struct conn *c = r->conn;

	*(r->prev ? &r->prev->next : &c->reqs) = r->next;
	if (r->next)
		r->next->prev = r->prev;
	c->n_reqs--;
	c->bytes -= r->cmd.length;
	free(r->data);
	free(r->packed);
	free(r->raw_iso);
	free(r->urb.iso);
	free(r);
}

static struct req *req_new(struct conn *c)
{
	struct req *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->conn = c;
	pthread_mutex_lock(&c->lock);
	r->next = c->reqs;
	if (r->next)
		r->next->prev = r;
	c->reqs = r;
	c->n_reqs++;
	pthread_mutex_unlock(&c->lock);
	return r;
}

static int req_drop(struct req *r, int err)
{
	struct conn *c = r->conn;

	pthread_mutex_lock(&c->lock);
	req_free(r);
	pthread_mutex_unlock(&c->lock);
	return err;
}

/* With the lock. */
static struct req *req_find(struct conn *c, uint32_t seq)
{
	struct req *r = c->reqs;

	while (r && !(r->flying && r->cmd.seq == seq))
		r = r->next;
	return r;
}

/* ---- answers, with the lock ---- */

static void req_release(struct req *r)
{
	if (!r->n_msgs && !r->flying && !r->held)
		req_free(r);
}

static void msg_sent(void *ctx, struct usbip_msg *msg)
{
	struct conn *c = ctx;
	struct req *r = c->reqs;

	while (&r->msg != msg && &r->unlink_msg != msg)
		r = r->next;
	r->n_msgs--;
	req_release(r);
}

void req_send(struct conn *c)
{
	if (usbip_msg_queue_send(&c->out, c->fd, msg_sent, c))
		c->lost = true;
}

static void queue(struct req *r, struct usbip_msg *msg, const struct usbip_ret *ret)
{
	usbip_ret_encode((struct virtio_usbip_ret_submit *)msg->head, ret);
	r->n_msgs++;
	usbip_msg_queue_put(&r->conn->out, msg);
}

static void answer_unlink(struct req *r, int status)
{
	struct usbip_ret ret = {
		.command = VIRTIO_USBIP_RET_UNLINK,
		.seq = r->unlink_seq,
		.status = status,
	};

	queue(r, &r->unlink_msg, &ret);
}

/* What a packet brought lies where the packet is; on the wire there are no gaps. */
static uint32_t pack_iso(struct req *r)
{
	uint32_t total = 0;

	for (unsigned int i = 0; i < r->urb.n_iso; i++) {
		struct usb_iso_packet *p = &r->urb.iso[i];

		if (p->actual > p->length)
			p->actual = p->length;
		total += p->actual;
		usbip_iso_encode(&r->raw_iso[i], p);
		r->packed[i] = (struct iovec) {
			p->actual ? r->data + p->offset : NULL, p->actual,
		};
	}
	r->msg.tail = r->raw_iso;
	r->msg.tail_len = req_iso_len(r);
	return total;
}

static void answer_submit(struct req *r)
{
	const struct usb_urb *urb = &r->urb;
	struct usbip_ret ret = {
		.command = VIRTIO_USBIP_RET_SUBMIT,
		.seq = r->cmd.seq,
		.status = urb->status,
		.actual = urb->actual < urb->length ? urb->actual : urb->length,
		.start_frame = urb->start_frame,
		.num_packets = urb->n_iso,
		.error_count = urb->error_count,
	};

	r->msg.data = &r->iov;
	r->msg.n_data = 1;
	if (urb->n_iso) {
		ret.actual = pack_iso(r);
		r->msg.data = r->packed;
		r->msg.n_data = urb->n_iso;
	}
	r->msg.data_len = r->cmd.direction == VIRTIO_USBIP_DIR_IN ? ret.actual : 0;
	queue(r, &r->msg, &ret);
}

/*
 *   unlinked, and the device did nothing more   RET_UNLINK alone
 *   unlinked, but it had ended already          RET_SUBMIT, then RET_UNLINK with 0
 *   else                                        RET_SUBMIT
 */
static void answer(struct req *r)
{
	int status = r->urb.status;
	bool cancelled = r->unlinked && (status == -ECONNRESET || status == -ENOENT);

	if (!cancelled)
		answer_submit(r);
	if (r->unlinked)
		answer_unlink(r, cancelled ? -ECONNRESET : 0);
}

/* From here on the connection may be gone as soon as the lock is not held. */
static void req_done(struct req *r)
{
	struct conn *c = r->conn;

	pthread_mutex_lock(&c->lock);
	r->flying = false;
	c->n_flying--;
	if (!c->ending) {
		answer(r);
		req_send(c);
	} else {
		req_release(r);
	}
	/* What did not go, and room for the next. */
	eventfd_write(c->wake, 1);
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static void req_complete(struct usb_urb *urb)
{
	req_done(urb->submitter);
}

static void req_reset_done(void *ctx, int status)
{
	struct req *r = ctx;

	r->urb.status = status;
	req_done(r);
}

/* ---- CMD_UNLINK ---- */

static int unlink_unknown(struct conn *c, uint32_t seq)
{
	struct req *r = req_new(c);

	if (!r)
		return -ENOMEM;
	pthread_mutex_lock(&c->lock);
	r->unlink_seq = seq;
	answer_unlink(r, 0);
	req_send(c);
	pthread_mutex_unlock(&c->lock);
	return 0;
}

static int start_unlink(struct conn *c, const struct usbip_cmd *cmd)
{
	struct req *victim;

	pthread_mutex_lock(&c->lock);
	victim = req_find(c, usbip_cmd_victim(cmd));
	if (victim && victim->unlinked) {
		pthread_mutex_unlock(&c->lock);
		return -EPROTO;		/* twice */
	}
	if (victim) {
		victim->unlinked = true;
		victim->unlink_seq = cmd->seq;
		victim->held = true;
	}
	pthread_mutex_unlock(&c->lock);
	if (!victim)
		return unlink_unknown(c, cmd->seq);
	req_cancel(victim);
	return 0;
}

/* A reset ends by itself. */
void req_cancel(struct req *r)
{
	struct conn *c = r->conn;
	struct usb_backend *backend = c->export->backend;

	if (!r->is_reset)
		backend->ops->cancel(backend, &r->urb);
	pthread_mutex_lock(&c->lock);
	r->held = false;
	req_release(r);
	pthread_mutex_unlock(&c->lock);
}

/* ---- CMD_SUBMIT ---- */

/* What ends the connection: where the next command begins would not be known. */
static int check(const struct conn *c, const struct usbip_cmd *cmd)
{
	const struct usbip_device *d = &c->export->device;

	if (cmd->devid != (d->busnum << 16 | d->devnum) || cmd->direction > VIRTIO_USBIP_DIR_IN)
		return -EPROTO;
	if (cmd->num_packets > REQ_MAX_ISO && cmd->num_packets != NO_PACKETS)
		return -EPROTO;
	return cmd->length > REQ_MAX_LENGTH ? -EMSGSIZE : 0;
}

/* What is answered with an error. */
static int refusal(const struct req *r)
{
	const struct usbip_cmd *cmd = &r->cmd;
	uint32_t w_length = setup_length(cmd);

	if (cmd->ep > 15)
		return -ENOENT;
	if (cmd->ep)
		return 0;
	if (r->urb.n_iso || w_length > cmd->length)
		return -EINVAL;
	return w_length && cmd->direction != cmd->setup[0] >> 7 ? -EINVAL : 0;
}

static void fill_urb(struct req *r)
{
	const struct usbip_cmd *cmd = &r->cmd;
	struct usb_urb *urb = &r->urb;

	urb->ep = cmd->ep;
	urb->in = cmd->ep ? cmd->direction : cmd->setup[0] >> 7;
	urb->flags = (cmd->flags & FLAGS_KNOWN) | (urb->in ? USB_URB_DIR_IN : 0);
	urb->length = cmd->ep ? cmd->length : setup_length(cmd);
	urb->interval = cmd->interval;
	memcpy(urb->setup, cmd->setup, sizeof(urb->setup));
	urb->start_frame = urb->n_iso ? cmd->start_frame : 0;
	urb->complete = req_complete;
	urb->submitter = r;
	urb->iov = &r->iov;
	urb->n_iov = cmd->length ? 1 : 0;
}

/* Cleared: of what a device does not write, nothing goes to the peer. */
static int allocate(struct req *r)
{
	unsigned int n = r->urb.n_iso;

	if (r->cmd.length) {
		r->data = calloc(1, r->cmd.length);
		r->iov = (struct iovec) { r->data, r->cmd.length };
	}
	if (n) {
		r->raw_iso = calloc(n, sizeof(r->raw_iso[0]));
		r->packed = calloc(n, sizeof(r->packed[0]));
		r->urb.iso = calloc(n, sizeof(r->urb.iso[0]));
	}
	if ((r->cmd.length && !r->data) || (n && (!r->raw_iso || !r->packed || !r->urb.iso)))
		return -ENOMEM;
	return 0;
}

static int start_submit(struct conn *c, const struct usbip_cmd *cmd, struct req **ret_req)
{
	struct req *r;
	int err = check(c, cmd);
	bool twice;

	if (err)
		return err;
	r = req_new(c);
	if (!r)
		return -ENOMEM;
	pthread_mutex_lock(&c->lock);
	twice = req_find(c, cmd->seq);
	r->cmd = *cmd;
	c->bytes += cmd->length;
	pthread_mutex_unlock(&c->lock);
	r->urb.n_iso = cmd->num_packets == NO_PACKETS ? 0 : cmd->num_packets;
	r->refuse = refusal(r);
	fill_urb(r);
	err = twice ? -EPROTO : allocate(r);
	if (err)
		return req_drop(r, err);
	*ret_req = r;
	return 0;
}

int req_start(struct conn *c, struct req **ret_req)
{
	struct usbip_cmd cmd;

	usbip_cmd_decode(&cmd, &c->head);
	*ret_req = NULL;
	switch (cmd.command) {
	case VIRTIO_USBIP_CMD_SUBMIT:
		return start_submit(c, &cmd, ret_req);
	case VIRTIO_USBIP_CMD_UNLINK:
		return start_unlink(c, &cmd);
	default:
		return -EPROTO;
	}
}

/* Packets may not overlap: what they bring together would exceed the data. */
static int load_iso(struct req *r)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < r->urb.n_iso; i++) {
		struct usb_iso_packet *p = &r->urb.iso[i];

		usbip_iso_decode(p, &r->raw_iso[i]);
		p->actual = 0;
		p->status = 0;
		total += p->length;
		if (p->offset > r->urb.length || p->length > r->urb.length - p->offset ||
		    total > r->urb.length)
			return -EPROTO;
	}
	return 0;
}

int req_submit(struct req *r)
{
	struct conn *c = r->conn;
	struct usb_backend *backend = c->export->backend;
	int err = r->refuse ? 0 : load_iso(r);

	if (err)
		return err;
	r->is_reset = is_port_reset(&r->cmd);
	pthread_mutex_lock(&c->lock);
	r->flying = true;
	c->n_flying++;
	pthread_mutex_unlock(&c->lock);
	err = r->refuse;
	if (!err && r->is_reset)
		backend->ops->reset(backend, req_reset_done, r);
	else if (!err)
		err = backend->ops->submit(backend, &r->urb);
	if (err) {
		r->urb.status = err;
		r->urb.actual = 0;
		req_done(r);
	}
	return 0;
}
