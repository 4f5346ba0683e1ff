// SPDX-License-Identifier: GPL-2.0-only
/* The usbfs backend over a scripted usbfs. */
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

static void on_gone(void *ctx)
{
	((struct fixture *)ctx)->n_gone++;
}

static void on_port_gone(void *ctx)
{
	((struct fixture *)ctx)->n_port_gone++;
}

static const struct usb_backend_events port_events = { .gone = on_port_gone };

static int setup(void **state)
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

static int try_open(struct fixture *f)
{
	char driver[USBFS_DRIVER_NAME];

	return usbfs_backend_new(&f->config, &f->b, driver);
}

static int setup_open(void **state)
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

static void close_backend(struct fixture *f)
{
	if (f->b)
		f->b->ops->close(f->b);
	f->b = NULL;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close_backend(f);
	fake_destroy(&f->fake);
	free(f);
	return 0;
}

static void complete(struct usb_urb *urb)
{
	((struct xfer *)urb)->n_done++;
}

static void init_xfer(struct xfer *x, uint8_t ep, bool in, void *buf, uint32_t len)
{
	memset(x, 0, sizeof(*x));
	x->iov[0] = (struct iovec) { buf, len };
	x->urb = (struct usb_urb) {
		.ep = ep, .in = in, .length = len, .iov = x->iov, .n_iov = 1,
		.complete = complete, .status = 12345,
	};
}

static void init_control(struct xfer *x, const uint8_t setup[8], void *buf)
{
	init_xfer(x, 0, setup[0] & 0x80, buf, setup[6] | setup[7] << 8);
	memcpy(x->urb.setup, setup, 8);
}

static void submit(struct fixture *f, struct xfer *x)
{
	assert_int_equal(f->b->ops->submit(f->b, &x->urb), 0);
}

static int wait_xfer(struct xfer *x)
{
	for (int i = 0; i < 50000 && !x->n_done; i++)
		usleep(100);
	assert_int_equal(x->n_done, 1);
	return x->urb.status;
}

static int run(struct fixture *f, struct xfer *x)
{
	submit(f, x);
	return wait_xfer(x);
}

static int run_control(struct fixture *f, const uint8_t setup[8], void *buf)
{
	struct xfer x;

	init_control(&x, setup, buf);
	return run(f, &x);
}

static int run_bulk(struct fixture *f)
{
	uint8_t buf[31] = "USBC";
	struct xfer x;

	init_xfer(&x, EP_OUT, false, buf, sizeof(buf));
	return run(f, &x);
}

/* Letters of the fake's log, the DISCARDURBs aside. */
static const char *events(struct fixture *f)
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

static void reset_done(void *ctx, int status)
{
	struct reset *r = ctx;

	r->status = status;
	r->n_done++;
}

static int wait_reset(struct reset *r)
{
	for (int i = 0; i < 50000 && !r->n_done; i++)
		usleep(100);
	assert_int_equal(r->n_done, 1);
	return r->status;
}

static int reset(struct fixture *f)
{
	struct reset r = { 0 };

	f->b->ops->reset(f->b, reset_done, &r);
	return wait_reset(&r);
}

/* ---- claiming and giving back ---- */

static void claims_then_drops_its_rights(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(try_open(f), 0);
	assert_int_equal(f->b->speed, USB_SPEED_HIGH_);
	assert_string_equal(events(f), "CP");
	close_backend(f);
	assert_string_equal(events(f), "CPR");
	assert_int_equal(f->fake.n_closed, 1);
	assert_false(f->fake.connected_back);
}

static void a_driver_of_the_host_is_not_touched(void **state)
{
	struct fixture *f = *state;
	char driver[USBFS_DRIVER_NAME];

	strcpy(f->fake.driver, "usb-storage");
	assert_int_equal(usbfs_backend_new(&f->config, &f->b, driver), -EBUSY);
	assert_string_equal(driver, "usb-storage");
	assert_string_equal(events(f), "C");
	assert_string_equal(f->fake.driver, "usb-storage");
	assert_int_equal(f->fake.n_closed, 0);
}

static void another_program_keeps_it(void **state)
{
	struct fixture *f = *state;
	char driver[USBFS_DRIVER_NAME];

	f->config.detach = true;
	strcpy(f->fake.driver, "usbfs");
	assert_int_equal(usbfs_backend_new(&f->config, &f->b, driver), -EBUSY);
	assert_string_equal(driver, "usbfs");
	assert_string_equal(events(f), "C");
}

