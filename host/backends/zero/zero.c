// SPDX-License-Identifier: GPL-2.0-only
/* The test device as a USB backend: queues, the bus thread, cancel, reset, life. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "thread.h"
#include "zero_i.h"

#define NEVER	UINT64_MAX

struct zero_reset {
	struct zero_reset *next;
	void (*done)(void *ctx, int status);
	void *ctx;
};

static struct zero *zero(struct usb_backend *b)
{
	return (struct zero *)b;
}

static uint64_t zero_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

/* ---- queues ---- */

static void zero_queue_init(struct zero_queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

static void zero_queue_put(struct zero_queue *q, struct usb_urb *urb)
{
	urb->backend_next = NULL;
	*q->last = urb;
	q->last = &urb->backend_next;
}

/* urb is looked at only if it is found, so it may have completed before. */
static bool zero_queue_remove(struct zero_queue *q, struct usb_urb *urb)
{
	struct usb_urb **p = &q->first;

	while (*p && *p != urb)
		p = &(*p)->backend_next;
	if (!*p)
		return false;
	*p = urb->backend_next;
	if (!*p)
		q->last = p;
	return true;
}

/* Of an isochronous transfer that ended early no packet was on the bus. */
static void zero_end(struct zero *z, struct usb_urb *urb, int status, uint32_t actual)
{
	urb->status = status;
	urb->actual = actual;
	for (unsigned int i = 0; status && i < urb->n_iso; i++)
		urb->iso[i].status = -EXDEV;
	if (status)
		urb->error_count = urb->n_iso;
	zero_queue_put(&z->ended, urb);
}

static void zero_ep_new_head(struct zero_ep *ep)
{
	ep->packets = ep->moved = 0;
}

void zero_end_head(struct zero *z, struct zero_ep *ep, int status, uint32_t actual)
{
	zero_end(z, zero_queue_take(&ep->q), status, actual);
	zero_ep_new_head(ep);
}

static void zero_end_queue(struct zero *z, struct zero_ep *ep, int status)
{
	while (ep->q.first)
		zero_end_head(z, ep, status, ep->moved);
}

static void zero_end_all(struct zero *z, int status)
{
	while (z->control.first)
		zero_end(z, zero_queue_take(&z->control), status, 0);
	for (unsigned int i = 0; i < z->n_eps; i++)
		zero_end_queue(z, &z->eps[i], status);
}

/* ---- endpoints ---- */

struct zero_ep *zero_find_ep(struct zero *z, uint8_t address)
{
	for (unsigned int i = 0; i < z->n_eps; i++)
		if (z->eps[i].info->address == address)
			return &z->eps[i];
	return NULL;
}

bool zero_ep_is_active(const struct zero *z, const struct zero_ep *ep)
{
	bool bulk = ep->info->type == ZERO_BULK;

	return bulk ? z->ep0.configuration : z->ep0.setting;
}

void zero_renew_eps(struct zero *z)
{
	for (unsigned int i = 0; i < z->n_eps; i++) {
		zero_end_queue(z, &z->eps[i], -ESHUTDOWN);
		z->eps[i].halted = false;
		z->eps[i].free_at = 0;
	}
	z->loop.n = 0;
}

/* ---- what has ended; all with the lock held ---- */

/* One thread at a time, so that order is kept. */
static void zero_complete(struct zero *z)
{
	struct usb_urb *urb = z->ended.first, *next;

	zero_queue_init(&z->ended);
	z->completing = true;
	pthread_mutex_unlock(&z->lock);
	for (; urb; urb = next) {
		next = urb->backend_next;
		urb->complete(urb);
	}
	pthread_mutex_lock(&z->lock);
	z->completing = false;
}

static void zero_finish_reset(struct zero *z)
{
	struct zero_reset *r = z->resets;
	int status = z->closing ? -ENODEV : 0;

	z->resets = r->next;
	pthread_mutex_unlock(&z->lock);
	r->done(r->ctx, status);
	free(r);
	pthread_mutex_lock(&z->lock);
}

static void zero_wake(struct zero *z)
{
	const struct usb_backend_events *events = z->backend.events;

	z->wake_at = 0;
	pthread_mutex_unlock(&z->lock);
	if (events && events->wake)
		events->wake(z->backend.events_ctx);
	pthread_mutex_lock(&z->lock);
}

/* One thing of each queue. false: there is nothing to do until *ret_due. */
static bool zero_step(struct zero *z, uint64_t *ret_due)
{
	uint64_t now = zero_now();
	bool any = z->control.first;

	*ret_due = NEVER;
	if (any) {
		struct usb_urb *urb = zero_queue_take(&z->control);

		zero_control(z, urb);
		zero_end(z, urb, urb->status, urb->actual);
	}
	for (unsigned int i = 0; i < z->n_eps; i++)
		if (z->eps[i].q.first && zero_ep_step(z, &z->eps[i], now, ret_due))
			any = true;
	return any;
}

/* Does on this thread what the transfer just queued has made possible. */
static void zero_step_here(struct zero *z)
{
	uint64_t due;

	z->in_a_row++;
	while (zero_step(z, &due))
		;
	if (z->ended.first)
		zero_complete(z);
	/* What came meanwhile is the bus thread's. */
	if (z->bus_waits)
		pthread_cond_signal(&z->work);
}

/* ---- the bus thread; likewise ---- */

static void zero_wait(struct zero *z, uint64_t due)
{
	struct timespec until;

	if (z->wake_at && z->wake_at < due)
		due = z->wake_at;
	until = (struct timespec){ .tv_sec = due / 1000000, .tv_nsec = due % 1000000 * 1000 };
	if (due == NEVER)
		pthread_cond_wait(&z->work, &z->lock);
	else
		pthread_cond_timedwait(&z->work, &z->lock, &until);
}

static void *zero_thread(void *arg)
{
	struct zero *z = arg;
	uint64_t due;

	pthread_mutex_lock(&z->lock);
	for (;;) {
		if (z->completing) {
			z->bus_waits = true;
			pthread_cond_wait(&z->work, &z->lock);
			z->bus_waits = false;
		} else if (z->ended.first) {
			zero_complete(z);
		} else if (z->resets) {
			zero_finish_reset(z);
		} else if (z->closing) {
			break;
		} else {
			z->in_a_row = 0;
			if (z->wake_at && z->wake_at <= zero_now())
				zero_wake(z);
			else if (!zero_step(z, &due))
				zero_wait(z, due);
		}
	}
	pthread_mutex_unlock(&z->lock);
	return NULL;
}

/* ---- operations ---- */

static int zero_check(const struct zero *z, const struct zero_ep *ep,
		      const struct usb_urb *urb)
{
	if (z->closing)
		return -ESHUTDOWN;
	if (urb->ep && !ep)
		return -ENOENT;
	if (urb->stream_id || !!urb->n_iso != (ep && ep->info->type == ZERO_ISO))
		return -EINVAL;
	return 0;
}

/* Bulk and control transfers take no time, but the bus thread has to have its turn. */
static bool zero_can_step_here(const struct zero *z, const struct zero_ep *ep)
{
	return (!ep || ep->info->type == ZERO_BULK) && z->in_a_row < ZERO_IN_A_ROW &&
	       !z->completing && !z->ended.first && !z->resets;
}

/* Whether the device is configured is seen when it is the transfer's turn. */
static int zero_submit(struct usb_backend *b, struct usb_urb *urb)
{
	struct zero *z = zero(b);
	struct zero_ep *ep = urb->ep ? zero_find_ep(z, urb->ep | (urb->in ? 0x80 : 0)) : NULL;
	int err;

	pthread_mutex_lock(&z->lock);
	err = zero_check(z, ep, urb);
	if (!err) {
		if (ep && ep->info->type != ZERO_BULK)
			urb->backend_priv = (void *)(uintptr_t)
				zero_schedule(z, ep, urb, zero_now());
		zero_queue_put(ep ? &ep->q : &z->control, urb);
		if (zero_can_step_here(z, ep))
			zero_step_here(z);
		else
			pthread_cond_signal(&z->work);
	}
	pthread_mutex_unlock(&z->lock);
	return err;
}

static bool zero_cancel_ep(struct zero *z, struct zero_ep *ep, struct usb_urb *urb)
{
	bool head = ep->q.first == urb;

	if (!zero_queue_remove(&ep->q, urb))
		return false;
	zero_end(z, urb, -ECONNRESET, head ? ep->moved : 0);
	if (head)
		zero_ep_new_head(ep);
	return true;
}

/* What has ended keeps its status. */
static void zero_cancel(struct usb_backend *b, struct usb_urb *urb)
{
	struct zero *z = zero(b);

	pthread_mutex_lock(&z->lock);
	if (zero_queue_remove(&z->control, urb))
		zero_end(z, urb, -ECONNRESET, 0);
	else
		for (unsigned int i = 0; i < z->n_eps; i++)
			if (zero_cancel_ep(z, &z->eps[i], urb))
				break;
	pthread_cond_signal(&z->work);
	pthread_mutex_unlock(&z->lock);
}

static void zero_reset(struct usb_backend *b, void (*done)(void *ctx, int status), void *ctx)
{
	struct zero_reset *r = malloc(sizeof(*r)), **last;
	struct zero *z = zero(b);

	if (!r) {
		done(ctx, -ENOMEM);
		return;
	}
	*r = (struct zero_reset){ .done = done, .ctx = ctx };
	pthread_mutex_lock(&z->lock);
	zero_end_all(z, -ECONNRESET);
	zero_renew_eps(z);
	z->ep0 = (struct ep0){ 0 };
	z->wake_at = 0;
	for (last = &z->resets; *last; last = &(*last)->next)
		;
	*last = r;
	pthread_cond_signal(&z->work);
	pthread_mutex_unlock(&z->lock);
}

/* Wakes up whether the host has enabled it or not: a host must cope with that. */
static void zero_suspend(struct usb_backend *b, bool suspended)
{
	struct zero *z = zero(b);

	pthread_mutex_lock(&z->lock);
	z->wake_at = suspended && z->wake_ms ? zero_now() + z->wake_ms * 1000ull : 0;
	pthread_cond_signal(&z->work);
	pthread_mutex_unlock(&z->lock);
}

static void zero_close(struct usb_backend *b)
{
	struct zero *z = zero(b);

	pthread_mutex_lock(&z->lock);
	z->closing = true;
	zero_end_all(z, -ESHUTDOWN);
	pthread_cond_signal(&z->work);
	pthread_mutex_unlock(&z->lock);
	pthread_join(z->thread, NULL);
	pthread_cond_destroy(&z->work);
	pthread_mutex_destroy(&z->lock);
	free(z);
}

static const struct usb_backend_ops zero_ops = {
	.name = "zero",
	.submit = zero_submit,
	.cancel = zero_cancel,
	.reset = zero_reset,
	.suspend = zero_suspend,
	.close = zero_close,
};

/* ---- life ---- */

static void zero_init(struct zero *z, const struct zero_config *config)
{
	const struct zero_ep_info *infos;
	pthread_condattr_t attr;

	z->backend.ops = &zero_ops;
	z->backend.speed = config->speed;
	z->pattern = config->pattern;
	z->wake_ms = config->wake_ms;
	z->n_eps = zero_ep_infos(config->speed, &infos);
	for (unsigned int i = 0; i < z->n_eps; i++) {
		z->eps[i].info = &infos[i];
		zero_make_pattern(z, &z->eps[i]);
		zero_queue_init(&z->eps[i].q);
	}
	zero_queue_init(&z->control);
	zero_queue_init(&z->ended);
	pthread_mutex_init(&z->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&z->work, &attr);
	pthread_condattr_destroy(&attr);
}

int zero_backend_new(const struct zero_config *config, struct usb_backend **ret_backend)
{
	bool speed_ok = (config->speed >= USB_SPEED_LOW_ && config->speed <= USB_SPEED_HIGH_) ||
			config->speed == USB_SPEED_SUPER_ ||
			config->speed == USB_SPEED_SUPER_PLUS_;
	struct zero *z;
	int err;

	if (!speed_ok || config->pattern > 1)
		return -EINVAL;
	z = calloc(1, sizeof(*z));
	if (!z)
		return -ENOMEM;
	zero_init(z, config);
	err = thread_start(&z->thread, zero_thread, z);
	if (err) {
		free(z);
		return err;
	}
	*ret_backend = &z->backend;
	return 0;
}
