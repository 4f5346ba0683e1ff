// SPDX-License-Identifier: GPL-2.0-only
#include <stdbool.h>
#include "guest_clock.h"
#ifdef __x86_64__
#include <cpuid.h>
#include <sys/prctl.h>
#endif

#define WINDOW_NS	1000000ULL
#define MEASURE_NS	10000000ULL	/* at least */
#define PRECISION	1024	/* a measurement is so many times longer than its readings */
#define AGREE		256	/* rates that differ by less than one in so many */
#define MAX_RATE	(64ULL << 32)	/* 16 MHz: slower counters are too coarse */

/*
 * The counter is taken after the clock, so that what it is added to later is never ahead.
 * A thread that lost its CPU in between tries again.
 */
static struct guest_clock_reading read_both(const struct guest_clock *c)
{
	struct guest_clock_reading r = { 0 };
	lkl_u64 before;

	for (int tries = 0; tries < 3; tries++) {
		before = c->source->ticks();
		r.ns = c->source->ns();
		r.ticks = c->source->ticks();
		r.slack = r.ticks - before;
		if (!c->agreed || r.slack < c->agreed / 4)
			break;
	}
	return r;
}

static bool agree(lkl_u64 a, lkl_u64 b)
{
	return (a > b ? a - b : b - a) < b / AGREE;
}

/* The rate since c->from, when that is long enough ago. */
static void measure(struct guest_clock *c, const struct guest_clock_reading *r)
{
	lkl_u64 ticks = r->ticks - c->from.ticks, ns = r->ns - c->from.ns, rate = 0;

	if (!c->from.ns || r->slack < c->from.slack / 2) {
		c->from = *r;
		return;
	}
	if (ns < MEASURE_NS || (r->slack + c->from.slack) > ticks / PRECISION)
		return;
	if (ticks)
		rate = ((unsigned __int128)ns << 32) / ticks;
	c->agreed = rate && rate < MAX_RATE && agree(rate, c->rate) ?
		    (WINDOW_NS << 32) / rate : 0;
	c->rate = rate;
	c->from = *r;
}

lkl_u64 guest_clock_read(struct guest_clock *c)
{
	struct guest_clock_reading r;

	if (!c->source->ticks)
		return c->source->ns();
	__atomic_exchange_n(&c->doubt, 0, __ATOMIC_SEQ_CST);
	r = read_both(c);
	measure(c, &r);
	c->ticks = r.ticks;
	c->ns = r.ns;
	c->window = r.slack < c->agreed / 4 ? c->agreed : 0;
	return r.ns;
}

#ifdef __x86_64__
static bool believed;

/*
 * Whether the counter ticks at one rate in all the CPU's states. That the CPUs' counters
 * go together is not asked: the kernel's own opinion is in a file that a confined process
 * does not see, and guest_clock.h bounds what it costs if they do not.
 *
 * When the program starts, for a sandbox may refuse the question later.
 */
__attribute__((constructor)) static void look_at_counter(void)
{
	unsigned int a, b, c, d;
	int tsc = PR_TSC_ENABLE;

	prctl(PR_GET_TSC, &tsc);	/* a kernel without it (UML) forbids nothing */
	believed = tsc == PR_TSC_ENABLE && __get_cpuid(0x80000007, &a, &b, &c, &d) &&
		   (d & 1U << 8);
}

static lkl_u64 read_counter(void)
{
	return guest_clock_ticks();
}

lkl_u64 (*guest_clock_counter(void))(void)
{
	return believed ? read_counter : 0;
}
#else
lkl_u64 (*guest_clock_counter(void))(void)
{
	return 0;
}
#endif
