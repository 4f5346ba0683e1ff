// SPDX-License-Identifier: GPL-2.0-only
/* The stick and threads: who completes, cancel, reset, close, all at once. */
#include "stick_host.h"

/* ---- threads ---- */

/* 4 KiB that the page cache has: three URBs, each complete when submit returns. */
static void cached_read_is_done_in_submit(void **state)
{
	struct fixture *f = *state;
	uint8_t cbw[CBW], csw[CSW];
	struct xfer x[3];

	assert_good(f, true, f->buf, 4096, READ10(0, 8));
	put_cbw(f, cbw, true, 4096, READ10(0, 8));
	xfer_init(f, &x[0], EP_OUT, false, cbw, CBW);
	xfer_init(f, &x[1], EP_IN, true, f->buf, 4096);
	xfer_init(f, &x[2], EP_IN, true, csw, CSW);
	for (unsigned int i = 0; i < 3; i++) {
		submit(&x[i]);
		assert_int_equal(n_done(&x[i]), 1);
		assert_int_equal(x[i].urb.status, 0);
		assert_true(pthread_equal(x[i].thread, pthread_self()));
	}
	assert_memory_equal(f->buf, f->data, 4096);
}

/* Starts a read whose data URB waits at the gate. */
static void start_cold_read(struct fixture *f, struct xfer *x)
{
	cold = true;
	gate_set(true);
	send_cbw(f, true, 4096, READ10(8, 8));
	xfer_init(f, x, EP_IN, true, f->buf, 4096);
	submit(x);
	gate_wait_for_somebody();
	assert_int_equal(n_done(x), 0);
}

static void cold_read_is_done_by_a_worker(void **state)
{
	struct fixture *f = *state;
	struct xfer x;

	start_cold_read(f, &x);
	gate_set(false);
	assert_int_equal(wait_xfer(&x), 0);
	assert_false(pthread_equal(x.thread, pthread_self()));
	assert_memory_equal(f->buf, f->data + 4096, 4096);
	assert_int_equal(get_csw(f), 0);
}

/* What the file was dropped from the page cache for real. */
static void really_cold_reads(void **state)
{
	struct fixture *f = *state;
	int fd = open(f->path, O_RDONLY);

	assert_int_equal(fsync(fd), 0);
	for (unsigned int i = 0; i < 16; i++) {
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		assert_good(f, true, f->buf, 65536, READ10(i * 128 % 1920, 128));
		assert_memory_equal(f->buf, f->data + i * 65536 % 983040, 65536);
	}
	close(fd);
}

/* The image still writes to the memory, so the URB ends with its I/O. */
static void cancel_at_the_image(void **state)
{
	struct fixture *f = *state;
	struct xfer x;

	start_cold_read(f, &x);
	f->b->ops->cancel(f->b, &x.urb);
	f->b->ops->cancel(f->b, &x.urb);
	assert_int_equal(n_done(&x), 0);
	gate_set(false);
	assert_int_equal(wait_xfer(&x), 0);	/* it got all its data */
	assert_int_equal(f->actual, 4096);
	assert_int_equal(get_csw(f), 0);
	f->b->ops->cancel(f->b, &x.urb);	/* has completed */
	assert_int_equal(n_done(&x), 1);
}

/* Cancelled after the part that goes directly: the rest is not begun. */
static void cancel_between_parts(void **state)
{
	struct fixture *f = *state;
	struct xfer x;

	cold = true;
	gate_set(true);
	send_cbw(f, true, 4096, READ10(8, 8));
	xfer_init(f, &x, EP_IN, true, f->buf, 1000);
	submit(&x);
	gate_wait_for_somebody();
	f->b->ops->cancel(f->b, &x.urb);
	gate_set(false);
	assert_int_equal(wait_xfer(&x), -ECONNRESET);
	assert_int_equal(f->actual, 512);
	assert_int_equal(bot_reset(f), 0);
	assert_good(f, false, NULL, 0, TUR);
}

