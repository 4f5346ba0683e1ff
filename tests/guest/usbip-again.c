// SPDX-License-Identifier: GPL-2.0-only
/*
 * usbip-again SOURCE: imports a device as vhost-user-usb does, again whenever it was lost.
 * Asks each what it is and prints "NUMBER VENDOR:PRODUCT", and "NUMBER lost" if the one before
 * answers no more then. Until it is killed.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "reimport.h"

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct usb_backend *next;	/* plugged, and not seen by main yet */
	bool ended;
} s = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, false };

static int connect_source(void *source, int *ret_fd, const char **ret_why)
{
	return usbip_source_connect(source, ret_fd, ret_why);
}

static void on_plug(void *ctx, struct usb_backend *backend)
{
	pthread_mutex_lock(&s.lock);
	s.next = backend;
	pthread_cond_broadcast(&s.changed);
	pthread_mutex_unlock(&s.lock);
}

static void on_complete(struct usb_urb *urb)
{
	pthread_mutex_lock(&s.lock);
	s.ended = true;
	pthread_cond_broadcast(&s.changed);
	pthread_mutex_unlock(&s.lock);
}

/* Its device descriptor. 0 or -errno. */
static int describe(struct usb_backend *b, uint8_t *desc)
{
	struct iovec iov = { desc, 18 };
	struct usb_urb urb = {
		.in = true, .length = 18, .setup = { 0x80, 6, 0, 1, 0, 0, 18, 0 },
		.iov = &iov, .n_iov = 1, .complete = on_complete,
	};
	int err = b->ops->submit(b, &urb);

	if (err)
		return err;
	pthread_mutex_lock(&s.lock);
	while (!s.ended)
		pthread_cond_wait(&s.changed, &s.lock);
	s.ended = false;
	pthread_mutex_unlock(&s.lock);
	return urb.status;
}

static struct usb_backend *wait_next(void)
{
	struct usb_backend *b;

	pthread_mutex_lock(&s.lock);
	while (!s.next)
		pthread_cond_wait(&s.changed, &s.lock);
	b = s.next;
	s.next = NULL;
	pthread_mutex_unlock(&s.lock);
	return b;
}

int main(int argc, char **argv)
{
	struct reimport_config config = {
		.connect = connect_source, .plug = on_plug, .ctx = &config.source,
	};
	struct usb_backend *b, *next;
	struct reimport *r;
	const char *why = "bad source";
	uint8_t desc[18];

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2 || !usbip_source_parse(argv[1], &config.source) ||
	    reimport_new(&config, &r) || reimport_now(r, &b, &why)) {
		fprintf(stderr, "usbip-again: %s\n", why);
		return 1;
	}
	for (unsigned int i = 1;; i++) {
		int err = describe(b, desc);

		if (err) {
			fprintf(stderr, "usbip-again: %s\n", strerror(-err));
			return 1;
		}
		printf("%u %02x%02x:%02x%02x\n", i, desc[9], desc[8], desc[11], desc[10]);
		next = wait_next();
		if (describe(b, desc) == 0)
			return 1;
		printf("%u lost\n", i);
		b->ops->close(b);
		b = next;
	}
}
