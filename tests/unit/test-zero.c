// SPDX-License-Identifier: GPL-2.0-only
/* The test device by itself: what usbtest does not look at (loopback, time, halts). */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "zero_backend.h"

#define SIZE	16384u

struct host {
	struct usb_backend *zero;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int n_resets;
};

/* A transfer and its data. */
struct transfer {
	struct usb_urb urb;
	struct host *host;
	struct iovec iov[2];
	struct usb_iso_packet iso[8];
	bool done;
	pthread_t by;			/* if done */
	uint8_t data[SIZE];
};

static void transfer_done(struct usb_urb *urb)
{
	struct transfer *t = urb->submitter;

	pthread_mutex_lock(&t->host->lock);
	t->done = true;
	t->by = pthread_self();
	pthread_cond_broadcast(&t->host->changed);
	pthread_mutex_unlock(&t->host->lock);
}

/* Data in two pieces, for its borders mean nothing. */
static struct transfer *transfer_new(struct host *h, uint8_t address, uint32_t length)
{
	struct transfer *t = calloc(1, sizeof(*t));
	uint32_t first = length / 3;

	t->host = h;
	t->iov[0] = (struct iovec){ t->data, first };
	t->iov[1] = (struct iovec){ t->data + first, length - first };
	t->urb = (struct usb_urb){
		.ep = address & 0x0f, .in = address & 0x80, .length = length,
		.iov = t->iov, .n_iov = 2, .iso = t->iso,
		.complete = transfer_done, .submitter = t,
	};
	return t;
}

static void submit(struct transfer *t)
{
	assert_int_equal(t->host->zero->ops->submit(t->host->zero, &t->urb), 0);
}

static bool is_done(struct transfer *t)
{
	bool done;

	pthread_mutex_lock(&t->host->lock);
	done = t->done;
	pthread_mutex_unlock(&t->host->lock);
	return done;
}

static int wait_done(struct transfer *t)
{
	pthread_mutex_lock(&t->host->lock);
	while (!t->done)
		pthread_cond_wait(&t->host->changed, &t->host->lock);
	pthread_mutex_unlock(&t->host->lock);
	return t->urb.status;
}

static int run(struct transfer *t)
{
	submit(t);
	return wait_done(t);
}

static int control(struct host *h, uint8_t type, uint8_t request, uint16_t value,
		   uint16_t index, uint16_t length, uint8_t *data)
{
	struct transfer *t = transfer_new(h, type & 0x80, length);
	int ret;

	memcpy(t->urb.setup, (uint8_t[]){ type, request, value, value >> 8, index, index >> 8,
					  length, length >> 8 }, 8);
	if (data && !(type & 0x80))
		memcpy(t->data, data, length);
	ret = run(t);
	if (!ret)
		ret = t->urb.actual;
	if (data && ret > 0 && type & 0x80)
		memcpy(data, t->data, ret);
	free(t);
	return ret;
}

static struct host *host_new(enum usb_speed speed, unsigned int pattern, uint8_t configuration,
			     uint8_t setting)
{
	struct host *h = calloc(1, sizeof(*h));
	struct zero_config config = { .speed = speed, .pattern = pattern };

	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->changed, NULL);
	assert_int_equal(zero_backend_new(&config, &h->zero), 0);
	if (configuration)
		assert_int_equal(control(h, 0, 9, configuration, 0, 0, NULL), 0);
	if (setting)
		assert_int_equal(control(h, 1, 11, setting, 0, 0, NULL), 0);
	return h;
}

static void host_delete(struct host *h)
{
	h->zero->ops->close(h->zero);
	free(h);
}

static void bad_configuration(void **state)
{
	struct usb_backend *b;

	assert_int_equal(zero_backend_new(&(struct zero_config){ .speed = 4 }, &b), -EINVAL);
	assert_int_equal(zero_backend_new(&(struct zero_config){ .speed = 0 }, &b), -EINVAL);
	assert_int_equal(zero_backend_new(&(struct zero_config){ .speed = 3, .pattern = 2 }, &b),
			 -EINVAL);
}

/* ---- loopback ---- */

static void loop_out(struct host *h, uint32_t length, uint32_t flags)
{
	struct transfer *t = transfer_new(h, 0x02, length);

	for (uint32_t i = 0; i < length; i++)
		t->data[i] = i * 5 + 1;
	t->urb.flags = flags;
	assert_int_equal(run(t), 0);
	assert_int_equal(t->urb.actual, length);
	free(t);
}