static void a_detached_driver_comes_back(void **state)
{
	struct fixture *f = *state;

	f->config.detach = true;
	f->config.give_back_fd = FAKE_GIVE_FD;
	strcpy(f->fake.driver, "usb-storage");
	assert_int_equal(try_open(f), 0);
	assert_string_equal(events(f), "CDP");
	close_backend(f);
	assert_string_equal(events(f), "CDPRG");
	assert_true(f->fake.connected_back);
	assert_int_equal(f->fake.n_closed, 2);
}

/* Without a second descriptor the rights are needed to give the driver back. */
static void rights_are_kept_for_giving_back(void **state)
{
	struct fixture *f = *state;

	f->config.detach = true;
	strcpy(f->fake.driver, "uas");
	assert_int_equal(try_open(f), 0);
	close_backend(f);
	assert_string_equal(events(f), "CDRG");
	assert_true(f->fake.connected_back);
}

static void others_may_give_back(void **state)
{
	struct fixture *f = *state;

	f->config.detach = true;
	f->config.others_give_back = true;
	strcpy(f->fake.driver, "uas");
	assert_int_equal(try_open(f), 0);
	close_backend(f);
	assert_string_equal(events(f), "CDPR");
}

static void refused_devices(void **state)
{
	struct fixture *f = *state;

	f->config.interface_class = 7;
	assert_int_equal(try_open(f), -ENXIO);
	f->config.interface_class = 8;
	f->fake.fail_request = USBDEVFS_GET_CAPABILITIES;
	f->fake.fail_request_with = -ENOTTY;
	assert_int_equal(try_open(f), -EINVAL);
	f->fake.fail_request_with = -EPERM;
	assert_int_equal(try_open(f), -EACCES);
	f->fake.fail_request = USBDEVFS_DISCONNECT_CLAIM;
	f->fake.fail_request_with = -ENODEV;
	f->config.detach = true;
	strcpy(f->fake.driver, "uas");
	assert_int_equal(try_open(f), -ENODEV);
	f->fake.fail_request = 0;
	f->fake.unplugged = true;
	assert_int_equal(try_open(f), -ENODEV);
	assert_int_equal(f->fake.n_closed, 0);
}

/* Of every length, and with every byte wrong: refused or not, but not misread. */
static void hostile_descriptors(void **state)
{
	struct fixture *f = *state;
	static const uint8_t bytes[] = { 0, 1, 2, 8, 255 };
	int opened = 0;

	for (size_t len = 0; len <= sizeof(fake_descriptors); len++) {
		f->fake.descriptors_len = len;
		opened += !try_open(f);
		close_backend(f);
	}
	f->fake.descriptors_len = sizeof(fake_descriptors);
	for (size_t i = 0; i < sizeof(fake_descriptors); i++)
		for (size_t v = 0; v < sizeof(bytes); v++) {
			f->fake.descriptors[i] = bytes[v];
			opened += !try_open(f);
			close_backend(f);
			f->fake.descriptors[i] = fake_descriptors[i];
		}
	assert_in_range(opened, 30, 1000);
}

/* ---- data ---- */

static void contiguous_data_is_not_copied(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = malloc(MIB);
	struct xfer x;

	f->fake.by_itself = true;
	init_xfer(&x, EP_IN, true, buf, MIB);
	/* Pieces that touch are one. */
	x.iov[0].iov_len = 4096;
	x.iov[1] = (struct iovec) { buf + 4096, 0 };
	x.iov[2] = (struct iovec) { buf + 4096, MIB };
	x.urb.n_iov = 3;
	assert_int_equal(run(f, &x), 0);
	assert_int_equal(x.urb.actual, MIB);
	assert_ptr_equal(f->fake.last_buffer, buf);
	assert_int_equal(f->fake.n_submits, 1);
	for (uint32_t i = 0; i < MIB; i++)
		assert_int_equal(buf[i], fake_byte(i));
	free(buf);
}

