// SPDX-License-Identifier: GPL-2.0-only
/* URBs of the guest, and those of the filter that go on in their place. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "log.h"
#include "readonly_filter.h"
#include "readonly_i.h"

struct shadow {
	struct usb_urb urb;		/* what goes on */
	struct usb_urb *guest;		/* in whose place */
	struct readonly *filter;
	struct shadow *prev, *next;	/* of the filter's list */
	enum readonly_rewrite rewrite;
	unsigned int holds;		/* until complete, and each thread inside cancel */
	struct iovec iov;
	uint8_t command[READONLY_COMMAND_MAX];
};

struct readonly {
	struct usb_backend base;	/* first */
	struct usb_backend *below;
	pthread_mutex_t lock;		/* protects the rest; innermost */
	struct readonly_state state;
	struct shadow *first;		/* that have not completed */
	bool complained;
};

static struct readonly *readonly_from_base(struct usb_backend *b)
{
	return (struct readonly *)b;
}

static void shadow_add(struct readonly *f, struct shadow *s)
{
	s->next = f->first;
	if (s->next)
		s->next->prev = s;
	f->first = s;
}

static void shadow_remove(struct readonly *f, struct shadow *s)
{
	*(s->prev ? &s->prev->next : &f->first) = s->next;
	if (s->next)
		s->next->prev = s->prev;
}

static void shadow_put(struct readonly *f, struct shadow *s)
{
	bool last;

	pthread_mutex_lock(&f->lock);
	last = !--s->holds;
	pthread_mutex_unlock(&f->lock);
	if (last)
		free(s);
}

static void shadow_complete(struct usb_urb *urb)
{
	struct shadow *s = urb->submitter;
	struct readonly *f = s->filter;
	struct usb_urb *guest = s->guest;

	pthread_mutex_lock(&f->lock);
	shadow_remove(f, s);
	readonly_rewrite(&f->state, urb, s->rewrite);
	pthread_mutex_unlock(&f->lock);
	guest->status = urb->status;
	guest->actual = urb->actual;
	guest->start_frame = urb->start_frame;
	guest->error_count = urb->error_count;
	shadow_put(f, s);
	guest->complete(guest);
}

/* 0, or what the guest's URB ends with. With the lock held. */
static int shadow_check(struct readonly *f, struct shadow *s)
{
	int ret;

	if (!s->urb.ep)
		return readonly_check_control(&f->state, s->guest);
	if (s->urb.in)
		return readonly_check_in(&f->state, s->guest, &s->rewrite);
	ret = readonly_check_out(&f->state, s->guest, s->command);
	s->iov = (struct iovec) { s->command, ret < 0 ? 0 : ret };
	s->urb.iov = &s->iov;
	s->urb.n_iov = 1;
	return ret < 0 ? ret : 0;
}

static struct shadow *shadow_new(struct readonly *f, struct usb_urb *guest)
{
	struct shadow *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->urb = *guest;
	s->urb.complete = shadow_complete;
	s->urb.submitter = s;
	s->guest = guest;
	s->filter = f;
	s->holds = 1;
	return s;
}

static void complain(struct readonly *f)
{
	if (!f->complained)
		log_info("readonly: the guest sent something that might write: refused");
	f->complained = true;
}

static int readonly_submit(struct usb_backend *base, struct usb_urb *guest)
{
	struct readonly *f = readonly_from_base(base);
	struct shadow *s = shadow_new(f, guest);
	int status, err;

	if (!s)
		return -ENOMEM;
	pthread_mutex_lock(&f->lock);
	status = shadow_check(f, s);
	if (!status)
		shadow_add(f, s);
	else
		complain(f);
	pthread_mutex_unlock(&f->lock);
	if (status) {
		free(s);
		guest->status = status;
		guest->actual = 0;
		guest->complete(guest);
		return 0;
	}
	err = f->below->ops->submit(f->below, &s->urb);
	if (!err)
		return 0;
	pthread_mutex_lock(&f->lock);
	shadow_remove(f, s);
	pthread_mutex_unlock(&f->lock);
	shadow_put(f, s);
	return err;
}

/* The hold keeps what is below from seeing an URB that is gone. */
static void readonly_cancel(struct usb_backend *base, struct usb_urb *guest)
{
	struct readonly *f = readonly_from_base(base);
	struct shadow *s;

	pthread_mutex_lock(&f->lock);
	for (s = f->first; s && s->guest != guest; s = s->next)
		;
	if (s)
		s->holds++;
	pthread_mutex_unlock(&f->lock);
	if (!s)
		return;
	f->below->ops->cancel(f->below, &s->urb);
	shadow_put(f, s);
}

static void readonly_reset(struct usb_backend *base, void (*done)(void *ctx, int status),
			   void *ctx)
{
	struct readonly *f = readonly_from_base(base);

	pthread_mutex_lock(&f->lock);
	f->state = (struct readonly_state) { 0 };
	pthread_mutex_unlock(&f->lock);
	f->below->ops->reset(f->below, done, ctx);
}

static int readonly_alloc_streams(struct usb_backend *base, const uint8_t *eps,
				  unsigned int n_eps, unsigned int n_streams)
{
	struct usb_backend *below = readonly_from_base(base)->below;

	if (!below->ops->alloc_streams)
		return 0;
	return below->ops->alloc_streams(below, eps, n_eps, n_streams);
}

static int readonly_free_streams(struct usb_backend *base, const uint8_t *eps,
				 unsigned int n_eps)
{
	struct usb_backend *below = readonly_from_base(base)->below;

	if (!below->ops->free_streams)
		return 0;
	return below->ops->free_streams(below, eps, n_eps);
}

static void readonly_close(struct usb_backend *base)
{
	struct readonly *f = readonly_from_base(base);

	f->below->ops->close(f->below);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static const struct usb_backend_ops readonly_ops = {
	.name = "readonly",
	.submit = readonly_submit,
	.cancel = readonly_cancel,
	.reset = readonly_reset,
	.alloc_streams = readonly_alloc_streams,
	.free_streams = readonly_free_streams,
	.close = readonly_close,
};

static void below_gone(void *ctx)
{
	struct readonly *f = ctx;

	if (f->base.events && f->base.events->gone)
		f->base.events->gone(f->base.events_ctx);
}

static const struct usb_backend_events below_events = { .gone = below_gone };

int readonly_filter_new(struct usb_backend *next, struct usb_backend **ret_backend)
{
	struct readonly *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->base.ops = &readonly_ops;
	f->base.speed = next->speed;
	f->below = next;
	pthread_mutex_init(&f->lock, NULL);
	next->events_ctx = f;
	next->events = &below_events;
	*ret_backend = &f->base;
	return 0;
}
