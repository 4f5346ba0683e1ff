// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transfers. A bulk transfer goes to the host in one piece where it can. If the
 * host's controller has no scatter lists (its buffer must be contiguous memory of
 * the host then) or the host's memory for all of usbfs (usbfs_memory_mb) is used up,
 * it goes in pieces, one after another: the next only after the one before was
 * filled, so a short packet ends the transfer on every controller. That is why
 * BULK_CONTINUATION, which some controllers cannot do, is not needed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "usbfs_i.h"

#define SETUP_LEN	8u
/* A multiple of every bulk packet size, and what the host can always find. */
#define PIECE_MIN	(16u << 10)

/* ---- data ---- */

static bool iov_is_contiguous(const struct usb_urb *urb)
{
	uint32_t left = urb->length;
	const uint8_t *end = NULL;

	for (unsigned int i = 0; i < urb->n_iov && left; i++) {
		const struct iovec *v = &urb->iov[i];
		size_t part = v->iov_len < left ? v->iov_len : left;

		if (!part)
			continue;
		if (end && end != v->iov_base)
			return false;
		end = (uint8_t *)v->iov_base + part;
		left -= part;
	}
	return true;
}

static uint8_t *iov_first(const struct usb_urb *urb)
{
	for (unsigned int i = 0; i < urb->n_iov; i++)
		if (urb->iov[i].iov_len)
			return urb->iov[i].iov_base;
	return NULL;
}

static void iov_copy(const struct usb_urb *urb, uint8_t *buf, uint32_t len, bool to_urb)
{
	for (unsigned int i = 0; i < urb->n_iov && len; i++) {
		size_t part = urb->iov[i].iov_len < len ? urb->iov[i].iov_len : len;

		if (to_urb)
			memcpy(urb->iov[i].iov_base, buf, part);
		else
			memcpy(buf, urb->iov[i].iov_base, part);
		buf += part;
		len -= part;
	}
}

/* A control request travels in front of its data, wherever that is. */
static int xfer_bounce(struct usbfs_xfer *x, uint32_t before)
{
	const struct usb_urb *urb = x->urb;

	x->bounce = malloc(before + urb->length);
	if (!x->bounce)
		return -ENOMEM;
	x->data = x->bounce + before;
	memcpy(x->bounce, urb->setup, before);
	if (!urb->in)
		iov_copy(urb, x->data, urb->length, false);
	else if (!before)
		return 0;
	else
		memset(x->data, 0, urb->length);
	return 0;
}

int usbfs_xfer_new(struct usbfs *b, struct usb_urb *urb, struct usbfs_xfer **ret_xfer)
{
	struct usbfs_xfer *x = calloc(1, sizeof(*x));
	int err = 0;

	if (!x)
		return -ENOMEM;
	x->b = b;
	x->urb = urb;
	if (!urb->ep)
		err = xfer_bounce(x, SETUP_LEN);
	else if (iov_is_contiguous(urb))
		x->data = iov_first(urb);
	else
		err = xfer_bounce(x, 0);
	if (err) {
		free(x);
		return err;
	}
	*ret_xfer = x;
	return 0;
}

void usbfs_xfer_free(struct usbfs_xfer *x)
{
	free(x->bounce);
	free(x);
}

void usbfs_xfer_put(struct usbfs_xfer *x)
{
	if (!--x->holds && x->over)
		usbfs_xfer_free(x);
}

/* ---- an endpoint's list ---- */

struct usbfs_ep *usbfs_ep_of(struct usbfs *b, const struct usb_urb *urb)
{
	return &b->eps[urb->ep ? (urb->ep & 15) + (urb->in ? 16 : 0) : 0];
}

void usbfs_append(struct usbfs_ep *ep, struct usbfs_xfer *x)
{
	x->prev = ep->last;
	x->next = NULL;
	*(ep->last ? &ep->last->next : &ep->first) = x;
	ep->last = x;
}

static void xfer_unlink(struct usbfs_ep *ep, struct usbfs_xfer *x)
{
	*(x->prev ? &x->prev->next : &ep->first) = x->next;
	*(x->next ? &x->next->prev : &ep->last) = x->prev;
}

static bool xfer_is_last_piece(const struct usbfs_xfer *x)
{
	return x->done + x->piece >= x->urb->length;
}

/*
 * The first that may go: nothing before it waits, for a piece either. Streams of an
 * endpoint do not wait for each other, because the device chooses among them.
 */
