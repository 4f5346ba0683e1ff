// SPDX-License-Identifier: GPL-2.0-only
/* Descriptors of a device, asked for as any host would. All of it is the device's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/usb/ch9.h>

#include "server_i.h"

#define CONFIG_MAX	4096u
#define REQUEST_TIMEOUT_S	5

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
	int status;
};

static void waiter_init(struct waiter *w)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->cond, &attr);
	pthread_condattr_destroy(&attr);
	w->done = false;
}

static void waiter_done(void *ctx, int status)
{
	struct waiter *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->status = status;
	w->done = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

/* Within seconds, 0 = whenever. */
static bool waiter_wait(struct waiter *w, int seconds)
{
	struct timespec until;
	bool done;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	pthread_mutex_lock(&w->lock);
	while (!w->done)
		if (!seconds)
			pthread_cond_wait(&w->cond, &w->lock);
		else if (pthread_cond_timedwait(&w->cond, &w->lock, &until) == ETIMEDOUT)
			break;
	done = w->done;
	pthread_mutex_unlock(&w->lock);
	return done;
}

static void waiter_destroy(struct waiter *w)
{
	pthread_cond_destroy(&w->cond);
	pthread_mutex_destroy(&w->lock);
}

static void request_complete(struct usb_urb *urb)
{
	waiter_done(urb->submitter, urb->status);
}

/* GET_DESCRIPTOR: bytes, or -errno. */
static int get_descriptor(struct usb_backend *backend, uint8_t type, void *buf, uint16_t len)
{
	struct iovec iov = { buf, len };
	struct waiter w;
	struct usb_urb urb = {
		.in = true,
		.flags = USB_URB_DIR_IN,
		.length = len,
		.setup = { USB_DIR_IN, USB_REQ_GET_DESCRIPTOR, 0, type, 0, 0, len, len >> 8 },
		.iov = &iov,
		.n_iov = 1,
		.complete = request_complete,
		.submitter = &w,
	};
	int err;

	waiter_init(&w);
	err = backend->ops->submit(backend, &urb);
	if (!err && !waiter_wait(&w, REQUEST_TIMEOUT_S)) {
		backend->ops->cancel(backend, &urb);
		waiter_wait(&w, 0);
	}
	if (!err)
		err = w.status;
	waiter_destroy(&w);
	return err ? err : (int)(urb.actual < len ? urb.actual : len);
}

int describe_reset(struct usb_backend *backend)
{
	struct waiter w;
	int err;

	waiter_init(&w);
	backend->ops->reset(backend, waiter_done, &w);
	waiter_wait(&w, 0);
	err = w.status;
	waiter_destroy(&w);
	return err;
}

static int read_device(struct usb_backend *backend, struct usbip_device *d)
{
	uint8_t desc[USB_DT_DEVICE_SIZE];
	int n = get_descriptor(backend, USB_DT_DEVICE, desc, sizeof(desc));

	if (n < 0)
		return n;
	if (n != USB_DT_DEVICE_SIZE || desc[0] < USB_DT_DEVICE_SIZE || desc[1] != USB_DT_DEVICE)
		return -EPROTO;
	d->class = desc[4];
	d->subclass = desc[5];
	d->protocol = desc[6];
	d->vendor = desc[8] | desc[9] << 8;
	d->product = desc[10] | desc[11] << 8;
	d->bcd = desc[12] | desc[13] << 8;
	d->n_configurations = desc[17];
	return 0;
}

/* The default setting of each interface, in the order of the descriptors. */
static void find_interfaces(const uint8_t *desc, unsigned int len, struct usbip_device *d,
			    struct usbip_interface *interfaces)
{
	for (unsigned int i = 0; i + 2 <= len && desc[i] >= 2; i += desc[i]) {
		const uint8_t *p = desc + i;

		if (p[1] != USB_DT_INTERFACE || p[0] < USB_DT_INTERFACE_SIZE ||
		    i + USB_DT_INTERFACE_SIZE > len || p[3])
			continue;
		if (d->n_interfaces == USBIP_MAX_INTERFACES)
			return;
		interfaces[d->n_interfaces++] = (struct usbip_interface) { p[5], p[6], p[7] };
	}
}

static int read_configuration(struct usb_backend *backend, struct usbip_device *d,
			      struct usbip_interface *interfaces)
{
	uint8_t *desc = calloc(1, CONFIG_MAX);
	int n = -ENOMEM;

	if (desc)
		n = get_descriptor(backend, USB_DT_CONFIG, desc, CONFIG_MAX);
	if (n >= 0 && (n < USB_DT_CONFIG_SIZE || desc[1] != USB_DT_CONFIG))
		n = -EPROTO;
	if (n >= 0) {
		d->configuration = desc[5];
		d->n_interfaces = 0;
		find_interfaces(desc, n, d, interfaces);
	}
	free(desc);
	return n < 0 ? n : 0;
}

int describe(struct usb_backend *backend, struct usbip_device *device,
	     struct usbip_interface interfaces[USBIP_MAX_INTERFACES])
{
	int err = describe_reset(backend);

	if (!err)
		err = read_device(backend, device);
	if (!err)
		err = read_configuration(backend, device, interfaces);
	device->speed = backend->speed;
	return err;
}
