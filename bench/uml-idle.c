// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into a UML kernel. Its idle loop (arch/um/os-Linux/time.c, os_idle_sleep) runs
 * with interrupts off, which in UML means that signals are only noted, and then waits for
 * one: an interrupt that comes in between is seen at the next tick, up to 10 ms later. What
 * answers within microseconds hits that often. Here it does not sleep for longer than 20 us.
 */
#include <poll.h>
#include <signal.h>

int sigsuspend(const sigset_t *mask)
{
	const struct timespec most = { .tv_nsec = 20000 };

	return ppoll(NULL, 0, &most, mask);
}
