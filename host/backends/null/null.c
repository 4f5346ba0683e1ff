// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device that is always there and does nothing. It has no descriptors, so it
 * tells an interrupt endpoint by the transfer's interval, which bulk has not.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "null_backend.h"

struct null_backend {
	struct usb_backend base;	/* first */
	pthread_mutex_t lock;		/* protects waiting; complete is called without it */
	struct usb_urb *waiting;	/* interrupt IN, through backend_next */
};

static struct null_backend *null_from_base(struct usb_backend *b)
{
	return (struct null_backend *)b;
}

static void null_complete(struct usb_urb *urb, int status, uint32_t actual)
{
	urb->status = status;
	urb->actual = actual;
	urb->complete(urb);
}

static void null_zero(const struct usb_urb *urb)
{
	uint32_t left = urb->length;

	for (unsigned int i = 0; i < urb->n_iov && left; i++) {
		size_t part = urb->iov[i].iov_len < left ? urb->iov[i].iov_len : left;

		memset(urb->iov[i].iov_base, 0, part);
		left -= part;
	}
}

static void null_iso(struct usb_urb *urb)
{
	uint64_t actual = 0;

	for (unsigned int i = 0; i < urb->n_iso; i++) {
		urb->iso[i].actual = urb->iso[i].length;
		urb->iso[i].status = 0;
		actual += urb->iso[i].length;
	}
	if (urb->in)
		null_zero(urb);
	/* Packets may overlap. */
	null_complete(urb, 0, actual < urb->length ? actual : urb->length);
}

static void null_wait(struct null_backend *null, struct usb_urb *urb)
{
	pthread_mutex_lock(&null->lock);
	urb->backend_next = null->waiting;
	null->waiting = urb;
	pthread_mutex_unlock(&null->lock);
}

static int null_submit(struct usb_backend *b, struct usb_urb *urb)
{
	if (urb->n_iso) {
		null_iso(urb);
	} else if (!urb->in) {
		null_complete(urb, 0, urb->length);
	} else if (!urb->ep) {
		null_complete(urb, -EPIPE, 0);
	} else if (urb->interval) {
		null_wait(null_from_base(b), urb);
	} else {
		null_zero(urb);
		null_complete(urb, 0, urb->length);
	}
	return 0;
}

static void null_cancel(struct usb_backend *b, struct usb_urb *urb)
{
	struct null_backend *null = null_from_base(b);
	struct usb_urb **p;
	bool found;

	pthread_mutex_lock(&null->lock);
	for (p = &null->waiting; *p && *p != urb; p = &(*p)->backend_next)
		;
	found = *p;
	if (found)
		*p = urb->backend_next;
	pthread_mutex_unlock(&null->lock);
	if (found)
		null_complete(urb, -ECONNRESET, 0);
}

static void null_end_all(struct null_backend *null, int status)
{
	struct usb_urb *urb, *next;

	pthread_mutex_lock(&null->lock);
	urb = null->waiting;
	null->waiting = NULL;
	pthread_mutex_unlock(&null->lock);
	for (; urb; urb = next) {
		next = urb->backend_next;
		null_complete(urb, status, 0);
	}
}

static void null_reset(struct usb_backend *b, void (*done)(void *ctx, int status),
		       void *ctx)
{
	null_end_all(null_from_base(b), -ECONNRESET);
	done(ctx, 0);
}

static int null_alloc_streams(struct usb_backend *b, const uint8_t *eps,
			      unsigned int n_eps, unsigned int n_streams)
{
	return n_streams;
}

static int null_free_streams(struct usb_backend *b, const uint8_t *eps,
			     unsigned int n_eps)
{
	return 0;
}

static void null_close(struct usb_backend *b)
{
	struct null_backend *null = null_from_base(b);

	null_end_all(null, -ESHUTDOWN);
	pthread_mutex_destroy(&null->lock);
	free(null);
}

static const struct usb_backend_ops null_ops = {
	.name = "null",
	.submit = null_submit,
	.cancel = null_cancel,
	.reset = null_reset,
	.alloc_streams = null_alloc_streams,
	.free_streams = null_free_streams,
	.close = null_close,
};

int null_backend_new(enum usb_speed speed, struct usb_backend **ret_backend)
{
	struct null_backend *null = calloc(1, sizeof(*null));

	if (!null)
		return -ENOMEM;
	null->base.ops = &null_ops;
	null->base.speed = speed;
	pthread_mutex_init(&null->lock, NULL);
	*ret_backend = &null->base;
	return 0;
}