static struct usbfs_xfer *ep_next(struct usbfs *b, struct usbfs_ep *ep)
{
	if (b->n_slow || b->gone || b->lost || b->closing)
		return NULL;
	for (struct usbfs_xfer *x = ep->first; x; x = x->next) {
		struct usbfs_xfer *y = ep->first;

		if (x->state != XFER_WAITING)
			continue;
		for (; y != x; y = y->next)
			if (y->urb->stream_id == x->urb->stream_id &&
			    (y->state != XFER_FLYING || !xfer_is_last_piece(y)))
				break;
		if (y == x)
			return x;
	}
	return NULL;
}

/* ---- ends ---- */

static void xfer_hold_ends(struct usbfs *b, struct usbfs_xfer *x)
{
	if (x->state == XFER_WAITING)
		return;
	x->state = XFER_WAITING;
	b->n_held--;
	pthread_cond_broadcast(&b->changed);
}

void usbfs_end(struct usbfs *b, struct usbfs_xfer *x, int status)
{
	xfer_hold_ends(b, x);
	xfer_unlink(usbfs_ep_of(b, x->urb), x);
	x->urb->status = status;
	x->urb->actual = x->done;
	x->next = NULL;
	*b->ended_last = x;
	b->ended_last = &x->next;
	b->n_completing++;
}

void usbfs_end_all(struct usbfs *b, int status)
{
	struct usbfs_xfer *x, *next;

	for (unsigned int i = 0; i < USBFS_EPS; i++)
		for (x = b->eps[i].first; x; x = next) {
			next = x->next;
			if (x->state == XFER_WAITING)
				usbfs_end(b, x, status);
			else if (!x->wanted)
				x->wanted = status;
		}
}

/* The URB is the submitter's again from complete on; x may still be held. */
static void xfer_complete(struct usbfs_xfer *x)
{
	struct usb_urb *urb = x->urb;

	if (urb->in && x->bounce)
		iov_copy(urb, x->data, urb->actual, true);
	urb->complete(urb);
}

void usbfs_complete_ended(struct usbfs *b)
{
	while (b->ended) {
		struct usbfs_xfer *x = b->ended;

		b->ended = x->next;
		if (!b->ended)
			b->ended_last = &b->ended;
		pthread_mutex_unlock(&b->lock);
		xfer_complete(x);
		pthread_mutex_lock(&b->lock);
		x->over = true;
		if (!x->holds)
			usbfs_xfer_free(x);
		b->n_completing--;
		pthread_cond_broadcast(&b->changed);
	}
}

/*
 *   host's status             ends with
 *   0, all or a short packet  0 (or -EREMOTEIO): data beats a cancel
 *   0, pieces are missing     what was wanted; else the next piece goes
 *   killed                    what was wanted, else -ECONNRESET (an ioctl killed it)
 *   an error                  that
 */
static int xfer_status(const struct usbfs *b, const struct usbfs_xfer *x, int status,
		       bool full)
{
	bool missing = x->done < x->urb->length;

	switch (status) {
	case 0:
		if (full && missing)
			return x->wanted ? x->wanted : -ESHUTDOWN;
		if (missing && x->urb->in && (x->urb->flags & USB_URB_SHORT_NOT_OK))
			return -EREMOTEIO;
		return 0;
	case -ENOENT:
	case -ECONNRESET:
		return x->wanted ? x->wanted : -ECONNRESET;
	default:
		return status < 0 ? status : -EPROTO;
	}
}

void usbfs_landed(struct usbfs *b, struct usbfs_xfer *x)
{
	uint32_t actual = x->kurb.actual_length < 0 ? 0 : x->kurb.actual_length;
	int status = x->kurb.status;
	bool full = actual >= x->piece;

	x->done += full ? x->piece : actual;
	if (!status)
		b->n_failed = 0;
	else if (status != -EPIPE && !x->wanted)
		b->n_failed++;
	xfer_hold_ends(b, x);
	if (!status && full && x->done < x->urb->length && !x->wanted && !b->lost &&
	    !b->gone) {
		x->piece = 0;
		return;			/* for usbfs_issue */
	}
	usbfs_end(b, x, xfer_status(b, x, status, full));
}

/* ---- to the host ---- */

static uint32_t urb_flags(const struct usbfs_xfer *x)
{
	uint32_t flags = x->urb->flags & (USB_URB_SHORT_NOT_OK | USB_URB_ZERO_PACKET);

	_Static_assert(USB_URB_SHORT_NOT_OK == USBDEVFS_URB_SHORT_NOT_OK, "same bit");
	_Static_assert(USB_URB_ZERO_PACKET == USBDEVFS_URB_ZERO_PACKET, "same bit");
	if (x->urb->in)
		flags &= ~USB_URB_ZERO_PACKET;
	else
		flags &= ~USB_URB_SHORT_NOT_OK;
	return xfer_is_last_piece(x) ? flags : flags & ~USB_URB_ZERO_PACKET;
}

