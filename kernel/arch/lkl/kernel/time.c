// SPDX-License-Identifier: GPL-2.0-only
/* The host's clocks and one one-shot timer. */
#include <linux/clockchips.h>
#include <linux/clocksource.h>
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/sched/clock.h>
#include <linux/timex.h>
#include "lkl_i.h"

static u64 boot_ns;

static u64 clock_read(struct clocksource *cs)
{
	return lkl_ops->monotonic_ns();
}

static struct clocksource clocksource = {
	.name	= "lkl",
	.rating	= 499,
	.read	= clock_read,
	.mask	= CLOCKSOURCE_MASK(64),
	.flags	= CLOCK_SOURCE_IS_CONTINUOUS,
};

static int event_next(unsigned long delta_ns,
			    struct clock_event_device *ce)
{
	lkl_ops->timer_set(lkl_ops->monotonic_ns() + delta_ns);
	return 0;
}

static int event_shutdown(struct clock_event_device *ce)
{
	lkl_ops->timer_set(~0ULL);
	return 0;
}

static struct clock_event_device timer = {
	.name			= "lkl",
	.features		= CLOCK_EVT_FEAT_ONESHOT,
	.rating			= 499,
	.set_next_event		= event_next,
	.set_state_shutdown	= event_shutdown,
	.set_state_oneshot_stopped = event_shutdown,
};

void lkl_timer_irq(void)
{
	if (timer.event_handler)
		timer.event_handler(&timer);
}

unsigned long long notrace sched_clock(void)
{
	return lkl_ops->monotonic_ns() - boot_ns;
}

cycles_t get_cycles(void)
{
	return lkl_ops->monotonic_ns();
}

void read_persistent_clock64(struct timespec64 *ts)
{
	*ts = ns_to_timespec64(lkl_ops->wall_ns());
}

void __init time_init(void)
{
	boot_ns = lkl_ops->monotonic_ns();
	clocksource_register_hz(&clocksource, NSEC_PER_SEC);
	timer.cpumask = cpumask_of(0);
	clockevents_config_and_register(&timer, NSEC_PER_SEC, 1000, LONG_MAX);
}

/* A loop of __delay() is a nanosecond. */
unsigned long calibrate_delay_is_known(void)
{
	return NSEC_PER_SEC / HZ;
}

void __ndelay(unsigned long nsecs)
{
	u64 end = lkl_ops->monotonic_ns() + nsecs;

	while (lkl_ops->monotonic_ns() < end)
		cpu_relax();
}
EXPORT_SYMBOL(__ndelay);

void __udelay(unsigned long usecs)
{
	__ndelay(usecs * NSEC_PER_USEC);
}
EXPORT_SYMBOL(__udelay);

void __delay(unsigned long loops)
{
	__ndelay(loops);
}
EXPORT_SYMBOL(__delay);
