// SPDX-License-Identifier: GPL-2.0-only
/* The clock of the library kernel: close to the host's and never back, whatever is counted. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "guest_clock.h"

#define MS 1000000ULL
#define WINDOW MS
#define SLACK (WINDOW / 4)	/* what a reading that serves may have taken */

/* A host of our own: its clock, and a counter with a rate. */
static struct {
	lkl_u64 ns, ticks;
	double ticks_per_ns, part;
	lkl_u64 cost;			/* ns of a reading of the clock */
	unsigned int readings;
} host;

static void pass(lkl_u64 ns)
{
	double t = ns * host.ticks_per_ns + host.part;

	host.ns += ns;
	host.ticks += (lkl_u64)t;
	host.part = t - (lkl_u64)t;
}

static lkl_u64 host_ticks(void)
{
	return host.ticks;
}

static lkl_u64 host_ns(void)
{
	lkl_u64 ns;

	host.readings++;
	pass(host.cost / 2);
	ns = host.ns;
	pass(host.cost - host.cost / 2);
	return ns;
}

static const struct guest_clock_source source = { host_ticks, host_ns };

static lkl_u64 read_at(struct guest_clock *c)
{
	return guest_clock_at(c, host.ticks);
}

static unsigned int readings_of(struct guest_clock *c)
{
	unsigned int before = host.readings;

	read_at(c);
	return host.readings - before;
}

static bool close_to(lkl_u64 a, lkl_u64 b, lkl_u64 limit)
{
	return (a > b ? a - b : b - a) <= limit;
}

/* Two measurements that agree. */
static void settle(struct guest_clock *c)
{
	for (int i = 0; i < 3; i++) {
		read_at(c);
		pass(11 * MS);
	}
	read_at(c);
}

static struct guest_clock begin(double ticks_per_ns, lkl_u64 cost)
{
	host.ns = 5000 * MS;
	host.ticks = 77;
	host.ticks_per_ns = ticks_per_ns;
	host.part = 0;
	host.cost = cost;
	host.readings = 0;
	return (struct guest_clock){ .source = &source };
}

static void host_is_read_until_two_measurements_agree(void **state)
{
	struct guest_clock c = begin(2.5, 30);

	for (int i = 0; i < 19; i++) {
		assert_true(readings_of(&c));
		pass(MS);
	}
	settle(&c);
	pass(1000);
	assert_int_equal(readings_of(&c), 0);
}

static void host_is_read_once_a_window(void **state)
{
	struct guest_clock c = begin(2.5, 30);

	settle(&c);
	host.readings = 0;
	for (int i = 0; i < 100000; i++) {
		pass(1000);
		assert_true(close_to(read_at(&c), host.ns, 40));
	}
	assert_in_range(host.readings, 95, 105);
}

/* As in UML, where it is a system call. */
static void slow_readings_serve(void **state)
{
	struct guest_clock c = begin(2.5, 40000);

	for (int i = 0; i < 400; i++) {
		read_at(&c);
		pass(MS);
	}
	host.readings = 0;
	for (int i = 0; i < 10000; i++) {
		pass(10000);
		assert_true(close_to(read_at(&c), host.ns, 60000));
	}
	assert_in_range(host.readings, 80, 120);
}

static void rate_follows_a_clock_that_is_slewed(void **state)
{
	struct guest_clock c = begin(2.5, 30);

	settle(&c);
	for (int i = 0; i < 1000000; i++) {
		host.ticks_per_ns = 2.5 * (i / 100000 % 2 ? 1.0005 : 0.9995);
		pass(100000);
		assert_true(close_to(read_at(&c), host.ns, 1100));
	}
	assert_true(host.readings < 150000);
}

static void interrupt_of_the_timer_reads_the_host(void **state)
{
	struct guest_clock c = begin(2.5, 30);

	settle(&c);
	pass(1000);
	assert_int_equal(readings_of(&c), 0);
	guest_clock_doubt(&c);
	assert_int_equal(readings_of(&c), 1);
	pass(1000);
	assert_int_equal(readings_of(&c), 0);
}

/* From a reading whose thread lost its CPU in between, nothing is reckoned. */
static void reading_that_took_long_does_not_serve(void **state)
{
	struct guest_clock c = begin(2.5, 30);

	settle(&c);
	host.cost = WINDOW / 2;
	pass(2 * WINDOW);
	assert_int_equal(readings_of(&c), 3);
	assert_true(readings_of(&c));
	host.cost = 30;
	assert_int_equal(readings_of(&c), 1);
	pass(1000);
	assert_int_equal(readings_of(&c), 0);
}