static void scattered_data_is_gathered(void **state)
{
	struct fixture *f = *state;
	uint8_t a[3] = { 1, 2, 3 }, b[40], c[5] = { 6, 7, 8, 9, 10 };
	struct xfer x;

	f->fake.by_itself = true;
	init_xfer(&x, EP_OUT, false, a, 8);
	x.iov[0].iov_len = 3;
	x.iov[1] = (struct iovec) { c, 5 };
	x.urb.n_iov = 2;
	assert_int_equal(run(f, &x), 0);
	assert_memory_equal(f->fake.last_out, "\1\2\3\6\7\10\11\12", 8);

	memset(b, 0xee, sizeof(b));
	f->fake.short_after = 6;
	init_xfer(&x, EP_IN, true, a, 8);
	x.iov[0].iov_len = 3;
	x.iov[1] = (struct iovec) { b, 40 };
	x.urb.n_iov = 2;
	assert_int_equal(run(f, &x), 0);
	assert_int_equal(x.urb.actual, 6);
	for (int i = 0; i < 3; i++)
		assert_int_equal(a[i], fake_byte(i));
	for (int i = 0; i < 3; i++)
		assert_int_equal(b[i], fake_byte(3 + i));
	assert_int_equal(b[3], 0xee);
}

static void empty_transfers(void **state)
{
	struct fixture *f = *state;
	struct xfer x;

	f->fake.by_itself = true;
	init_xfer(&x, EP_OUT, false, NULL, 0);
	x.urb.n_iov = 0;
	assert_int_equal(run(f, &x), 0);
	init_xfer(&x, EP_IN, true, NULL, 0);
	assert_int_equal(run(f, &x), 0);
	init_xfer(&x, EP_IN, true, NULL, 0);
	x.urb.n_iso = 1;
	assert_int_equal(f->b->ops->submit(f->b, &x.urb), -EINVAL);
	assert_int_equal(x.n_done, 0);
}

static void control_transfers(void **state)
{
	struct fixture *f = *state;
	static const uint8_t get[8] = { 0x80, 6, 0, 1, 0, 0, 18, 0 };
	static const uint8_t set[8] = { 0x21, 9, 0, 2, 0, 0, 4, 0 };
	uint8_t buf[18];
	struct xfer x;

	f->fake.by_itself = true;
	f->fake.short_after = 8;
	init_control(&x, get, buf);
	assert_int_equal(run(f, &x), 0);
	assert_int_equal(x.urb.actual, 8);
	assert_memory_equal(f->fake.last_setup, get, 8);
	assert_int_equal(buf[7], fake_byte(7));
	memcpy(buf, "wxyz", 4);
	assert_int_equal(run_control(f, set, buf), 0);
	assert_memory_equal(f->fake.last_out, "wxyz", 4);
}

static void statuses(void **state)
{
	struct fixture *f = *state;
	static const int same[] = { -EPIPE, -EPROTO, -EILSEQ, -EOVERFLOW, -ETIME, -ESHUTDOWN };
	uint8_t buf[64];
	struct xfer x;

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		init_xfer(&x, EP_IN, true, buf, 64);
		submit(f, &x);
		fake_end_first(&f->fake, 1, same[i], 13);
		assert_int_equal(wait_xfer(&x), same[i]);
		assert_int_equal(x.urb.actual, 13);
	}
	/* Killed by the host, not by us. */
	init_xfer(&x, EP_IN, true, buf, 64);
	submit(f, &x);
	fake_end_first(&f->fake, 1, -ENOENT, 0);
	assert_int_equal(wait_xfer(&x), -ECONNRESET);
	/* A host that lies about lengths. */
	init_xfer(&x, EP_OUT, false, buf, 64);
	submit(f, &x);
	fake_end_first(&f->fake, 1, 0, 1000);
	assert_int_equal(wait_xfer(&x), 0);
	assert_int_equal(x.urb.actual, 64);
	/* What the host does not take. */
	f->fake.fail_submits = 1;
	f->fake.fail_with = -ENOENT;
	init_xfer(&x, 7, true, buf, 64);
	assert_int_equal(run(f, &x), -ENOENT);
}

