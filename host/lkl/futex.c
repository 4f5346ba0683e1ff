// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "lkl_host_i.h"

/* Until woken, or the word is not expected, or the monotonic time is reached. */
void futex_wait(int *word, int expected, const lkl_u64 *deadline_ns)
{
	struct timespec ts;

	if (deadline_ns) {
		ts.tv_sec = *deadline_ns / 1000000000;
		ts.tv_nsec = *deadline_ns % 1000000000;
	}
	syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected,
		deadline_ns ? &ts : NULL, NULL, FUTEX_BITSET_MATCH_ANY);
}

void futex_wake(int *word, int n)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}
