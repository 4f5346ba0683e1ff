// SPDX-License-Identifier: GPL-2.0-only
/*
 * The thread that waits for the host. usbfs is ready for writing while there is
 * something to reap, and hangs up when the device is gone; what completed before
 * can be reaped still. Once that says ENODEV nothing is reaped again, and as the
 * host writes to our memory only then, what it had is ours.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log.h"
#include "usbfs_i.h"

#define STARVED_MS	10	/* other programs use the host's memory, too */

void usbfs_wake_reaper(struct usbfs *b)
{
	eventfd_write(b->wake, 1);
}

bool usbfs_is_reaper(const struct usbfs *b)
{
	return b->in_after && pthread_equal(pthread_self(), b->reaper);
}

/* 1: there may be more. */
static int reap_one(struct usbfs *b)
{
	struct usbdevfs_urb *kurb = NULL;
	struct usbfs_xfer *x;
	int ret;

	ret = usbfs_ioctl(b, USBDEVFS_REAPURBNDELAY, &kurb);
	if (ret)
		return ret;
	x = kurb->usercontext;
	pthread_mutex_lock(&b->lock);
	if (x->state == XFER_ISSUING) {
		x->reaped = true;	/* SUBMITURB is about to return */
	} else {
		struct usbfs_ep *ep = usbfs_ep_of(b, x->urb);

		usbfs_landed(b, x);
		if (!b->starved)
			usbfs_issue(b, ep);	/* the next piece, or what waited for it */
		usbfs_complete_ended(b);
	}
	ret = b->n_held > 0;
	pthread_mutex_unlock(&b->lock);
	return ret;
}

/* 0, or the error that ends everything. */
static int reap_all(struct usbfs *b)
{
	int ret;

	do
		ret = reap_one(b);
	while (ret > 0 || ret == -EINTR);
	return ret == -EAGAIN ? 0 : ret;
}

static void end_everything(struct usbfs *b)
{
	struct usbfs_xfer *x, *next;

	b->gone = true;
	for (unsigned int i = 0; i < USBFS_EPS; i++)
		for (x = b->eps[i].first; x; x = next) {
			next = x->next;
			/* ISSUING and SLOW come back by themselves. */
			b->n_failed += x->state == XFER_FLYING;
			if (x->state == XFER_WAITING || x->state == XFER_FLYING)
				usbfs_end(b, x, -ESHUTDOWN);
		}
	usbfs_complete_ended(b);
	while (b->n_held || b->n_completing)
		pthread_cond_wait(&b->changed, &b->lock);
}

static void device_gone(struct usbfs *b, int err)
{
	const struct usb_backend_events *events;
	bool closing;

	pthread_mutex_lock(&b->lock);
	if (b->gone) {
		pthread_mutex_unlock(&b->lock);
		return;			/* by usbfs_reap_here */
	}
	end_everything(b);
	log_info("usbfs: the device is gone (%d), %u transfers were in flight", err, b->n_failed);
	closing = b->closing;
	events = b->base.events;
	pthread_mutex_unlock(&b->lock);
	if (closing)
		return;
	if (events && events->gone)
		events->gone(b->base.events_ctx);
	if (b->config.gone)
		b->config.gone(b->config.gone_ctx);
}

void usbfs_reap_here(struct usbfs *b)
{
	int err;

	pthread_mutex_unlock(&b->lock);
	err = reap_all(b);
	if (err)
		device_gone(b, err);
	pthread_mutex_lock(&b->lock);
}

static int wait_for_host(struct usbfs *b, bool starved)
{
	struct pollfd fds[] = {
		{ .fd = b->config.fd, .events = POLLOUT },
		{ .fd = b->wake, .events = POLLIN },
	};
	eventfd_t n;
	int ret;

	ret = b->host->poll(b->config.host_ctx, fds, 2, starved ? STARVED_MS : -1);
	if (ret > 0 && fds[1].revents)
		eventfd_read(b->wake, &n);
	if (ret > 0 && fds[0].revents & POLLNVAL)
		return -EBADF;
	return ret < 0 && ret != -EINTR ? ret : 0;
}

/* After an error that ends everything there is nothing to be done about it. */
static int reap_and_tell(struct usbfs *b)
{
	int err;

	if (b->config.before)
		b->config.before();
	err = reap_all(b);
	pthread_mutex_lock(&b->lock);
	if (!err && b->starved) {
		usbfs_issue_all(b);
		usbfs_complete_ended(b);
	}
	b->in_after = true;
	pthread_mutex_unlock(&b->lock);
	if (b->config.after)
		b->config.after();
	return err;
}

void *usbfs_reaper_main(void *backend)
{
	struct usbfs *b = backend;
	int err = 0;

	pthread_mutex_lock(&b->lock);
	while (!b->stop && !err) {
		bool starved = b->starved;

		pthread_mutex_unlock(&b->lock);
		err = wait_for_host(b, starved);
		if (!err)
			err = reap_and_tell(b);
		pthread_mutex_lock(&b->lock);
		b->in_after = false;
		if (!err && b->lost)
			err = -ENODEV;
	}
	pthread_mutex_unlock(&b->lock);
	if (err)
		device_gone(b, err);
	return NULL;
}