static struct transfer *loop_in(struct host *h, uint32_t length)
{
	struct transfer *t = transfer_new(h, 0x81, length);

	submit(t);
	return t;
}

static void assert_looped(struct transfer *t, int status, uint32_t actual)
{
	assert_int_equal(wait_done(t), status);
	assert_int_equal(t->urb.actual, actual);
	for (uint32_t i = 0; i < actual; i++)
		assert_int_equal(t->data[i], (uint8_t)(i * 5 + 1));
	free(t);
}

/* A multiple of the packet size ends the other side's transfer only with an empty packet. */
static void zero_packet_ends_a_transfer(void **state)
{
	struct host *h = host_new(USB_SPEED_HIGH_, 0, 2, 0);
	struct transfer *t;

	loop_out(h, 1024, USB_URB_ZERO_PACKET);
	assert_looped(loop_in(h, 4096), 0, 1024);
	loop_out(h, 1024, 0);
	t = loop_in(h, 4096);
	assert_int_equal(control(h, 0x80, 0, 0, 0, 2, NULL), 2);
	assert_false(is_done(t));
	h->zero->ops->cancel(h->zero, &t->urb);
	assert_looped(t, -ECONNRESET, 1024);
	host_delete(h);
}

static void short_packets(void **state)
{
	struct host *h = host_new(USB_SPEED_SUPER_, 0, 2, 0);
	struct transfer *t = transfer_new(h, 0x81, 4096);

	loop_out(h, 1500, USB_URB_ZERO_PACKET);
	assert_looped(loop_in(h, 4096), 0, 1500);
	loop_out(h, 0, 0);
	assert_looped(loop_in(h, 4096), 0, 0);
	t->urb.flags = USB_URB_SHORT_NOT_OK;
	submit(t);
	loop_out(h, 100, 0);
	assert_looped(t, -EREMOTEIO, 100);
	host_delete(h);
}

static void babble(void **state)
{
	struct host *h = host_new(USB_SPEED_FULL_, 0, 2, 0);

	loop_out(h, 64, 0);
	assert_looped(loop_in(h, 40), -EOVERFLOW, 40);
	host_delete(h);
}

/* What does not fit waits, in order; a new setting forgets it. */
static void full_loop(void **state)
{
	struct host *h = host_new(USB_SPEED_HIGH_, 0, 2, 0);
	struct transfer *t = transfer_new(h, 0x02, SIZE), *t2 = transfer_new(h, 0x02, SIZE);

	assert_int_equal(run(t), 0);
	submit(t2);
	assert_int_equal(control(h, 0x80, 0, 0, 0, 2, NULL), 2);
	assert_false(is_done(t2));
	assert_int_equal(control(h, 1, 11, 0, 0, 0, NULL), 0);
	assert_int_equal(wait_done(t2), -ESHUTDOWN);
	free(t2);
	loop_out(h, 10, 0);
	assert_looped(loop_in(h, 512), 0, 10);
	free(t);
	host_delete(h);
}

/* ---- patterns and halts ---- */

static void pattern_is_sourced_and_checked(void **state)
{
	struct host *h = host_new(USB_SPEED_HIGH_, 1, 3, 0);
	struct transfer *t = transfer_new(h, 0x81, 5000), *out = transfer_new(h, 0x02, 5000);

	assert_int_equal(run(t), 0);
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(t->data[i], i % 512 % 63);
	memcpy(out->data, t->data, 5000);
	assert_int_equal(run(out), 0);
	out->done = false;
	out->data[4999] ^= 1;
	assert_int_equal(run(out), 0);
	out->done = false;
	assert_int_equal(run(out), -EPIPE);		/* it has halted */
	assert_int_equal(control(h, 2, 1, 0, 0x02, 0, NULL), 0);
	out->data[4999] ^= 1;
	out->done = false;
	assert_int_equal(run(out), 0);
	free(t);
	free(out);
	host_delete(h);
}