static void flags(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[512];
	struct xfer x;

	f->fake.by_itself = true;
	f->fake.short_after = 100;
	init_xfer(&x, EP_IN, true, buf, 512);
	x.urb.flags = USB_URB_SHORT_NOT_OK | USB_URB_DIR_IN | USB_URB_NO_INTERRUPT;
	assert_int_equal(run(f, &x), -EREMOTEIO);
	assert_int_equal(x.urb.actual, 100);
	assert_int_equal(f->fake.last_flags, USBDEVFS_URB_SHORT_NOT_OK);
	init_xfer(&x, EP_OUT, false, buf, 512);
	x.urb.flags = USB_URB_ZERO_PACKET;
	x.urb.stream_id = 5;
	assert_int_equal(run(f, &x), 0);
	assert_int_equal(f->fake.last_flags, USBDEVFS_URB_ZERO_PACKET);
	assert_int_equal(f->fake.last_stream, 5);
}

static void streams(void **state)
{
	struct fixture *f = *state;
	static const uint8_t eps[] = { 0x81, 0x02 };

	assert_int_equal(f->b->ops->alloc_streams(f->b, eps, 2, 16), 16);
	assert_int_equal(f->b->ops->free_streams(f->b, eps, 2), 0);
	assert_string_equal(events(f), "CPAF");
}

/* ---- pieces ---- */

static void without_scatter_lists_there_are_pieces(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = calloc(1, MIB);
	struct xfer x[2];

	f->fake.caps = USBDEVFS_CAP_NO_PACKET_SIZE_LIM;
	assert_int_equal(try_open(f), 0);
	f->fake.by_itself = true;
	init_xfer(&x[0], EP_OUT, false, buf, MIB);
	x[0].urb.flags = USB_URB_ZERO_PACKET;
	assert_int_equal(run(f, &x[0]), 0);
	assert_int_equal(x[0].urb.actual, MIB);
	assert_int_equal(f->fake.n_submits, 16);
	assert_int_equal(f->fake.last_flags, USBDEVFS_URB_ZERO_PACKET);

	/* A short packet ends it, and what follows it gets nothing of it. */
	f->fake.by_itself = false;
	init_xfer(&x[0], EP_IN, true, buf, MIB);
	init_xfer(&x[1], EP_IN, true, buf, 13);
	submit(f, &x[0]);
	submit(f, &x[1]);
	fake_end_first(&f->fake, 1, 0, 64 << 10);
	fake_end_first(&f->fake, 1, 0, 1000);
	assert_int_equal(wait_xfer(&x[0]), 0);
	assert_int_equal(x[0].urb.actual, (64 << 10) + 1000);
	fake_end_first(&f->fake, 1, 0, 13);
	assert_int_equal(wait_xfer(&x[1]), 0);
	assert_int_equal(x[1].urb.actual, 13);
	assert_int_equal(f->fake.max_flying, 1);
	free(buf);
}

static void little_memory_means_pieces(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = malloc(4 * MIB);
	struct xfer x;

	f->fake.by_itself = true;
	f->fake.memory = MIB;
	init_xfer(&x, EP_IN, true, buf, 4 * MIB);
	assert_int_equal(run(f, &x), 0);
	assert_int_equal(x.urb.actual, 4 * MIB);
	f->fake.memory = 20000;
	init_xfer(&x, EP_OUT, false, buf, MIB);
	assert_int_equal(run(f, &x), 0);
	assert_int_equal(x.urb.actual, MIB);
	free(buf);
}

/* Queue depth 32 of 1 MiB over 1 MiB of the host's: slow, but no errors. */
static void deep_queues_over_little_memory(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = malloc(MIB);
	struct xfer x[32];

	f->fake.by_itself = true;
	f->fake.memory = MIB;
	for (int i = 0; i < 32; i++) {
		init_xfer(&x[i], i & 1 ? EP_IN : EP_OUT, i & 1, buf, MIB);
		submit(f, &x[i]);
	}
	for (int i = 0; i < 32; i++) {
		assert_int_equal(wait_xfer(&x[i]), 0);
		assert_int_equal(x[i].urb.actual, MIB);
	}
	free(buf);
}

