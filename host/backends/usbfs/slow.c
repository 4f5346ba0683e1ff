// SPDX-License-Identifier: GPL-2.0-only
/* What blocks: on the worker, one after another. */
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <linux/usb/ch9.h>

#include "log.h"
#include "usbfs_i.h"

#define OUT_DEVICE	(USB_DIR_OUT | USB_TYPE_STANDARD | USB_RECIP_DEVICE)
#define OUT_INTERFACE	(USB_DIR_OUT | USB_TYPE_STANDARD | USB_RECIP_INTERFACE)
#define OUT_ENDPOINT	(USB_DIR_OUT | USB_TYPE_STANDARD | USB_RECIP_ENDPOINT)
#define REQ(type, request) ((type) << 8 | (request))

struct setup {
	unsigned int what;	/* REQ() */
	uint16_t value, index;
};

static struct setup setup_of(const struct usb_urb *urb)
{
	const uint8_t *s = urb->setup;

	return (struct setup) {
		.what = REQ(s[0], s[1]),
		.value = s[2] | s[3] << 8,
		.index = s[4] | s[5] << 8,
	};
}

/* ---- requests that the host's kernel has to know of ---- */

/*
 * The host has configured the device, and keeps it so. A configuration that it has
 * set already needs nothing but the settings that go with it.
 */
static enum usbfs_request kind_of_configuration(const struct usbfs *b, uint16_t value)
{
	if (!value)
		return USBFS_SWALLOW;
	return value == b->configuration && !b->alts ? USBFS_SWALLOW : USBFS_SLOW;
}

enum usbfs_request usbfs_request_kind(const struct usbfs *b, const struct usb_urb *urb)
{
	struct setup s = setup_of(urb);

	switch (s.what) {
	case REQ(OUT_DEVICE, USB_REQ_SET_CONFIGURATION):
		return kind_of_configuration(b, s.value);
	case REQ(OUT_INTERFACE, USB_REQ_SET_INTERFACE):
		return USBFS_SLOW;
	case REQ(OUT_ENDPOINT, USB_REQ_CLEAR_FEATURE):
		return s.value == USB_ENDPOINT_HALT && s.index & USB_ENDPOINT_NUMBER_MASK ?
		       USBFS_SLOW : USBFS_PASS;
	/* Of the real path to the device, which only the host knows. */
	case REQ(OUT_DEVICE, USB_REQ_SET_ADDRESS):
	case REQ(OUT_DEVICE, USB_REQ_SET_SEL):
	case REQ(OUT_DEVICE, USB_REQ_SET_ISOCH_DELAY):
		return USBFS_SWALLOW;
	default:
		return USBFS_PASS;
	}
}

static int slow_interface(struct usbfs *b, unsigned int interface, unsigned int setting)
{
	struct usbdevfs_setinterface arg = { interface, setting };
	int err = usbfs_ioctl(b, USBDEVFS_SETINTERFACE, &arg);

	if (err || interface > 31)
		return err;
	pthread_mutex_lock(&b->lock);
	b->alts &= ~(1u << interface);
	if (setting)
		b->alts |= 1u << interface;
	pthread_mutex_unlock(&b->lock);
	return 0;
}

/* The same configuration again: all that changes are the settings. */
static int slow_settings(struct usbfs *b, uint32_t alts)
{
	int err = 0;

	for (unsigned int i = 0; i < 32 && !err; i++)
		if (alts >> i & 1)
			err = slow_interface(b, i, 0);
	return err;
}

static int slow_configuration(struct usbfs *b, unsigned int value)
{
	uint32_t alts;
	bool same;
	int err;

	pthread_mutex_lock(&b->lock);
	same = value == b->configuration;
	alts = b->alts;
	pthread_mutex_unlock(&b->lock);
	if (same)
		return slow_settings(b, alts);
	usbfs_release(b);		/* or the host refuses */
	err = usbfs_ioctl(b, USBDEVFS_SETCONFIGURATION, &value);
	pthread_mutex_lock(&b->lock);
	if (!err) {
		b->configuration = value;
		b->alts = 0;
	}
	value = b->configuration;
	pthread_mutex_unlock(&b->lock);
	if (!err)
		return usbfs_claim(b, usbfs_interfaces_of(b, value), NULL);
	usbfs_claim(b, usbfs_interfaces_of(b, value), NULL);
	return err;
}

static int slow_request(struct usbfs *b, const struct setup *s)
{
	unsigned int ep = s->index & 0xff;

	switch (s->what) {
	case REQ(OUT_DEVICE, USB_REQ_SET_CONFIGURATION):
		return slow_configuration(b, s->value);
	case REQ(OUT_INTERFACE, USB_REQ_SET_INTERFACE):
		return slow_interface(b, s->index, s->value);
	default:
		return usbfs_ioctl(b, USBDEVFS_CLEAR_HALT, &ep);
	}
}

/* What the host refuses, the device would stall. */
static int slow_status(int err)
{
	switch (err) {
	case -EINVAL:
	case -ENOENT:
	case -EBUSY:
	case -EACCES:
		return -EPIPE;
	case -ENODEV:
		return -ESHUTDOWN;
	default:
		return err;
	}
}

/* With the lock held, which it drops for a while. */
static void slow_begin(struct usbfs *b)
{
	while (b->n_issuing)
		pthread_cond_wait(&b->changed, &b->lock);
}

