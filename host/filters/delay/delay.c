// SPDX-License-Identifier: GPL-2.0-only
/*
 * What next has completed waits in a queue; one thread completes it for the submitter,
 * so order is kept. A reset and the end wait for the queue to be empty:
 *
 *   cancel   next's may find nothing; then the URB is in the queue, or will be, and
 *            ends by itself soon with its own status, as it may
 *   reset    when next is done, a marker is queued; everything before it is hurried
 *   close    next's completes everything; then the queue is hurried, the thread ends
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "../filter.h"
#include "delay_filter.h"
#include "thread.h"

struct delay;

/* An URB's, or a reset's (urb NULL). */
struct delay_item {
	struct filter_hook hook;	/* first */
	struct delay_item *next;
	struct usb_urb *urb;
	struct timespec due;
	struct delay *delay;
	void (*done)(void *ctx, int status);
	void *ctx;
	int status;
};

struct delay {
	struct filter filter;		/* first */
	unsigned int us;
	pthread_t thread;
	pthread_mutex_t lock;		/* protects what follows */
	pthread_cond_t changed;		/* CLOCK_MONOTONIC */
	struct delay_item *first, **last;
	unsigned int n_resets;		/* markers in the queue: no waiting */
	bool started, closing;
};

/* ---- the thread ---- */

static bool delay_is_due(const struct timespec *due)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > due->tv_sec ||
	       (now.tv_sec == due->tv_sec && now.tv_nsec >= due->tv_nsec);
}

/* NULL: closing, and the queue is empty. */
static struct delay_item *delay_next(struct delay *d)
{
	struct delay_item *item;

	for (;;) {
		item = d->first;
		if (!item && d->closing)
			return NULL;
		if (!item)
			pthread_cond_wait(&d->changed, &d->lock);
		else if (d->closing || d->n_resets || delay_is_due(&item->due))
			break;
		else
			pthread_cond_timedwait(&d->changed, &d->lock, &item->due);
	}
	d->first = item->next;
	if (!d->first)
		d->last = &d->first;
	d->n_resets -= !item->urb;
	return item;
}

static void delay_end(struct delay_item *item)
{
	struct usb_urb *urb = item->urb;

	if (urb) {
		filter_unhook(&item->hook, urb);
		urb->complete(urb);
	} else {
		item->done(item->ctx, item->status);
	}
	free(item);
}

static void *delay_main(void *arg)
{
	struct delay *d = arg;
	struct delay_item *item;

	pthread_mutex_lock(&d->lock);
	while ((item = delay_next(d))) {
		pthread_mutex_unlock(&d->lock);
		delay_end(item);
		pthread_mutex_lock(&d->lock);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* ---- the queue ---- */

static void delay_set_due(const struct delay *d, struct timespec *due)
{
	clock_gettime(CLOCK_MONOTONIC, due);
	due->tv_sec += d->us / 1000000;
	due->tv_nsec += d->us % 1000000 * 1000l;
	due->tv_sec += due->tv_nsec / 1000000000l;
	due->tv_nsec %= 1000000000l;
}

/* Without a thread there is no delay. */
static void delay_append(struct delay *d, struct delay_item *item)
{
	bool queued;

	delay_set_due(d, &item->due);
	item->next = NULL;
	pthread_mutex_lock(&d->lock);
	if (!d->started)
		d->started = !thread_start(&d->thread, delay_main, d);
	queued = d->started;
	if (queued) {
		*d->last = item;
		d->last = &item->next;
		d->n_resets += !item->urb;
		pthread_cond_signal(&d->changed);
	}
	pthread_mutex_unlock(&d->lock);
	if (!queued)
		delay_end(item);
}

static void delay_complete(struct usb_urb *urb)
{
	struct delay_item *item = urb->submitter;

	delay_append(item->delay, item);
}

/* ---- operations ---- */

static int delay_submit(struct usb_backend *b, struct usb_urb *urb)
{
	struct delay *d = (struct delay *)b;
	struct usb_backend *next = d->filter.next;
	struct delay_item *item = malloc(sizeof(*item));
	int err;

	if (!item)
		return -ENOMEM;
	*item = (struct delay_item){ .urb = urb, .delay = d };
	filter_hook(&d->filter, &item->hook, urb, delay_complete);
	err = next->ops->submit(next, urb);
	if (err) {
		filter_unhook(&item->hook, urb);
		free(item);
	}
	return err;
}

static void delay_reset_done(void *ctx, int status)
{
	struct delay_item *item = ctx;

	item->status = status;
	delay_append(item->delay, item);
}

static void delay_reset(struct usb_backend *b, void (*done)(void *ctx, int status),
			void *ctx)
{
	struct delay *d = (struct delay *)b;
	struct usb_backend *next = d->filter.next;
	struct delay_item *item = malloc(sizeof(*item));

	if (!item) {
		done(ctx, -ENOMEM);
		return;
	}
	*item = (struct delay_item){ .delay = d, .done = done, .ctx = ctx };
	next->ops->reset(next, delay_reset_done, item);
}

static void delay_close(struct usb_backend *b)
{
	struct delay *d = (struct delay *)b;
	struct usb_backend *next = d->filter.next;

	next->ops->close(next);
	pthread_mutex_lock(&d->lock);
	d->closing = true;
	pthread_cond_signal(&d->changed);
	pthread_mutex_unlock(&d->lock);
	if (d->started)
		pthread_join(d->thread, NULL);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static const struct usb_backend_ops delay_ops = {
	.name = "delay",
	.submit = delay_submit,
	.cancel = filter_cancel,
	.reset = delay_reset,
	.suspend = filter_suspend,
	.alloc_streams = filter_alloc_streams,
	.free_streams = filter_free_streams,
	.close = delay_close,
};

int delay_filter_new(unsigned int us, struct usb_backend *next,
		     struct usb_backend **ret_backend)
{
	struct delay *d = calloc(1, sizeof(*d));
	pthread_condattr_t attr;

	if (!d)
		return -ENOMEM;
	d->us = us;
	d->last = &d->first;
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->changed, &attr);
	pthread_condattr_destroy(&attr);
	filter_init(&d->filter, &delay_ops, next);
	*ret_backend = &d->filter.base;
	return 0;
}