static void cancel_queued(void **state)
{
	struct fixture *f = *state;
	struct xfer x[4];

	for (unsigned int i = 0; i < 4; i++) {
		xfer_init(f, &x[i], EP_IN, true, f->buf, CSW);
		submit(&x[i]);
	}
	f->b->ops->cancel(f->b, &x[1].urb);
	assert_int_equal(n_done(&x[1]), 1);
	f->b->ops->cancel(f->b, &x[3].urb);	/* the last */
	f->b->ops->cancel(f->b, &x[0].urb);
	for (unsigned int i = 0; i < 4; i++)
		if (i != 2)
			assert_int_equal(wait_xfer(&x[i]), -ECONNRESET);
	send_cbw(f, false, 0, TUR);
	assert_int_equal(wait_xfer(&x[2]), 0);
	assert_int_equal(check_csw(f, f->buf), 0);
	assert_good(f, false, NULL, 0, TUR);
}

static void reset_done(void *ctx, int status)
{
	struct fixture *f = ctx;

	pthread_mutex_lock(&f->lock);
	f->n_resets++;
	f->reset_status = status;
	pthread_cond_broadcast(&f->done);
	pthread_mutex_unlock(&f->lock);
}

static void wait_resets(struct fixture *f, unsigned int n)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	pthread_mutex_lock(&f->lock);
	while (f->n_resets < n)
		assert_int_equal(pthread_cond_timedwait(&f->done, &f->lock, &end), 0);
	assert_int_equal(f->n_resets, n);
	pthread_mutex_unlock(&f->lock);
}

static void reset_when_idle(void **state)
{
	struct fixture *f = *state;
	struct xfer x;

	assert_good(f, false, NULL, 0, CDB(0x1e, 0, 0, 0, 1, 0));	/* prevent */
	xfer_init(f, &x, EP_IN, true, f->buf, CSW);
	submit(&x);
	f->b->ops->reset(f->b, reset_done, f);
	assert_int_equal(f->n_resets, 1);	/* before reset returned */
	assert_int_equal(f->reset_status, 0);
	assert_int_equal(wait_xfer(&x), -ECONNRESET);
	assert_int_equal(bulk(f, true, f->buf, CSW), -ENOENT);
	configure(f);
	assert_good(f, false, NULL, 0, TUR);	/* no unit attention */
	assert_good(f, false, NULL, 0, EJECT);
}

/* done comes after the last complete; what is submitted meanwhile waits. */
static void reset_at_the_image(void **state)
{
	struct fixture *f = *state;
	struct usb_ctrlrequest req = { 0x80, USB_REQ_GET_CONFIGURATION, 0, 0,
				       htole16(1) };
	uint8_t csw[CSW], conf = 9;
	struct xfer x, queued, later;

	start_cold_read(f, &x);
	xfer_init(f, &queued, EP_IN, true, csw, CSW);
	submit(&queued);
	f->b->ops->reset(f->b, reset_done, f);
	f->b->ops->reset(f->b, reset_done, f);
	assert_int_equal(wait_xfer(&queued), -ECONNRESET);
	xfer_init(f, &later, 0, true, &conf, 1);
	memcpy(later.urb.setup, &req, sizeof(req));
	submit(&later);
	assert_int_equal(n_done(&x), 0);
	assert_int_equal(n_done(&later), 0);
	assert_int_equal(f->n_resets, 0);
	gate_set(false);
	wait_resets(f, 2);
	assert_int_equal(n_done(&x), 1);
	assert_int_equal(f->reset_status, 0);
	assert_int_equal(wait_xfer(&later), 0);
	assert_int_equal(conf, 0);
	configure(f);
	assert_good(f, true, f->buf, 4096, READ10(0, 8));
}