/* Others use it up: nothing of ours is in flight whose end would free some. */
static void no_memory_is_waited_for(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[512];
	struct xfer x, y;

	f->fake.by_itself = true;
	f->fake.fail_submits = 5;
	f->fake.fail_with = -ENOMEM;
	init_xfer(&x, EP_OUT, false, buf, 31);
	init_xfer(&y, EP_OUT, false, buf, 512);
	submit(f, &x);
	submit(f, &y);
	assert_int_equal(wait_xfer(&x), 0);
	assert_int_equal(wait_xfer(&y), 0);
	/* One that waits can be cancelled. */
	f->fake.fail_submits = 1000000;
	init_xfer(&x, EP_OUT, false, buf, 31);
	submit(f, &x);
	f->b->ops->cancel(f->b, &x.urb);
	assert_int_equal(wait_xfer(&x), -ECONNRESET);
	init_xfer(&x, EP_OUT, false, buf, 31);
	submit(f, &x);
	close_backend(f);
	assert_int_equal(wait_xfer(&x), -ESHUTDOWN);
}

static void a_cancel_between_pieces(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = malloc(MIB);
	struct xfer x;

	f->fake.caps = 0;
	assert_int_equal(try_open(f), 0);
	init_xfer(&x, EP_IN, true, buf, MIB);
	submit(f, &x);
	fake_end_first(&f->fake, 1, 0, 16 << 10);
	fake_wait_flying(&f->fake, 1);
	f->b->ops->cancel(f->b, &x.urb);
	assert_int_equal(wait_xfer(&x), -ECONNRESET);
	assert_int_equal(x.urb.actual, 16 << 10);
	free(buf);
}

static void streams_do_not_wait_for_each_other(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = malloc(MIB);
	struct xfer x, y;

	f->fake.caps = 0;
	assert_int_equal(try_open(f), 0);
	init_xfer(&x, EP_IN, true, buf, MIB);
	x.urb.stream_id = 1;
	init_xfer(&y, EP_IN, true, buf, 512);
	y.urb.stream_id = 2;
	submit(f, &x);
	submit(f, &y);
	fake_wait_flying(&f->fake, 2);
	close_backend(f);
	assert_int_equal(wait_xfer(&x), -ESHUTDOWN);
	assert_int_equal(wait_xfer(&y), -ESHUTDOWN);
	free(buf);
}

/* ---- requests that the host has to know of ---- */

static void requests_become_ioctls(void **state)
{
	struct fixture *f = *state;
	static const uint8_t set_configuration[8] = { 0, 9, 1 };
	static const uint8_t set_configuration_2[8] = { 0, 9, 2 };
	static const uint8_t unconfigure[8] = { 0, 9, 0 };
	static const uint8_t set_interface[8] = { 1, 11, 1 };
	static const uint8_t clear_halt[8] = { 2, 1, 0, 0, 0x81 };
	static const uint8_t set_isoch_delay[8] = { 0, 0x31, 40 };

	assert_int_equal(run_control(f, set_configuration, NULL), 0);
	assert_int_equal(run_control(f, unconfigure, NULL), 0);
	assert_int_equal(run_control(f, set_isoch_delay, NULL), 0);
	assert_string_equal(events(f), "CP");
	assert_int_equal(run_control(f, set_interface, NULL), 0);
	assert_int_equal(run_control(f, clear_halt, NULL), 0);
	assert_string_equal(events(f), "CPIH");
	/* The same configuration again: the setting goes back to 0, once. */
	assert_int_equal(run_control(f, set_configuration, NULL), 0);
	assert_int_equal(run_control(f, set_configuration, NULL), 0);
	assert_string_equal(events(f), "CPIHI");
	assert_int_equal(run_control(f, set_configuration_2, NULL), 0);
	assert_string_equal(events(f), "CPIHIRSC");
	assert_int_equal(run_control(f, set_configuration_2, NULL), 0);
	assert_int_equal(f->fake.n_submits, 0);
	f->fake.fail_request = USBDEVFS_CLEAR_HALT;
	f->fake.fail_request_with = -EINVAL;
	assert_int_equal(run_control(f, clear_halt, NULL), -EPIPE);
	f->fake.fail_request = USBDEVFS_SETCONFIGURATION;
	assert_int_equal(run_control(f, set_configuration, NULL), -EPIPE);
	assert_true(f->fake.claimed);
}

