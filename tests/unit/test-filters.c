// SPDX-License-Identifier: GPL-2.0-only
/* Fault and delay: each transfer is completed once, whoever ends it. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "delay_filter.h"
#include "fault_filter.h"
#include "null_backend.h"

#define N	32u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static unsigned int n_complete, order[N];
static bool reset_done;

static uint8_t data[4096];
static struct iovec iov = { data, sizeof(data) };
static struct usb_urb urbs[N];

static void complete(struct usb_urb *urb)
{
	pthread_mutex_lock(&lock);
	order[n_complete++] = urb - urbs;
	pthread_cond_signal(&moved);
	pthread_mutex_unlock(&lock);
}

static void wait_complete(unsigned int n)
{
	pthread_mutex_lock(&lock);
	while (n_complete < n)
		pthread_cond_wait(&moved, &lock);
	pthread_mutex_unlock(&lock);
}

static void on_reset(void *ctx, int status)
{
	pthread_mutex_lock(&lock);
	assert_int_equal(status, 0);
	*(unsigned int *)ctx = n_complete;
	reset_done = true;
	pthread_cond_signal(&moved);
	pthread_mutex_unlock(&lock);
}

static void wait_reset(void)
{
	pthread_mutex_lock(&lock);
	while (!reset_done)
		pthread_cond_wait(&moved, &lock);
	pthread_mutex_unlock(&lock);
}

static int begin(void **state)
{
	n_complete = 0;
	reset_done = false;
	memset(urbs, 0, sizeof(urbs));
	return 0;
}

static struct usb_backend *faulty(const char *text)
{
	struct usb_backend *b;
	struct fault fault;

	assert_int_equal(fault_parse(text, &fault), 0);
	assert_int_equal(null_backend_new(USB_SPEED_HIGH_, &b), 0);
	assert_int_equal(fault_filter_new(&fault, b, &b), 0);
	return b;
}

static struct usb_backend *slow(unsigned int us)
{
	struct usb_backend *b;

	assert_int_equal(null_backend_new(USB_SPEED_HIGH_, &b), 0);
	assert_int_equal(delay_filter_new(us, b, &b), 0);
	return b;
}

static void submit(struct usb_backend *b, unsigned int i, bool in, uint32_t length)
{
	urbs[i] = (struct usb_urb){
		.ep = 1, .in = in, .length = length, .iov = &iov, .n_iov = 1,
		.complete = complete,
	};
	assert_int_equal(b->ops->submit(b, &urbs[i]), 0);
}

static void the_nth_that_fits(void **state)
{
	struct usb_backend *b = faulty("read-stall@2");

	submit(b, 0, true, 64);		/* too small to be data */
	submit(b, 1, true, 4096);
	submit(b, 2, false, 4096);
	submit(b, 3, true, 4096);
	submit(b, 4, true, 4096);
	assert_int_equal(n_complete, 5);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(urbs[i].status, i == 3 ? -EPIPE : 0);
	assert_int_equal(urbs[3].actual, 0);
	b->ops->close(b);
}

static void names_and_numbers(void **state)
{
	static const char *const bad[] = {
		"", "none", "read-stall@", "read-stall@0", "read-stall@-1",
		"read-stall@1-", "read-stall@1+x", "read-stal", "@1",
	};
	struct fault fault;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(fault_parse(bad[i], &fault), -EINVAL);
	for (unsigned int i = 0; fault_name(i); i++)
		assert_int_equal(fault_parse(fault_name(i), &fault), 0);
	assert_int_equal(fault_parse("read-stall@7+", &fault), 0);
	assert_int_equal(fault.from, 7);
	assert_int_equal(fault.to, UINT32_MAX);
}

/* What never ends by itself is ended by cancel, reset and close. */
static void what_never_ends(void **state)
{
	struct usb_backend *b = faulty("read-nak");
	unsigned int at_reset = 0;

	for (unsigned int i = 0; i < 4; i++)
		submit(b, i, true, 4096);
	assert_int_equal(n_complete, 0);
	b->ops->cancel(b, &urbs[1]);
	assert_int_equal(n_complete, 1);
	assert_int_equal(order[0], 1);
	assert_int_equal(urbs[1].status, -ECONNRESET);
	b->ops->cancel(b, &urbs[1]);	/* has completed: nothing */
	assert_int_equal(n_complete, 1);
	b->ops->reset(b, on_reset, &at_reset);
	assert_int_equal(at_reset, 4);
	submit(b, 4, true, 4096);
	b->ops->close(b);
	assert_int_equal(n_complete, 5);
	assert_int_equal(urbs[4].status, -ESHUTDOWN);
}

static void a_delay_keeps_order(void **state)
{
	struct usb_backend *b = slow(1000);

	for (unsigned int i = 0; i < N; i++)
		submit(b, i, false, 512);
	wait_complete(N);
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(order[i], i);
	b->ops->close(b);
}

/* Hours of delay: a reset and the end do not wait for it. */
static void reset_and_close_hurry(void **state)
{
	struct usb_backend *b = slow(4000000000u);
	unsigned int at_reset = 0;

	for (unsigned int i = 0; i < 4; i++)
		submit(b, i, false, 512);
	b->ops->reset(b, on_reset, &at_reset);
	wait_reset();
	assert_int_equal(at_reset, 4);
	submit(b, 4, false, 512);
	b->ops->close(b);
	assert_int_equal(n_complete, 5);
}

static void *cancel_all(void *b)
{
	struct usb_backend *backend = b;

	for (unsigned int i = 0; i < N; i++)
		backend->ops->cancel(backend, &urbs[i]);
	return NULL;
}

/* A cancel beside the end by itself; the slots are not reused meanwhile. */
static void cancel_races(void **state)
{
	for (unsigned int round = 0; round < 50; round++) {
		struct usb_backend *b = faulty("read-nak");
		pthread_t thread;

		begin(NULL);
		assert_int_equal(delay_filter_new(1, b, &b), 0);
		assert_int_equal(pthread_create(&thread, NULL, cancel_all, b), 0);
		for (unsigned int i = 0; i < N; i++)
			submit(b, i, i & 1, 4096);
		pthread_join(thread, NULL);
		cancel_all(b);
		wait_complete(N);
		b->ops->close(b);
		assert_int_equal(n_complete, N);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_nth_that_fits, begin),
		cmocka_unit_test_setup(names_and_numbers, begin),
		cmocka_unit_test_setup(what_never_ends, begin),
		cmocka_unit_test_setup(a_delay_keeps_order, begin),
		cmocka_unit_test_setup(reset_and_close_hurry, begin),
		cmocka_unit_test_setup(cancel_races, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
