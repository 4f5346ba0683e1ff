// SPDX-License-Identifier: GPL-2.0-only
/* Transfers: what goes out, and how each ends. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client_i.h"

#define FLAGS_KNOWN	(USB_URB_SHORT_NOT_OK | USB_URB_ISO_ASAP | \
			 USB_URB_ZERO_PACKET | USB_URB_NO_INTERRUPT)
/*
 * Linux's server allocates one piece of memory for all data unless this flag says that
 * it is scattered; more than a few pages it may not find.
 */
#define FLAG_SCATTERED	0x40000u
#define SCATTERED_FROM	(16u << 10)
#define PATIENCE_MS	10000u

/* A control request without data goes out, whatever its setup packet says. */
static bool is_in(const struct usb_urb *urb)
{
	return urb->in && (urb->ep || urb->length);
}

/* ---- sending ---- */

struct client_xfer *client_xfer_new(struct usb_urb *urb)
{
	struct client_xfer *x;

	x = calloc(1, sizeof(*x) + urb->n_iso * sizeof(x->iso[0]));
	if (!x)
		return NULL;
	x->urb = urb;
	if (!is_in(urb)) {
		x->msg.data = urb->iov;
		x->msg.n_data = urb->n_iov;
		x->msg.data_len = urb->length;
	}
	for (unsigned int i = 0; i < urb->n_iso; i++) {
		struct usb_iso_packet p = urb->iso[i];

		p.actual = p.status = 0;
		usbip_iso_encode(&x->iso[i], &p);
	}
	x->msg.tail = x->iso;
	x->msg.tail_len = urb->n_iso * sizeof(x->iso[0]);
	return x;
}

static uint32_t wire_flags(const struct usb_urb *urb)
{
	uint32_t flags = urb->flags & FLAGS_KNOWN;

	if (is_in(urb))
		flags |= USB_URB_DIR_IN;
	if (urb->ep && !urb->n_iso && !urb->interval && urb->length > SCATTERED_FROM)
		flags |= FLAG_SCATTERED;
	return flags;
}

static void encode(const struct client *b, struct client_xfer *x)
{
	const struct usb_urb *urb = x->urb;
	struct usbip_cmd cmd = {
		.command = VIRTIO_USBIP_CMD_SUBMIT,
		.seq = x->seq,
		.devid = b->devid,
		.direction = is_in(urb) ? VIRTIO_USBIP_DIR_IN : VIRTIO_USBIP_DIR_OUT,
		.ep = urb->ep,
		.flags = wire_flags(urb),
		.length = urb->length,
		.start_frame = urb->start_frame,
		.num_packets = urb->n_iso,
		.interval = urb->interval,
	};

	if (!urb->ep)
		memcpy(cmd.setup, urb->setup, sizeof(cmd.setup));
	usbip_cmd_encode((struct virtio_usbip_cmd_submit *)x->msg.head, &cmd);
}

/* 0 is no number of a message. */
static uint32_t next_seq(struct client *b)
{
	if (!++b->seq)
		b->seq = 1;
	return b->seq;
}

void client_lose(struct client *b, int err)
{
	if (b->lost)
		return;
	b->lost = err;
	client_wake(b);
}

void client_send(struct client *b)
{
	int err = usbip_msg_queue_send(&b->out, b->config.fd, NULL, NULL);

	if (err)
		client_lose(b, err);
	else if (b->out.first && !pthread_equal(pthread_self(), b->thread))
		client_wake(b);		/* it polls for room */
}

void client_xfer_start(struct client *b, struct client_xfer *x)
{
	x->seq = next_seq(b);
	encode(b, x);
	x->prev = b->last;
	x->next = NULL;
	*(b->last ? &b->last->next : &b->first) = x;
	b->last = x;
	usbip_msg_queue_put(&b->out, &x->msg);
	client_send(b);
}

/* ---- the table ---- */

struct client_xfer *client_find(struct client *b, uint32_t seq)
{
	struct client_xfer *x = b->first;

