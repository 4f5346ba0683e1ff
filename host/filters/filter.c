// SPDX-License-Identifier: GPL-2.0-only
#include "filter.h"

#include <errno.h>
#include <string.h>

static void filter_gone(void *ctx)
{
	struct filter *f = ctx;

	if (f->base.events && f->base.events->gone)
		f->base.events->gone(f->base.events_ctx);
}

static void filter_wake(void *ctx)
{
	struct filter *f = ctx;

	if (f->base.events && f->base.events->wake)
		f->base.events->wake(f->base.events_ctx);
}

static const struct usb_backend_events filter_events = {
	.gone = filter_gone,
	.wake = filter_wake,
};

void filter_init(struct filter *f, const struct usb_backend_ops *ops,
		 struct usb_backend *next)
{
	f->base = (struct usb_backend){ .ops = ops, .speed = next->speed };
	f->next = next;
	next->events_ctx = f;
	next->events = &filter_events;
}

void filter_hook(struct filter *f, struct filter_hook *hook, struct usb_urb *urb,
		 void (*complete)(struct usb_urb *urb))
{
	hook->filter = f;
	hook->complete = urb->complete;
	hook->submitter = urb->submitter;
	urb->complete = complete;
	urb->submitter = hook;
}

void filter_unhook(struct filter_hook *hook, struct usb_urb *urb)
{
	urb->complete = hook->complete;
	urb->submitter = hook->submitter;
}

void filter_copy(const struct usb_urb *urb, size_t off, void *buf, size_t len,
		 bool to_urb)
{
	for (unsigned int i = 0; i < urb->n_iov && len; i++) {
		const struct iovec *iov = &urb->iov[i];
		char *at = (char *)iov->iov_base + off;
		size_t part;

		if (off >= iov->iov_len) {
			off -= iov->iov_len;
			continue;
		}
		part = iov->iov_len - off < len ? iov->iov_len - off : len;
		if (to_urb)
			memcpy(at, buf, part);
		else
			memcpy(buf, at, part);
		buf = (char *)buf + part;
		len -= part;
		off = 0;
	}
	if (!to_urb)
		memset(buf, 0, len);
}

void filter_cancel(struct usb_backend *b, struct usb_urb *urb)
{
	struct usb_backend *next = filter_of(b)->next;

	next->ops->cancel(next, urb);
}

void filter_reset(struct usb_backend *b, void (*done)(void *ctx, int status), void *ctx)
{
	struct usb_backend *next = filter_of(b)->next;

	next->ops->reset(next, done, ctx);
}

void filter_suspend(struct usb_backend *b, bool suspended)
{
	struct usb_backend *next = filter_of(b)->next;

	if (next->ops->suspend)
		next->ops->suspend(next, suspended);
}

/* A device without streams is what the device side answers with a stall. */
int filter_alloc_streams(struct usb_backend *b, const uint8_t *eps, unsigned int n_eps,
			 unsigned int n_streams)
{
	struct usb_backend *next = filter_of(b)->next;

	return next->ops->alloc_streams ?
	       next->ops->alloc_streams(next, eps, n_eps, n_streams) : -EPIPE;
}

int filter_free_streams(struct usb_backend *b, const uint8_t *eps, unsigned int n_eps)
{
	struct usb_backend *next = filter_of(b)->next;

	return next->ops->free_streams ? next->ops->free_streams(next, eps, n_eps) : -EPIPE;
}
