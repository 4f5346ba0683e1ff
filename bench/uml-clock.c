// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into lklusb inside UML, where each reading of the clock is a system call that
 * goes through ptrace. On other hosts it is none (vDSO), and with this it is none here: the
 * time stamp counter since the start, by a factor measured once.
 */
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define MEASURED_US	50000

static uint64_t start_ns, start_tsc;
static double ns_per_tick;

static uint64_t system_ns(void)
{
	struct timespec t;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

__attribute__((constructor)) static void measure(void)
{
	uint64_t ns, tsc;

	start_ns = system_ns();
	start_tsc = __rdtsc();
	usleep(MEASURED_US);
	ns = system_ns();
	tsc = __rdtsc();
	ns_per_tick = (double)(ns - start_ns) / (tsc - start_tsc);
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	uint64_t ns;

	if (clock != CLOCK_MONOTONIC)
		return syscall(SYS_clock_gettime, clock, t);
	ns = start_ns + (uint64_t)((__rdtsc() - start_tsc) * ns_per_tick);
	t->tv_sec = ns / 1000000000;
	t->tv_nsec = ns % 1000000000;
	return 0;
}