	while (x && x->seq != seq)
		x = x->next;
	return x;
}

struct client_xfer *client_find_urb(struct client *b, const struct usb_urb *urb)
{
	struct client_xfer *x = b->first;

	while (x && x->urb != urb)
		x = x->next;
	return x;
}

/* ---- unlinking ---- */

static void unlink_start(struct client *b, uint32_t victim)
{
	unsigned int patience = b->config.patience_ms ? b->config.patience_ms : PATIENCE_MS;
	struct client_unlink *u = calloc(1, sizeof(*u));
	struct usbip_cmd cmd = {
		.command = VIRTIO_USBIP_CMD_UNLINK,
		.devid = b->devid,
		.flags = victim,	/* there it is, in CMD_UNLINK */
	};

	if (!u) {
		client_lose(b, -ENOMEM);
		return;
	}
	u->seq = cmd.seq = next_seq(b);
	u->victim = victim;
	u->deadline = usbip_deadline(patience);
	usbip_cmd_encode((struct virtio_usbip_cmd_submit *)u->msg.head, &cmd);
	*b->last_unlink = u;
	b->last_unlink = &u->next;
	usbip_msg_queue_put(&b->out, &u->msg);
	client_send(b);
	client_wake(b);			/* it has a deadline now */
}

void client_xfer_cancel(struct client *b, struct client_xfer *x, int status)
{
	if (usbip_msg_queue_remove(&b->out, &x->msg)) {
		client_end(b, x, status, 0);
	} else if (!x->wanted) {
		x->wanted = status;
		unlink_start(b, x->seq);
	}
}

/*
 *   victim       is
 *   still there  cancelled: no RET_SUBMIT will come, what was moved is unknown
 *   not there    answered by RET_SUBMIT before
 */
int client_unlinked(struct client *b, uint32_t seq)
{
	struct client_unlink **p = &b->unlinks, *u;
	struct client_xfer *x;

	while (*p && (*p)->seq != seq)
		p = &(*p)->next;
	u = *p;
	if (!u || u->msg.queued)
		return -EPROTO;
	*p = u->next;
	if (!*p)
		b->last_unlink = p;
	x = client_find(b, u->victim);
	free(u);
	if (x)
		client_end(b, x, x->wanted, 0);
	return 0;
}

/* ---- ends ---- */

void client_end(struct client *b, struct client_xfer *x, int status, uint32_t actual)
{
	*(x->prev ? &x->prev->next : &b->first) = x->next;
	*(x->next ? &x->next->prev : &b->last) = x->prev;
	x->urb->status = status;
	x->urb->actual = actual;
	x->next = NULL;
	*b->ended_last = x;
	b->ended_last = &x->next;
	b->n_completing++;
}

void client_end_all(struct client *b, int status)
{
	struct client_unlink *u;

	usbip_msg_queue_init(&b->out);
	while ((u = b->unlinks)) {
		b->unlinks = u->next;
		free(u);
	}
	b->last_unlink = &b->unlinks;
	while (b->first)
		client_end(b, b->first, status, 0);
}

static void finish_resets(struct client *b)
{
	struct client_reset *r;

	while (!b->first && !b->n_completing && (r = b->resets)) {
		int status = b->lost || b->gone ? -ENODEV : 0;

		b->resets = r->next;
		pthread_mutex_unlock(&b->lock);
		r->done(r->ctx, status);
		free(r);
		pthread_mutex_lock(&b->lock);
	}
}

void client_complete_ended(struct client *b)
{
	while (b->ended) {
		struct client_xfer *x = b->ended;
		struct usb_urb *urb = x->urb;

		b->ended = x->next;
		if (!b->ended)
			b->ended_last = &b->ended;
		pthread_mutex_unlock(&b->lock);
		free(x);
		urb->complete(urb);
		pthread_mutex_lock(&b->lock);
		b->n_completing--;
		pthread_cond_broadcast(&b->changed);
	}
	finish_resets(b);
}