/* A flush has no URB of its own. */
static void reset_during_a_flush(void **state)
{
	struct fixture *f = *state;
	uint8_t csw[CSW];
	struct xfer x;

	gate_set(true);
	send_cbw(f, false, 0, SYNC10);
	xfer_init(f, &x, EP_IN, true, csw, CSW);
	submit(&x);
	gate_wait_for_somebody();
	assert_int_equal(n_done(&x), 0);
	f->b->ops->reset(f->b, reset_done, f);
	assert_int_equal(wait_xfer(&x), -ECONNRESET);
	assert_int_equal(f->n_resets, 0);
	gate_set(false);
	wait_resets(f, 1);
	configure(f);
	assert_good(f, false, NULL, 0, TUR);
}

/* BOT 3.1: its status stage waits, as that of a new configuration; others do not. */
static void control_at_the_image(struct fixture *f, struct usb_ctrlrequest req,
				 int queued_status)
{
	uint8_t csw[CSW];
	struct xfer x, queued, control;

	start_cold_read(f, &x);
	xfer_init(f, &queued, EP_IN, true, csw, CSW);
	submit(&queued);
	assert_int_equal(get_status(f, USB_RECIP_DEVICE, 0), 0);
	xfer_init(f, &control, 0, false, NULL, 0);
	memcpy(control.urb.setup, &req, sizeof(req));
	submit(&control);
	assert_int_equal(n_done(&control), 0);
	gate_set(false);
	assert_int_equal(wait_xfer(&control), 0);
	assert_int_equal(n_done(&x), 1);
	if (!queued_status)	/* the endpoint has it still */
		f->b->ops->cancel(f->b, &queued.urb);
	assert_int_equal(wait_xfer(&queued),
			 queued_status ? queued_status : -ECONNRESET);
	assert_good(f, true, f->buf, 4096, READ10(0, 8));
	assert_memory_equal(f->buf, f->data, 4096);
}

static void class_reset_at_the_image(void **state)
{
	control_at_the_image(*state, (struct usb_ctrlrequest){ 0x21, 0xff, 0, 0, 0 }, 0);
}

static void configuration_at_the_image(void **state)
{
	control_at_the_image(*state, (struct usb_ctrlrequest){
			     0, USB_REQ_SET_CONFIGURATION, htole16(1), 0, 0 },
			     -ESHUTDOWN);
}

/* The URB at the image does not stall: it has data. */
static void halt_at_the_image(void **state)
{
	struct fixture *f = *state;
	struct xfer x;

	start_cold_read(f, &x);
	assert_int_equal(control(f, 2, USB_REQ_SET_FEATURE, USB_ENDPOINT_HALT, 0x81,
				 NULL, 0), 0);
	gate_set(false);
	assert_int_equal(wait_xfer(&x), 0);
	assert_int_equal(f->actual, 4096);
	assert_int_equal(bulk(f, true, f->buf, CSW), -EPIPE);
	assert_int_equal(clear_halt(f, true), 0);
	assert_int_equal(get_csw(f), 0);
}

/* A command half of whose data URB is moved when a reset comes. */
static void class_reset_between_parts(void **state)
{
	struct fixture *f = *state;
	struct usb_ctrlrequest req = { 0x21, 0xff, 0, 0, 0 };
	struct xfer x, reset;

	cold = true;
	gate_set(true);
	send_cbw(f, true, 4096, READ10(8, 8));
	xfer_init(f, &x, EP_IN, true, f->buf, 1000);
	submit(&x);
	gate_wait_for_somebody();
	xfer_init(f, &reset, 0, false, NULL, 0);
	memcpy(reset.urb.setup, &req, sizeof(req));
	submit(&reset);
	gate_set(false);
	assert_int_equal(wait_xfer(&x), -ECONNRESET);
	assert_int_equal(f->actual, 512);
	assert_int_equal(wait_xfer(&reset), 0);
	assert_good(f, false, NULL, 0, TUR);
}

