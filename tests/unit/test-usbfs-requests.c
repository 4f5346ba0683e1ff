// SPDX-License-Identifier: GPL-2.0-only
/* What is no transfer, or ends one early: requests, cancels, resets. */
#include "usbfs_fixture.h"

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

/* ---- what follows from completions ---- */

static struct {
	struct fixture *f;
	struct xfer *victim, *next;
	int depth, rounds;
	bool unplug;
} follow;

static void before_completions(void)
{
	FAKE_CHECK(!follow.depth++);
}

/* Nobody reaps while this runs, and yet what it cancels has ended afterwards. */
static void after_completions(void)
{
	struct usb_backend *b = follow.f->b;

	FAKE_CHECK(!--follow.depth);
	if (follow.rounds++)
		return;
	if (follow.unplug)
		fake_unplug(&follow.f->fake);
	b->ops->cancel(b, &follow.victim->urb);
	FAKE_CHECK(follow.victim->n_done == 1);
	FAKE_CHECK(follow.unplug || !b->ops->submit(b, &follow.next->urb));
}

static void follow_begin(struct fixture *f, struct xfer *victim, struct xfer *next)
{
	follow.f = f;
	follow.victim = victim;
	follow.next = next;
	follow.depth = follow.rounds = 0;
	follow.unplug = false;
	f->config.before = before_completions;
	f->config.after = after_completions;
	assert_int_equal(try_open(f), 0);
	f->b->events = &port_events;
	f->b->events_ctx = f;
}

static void what_follows_may_cancel_and_submit(void **state)
{
	struct fixture *f = *state;
	struct xfer x, victim, next;
	uint8_t buf[64];

	follow_begin(f, &victim, &next);
	init_xfer(&x, EP_OUT, false, buf, 64);
	init_xfer(&victim, EP_IN, true, buf, 64);
	init_xfer(&next, EP_OUT, false, buf, 64);
	submit(f, &x);
	submit(f, &victim);
	fake_end_first(&f->fake, 2, 0, 64);
	assert_int_equal(wait_xfer(&x), 0);
	assert_int_equal(wait_xfer(&victim), -ECONNRESET);
	fake_end_first(&f->fake, 1, 0, 64);
	assert_int_equal(wait_xfer(&next), 0);
	close_backend(f);
	assert_int_equal(follow.depth, 0);
}

static void what_follows_may_find_it_unplugged(void **state)
{
	struct fixture *f = *state;
	struct xfer x, victim;
	uint8_t buf[64];

	follow_begin(f, &victim, NULL);
	follow.unplug = true;
	init_xfer(&x, EP_OUT, false, buf, 64);
	init_xfer(&victim, EP_IN, true, buf, 64);
	submit(f, &x);
	submit(f, &victim);
	fake_end_first(&f->fake, 2, 0, 64);
	assert_int_equal(wait_xfer(&x), 0);
	assert_int_equal(wait_xfer(&victim), -ESHUTDOWN);
	for (int i = 0; i < 50000 && !f->n_gone; i++)
		usleep(100);
	close_backend(f);
	assert_int_equal(follow.depth, 0);
	assert_int_equal(f->n_gone, 1);
	assert_int_equal(f->n_port_gone, 1);
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
	/* Nothing was sent since, but it was not reset either. */
	assert_int_equal(reset(f), -EIO);
	assert_int_equal(run_bulk(f), 0);
	f->fake.fail_request = USBDEVFS_CLAIMINTERFACE;
	f->fake.fail_request_with = -EBUSY;
	assert_int_equal(reset(f), -EBUSY);
	assert_false(f->fake.claimed);
	f->fake.fail_request = 0;
	assert_int_equal(reset(f), 0);
	assert_true(f->fake.claimed);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_OPEN(requests_become_ioctls),
		TEST_OPEN(nothing_is_submitted_meanwhile),
		TEST_OPEN(cancel_ends_what_is_in_flight),
		TEST_OPEN(data_beats_a_cancel),
		TEST(what_follows_may_cancel_and_submit),
		TEST(what_follows_may_find_it_unplugged),
		TEST_OPEN(the_first_reset_is_skipped),
		TEST_OPEN(reset_ends_what_is_in_flight_first),
		TEST_OPEN(failing_resets),
		TEST_OPEN(a_device_that_is_another_after_its_reset_is_gone),
	};

	log_set_level(LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