/* submit never waits for the host's lock on the device. */
static void nothing_is_submitted_meanwhile(void **state)
{
	struct fixture *f = *state;
	static const uint8_t clear_halt[8] = { 2, 1, 0, 0, 0x81 };
	struct timespec before, after;
	uint8_t buf[64];
	struct xfer x, y;

	f->fake.slow_us = 300000;
	f->fake.by_itself = true;
	init_control(&x, clear_halt, NULL);
	submit(f, &x);
	clock_gettime(CLOCK_MONOTONIC, &before);
	init_xfer(&y, EP_IN, true, buf, 64);
	submit(f, &y);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_int_equal(x.n_done + y.n_done, 0);
	assert_in_range(after.tv_sec - before.tv_sec, 0, 1);
	assert_int_equal(wait_xfer(&x), 0);
	assert_int_equal(wait_xfer(&y), 0);
	assert_false(fake_was_disturbed(&f->fake));
}

/* ---- cancel ---- */

static void cancel_ends_what_is_in_flight(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[64];
	struct xfer x;

	init_xfer(&x, EP_IN, true, buf, 64);
	submit(f, &x);
	f->b->ops->cancel(f->b, &x.urb);
	f->b->ops->cancel(f->b, &x.urb);
	assert_int_equal(wait_xfer(&x), -ECONNRESET);
	f->b->ops->cancel(f->b, &x.urb);
	assert_int_equal(x.n_done, 1);
}

static void data_beats_a_cancel(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[64];
	struct xfer x;
	int won = 0;

	for (int i = 0; i < 2000; i++) {
		init_xfer(&x, EP_IN, true, buf, 64);
		submit(f, &x);
		pthread_mutex_lock(&f->fake.lock);
		if (f->fake.flying)
			fake_end(&f->fake, f->fake.flying, 0, 64);
		pthread_mutex_unlock(&f->fake.lock);
		f->b->ops->cancel(f->b, &x.urb);
		won += wait_xfer(&x) == 0;
		assert_int_equal(x.urb.actual, 64);
	}
	assert_int_equal(won, 2000);
}

/* ---- reset ---- */

static void the_first_reset_is_skipped(void **state)
{
	struct fixture *f = *state;
	static const uint8_t get[8] = { 0x80, 6, 0, 1, 0, 0, 8, 0 };
	uint8_t buf[8];

	f->fake.by_itself = true;
	assert_int_equal(reset(f), 0);
	assert_int_equal(run_control(f, get, buf), 0);
	assert_int_equal(reset(f), 0);
	assert_string_equal(events(f), "CP");
	assert_int_equal(run_bulk(f), 0);
	assert_int_equal(reset(f), 0);
	assert_string_equal(events(f), "CPRXC");
	assert_int_equal(reset(f), 0);
	assert_string_equal(events(f), "CPRXC");
}

static void reset_ends_what_is_in_flight_first(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[64];
	struct xfer x[8], y;
	struct reset r = { 0 };

	f->fake.slow_us = 200000;
	for (int i = 0; i < 8; i++) {
		init_xfer(&x[i], EP_IN, true, buf, 64);
		submit(f, &x[i]);
	}
	f->b->ops->reset(f->b, reset_done, &r);
	init_xfer(&y, EP_OUT, false, buf, 64);
	submit(f, &y);
	assert_int_equal(wait_reset(&r), 0);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(x[i].n_done, 1);
		assert_int_equal(x[i].urb.status, -ECONNRESET);
	}
	assert_false(fake_was_disturbed(&f->fake));
	/* What came during the reset goes on after it. */
	fake_end_first(&f->fake, 1, 0, 64);
	assert_int_equal(wait_xfer(&y), 0);
	assert_string_equal(events(f), "CPRXC");
}

static void failing_resets(void **state)
{
	struct fixture *f = *state;

	f->fake.by_itself = true;
	assert_int_equal(run_bulk(f), 0);
	f->fake.fail_request = USBDEVFS_RESET;
	f->fake.fail_request_with = -EIO;
	assert_int_equal(reset(f), -EIO);
	assert_true(f->fake.claimed);
	assert_int_equal(run_bulk(f), 0);
	f->fake.fail_request = USBDEVFS_CLAIMINTERFACE;
	f->fake.fail_request_with = -EBUSY;
	assert_int_equal(reset(f), -EBUSY);
	assert_int_equal(f->n_gone, 0);
}