/* Writes that are too large for the caller's thread, and one that is cancelled. */
static void writes_at_the_image(void **state)
{
	struct fixture *f = *state;
	const uint32_t len = 512u << 10;
	struct xfer x;

	fill(f->buf, len, 9);
	assert_good(f, false, f->buf, len, WRITE10(1, len / 512));
	assert_file(f, 512, f->buf, len);
	cold = true;
	gate_set(true);
	fill(f->buf, 4096, 10);
	send_cbw(f, false, 8192, WRITE10(0, 16));
	xfer_init(f, &x, EP_OUT, false, f->buf, 4096);
	submit(&x);
	gate_wait_for_somebody();
	f->b->ops->cancel(f->b, &x.urb);
	assert_int_equal(n_done(&x), 0);
	gate_set(false);
	assert_int_equal(wait_xfer(&x), 0);
	assert_int_equal(bot_reset(f), 0);
	assert_file(f, 0, f->buf, 4096);
}

static void close_at_the_image(void **state)
{
	struct fixture *f = *state;
	uint8_t csw[CSW];
	struct xfer x, queued;
	pthread_t opener;

	start_cold_read(f, &x);
	xfer_init(f, &queued, EP_IN, true, csw, CSW);
	submit(&queued);
	f->b->ops->reset(f->b, reset_done, f);
	assert_int_equal(pthread_create(&opener, NULL, gate_open_later, NULL), 0);
	close_stick(f);
	pthread_join(opener, NULL);
	assert_int_equal(wait_xfer(&x), 0);
	assert_int_equal(wait_xfer(&queued), -ECONNRESET);
	assert_int_equal(f->n_resets, 1);
}

static void close_ends_what_is_queued(void **state)
{
	struct fixture *f = *state;
	struct xfer x;

	xfer_init(f, &x, EP_IN, true, f->buf, CSW);
	submit(&x);
	close_stick(f);
	assert_int_equal(wait_xfer(&x), -ESHUTDOWN);
}

/* ---- from complete ---- */

struct chain {
	struct usb_urb urb;	/* first */
	struct iovec iov;
	struct fixture *f;
	unsigned int left, depth, max_depth, n;
	uint8_t data[CBW];
};

/* Submits itself again, and would recurse if submit completed it inside. */
static void chain_done(struct usb_urb *urb)
{
	struct chain *c = (struct chain *)urb;

	c->n++;
	if (++c->depth > c->max_depth)
		c->max_depth = c->depth;
	if (--c->left)
		assert_int_equal(c->f->b->ops->submit(c->f->b, &c->urb), 0);
	c->depth--;
}

static void submit_from_complete(void **state)
{
	struct fixture *f = *state;
	struct chain c = {
		.urb = { .ep = EP_OUT, .length = 1, .iov = &c.iov, .n_iov = 1,
			 .complete = chain_done },
		.iov = { c.data, 1 },
		.f = f, .left = 100000,
	};

	assert_int_equal(control(f, 2, USB_REQ_SET_FEATURE, USB_ENDPOINT_HALT, EP_OUT,
				 NULL, 0), 0);
	assert_int_equal(f->b->ops->submit(f->b, &c.urb), 0);
	assert_int_equal(c.n, 100000);
	assert_int_equal(c.max_depth, 1);
}

static void shut_done(struct usb_urb *urb)
{
	struct chain *c = (struct chain *)urb;

	c->n++;
	c->left = c->f->b->ops->submit(c->f->b, &c->urb) == -ESHUTDOWN;
}

static void submit_while_closing(void **state)
{
	struct fixture *f = *state;
	struct chain c = {
		.urb = { .ep = EP_IN, .in = true, .length = 13, .iov = &c.iov,
			 .n_iov = 1, .complete = shut_done },
		.iov = { c.data, 13 },
		.f = f,
	};

	assert_int_equal(f->b->ops->submit(f->b, &c.urb), 0);
	close_stick(f);
	assert_int_equal(c.n, 1);
	assert_int_equal(c.left, 1);
}

/* ---- everything against everything ---- */

