// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that sleeps until the kernel's next timer event and sets its pending
 * bit. It never drives the CPU: a driver in a long loop still gets its ticks.
 *
 * Events that move later do not wake it: it wakes at the old time, finds the
 * newer one and sleeps on. So a tick that is stopped and restarted at every idle
 * period costs one wake-up a tick, not two a period.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>
#include "guest_clock.h"
#include "lkl_host_i.h"
#include "thread.h"

#define NEVER (~0ULL)

static pthread_t thread;
static bool runs;
static lkl_u64 deadline = NEVER;	/* atomic */
static lkl_u64 asleep_until;		/* atomic; 0 = awake */
static int word;			/* futex, counts changes */
static bool stop;
static lkl_u64 ahead;			/* of the host's clock, ns; atomic, only grows */

static lkl_u64 host_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static struct guest_clock_source source = { .ns = host_ns };
static struct guest_clock guest = { .source = &source };	/* the CPU's owner's */

lkl_u64 timer_guest_ns(void)
{
	return guest_clock_ns(&guest) + __atomic_load_n(&ahead, __ATOMIC_RELAXED);
}

/* As exact as it can be: for whoever does not own the CPU. */
static lkl_u64 now_ns(void)
{
	return host_ns() + __atomic_load_n(&ahead, __ATOMIC_RELAXED);
}

static void prod(void)
{
	__atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
	futex_wake(&word, 1);
}

void timer_set(lkl_u64 when)
{
	__atomic_store_n(&deadline, when, __ATOMIC_SEQ_CST);
	if (when < __atomic_load_n(&asleep_until, __ATOMIC_SEQ_CST))
		prod();
}

/* The event of that time, unless it moved. Who handles it must not find it is too early. */
static bool fire(lkl_u64 when)
{
	if (!__atomic_compare_exchange_n(&deadline, &when, NEVER, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return false;
	guest_clock_doubt(&guest);
	cpu_raise(LKL_PENDING_TIMER);
	return true;
}

bool timer_skip(lkl_u64 limit)
{
	lkl_u64 when = __atomic_load_n(&deadline, __ATOMIC_SEQ_CST);
	lkl_u64 now = now_ns(), used = __atomic_load_n(&ahead, __ATOMIC_RELAXED);

	if (when == NEVER || when <= now || used > limit || when - now > limit - used)
		return false;
	__atomic_fetch_add(&ahead, when - now, __ATOMIC_SEQ_CST);
	fire(when);
	prod();		/* it sleeps by the old clock */
	return true;
}

static void *timer_main(void *unused)
{
	lkl_u64 when, host;
	int seen;

	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		seen = __atomic_load_n(&word, __ATOMIC_SEQ_CST);
		when = __atomic_load_n(&deadline, __ATOMIC_SEQ_CST);
		if (when != NEVER && when <= now_ns()) {
			fire(when);
			continue;
		}
		__atomic_store_n(&asleep_until, when, __ATOMIC_SEQ_CST);
		host = when - __atomic_load_n(&ahead, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&deadline, __ATOMIC_SEQ_CST) >= when)
			futex_wait(&word, seen, when == NEVER ? NULL : &host);
		__atomic_store_n(&asleep_until, 0, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

int timer_start(void)
{
	source.ticks = guest_clock_counter();
	if (thread_start(&thread, timer_main, NULL))
		return -EAGAIN;
	runs = true;
	return 0;
}

void timer_stop(void)
{
	if (!runs)
		return;
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	prod();
	pthread_join(thread, NULL);
	runs = false;
}