static void endpoints_of_settings(void **state)
{
	struct host *h = host_new(USB_SPEED_HIGH_, 0, 0, 0);
	struct transfer *t = transfer_new(h, 0x81, 64), *intr = transfer_new(h, 0x85, 64);

	assert_int_equal(run(t), -ENOENT);
	assert_int_equal(control(h, 0, 9, 3, 0, 0, NULL), 0);
	t->done = false;
	assert_int_equal(run(t), 0);
	assert_int_equal(run(intr), -ENOENT);
	intr->urb.stream_id = 1;
	assert_int_equal(h->zero->ops->submit(h->zero, &intr->urb), -EINVAL);
	intr->urb.ep = 9;
	assert_int_equal(h->zero->ops->submit(h->zero, &intr->urb), -ENOENT);
	free(t);
	free(intr);
	host_delete(h);
}

static void scratch(void **state)
{
	struct host *h = host_new(USB_SPEED_HIGH_, 0, 3, 0);
	uint8_t data[3000], back[3000];

	for (unsigned int i = 0; i < sizeof(data); i++)
		data[i] = i * 3;
	assert_int_equal(control(h, 0xc0, 0x5c, 0, 0, 1, back), -EPIPE);
	assert_int_equal(control(h, 0x40, 0x5b, 0, 0, sizeof(data), data), sizeof(data));
	assert_int_equal(control(h, 0xc0, 0x5c, 0, 0, sizeof(back), back), sizeof(back));
	assert_memory_equal(data, back, sizeof(data));
	assert_int_equal(control(h, 0xc0, 0x5c, 0, 0, sizeof(back) + 1, NULL), -EPIPE);
	assert_int_equal(control(h, 0x40, 0x5b, 1, 0, 1, data), -EPIPE);
	host_delete(h);
}

/* ---- time ---- */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static struct transfer *iso(struct host *h, uint8_t address, uint32_t interval)
{
	struct transfer *t = transfer_new(h, address, 8 * 1024);

	t->urb.n_iso = 8;
	t->urb.interval = interval;
	for (unsigned int i = 0; i < 8; i++)
		t->iso[i] = (struct usb_iso_packet){ i * 1024, 1000, 0, -1 };
	return t;
}

/* Packets at their offsets; transfers that are queued in time follow without a gap. */
static void iso_takes_its_time(void **state)
{
	struct host *h = host_new(USB_SPEED_HIGH_, 1, 3, 1);
	struct transfer *a = iso(h, 0x83, 8), *b = iso(h, 0x83, 8), *out = iso(h, 0x04, 1);
	double begin = seconds();

	submit(a);
	submit(b);
	submit(out);
	assert_int_equal(wait_done(a), 0);
	assert_int_equal(wait_done(b), 0);
	assert_int_equal(wait_done(out), 0);
	/* Never too early; how late is the machine's business. */
	assert_true(seconds() - begin >= 16 * 0.001);
	assert_int_equal((b->urb.start_frame - a->urb.start_frame) & 0x7ff, 64);
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(a->iso[i].status, 0);
		assert_int_equal(a->iso[i].actual, 1000);
		for (unsigned int k = 0; k < 1000; k++)
			assert_int_equal(a->data[i * 1024 + k], k % 63);
	}
	assert_int_equal(a->urb.actual, 8000);
	free(a);
	free(b);
	free(out);
	host_delete(h);
}

/* DEV-37: what the host says neither moves nor delays a transfer, with ISO_ASAP or not. */
static void start_frame_is_a_result(void **state)
{
	struct host *h = host_new(USB_SPEED_HIGH_, 0, 3, 1);
	struct transfer *t[4];

	for (unsigned int i = 0; i < 4; i++) {
		t[i] = iso(h, 0x83, 8);
		t[i]->urb.flags = i & 1 ? USB_URB_ISO_ASAP : 0;
		t[i]->urb.start_frame = i < 2 ? 0xffffffff : 5;
		submit(t[i]);
	}
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(wait_done(t[i]), 0);
		assert_true(t[i]->urb.start_frame <= 0x7ff);
		assert_int_equal((t[i]->urb.start_frame - t[0]->urb.start_frame) & 0x7ff, i * 64);
	}
	for (unsigned int i = 0; i < 4; i++)
		free(t[i]);
	host_delete(h);
}