static void slow_finish(struct usbfs *b)
{
	if (!--b->n_slow)
		usbfs_issue_all(b);
	usbfs_complete_ended(b);
}

static void slow_lost(struct usbfs *b, int err)
{
	if (err != -ENODEV)
		return;
	b->lost = true;
	usbfs_wake_reaper(b);
}

static struct usbfs_xfer *xfer_from_work(struct work *work)
{
	return (struct usbfs_xfer *)((char *)work - offsetof(struct usbfs_xfer, work));
}

static void slow_work(struct work *work)
{
	struct usbfs_xfer *x = xfer_from_work(work);
	struct usbfs *b = x->b;
	struct setup s = setup_of(x->urb);
	int err;

	pthread_mutex_lock(&b->lock);
	slow_begin(b);
	err = b->gone || b->lost ? -ENODEV : 0;
	pthread_mutex_unlock(&b->lock);
	if (!err)
		err = slow_request(b, &s);
	pthread_mutex_lock(&b->lock);
	slow_lost(b, err);
	usbfs_end(b, x, slow_status(err));
	slow_finish(b);
	pthread_mutex_unlock(&b->lock);
}

/* The worker has its thread since the first submit, so it takes all work. */
void usbfs_slow_start(struct usbfs_xfer *x)
{
	x->b->n_slow++;
	x->work.fn = slow_work;
	worker_submit(x->b->worker, &x->work);
}

/* ---- discard ---- */

/* EINVAL: it was reaped meanwhile. x stays until its last hold is dropped. */
static void discard(struct usbfs *b, struct usbfs_xfer *x)
{
	pthread_mutex_unlock(&b->lock);
	usbfs_ioctl(b, USBDEVFS_DISCARDURB, &x->kurb);
	pthread_mutex_lock(&b->lock);
	usbfs_xfer_put(x);
}

static void discard_work(struct work *work)
{
	struct usbfs_xfer *x = xfer_from_work(work);
	struct usbfs *b = x->b;

	pthread_mutex_lock(&b->lock);
	if (x->over)
		usbfs_xfer_put(x);
	else
		discard(b, x);
	pthread_mutex_unlock(&b->lock);
}

void usbfs_discard_start(struct usbfs_xfer *x)
{
	x->holds++;
	x->work.fn = discard_work;
	worker_submit(x->b->worker, &x->work);
}

void usbfs_discard_here(struct usbfs_xfer *x)
{
	struct usbfs *b = x->b;

	x->holds++;
	discard(b, x);
	usbfs_reap_here(b);
}

static struct usbfs_xfer *next_to_discard(struct usbfs *b)
{
	for (unsigned int i = 0; i < USBFS_EPS; i++)
		for (struct usbfs_xfer *x = b->eps[i].first; x; x = x->next)
			if (x->state == XFER_FLYING && !x->discarded)
				return x;
	return NULL;
}

void usbfs_discard_all(struct usbfs *b)
{
	struct usbfs_xfer *x;

	slow_begin(b);
	while ((x = next_to_discard(b))) {
		x->discarded = true;
		x->holds++;
		discard(b, x);
	}
	while (b->n_held || b->n_completing)
		pthread_cond_wait(&b->changed, &b->lock);
}

/* ---- reset ---- */

struct usbfs_reset {
	struct work work;	/* first */
	struct usbfs *b;
	void (*done)(void *ctx, int status);
	void *ctx;
};

/*
 * The host would take claimed interfaces away from us and give them to its drivers
 * after a reset, but leaves alone those without an owner.
 */
static int reset_device(struct usbfs *b)
{
	/* Not b->claimed: a reset before may have failed to take them again. */
	uint32_t interfaces = usbfs_interfaces_of(b, b->configuration);
	int err, again;

	usbfs_release(b);
	err = usbfs_ioctl(b, USBDEVFS_RESET, NULL);
	again = err == -ENODEV ? 0 : usbfs_claim(b, interfaces, NULL);
	if ((err && err != -ENODEV) || again)
		log_warn("usbfs: reset: %d, taking the interfaces again: %d", err, again);
	return err ? err : again;
}

static void reset_work(struct work *work)
{
	struct usbfs_reset *r = (struct usbfs_reset *)work;
	struct usbfs *b = r->b;
	int err;

	pthread_mutex_lock(&b->lock);
	usbfs_discard_all(b);
	err = b->gone || b->lost ? -ENODEV : 0;
	pthread_mutex_unlock(&b->lock);
	if (!err)
		err = reset_device(b);
	pthread_mutex_lock(&b->lock);
	b->dirty = err;		/* the next one is no luxury then */
	slow_lost(b, err);
	pthread_mutex_unlock(&b->lock);
	r->done(r->ctx, err);
	pthread_mutex_lock(&b->lock);
	slow_finish(b);
	pthread_mutex_unlock(&b->lock);
	free(r);
}

int usbfs_reset_start(struct usbfs *b, void (*done)(void *ctx, int status), void *ctx)
{
	struct usbfs_reset *r = malloc(sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct usbfs_reset) {
		.work.fn = reset_work, .b = b, .done = done, .ctx = ctx,
	};
	b->n_slow++;
	worker_submit(b->worker, &r->work);
	return 0;
}