static void without_a_counter_the_host_is_read(void **state)
{
	static const struct guest_clock_source no_counter = { NULL, host_ns };
	struct guest_clock c = begin(2.5, 0);

	c.source = &no_counter;
	for (int i = 0; i < 100; i++) {
		pass(10 * MS);
		assert_int_equal(guest_clock_ns(&c), host.ns);
	}
	assert_int_equal(host.readings, 100);
}

/* The counter counted on, or began anew, while the host's clock stood; other rates. */
static void suspend_and_migration_are_got_over(void **state)
{
	static const struct {
		double ticks_per_ns, jump;
	} cases[] = {
		{ 2.5, 1e13 }, { 2.5, -1e18 }, { 2.5, 2e6 }, { 2.5, -2e6 }, { 1.25, 0 },
		{ 5, -1e18 }, { 3, 0 },
	};
	struct guest_clock c = begin(2.5, 30);
	lkl_u64 last = 0, now;

	settle(&c);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		host.ticks_per_ns = cases[i].ticks_per_ns;
		host.ticks = cases[i].jump < -1e17 ? 1000 : host.ticks + (int64_t)cases[i].jump;
		for (int k = 0; k < 1000; k++) {
			now = read_at(&c);
			assert_true(now >= last);
			assert_true(close_to(now, host.ns, 2 * WINDOW));
			last = now;
			pass(100000);
		}
		settle(&c);
		pass(1000);
		assert_int_equal(readings_of(&c), 0);
		assert_true(close_to(read_at(&c), host.ns, 10000));
	}
}

static uint64_t random_bits(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}

/*
 * A counter that means nothing: the clock is at most a window ahead of the host's, never
 * goes back, and does not stay behind when the timer interrupts.
 */
static void hostile_counter_is_bounded(void **state)
{
	struct guest_clock c = begin(2.5, 30);
	uint64_t seed = 1, r;
	lkl_u64 last = 0, now;

	settle(&c);
	for (int i = 0; i < 2000000; i++) {
		r = random_bits(&seed);
		switch (r % 16) {
		case 0:
			host.ticks = random_bits(&seed) << (r >> 8) % 33;
			break;
		case 1:
			host.ticks -= random_bits(&seed) % 5000000;
			break;
		case 2:
			host.ticks += random_bits(&seed) % 5000000;
			break;
		case 3:
			host.ticks_per_ns = (r >> 4) % 1000 / 100.;
			break;
		case 4:
			host.cost = (r >> 4) % 1000000;
			break;
		}
		pass((r >> 6) % 3000);
		if (r % 1000 == 77)
			guest_clock_doubt(&c);
		now = read_at(&c);
		assert_true(now >= last);
		assert_true(now <= host.ns + WINDOW);
		if (r % 1000 == 77)
			assert_true(now + host.cost >= host.ns);
		last = now;
	}
}

/* ---- threads: one after the other reads, another doubts ---- */

static lkl_u64 real_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static struct guest_clock_source real = { .ns = real_ns };
static struct guest_clock shared = { .source = &real };
static lkl_u64 shared_last;
static int owner, done;

static void *reads(void *unused)
{
	lkl_u64 before, now, after;
	int free;

	for (int i = 0; i < 200000; ) {
		free = 0;
		if (!__atomic_compare_exchange_n(&owner, &free, 1, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			continue;
		before = real_ns();
		now = guest_clock_ns(&shared);
		after = real_ns();
		if (now < shared_last || now + WINDOW + SLACK < before ||
		    now > after + WINDOW)
			abort();
		shared_last = now;
		i++;
		__atomic_exchange_n(&owner, 0, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void *doubts(void *unused)
{
	while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST)) {
		guest_clock_doubt(&shared);
		nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
	}
	return NULL;
}

static void threads_take_turns(void **state)
{
	pthread_t readers[3], doubter;

	real.ticks = guest_clock_counter();
	assert_int_equal(pthread_create(&doubter, NULL, doubts, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, reads, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(readers[i], NULL);
	__atomic_store_n(&done, 1, __ATOMIC_SEQ_CST);
	pthread_join(doubter, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_is_read_until_two_measurements_agree),
		cmocka_unit_test(host_is_read_once_a_window),
		cmocka_unit_test(slow_readings_serve),
		cmocka_unit_test(rate_follows_a_clock_that_is_slewed),
		cmocka_unit_test(interrupt_of_the_timer_reads_the_host),
		cmocka_unit_test(reading_that_took_long_does_not_serve),
		cmocka_unit_test(without_a_counter_the_host_is_read),
		cmocka_unit_test(suspend_and_migration_are_got_over),
		cmocka_unit_test(hostile_counter_is_bounded),
		cmocka_unit_test(threads_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