#define STORM_THREADS	3
#define STORM_ROUNDS	1500

static _Atomic unsigned int n_resets_asked;

/*
 * Each thread has URBs of its own in flight, with bytes that are often a command,
 * and cancels and resets at random. What counts: all of them end, once.
 */
static void *storm_main(void *arg)
{
	struct fixture *all = arg, f = {
		.b = all->b,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.done = PTHREAD_COND_INITIALIZER,
	};
	unsigned int seed = (unsigned int)(uintptr_t)&f >> 4;
	uint8_t cbw[CBW] = "USBC", *buf = calloc(1, 8192);
	static const uint8_t ops[] = { 0x28, 0x2a, 0x35, 0x00 };
	struct xfer x[3];

	for (unsigned int i = 0; i < STORM_ROUNDS; i++) {
		unsigned int r = rand_r(&seed);

		cbw[9] = r & 1 ? 0x10 : 0;
		cbw[12] = r & 2 ? 0x80 : 0;
		cbw[14] = 10;
		cbw[15] = ops[(r >> 4) % 4];
		cbw[15 + 8] = cbw[9] ? 8 : 0;
		xfer_init(&f, &x[0], EP_OUT, false, cbw, CBW);
		xfer_init(&f, &x[1], r & 2 ? EP_IN : EP_OUT, r & 2, buf, 4096);
		xfer_init(&f, &x[2], EP_IN, true, buf + 4096, CSW);
		for (unsigned int k = 0; k < 3; k++)
			submit(&x[k]);
		if (r >> 8 & 1)
			sched_yield();
		if (r >> 12 & 1)
			f.b->ops->cancel(f.b, &x[r % 3].urb);
		if (r >> 16 & 1)
			wait_xfer_for(&x[2], 1);
		if ((r >> 20) % 16 == 0) {
			n_resets_asked++;
			f.b->ops->reset(f.b, reset_done, all);
		}
		if ((r >> 20) % 16 < 5)
			control(&f, 0, USB_REQ_SET_CONFIGURATION, 1, 0, NULL, 0);
		if ((r >> 20) % 16 == 5)
			bot_reset(&f);
		if ((r >> 20) % 16 == 6) {
			clear_halt(&f, true);
			clear_halt(&f, false);
		}
		for (unsigned int k = 0; k < 3; k++)
			f.b->ops->cancel(f.b, &x[k].urb);
		for (unsigned int k = 0; k < 3; k++)
			wait_xfer(&x[k]);
	}
	free(buf);
	return NULL;
}

static void run_storm(struct fixture *f)
{
	pthread_t threads[STORM_THREADS];

	n_resets_asked = 1;
	for (unsigned int i = 0; i < STORM_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, storm_main, f), 0);
	for (unsigned int i = 0; i < STORM_THREADS; i++)
		pthread_join(threads[i], NULL);
	f->b->ops->reset(f->b, reset_done, f);
	configure(f);
	wait_resets(f, n_resets_asked);
	assert_good(f, true, f->buf, 4096, READ10(0, 8));
}

static void storm(void **state)
{
	run_storm(*state);
}

static void cold_storm(void **state)
{
	cold = true;
	run_storm(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cached_read_is_done_in_submit),
		TEST(cold_read_is_done_by_a_worker),
		TEST(really_cold_reads),
		TEST(cancel_at_the_image),
		TEST(cancel_between_parts),
		TEST(cancel_queued),
		TEST(reset_when_idle),
		TEST(reset_at_the_image),
		TEST(reset_during_a_flush),
		TEST(class_reset_at_the_image),
		TEST(configuration_at_the_image),
		TEST(halt_at_the_image),
		TEST(class_reset_between_parts),
		TEST(writes_at_the_image),
		TEST(close_at_the_image),
		TEST(close_ends_what_is_queued),
		TEST(submit_from_complete),
		TEST(submit_while_closing),
		TEST(storm), CUT(storm),
		TEST(cold_storm),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
