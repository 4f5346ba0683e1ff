/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * filter.h - what all filters are: a backend that has a next one.
 *
 * A filter hooks itself into an URB's completion and hands the same URB on, so cancel
 * needs no translation. The hook is undone before the URB is completed.
 */
#ifndef FILTER_H
#define FILTER_H

#include "usb_backend.h"

struct filter {
	struct usb_backend base;	/* first */
	struct usb_backend *next;
};

/* First in a filter's record of an URB. */
struct filter_hook {
	struct filter *filter;
	void (*complete)(struct usb_urb *urb);	/* the submitter's */
	void *submitter;
};

static inline struct filter *filter_of(struct usb_backend *b)
{
	return (struct filter *)b;
}

/* Next's events go to whoever listens to the filter. */
void filter_init(struct filter *f, const struct usb_backend_ops *ops,
		 struct usb_backend *next);

/* complete will be called with urb->submitter == hook. */
void filter_hook(struct filter *f, struct filter_hook *hook, struct usb_urb *urb,
		 void (*complete)(struct usb_urb *urb));
void filter_unhook(struct filter_hook *hook, struct usb_urb *urb);

/*
 * len bytes between the URB's data from off on and buf. What lies beyond its buffers
 * is zeros.
 */
void filter_copy(const struct usb_urb *urb, size_t off, void *buf, size_t len,
		 bool to_urb);

/* Operations that hand everything on. */
void filter_cancel(struct usb_backend *b, struct usb_urb *urb);
void filter_reset(struct usb_backend *b, void (*done)(void *ctx, int status), void *ctx);
void filter_suspend(struct usb_backend *b, bool suspended);
int filter_alloc_streams(struct usb_backend *b, const uint8_t *eps, unsigned int n_eps,
			 unsigned int n_streams);
int filter_free_streams(struct usb_backend *b, const uint8_t *eps, unsigned int n_eps);

#endif
