/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's monotonic clock as the library kernel reads it, several times a request: by
 * the CPU's tick counter since the last reading of the host's, for a millisecond of ticks
 * at most. The host's clock is a system call where it has no vDSO, and some 25 ns with one.
 *
 * What bounds the error, wherever the counter jumps (another CPU, suspend, migration of a
 * virtual machine): no reading is further from the host's clock than that millisecond and
 * the time that a reading took, none is before an earlier one, and no error adds up. Of
 * the counter itself it is believed only that it goes on, and evenly while the last two
 * measurements of its rate agree; each timer interrupt reads the host's clock anyway.
 *
 * One thread at a time reads: who owns the virtual CPU. Any thread may call
 * guest_clock_doubt().
 */
#ifndef GUEST_CLOCK_H
#define GUEST_CLOCK_H

#include <asm/host_ops.h>

struct guest_clock_source {
	lkl_u64 (*ticks)(void);		/* NULL: no counter to believe */
	lkl_u64 (*ns)(void);
};

/* slack: ticks that the reading took */
struct guest_clock_reading {
	lkl_u64 ticks, ns, slack;
};

struct guest_clock {
	const struct guest_clock_source *source;
	lkl_u64 ticks, ns;		/* of the last reading of the host's clock */
	lkl_u64 window;			/* ticks after it for which that serves */
	lkl_u64 rate;			/* ns a tick, << 32, as measured last */
	lkl_u64 agreed;			/* window that the rate allows, 0: it changed */
	lkl_u64 last;			/* what was returned */
	int doubt;			/* atomic */
	struct guest_clock_reading from;	/* where the next measurement begins */
};

/* Reads the host's clock. */
lkl_u64 guest_clock_read(struct guest_clock *c);

/* The next reading is one of the host's clock, begun after this. */
static inline void guest_clock_doubt(struct guest_clock *c)
{
	__atomic_store_n(&c->doubt, 1, __ATOMIC_SEQ_CST);
}

/* ns; ticks: the counter now */
static inline lkl_u64 guest_clock_at(struct guest_clock *c, lkl_u64 ticks)
{
	lkl_u64 since = ticks - c->ticks, ns;	/* huge if it went back */

	if (since < c->window && !__atomic_load_n(&c->doubt, __ATOMIC_RELAXED))
		ns = c->ns + (since * c->rate >> 32);
	else
		ns = guest_clock_read(c);
	if (ns > c->last)
		c->last = ns;
	return c->last;
}

/* The CPU's counter, or NULL: it stops, changes its rate, or the process must not read it. */
lkl_u64 (*guest_clock_counter(void))(void);

static inline lkl_u64 guest_clock_ticks(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	return 0;
#endif
}

static inline lkl_u64 guest_clock_ns(struct guest_clock *c)
{
	return guest_clock_at(c, c->source->ticks ? guest_clock_ticks() : 0);
}

#endif