static void a_device_that_is_another_after_its_reset_is_gone(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[64];
	struct xfer x;

	f->fake.by_itself = true;
	assert_int_equal(run_bulk(f), 0);
	f->fake.fail_request = USBDEVFS_RESET;
	f->fake.fail_request_with = -ENODEV;
	assert_int_equal(reset(f), -ENODEV);
	for (int i = 0; i < 50000 && !f->n_gone; i++)
		usleep(100);
	assert_int_equal(f->n_gone, 1);
	assert_int_equal(f->n_port_gone, 1);
	init_xfer(&x, EP_IN, true, buf, 64);
	assert_int_equal(f->b->ops->submit(f->b, &x.urb), -ESHUTDOWN);
	assert_int_equal(reset(f), -ENODEV);
	assert_int_equal(x.n_done, 0);
}

/* ---- unplug ---- */

static void unplug_ends_everything_once(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[64];
	struct xfer x[16];

	for (int i = 0; i < 16; i++) {
		init_xfer(&x[i], i & 1 ? EP_IN : EP_OUT, i & 1, buf, 64);
		submit(f, &x[i]);
	}
	/* What completed before is not lost. */
	pthread_mutex_lock(&f->fake.lock);
	fake_end(&f->fake, f->fake.flying, 0, 64);
	fake_unplug_locked(&f->fake);
	pthread_mutex_unlock(&f->fake.lock);
	assert_int_equal(wait_xfer(&x[0]), 0);
	for (int i = 1; i < 16; i++)
		assert_int_equal(wait_xfer(&x[i]), -ESHUTDOWN);
	for (int i = 0; i < 50000 && !f->n_gone; i++)
		usleep(100);
	assert_int_equal(f->n_gone, 1);
	assert_int_equal(f->n_port_gone, 1);
}

/* A bit of everything; every URB that submit took ends once. */
static void scenario(struct fixture *f, uint8_t *buf)
{
	static const uint8_t get[8] = { 0x80, 6, 0, 1, 0, 0, 18, 0 };
	static const uint8_t set_interface[8] = { 1, 11, 1 };
	static const uint8_t clear_halt[8] = { 2, 1, 0, 0, 0x81 };
	struct reset r[2] = { 0 };
	bool taken[12];
	struct xfer x[12];
	int n = 0;

	init_control(&x[n++], get, buf);
	init_xfer(&x[n++], EP_OUT, false, buf, 31);
	init_xfer(&x[n++], EP_IN, true, buf, 300000);
	init_xfer(&x[n++], EP_IN, true, buf, 13);
	init_control(&x[n++], clear_halt, buf);
	init_control(&x[n++], set_interface, buf);
	init_xfer(&x[n++], EP_OUT, false, buf, 100000);
	init_xfer(&x[n++], EP_IN, true, buf, 13);
	for (int i = 0; i < n; i++) {
		taken[i] = !f->b->ops->submit(f->b, &x[i].urb);
		if (i == 3)
			f->b->ops->cancel(f->b, &x[i].urb);
		if (i == 5)
			f->b->ops->reset(f->b, reset_done, &r[0]);
	}
	f->b->ops->reset(f->b, reset_done, &r[1]);
	wait_reset(&r[0]);
	wait_reset(&r[1]);
	for (int i = 0; i < n; i++) {
		if (taken[i])
			wait_xfer(&x[i]);
		else
			assert_int_equal(x[i].n_done, 0);
	}
	close_backend(f);
	for (int i = 0; i < n; i++)
		assert_int_equal(x[i].n_done, taken[i]);
}

static void unplug_at_every_step(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = malloc(MIB);
	int opened = 0, gone = 0;

	for (unsigned int step = 1; step < 90; step++) {
		fake_destroy(&f->fake);
		fake_init(&f->fake);
		f->fake.by_itself = true;
		f->fake.memory = 60000;
		f->fake.unplug_at = step;
		f->n_gone = f->n_port_gone = 0;
		if (try_open(f))
			continue;
		opened++;
		f->b->events = &port_events;
		f->b->events_ctx = f;
		scenario(f, buf);
		assert_in_range(f->n_gone, 0, 1);
		assert_int_equal(f->n_gone, f->n_port_gone);
		gone += f->n_gone;
	}
	assert_in_range(opened, 60, 90);
	assert_in_range(gone, 5, 90);
	free(buf);
}

/* ---- all at once ---- */

struct crowd {
	struct fixture *f;
	unsigned int seed;
	_Atomic int taken, done;
};

