/* SPDX-License-Identifier: GPL-2.0-only */
/* usbfs_fixture.h - the usbfs backend over a scripted usbfs, and its transfers. */
#ifndef USBFS_FIXTURE_H
#define USBFS_FIXTURE_H

#include "usbfs_fake.h"

#include <stdatomic.h>
#include <time.h>

#include "log.h"

#define EP_IN		1
#define EP_OUT		2
#define MIB		(1u << 20)

struct fixture {
	struct fake fake;
	struct usbfs_config config;
	struct usb_backend *b;
	_Atomic int n_gone, n_port_gone;
};

struct xfer {
	struct usb_urb urb;		/* first */
	struct iovec iov[8];
	_Atomic int n_done;
};

/* ---- helpers ---- */

static inline void on_gone(void *ctx)
{
	((struct fixture *)ctx)->n_gone++;
}

static inline void on_port_gone(void *ctx)
{
	((struct fixture *)ctx)->n_port_gone++;
}

static const struct usb_backend_events port_events = { .gone = on_port_gone };

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	fake_init(&f->fake);
	f->config = (struct usbfs_config) {
		.fd = FAKE_FD,
		.give_back_fd = -1,
		.interface_class = 8,
		.host = &fake_ops,
		.host_ctx = &f->fake,
		.gone = on_gone,
		.gone_ctx = f,
	};
	*state = f;
	return 0;
}

static inline int try_open(struct fixture *f)
{
	char driver[USBFS_DRIVER_NAME];

	return usbfs_backend_new(&f->config, &f->b, driver);
}

static inline int setup_open(void **state)
{
	struct fixture *f;

	setup(state);
	f = *state;
	if (try_open(f))
		return -1;
	f->b->events = &port_events;
	f->b->events_ctx = f;
	return 0;
}

static inline void close_backend(struct fixture *f)
{
	if (f->b)
		f->b->ops->close(f->b);
	f->b = NULL;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	close_backend(f);
	fake_destroy(&f->fake);
	free(f);
	return 0;
}

static inline void complete(struct usb_urb *urb)
{
	((struct xfer *)urb)->n_done++;
}

static inline void init_xfer(struct xfer *x, uint8_t ep, bool in, void *buf, uint32_t len)
{
	memset(x, 0, sizeof(*x));
	x->iov[0] = (struct iovec) { buf, len };
	x->urb = (struct usb_urb) {
		.ep = ep, .in = in, .length = len, .iov = x->iov, .n_iov = 1,
		.complete = complete, .status = 12345,
	};
}

static inline void init_control(struct xfer *x, const uint8_t setup[8], void *buf)
{
	init_xfer(x, 0, setup[0] & 0x80, buf, setup[6] | setup[7] << 8);
	memcpy(x->urb.setup, setup, 8);
}

static inline void submit(struct fixture *f, struct xfer *x)
{
	assert_int_equal(f->b->ops->submit(f->b, &x->urb), 0);
}

static inline int wait_xfer(struct xfer *x)
{
	for (int i = 0; i < 50000 && !x->n_done; i++)
		usleep(100);
	assert_int_equal(x->n_done, 1);
	return x->urb.status;
}

static inline int run(struct fixture *f, struct xfer *x)
{
	submit(f, x);
	return wait_xfer(x);
}

static inline int run_control(struct fixture *f, const uint8_t setup[8], void *buf)
{
	struct xfer x;

	init_control(&x, setup, buf);
	return run(f, &x);
}

static inline int run_bulk(struct fixture *f)
{
	uint8_t buf[31] = "USBC";
	struct xfer x;

	init_xfer(&x, EP_OUT, false, buf, sizeof(buf));
	return run(f, &x);
}

/* Letters of the fake's log, the DISCARDURBs aside. */
static inline const char *events(struct fixture *f)
{
	static char text[FAKE_LOG];
	unsigned int n = 0;

	pthread_mutex_lock(&f->fake.lock);
	for (unsigned int i = 0; i < f->fake.n_log; i++)
		if (f->fake.log[i] != 'd')
			text[n++] = f->fake.log[i];
	text[n] = 0;
	pthread_mutex_unlock(&f->fake.lock);
	return text;
}

struct reset {
	_Atomic int n_done;
	int status;
};

static inline void reset_done(void *ctx, int status)
{
	struct reset *r = ctx;

	r->status = status;
	r->n_done++;
}

static inline int wait_reset(struct reset *r)
{
	for (int i = 0; i < 50000 && !r->n_done; i++)
		usleep(100);
	assert_int_equal(r->n_done, 1);
	return r->status;
}

static inline int reset(struct fixture *f)
{
	struct reset r = { 0 };

	f->b->ops->reset(f->b, reset_done, &r);
	return wait_reset(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_OPEN(name) cmocka_unit_test_setup_teardown(name, setup_open, teardown)

#endif
