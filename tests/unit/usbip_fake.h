/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usbip_fake.h - a USB device for the USB/IP server's tests: descriptors, bulk IN on 1,
 * bulk OUT on 2, interrupt IN on 3, which waits until the test ends it or it is
 * cancelled, isochronous IN on 4, whose packets come half full.
 */
#ifndef USBIP_FAKE_H
#define USBIP_FAKE_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "usb_backend.h"

struct fake {
	struct usb_backend base;	/* first */
	pthread_mutex_t lock;		/* protects waiting, out */
	struct usb_urb *waiting;
	bool broken;			/* has no descriptors */
	_Atomic int n_submits, n_waiting, n_resets, n_closed;
	uint8_t out[64];
	uint32_t out_len;
};

static const uint8_t fake_device_desc[18] = {
	18, 1, 0, 2, 0, 0, 0, 64, 0x34, 0x12, 0x78, 0x56, 0x03, 0x01, 0, 0, 0, 1,
};
static const uint8_t fake_config_desc[] = {
	9, 2, 36, 0, 2, 7, 0, 0x80, 50,
	9, 4, 0, 0, 0, 8, 6, 0x50, 0,
	9, 4, 0, 1, 0, 8, 6, 0x62, 0,
	9, 4, 1, 0, 0, 3, 1, 2, 0,
};

static void fake_end(struct usb_urb *urb, int status, uint32_t actual)
{
	urb->status = status;
	urb->actual = actual;
	urb->complete(urb);
}

static void fake_put(struct usb_urb *urb, const uint8_t *from, uint32_t len)
{
	if (len > urb->length)
		len = urb->length;
	if (len)
		memcpy(urb->iov[0].iov_base, from, len);
	fake_end(urb, 0, len);
}

static void fake_control(struct fake *f, struct usb_urb *urb)
{
	if (f->broken)
		fake_end(urb, -EPIPE, 0);
	else if (urb->in && urb->setup[1] == 6 && urb->setup[3] == 1)
		fake_put(urb, fake_device_desc, sizeof(fake_device_desc));
	else if (urb->in && urb->setup[1] == 6 && urb->setup[3] == 2)
		fake_put(urb, fake_config_desc, sizeof(fake_config_desc));
	else
		fake_end(urb, urb->in ? -EPIPE : 0, 0);
}

static void fake_iso(struct usb_urb *urb)
{
	for (unsigned int i = 0; i < urb->n_iso; i++) {
		struct usb_iso_packet *p = &urb->iso[i];

		p->actual = p->length / 2;
		if (p->actual)
			memset((uint8_t *)urb->iov[0].iov_base + p->offset, 'a' + i,
			       p->actual);
	}
	fake_end(urb, 0, 0);
}

static void fake_wait(struct fake *f, struct usb_urb *urb)
{
	pthread_mutex_lock(&f->lock);
	urb->backend_next = f->waiting;
	f->waiting = urb;
	pthread_mutex_unlock(&f->lock);
	f->n_waiting++;
}

static int fake_submit(struct usb_backend *b, struct usb_urb *urb)
{
	struct fake *f = (struct fake *)b;

	f->n_submits++;
	if (!urb->ep) {
		fake_control(f, urb);
	} else if (urb->n_iso) {
		fake_iso(urb);
	} else if (urb->ep == 3) {
		fake_wait(f, urb);
	} else if (urb->ep == 1) {
		if (urb->n_iov)
			memset(urb->iov[0].iov_base, 0x5a, urb->length);
		fake_end(urb, 0, urb->length);
	} else if (urb->ep == 2) {
		f->out_len = urb->length;
		if (urb->n_iov)
			memcpy(f->out, urb->iov[0].iov_base,
			       urb->length < 64 ? urb->length : 64);
		fake_end(urb, 0, urb->length);
	} else {
		return -ENOENT;
	}
	return 0;
}

/* urb, or the first that waits. */
static bool fake_take(struct fake *f, struct usb_urb *urb, int status)
{
	struct usb_urb **p;

	pthread_mutex_lock(&f->lock);
	for (p = &f->waiting; *p && urb && *p != urb; p = &(*p)->backend_next)
		;
	urb = *p;
	if (urb)
		*p = urb->backend_next;
	pthread_mutex_unlock(&f->lock);
	if (!urb)
		return false;
	f->n_waiting--;
	fake_end(urb, status, status ? 0 : urb->length);
	return true;
}

static void fake_cancel(struct usb_backend *b, struct usb_urb *urb)
{
	fake_take((struct fake *)b, urb, -ECONNRESET);
}

static void fake_reset(struct usb_backend *b, void (*done)(void *ctx, int status), void *ctx)
{
	struct fake *f = (struct fake *)b;

	while (fake_take(f, NULL, -ECONNRESET))
		;
	f->n_resets++;
	done(ctx, 0);
}

static void fake_close(struct usb_backend *b)
{
	((struct fake *)b)->n_closed++;
}

static const struct usb_backend_ops fake_ops = {
	.name = "fake",
	.submit = fake_submit,
	.cancel = fake_cancel,
	.reset = fake_reset,
	.close = fake_close,
};

static void fake_init(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	f->base.ops = &fake_ops;
	f->base.speed = USB_SPEED_HIGH_;
	pthread_mutex_init(&f->lock, NULL);
}

#endif