static void *crowd_main(void *arg)
{
	struct crowd *c = arg;
	struct usb_backend *b = c->f->b;
	uint8_t *buf = malloc(1 << 17);
	struct xfer x[4];
	bool taken[4];

	for (int round = 0; round < 400; round++) {
		for (int i = 0; i < 4; i++) {
			init_xfer(&x[i], 1 + i % 2, i & 1, buf, rand_r(&c->seed) % (1 << 17));
			taken[i] = !b->ops->submit(b, &x[i].urb);
			c->taken += taken[i];
			if (taken[i] && rand_r(&c->seed) % 3 == 0)
				b->ops->cancel(b, &x[i].urb);
		}
		for (int i = 0; i < 4; i++) {
			while (taken[i] && !x[i].n_done)
				usleep(20);
			c->done += x[i].n_done;
		}
	}
	free(buf);
	return NULL;
}

static void *device_main(void *arg)
{
	struct fixture *f = arg;
	unsigned int seed = 7;

	for (int i = 0; i < 3000; i++) {
		pthread_mutex_lock(&f->fake.lock);
		while (f->fake.flying && rand_r(&seed) % 4)
			fake_end(&f->fake, f->fake.flying, rand_r(&seed) % 8 ? 0 : -EPIPE,
				 f->fake.flying->len);
		pthread_mutex_unlock(&f->fake.lock);
		usleep(30);
	}
	pthread_mutex_lock(&f->fake.lock);
	f->fake.by_itself = true;
	while (f->fake.flying)
		fake_end(&f->fake, f->fake.flying, 0, f->fake.flying->len);
	pthread_mutex_unlock(&f->fake.lock);
	return NULL;
}

static void crowd_of_threads(struct fixture *f, bool unplug)
{
	struct crowd c[3];
	pthread_t threads[4];

	f->fake.memory = 200000;
	for (int i = 0; i < 3; i++) {
		c[i] = (struct crowd) { .f = f, .seed = i + 1 };
		pthread_create(&threads[i], NULL, crowd_main, &c[i]);
	}
	pthread_create(&threads[3], NULL, device_main, f);
	for (int i = 0; i < 20; i++) {
		int status = reset(f);

		assert_true(!status || (unplug && status == -ENODEV));
		usleep(2000);
		if (unplug && i == 10)
			fake_unplug(&f->fake);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(c[i].taken, c[i].done);
	assert_int_equal(f->n_gone, unplug);
	assert_int_equal(f->n_port_gone, unplug);
}

static void threads(void **state)
{
	crowd_of_threads(*state, false);
}

static void threads_and_unplug(void **state)
{
	crowd_of_threads(*state, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_OPEN(name) cmocka_unit_test_setup_teardown(name, setup_open, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(claims_then_drops_its_rights),
		TEST(a_driver_of_the_host_is_not_touched),
		TEST(another_program_keeps_it),
		TEST(a_detached_driver_comes_back),
		TEST(rights_are_kept_for_giving_back),
		TEST(others_may_give_back),
		TEST(refused_devices),
		TEST(hostile_descriptors),
		TEST_OPEN(contiguous_data_is_not_copied),
		TEST_OPEN(scattered_data_is_gathered),
		TEST_OPEN(empty_transfers),
		TEST_OPEN(control_transfers),
		TEST_OPEN(statuses),
		TEST_OPEN(flags),
		TEST_OPEN(streams),
		TEST(without_scatter_lists_there_are_pieces),
		TEST_OPEN(little_memory_means_pieces),
		TEST_OPEN(deep_queues_over_little_memory),
		TEST_OPEN(no_memory_is_waited_for),
		TEST(a_cancel_between_pieces),
		TEST(streams_do_not_wait_for_each_other),
		TEST_OPEN(requests_become_ioctls),
		TEST_OPEN(nothing_is_submitted_meanwhile),
		TEST_OPEN(cancel_ends_what_is_in_flight),
		TEST_OPEN(data_beats_a_cancel),
		TEST_OPEN(the_first_reset_is_skipped),
		TEST_OPEN(reset_ends_what_is_in_flight_first),
		TEST_OPEN(failing_resets),
		TEST_OPEN(a_device_that_is_another_after_its_reset_is_gone),
		TEST_OPEN(unplug_ends_everything_once),
		TEST(unplug_at_every_step),
		TEST_OPEN(threads),
		TEST_OPEN(threads_and_unplug),
	};

	log_set_level(LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
