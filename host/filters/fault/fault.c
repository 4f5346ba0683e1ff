// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fault is done when next has completed the transfer, so next never hears of it, and
 * cancel and reset find everything where they expect it. One that "never ends" is held
 * back then, until it is cancelled:
 *
 *   cancel before next completes     the record says so; it is not held back
 *   cancel after it was held back    ends it
 *   reset, device gone, close        end all that are held back
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "fault_i.h"

struct fault_urb {
	struct filter_hook hook;	/* first */
	struct usb_urb *urb;
	bool cancelled;
	struct fault_urb *next;		/* in one of the two lists */
};

struct fault_filter {
	struct filter filter;		/* first */
	struct usb_backend_events events;	/* next's */
	struct fault fault;
	pthread_mutex_t lock;		/* protects what follows; not held over calls */
	struct fault_eye eye;
	unsigned int n_fitting;
	bool gone;
	struct fault_urb *flying, *held;
};

static struct fault_filter *fault_of(struct usb_backend *b)
{
	return (struct fault_filter *)b;
}

/* ---- lists ---- */

static void fault_add(struct fault_urb **list, struct fault_urb *record)
{
	record->next = *list;
	*list = record;
}

/* Takes the URB's record off the list; NULL: it is not there. */
static struct fault_urb *fault_take(struct fault_urb **list, const struct usb_urb *urb)
{
	struct fault_urb *record;

	while (*list && (*list)->urb != urb)
		list = &(*list)->next;
	record = *list;
	if (record)
		*list = record->next;
	return record;
}

/* ---- ends ---- */

static void fault_end(struct fault_urb *record)
{
	struct usb_urb *urb = record->urb;

	filter_unhook(&record->hook, urb);
	free(record);
	urb->complete(urb);
}

static void fault_end_held(struct fault_urb *record, int status)
{
	record->urb->status = status;
	record->urb->actual = 0;
	fault_end(record);
}

static void fault_end_all_held(struct fault_filter *f, int status)
{
	struct fault_urb *record, *next;

	pthread_mutex_lock(&f->lock);
	record = f->held;
	f->held = NULL;
	pthread_mutex_unlock(&f->lock);
	for (; record; record = next) {
		next = record->next;
		fault_end_held(record, status);
	}
}

/* Whether this transfer is one that the fault is for. */
static bool fault_hits(struct fault_filter *f, const struct usb_urb *urb)
{
	const struct fault *fault = &f->fault;

	if (urb->status || !fault_fits(&f->eye, urb, fault->kind->place))
		return false;
	f->n_fitting++;
	return f->n_fitting >= fault->from && f->n_fitting <= fault->to;
}

static void fault_complete(struct usb_urb *urb)
{
	struct fault_urb *record = urb->submitter;
	struct fault_filter *f = (struct fault_filter *)record->hook.filter;
	const struct fault_kind *kind = f->fault.kind;
	bool hold = false;

	pthread_mutex_lock(&f->lock);
	fault_take(&f->flying, urb);
	if (fault_hits(f, urb)) {
		if (kind->spoil)
			kind->spoil(urb);
		hold = kind->silent && !record->cancelled && !f->gone;
	}
	if (hold)
		fault_add(&f->held, record);
	pthread_mutex_unlock(&f->lock);
	if (!hold)
		fault_end(record);
}

/* ---- operations ---- */

static int fault_submit(struct usb_backend *b, struct usb_urb *urb)
{
	struct fault_filter *f = fault_of(b);
	struct usb_backend *next = f->filter.next;
	struct fault_urb *record = malloc(sizeof(*record));
	int err;

	if (!record)
		return -ENOMEM;
	*record = (struct fault_urb){ .urb = urb };
	pthread_mutex_lock(&f->lock);
	fault_watch(&f->eye, urb);
	fault_add(&f->flying, record);
	pthread_mutex_unlock(&f->lock);
	filter_hook(&f->filter, &record->hook, urb, fault_complete);
	err = next->ops->submit(next, urb);
	if (err) {
		pthread_mutex_lock(&f->lock);
		fault_take(&f->flying, urb);
		pthread_mutex_unlock(&f->lock);
		filter_unhook(&record->hook, urb);
		free(record);
	}
	return err;
}

static void fault_cancel(struct usb_backend *b, struct usb_urb *urb)
{
	struct fault_filter *f = fault_of(b);
	struct fault_urb *held, *record;

	pthread_mutex_lock(&f->lock);
	held = fault_take(&f->held, urb);
	for (record = f->flying; record && record->urb != urb; record = record->next)
		;
	if (record)
		record->cancelled = true;
	pthread_mutex_unlock(&f->lock);
	if (held)
		fault_end_held(held, -ECONNRESET);
	else
		filter_cancel(b, urb);
}

struct fault_reset {
	struct fault_filter *f;
	void (*done)(void *ctx, int status);
	void *ctx;
};

/* Everything that next had is held back now, or was completed. */
static void fault_reset_done(void *ctx, int status)
{
	struct fault_reset *reset = ctx;

	fault_end_all_held(reset->f, -ECONNRESET);
	reset->done(reset->ctx, status);
	free(reset);
}

static void fault_reset(struct usb_backend *b, void (*done)(void *ctx, int status),
			void *ctx)
{
	struct fault_reset *reset = malloc(sizeof(*reset));

	if (!reset) {
		done(ctx, -ENOMEM);
		return;
	}
	*reset = (struct fault_reset){ fault_of(b), done, ctx };
	filter_reset(b, fault_reset_done, reset);
}

static void fault_gone(void *ctx)
{
	struct fault_filter *f = ctx;
	struct usb_backend *base = &f->filter.base;

	pthread_mutex_lock(&f->lock);
	f->gone = true;
	pthread_mutex_unlock(&f->lock);
	fault_end_all_held(f, -ESHUTDOWN);
	if (base->events && base->events->gone)
		base->events->gone(base->events_ctx);
}

static void fault_close(struct usb_backend *b)
{
	struct fault_filter *f = fault_of(b);

	f->filter.next->ops->close(f->filter.next);
	fault_end_all_held(f, -ESHUTDOWN);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static const struct usb_backend_ops fault_ops = {
	.name = "fault",
	.submit = fault_submit,
	.cancel = fault_cancel,
	.reset = fault_reset,
	.suspend = filter_suspend,
	.alloc_streams = filter_alloc_streams,
	.free_streams = filter_free_streams,
	.close = fault_close,
};

int fault_filter_new(const struct fault *fault, struct usb_backend *next,
		     struct usb_backend **ret_backend)
{
	struct fault_filter *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->fault = *fault;
	pthread_mutex_init(&f->lock, NULL);
	filter_init(&f->filter, &fault_ops, next);
	f->events = *next->events;
	f->events.gone = fault_gone;
	next->events = &f->events;
	*ret_backend = &f->filter.base;
	return 0;
}
