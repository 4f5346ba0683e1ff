// SPDX-License-Identifier: GPL-2.0-only
/* The USB/IP client as a USB backend: operations, life. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/usb/ch9.h>

#include "client_i.h"
#include "thread.h"

/* Of the path to the device, which only the peer knows. */
static bool is_of_path(const struct usb_urb *urb)
{
	return !urb->ep && !urb->setup[0] &&
	       (urb->setup[1] == USB_REQ_SET_ADDRESS || urb->setup[1] == USB_REQ_SET_SEL ||
		urb->setup[1] == USB_REQ_SET_ISOCH_DELAY);
}

static int start_thread(struct client *b)
{
	int err = b->started ? 0 : thread_start(&b->thread, client_main, b);

	b->started = !err;
	return err;
}

static int client_submit(struct usb_backend *base, struct usb_urb *urb)
{
	struct client *b = client_from_base(base);
	struct client_xfer *x;
	int err;

	if (urb->stream_id)
		return -EINVAL;
	if (is_of_path(urb)) {
		urb->status = 0;
		urb->actual = urb->length;
		urb->complete(urb);
		return 0;
	}
	x = client_xfer_new(urb);
	if (!x)
		return -ENOMEM;
	pthread_mutex_lock(&b->lock);
	err = b->lost || b->gone || b->closing ? -ESHUTDOWN : start_thread(b);
	if (!err)
		client_xfer_start(b, x);
	pthread_mutex_unlock(&b->lock);
	if (err)
		free(x);
	return err;
}

static void client_cancel(struct usb_backend *base, struct usb_urb *urb)
{
	struct client *b = client_from_base(base);
	struct client_xfer *x;

	pthread_mutex_lock(&b->lock);
	x = client_find_urb(b, urb);
	if (x)
		client_xfer_cancel(b, x, -ECONNRESET);
	client_complete_ended(b);
	pthread_mutex_unlock(&b->lock);
}

static void cancel_all(struct client *b)
{
	struct client_xfer *x, *next;

	for (x = b->first; x; x = next) {
		next = x->next;
		client_xfer_cancel(b, x, -ECONNRESET);
	}
}

static void client_reset(struct usb_backend *base, void (*done)(void *ctx, int status),
			 void *ctx)
{
	struct client *b = client_from_base(base);
	struct client_reset *r = malloc(sizeof(*r));

	if (!r) {
		done(ctx, -ENOMEM);
		return;
	}
	*r = (struct client_reset) { .done = done, .ctx = ctx };
	pthread_mutex_lock(&b->lock);
	r->next = b->resets;
	b->resets = r;
	cancel_all(b);
	client_complete_ended(b);
	pthread_mutex_unlock(&b->lock);
}

static void client_close(struct usb_backend *base)
{
	struct client *b = client_from_base(base);
	bool started;

	pthread_mutex_lock(&b->lock);
	b->closing = true;
	b->stop = true;
	started = b->started;
	client_wake(b);
	pthread_mutex_unlock(&b->lock);
	if (started)
		pthread_join(b->thread, NULL);
	pthread_mutex_lock(&b->lock);
	client_end_all(b, -ESHUTDOWN);
	client_complete_ended(b);
	while (b->n_completing)
		pthread_cond_wait(&b->changed, &b->lock);
	client_complete_ended(b);	/* resets waited for others' completions */
	pthread_mutex_unlock(&b->lock);
	close(b->config.fd);
	close(b->wake);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

static const struct usb_backend_ops client_ops = {
	.name = "usbip",
	.submit = client_submit,
	.cancel = client_cancel,
	.reset = client_reset,
	.close = client_close,
};

int usbip_backend_new(const struct usbip_backend_config *config,
		      struct usb_backend **ret_backend)
{
	struct client *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (b->wake < 0) {
		int err = -errno;

		free(b);
		return err;
	}
	b->base.ops = &client_ops;
	b->base.speed = config->device->speed;
	b->config = *config;
	b->config.device = NULL;	/* the caller's */
	b->devid = config->device->busnum << 16 | config->device->devnum;
	b->last_unlink = &b->unlinks;
	b->ended_last = &b->ended;
	usbip_msg_queue_init(&b->out);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	usbip_tune(config->fd);
	*ret_backend = &b->base;
	return 0;
}