static void cancel_of_iso(void **state)
{
	struct host *h = host_new(USB_SPEED_FULL_, 0, 3, 1);
	struct transfer *a = iso(h, 0x83, 1000), *b = iso(h, 0x83, 1000);

	submit(a);
	submit(b);
	h->zero->ops->cancel(h->zero, &b->urb);
	assert_int_equal(wait_done(b), -ECONNRESET);
	assert_int_equal(b->urb.error_count, 8);
	assert_int_equal(b->iso[7].status, -EXDEV);
	h->zero->ops->cancel(h->zero, &a->urb);
	assert_int_equal(wait_done(a), -ECONNRESET);
	free(a);
	free(b);
	host_delete(h);
}

static void reset_done(void *ctx, int status)
{
	struct host *h = ctx;

	assert_int_equal(status, 0);
	pthread_mutex_lock(&h->lock);
	h->n_resets++;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
}

static void reset_ends_all_first(void **state)
{
	struct host *h = host_new(USB_SPEED_HIGH_, 0, 3, 1);
	struct transfer *a = iso(h, 0x83, 8000), *t = transfer_new(h, 0x81, 64);

	submit(a);
	h->zero->ops->reset(h->zero, reset_done, h);
	pthread_mutex_lock(&h->lock);
	while (!h->n_resets)
		pthread_cond_wait(&h->changed, &h->lock);
	assert_true(a->done);
	pthread_mutex_unlock(&h->lock);
	assert_int_equal(a->urb.status, -ECONNRESET);
	assert_int_equal(run(t), -ENOENT);		/* not configured any more */
	free(a);
	free(t);
	host_delete(h);
}

static void close_ends_all(void **state)
{
	struct host *h = host_new(USB_SPEED_LOW_, 0, 3, 1);
	struct transfer *t = transfer_new(h, 0x82, 64);

	t->urb.interval = 30000;
	submit(t);
	h->zero->ops->close(h->zero);
	assert_int_equal(wait_done(t), -ESHUTDOWN);
	free(t);
	free(h);
}

/* A driver of the library kernel that submits whenever one completes gets out of it. */
static void at_once_but_not_for_ever(void **state)
{
	struct host *h = host_new(USB_SPEED_SUPER_, 0, 3, 0);
	unsigned int here = 0;

	for (unsigned int i = 0; i < 1000; i++) {
		struct transfer *t = transfer_new(h, i % 2 ? 0x81 : 0x02, 64);

		assert_int_equal(run(t), 0);
		here += pthread_equal(t->by, pthread_self());
		free(t);
	}
	assert_in_range(here, 1, 999);
	host_delete(h);
}

static _Thread_local bool inside;

/* Submits the next one, which must not complete before this is over. */
static void transfer_chain(struct usb_urb *urb)
{
	struct transfer *t = urb->submitter;

	assert_false(inside);
	inside = true;
	if (t[1].host)
		submit(&t[1]);
	inside = false;
	transfer_done(urb);
}

static void submit_inside_complete(void **state)
{
	struct host *h = host_new(USB_SPEED_SUPER_, 0, 3, 0);
	/* one that has no host ends it */
	struct transfer *chain = calloc(101, sizeof(*chain));

	for (unsigned int i = 0; i < 100; i++) {
		struct transfer *t = transfer_new(h, 0x81, 64);

		chain[i].host = h;
		chain[i].urb = t->urb;
		chain[i].iov[0] = (struct iovec){ chain[i].data, 64 };
		chain[i].urb.iov = chain[i].iov;
		chain[i].urb.n_iov = 1;
		chain[i].urb.submitter = &chain[i];
		chain[i].urb.complete = transfer_chain;
		free(t);
	}
	assert_int_equal(run(chain), 0);
	assert_int_equal(wait_done(&chain[99]), 0);
	host_delete(h);
	free(chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_configuration),
		cmocka_unit_test(zero_packet_ends_a_transfer),
		cmocka_unit_test(short_packets),
		cmocka_unit_test(babble),
		cmocka_unit_test(full_loop),
		cmocka_unit_test(pattern_is_sourced_and_checked),
		cmocka_unit_test(endpoints_of_settings),
		cmocka_unit_test(scratch),
		cmocka_unit_test(iso_takes_its_time),
		cmocka_unit_test(start_frame_is_a_result),
		cmocka_unit_test(cancel_of_iso),
		cmocka_unit_test(reset_ends_all_first),
		cmocka_unit_test(close_ends_all),
		cmocka_unit_test(at_once_but_not_for_ever),
		cmocka_unit_test(submit_inside_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
