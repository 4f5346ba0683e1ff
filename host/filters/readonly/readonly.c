// SPDX-License-Identifier: GPL-2.0-only
/* URBs of the guest, which go on with the filter's own data where it goes out. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "../filter.h"
#include "log.h"
#include "readonly_filter.h"
#include "readonly_i.h"

/* Of an URB until it completes. */
struct passing {
	struct filter_hook hook;	/* first */
	enum readonly_rewrite rewrite;
	struct iovec *iov;		/* the guest's */
	unsigned int n_iov;
	struct iovec own;
	uint8_t command[READONLY_COMMAND_MAX];
};

struct readonly {
	struct filter filter;		/* first */
	pthread_mutex_t lock;		/* protects the rest; innermost */
	struct readonly_state state;
	bool complained;
};

/* The URB is the guest's again. */
static void passing_end(struct passing *p, struct usb_urb *urb)
{
	urb->iov = p->iov;
	urb->n_iov = p->n_iov;
	filter_unhook(&p->hook, urb);
	free(p);
}

static void passing_complete(struct usb_urb *urb)
{
	struct passing *p = urb->submitter;
	struct readonly *f = (struct readonly *)p->hook.filter;

	pthread_mutex_lock(&f->lock);
	readonly_rewrite(&f->state, urb, p->rewrite);
	pthread_mutex_unlock(&f->lock);
	passing_end(p, urb);
	urb->complete(urb);
}

/* 0, or what the URB ends with. With the lock held. */
static int passing_check(struct readonly *f, struct passing *p, struct usb_urb *urb)
{
	int ret;

	if (!urb->ep)
		return readonly_check_control(&f->state, urb);
	if (urb->in)
		return readonly_check_in(&f->state, urb, &p->rewrite);
	ret = readonly_check_out(&f->state, urb, p->command);
	if (ret < 0)
		return ret;
	p->own = (struct iovec) { p->command, ret };
	urb->iov = &p->own;
	urb->n_iov = 1;
	return 0;
}

static void complain(struct readonly *f)
{
	if (!f->complained)
		log_info("readonly: the guest sent something that might write: refused");
	f->complained = true;
}

static int readonly_submit(struct usb_backend *base, struct usb_urb *urb)
{
	struct readonly *f = (struct readonly *)base;
	struct usb_backend *next = f->filter.next;
	struct passing *p = calloc(1, sizeof(*p));
	int status, err;

	if (!p)
		return -ENOMEM;
	p->iov = urb->iov;
	p->n_iov = urb->n_iov;
	filter_hook(&f->filter, &p->hook, urb, passing_complete);
	pthread_mutex_lock(&f->lock);
	status = passing_check(f, p, urb);
	if (status)
		complain(f);
	pthread_mutex_unlock(&f->lock);
	err = status ? 0 : next->ops->submit(next, urb);
	if (!status && !err)
		return 0;
	passing_end(p, urb);
	if (err)
		return err;
	urb->status = status;
	urb->actual = 0;
	urb->complete(urb);
	return 0;
}

static void readonly_reset(struct usb_backend *base, void (*done)(void *ctx, int status),
			   void *ctx)
{
	struct readonly *f = (struct readonly *)base;

	pthread_mutex_lock(&f->lock);
	f->state = (struct readonly_state) { 0 };
	pthread_mutex_unlock(&f->lock);
	filter_reset(base, done, ctx);
}

static void readonly_close(struct usb_backend *base)
{
	struct readonly *f = (struct readonly *)base;

	f->filter.next->ops->close(f->filter.next);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static const struct usb_backend_ops readonly_ops = {
	.name = "readonly",
	.submit = readonly_submit,
	.cancel = filter_cancel,
	.reset = readonly_reset,
	.suspend = filter_suspend,
	.alloc_streams = filter_alloc_streams,
	.free_streams = filter_free_streams,
	.close = readonly_close,
};

int readonly_filter_new(struct usb_backend *next, struct usb_backend **ret_backend)
{
	struct readonly *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	filter_init(&f->filter, &readonly_ops, next);
	pthread_mutex_init(&f->lock, NULL);
	*ret_backend = &f->filter.base;
	return 0;
}