static void xfer_prepare(struct usbfs_xfer *x)
{
	const struct usb_urb *urb = x->urb;

	x->reaped = false;
	x->kurb = (struct usbdevfs_urb) {
		/* Interrupt endpoints too: the host knows which they are. */
		.type = urb->ep ? USBDEVFS_URB_TYPE_BULK : USBDEVFS_URB_TYPE_CONTROL,
		.endpoint = urb->ep | (urb->in ? 0x80 : 0),
		.flags = urb_flags(x),
		.buffer = x->piece ? x->data + x->done : NULL,
		.buffer_length = x->piece,
		.usercontext = x,
	};
	if (urb->ep) {
		x->kurb.stream_id = urb->stream_id;
	} else {
		/* wLength may be less than the data, whose length the guest chose. */
		x->kurb.buffer = x->bounce;
		x->kurb.buffer_length = SETUP_LEN + x->piece;
	}
}

static uint32_t xfer_piece(const struct usbfs_xfer *x)
{
	uint32_t left = x->urb->length - x->done;
	bool divisible = x->urb->ep && !x->urb->interval;

	return divisible && left > x->b->max_piece ? x->b->max_piece : left;
}

static bool xfer_halve(struct usbfs_xfer *x)
{
	if (!x->urb->ep || x->urb->interval || x->piece <= PIECE_MIN)
		return false;
	x->piece = x->piece / 2 / PIECE_MIN * PIECE_MIN;
	if (x->piece < PIECE_MIN)
		x->piece = PIECE_MIN;
	return true;
}

/* Without the lock. -ENOMEM: not even a small piece. */
static int xfer_submit(struct usbfs *b, struct usbfs_xfer *x)
{
	int err;

	x->piece = xfer_piece(x);
	do {
		xfer_prepare(x);
		err = usbfs_ioctl(b, USBDEVFS_SUBMITURB, &x->kurb);
	} while (err == -ENOMEM && xfer_halve(x));
	return err;
}

/* The host did not take it. */
static void xfer_refused(struct usbfs *b, struct usbfs_xfer *x, int err)
{
	if (err == -ENOMEM && !x->wanted && !b->closing) {
		xfer_hold_ends(b, x);
		b->starved = true;
		/* The reaper itself knows, and must not spin on the host's memory. */
		if (!pthread_equal(pthread_self(), b->reaper))
			usbfs_wake_reaper(b);
		return;
	}
	if (err == -ENODEV) {
		b->lost = true;
		usbfs_wake_reaper(b);
		err = -ESHUTDOWN;
	}
	usbfs_end(b, x, x->wanted ? x->wanted : err);
}

static void xfer_issue(struct usbfs *b, struct usbfs_xfer *x)
{
	int err;

	x->state = XFER_ISSUING;
	b->n_held++;
	b->n_issuing++;
	pthread_mutex_unlock(&b->lock);
	err = xfer_submit(b, x);
	pthread_mutex_lock(&b->lock);
	b->n_issuing--;
	pthread_cond_broadcast(&b->changed);
	if (err) {
		xfer_refused(b, x, err);
	} else if (x->reaped) {
		usbfs_landed(b, x);
	} else if (b->gone) {
		usbfs_end(b, x, -ESHUTDOWN);	/* nobody reaps any more */
	} else {
		x->state = XFER_FLYING;
		if (x->wanted)
			usbfs_discard_start(x);
	}
}

static void xfer_intercept(struct usbfs *b, struct usbfs_xfer *x,
			   enum usbfs_request kind)
{
	if (kind == USBFS_SWALLOW) {
		x->done = x->urb->length;
		usbfs_end(b, x, 0);
		return;
	}
	x->state = XFER_SLOW;
	b->n_held++;
	usbfs_slow_start(x);
}

void usbfs_issue(struct usbfs *b, struct usbfs_ep *ep)
{
	struct usbfs_xfer *x;

	if (ep->issuing)
		return;
	ep->issuing = true;
	while ((x = ep_next(b, ep))) {
		enum usbfs_request kind = x->urb->ep ? USBFS_PASS :
						       usbfs_request_kind(b, x->urb);

		if (kind != USBFS_PASS)
			xfer_intercept(b, x, kind);
		else
			xfer_issue(b, x);
		if (b->starved)
			break;		/* the reaper tries again */
	}
	ep->issuing = false;
}

void usbfs_issue_all(struct usbfs *b)
{
	b->starved = false;
	for (unsigned int i = 0; i < USBFS_EPS; i++)
		if (b->eps[i].first)
			usbfs_issue(b, &b->eps[i]);
}
