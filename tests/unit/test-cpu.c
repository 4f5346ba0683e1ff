// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who drives the virtual CPU, on a kernel that is one here: calls end at once or when a
 * device's thread raises an interrupt, and a driver may leave work to others. Whoever
 * is not woken hangs, and so does the test.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "lkl_host_i.h"

#define CALLERS		4
#define DEVICES		2
#define ROUNDS		4000
#define CALLS		4		/* of each caller in a round */
#define PENDING_DEVICE	(1ULL << 1)

enum { AT_ONCE, DEVICE, NEVER_ENDS, DIE };	/* a call's nr */

/* A list of calls under a lock of its own, so that only wake-ups are in question. */
struct list {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct lkl_thread *first;
	bool closed;
};

#define LIST { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, false }

struct lkl_cpu lkl_cpu;
unsigned long long lkl_kernel_pending;

static struct list submitted = LIST, completed = LIST;
static struct lkl_thread *runnable;		/* the CPU's owner's */
static unsigned int owner_random = 1;
static pthread_barrier_t round_end;

static void push(struct list *list, struct lkl_thread *t)
{
	pthread_mutex_lock(&list->lock);
	t->next_call = list->first;
	list->first = t;
	pthread_cond_signal(&list->filled);
	pthread_mutex_unlock(&list->lock);
}

static struct lkl_thread *take_all(struct list *list)
{
	struct lkl_thread *t;

	pthread_mutex_lock(&list->lock);
	t = list->first;
	list->first = NULL;
	pthread_mutex_unlock(&list->lock);
	return t;
}

/* ---- the kernel ---- */

static void make_runnable(struct lkl_thread *t)
{
	struct lkl_thread *next;

	for (; t; t = next) {
		next = t->next_call;
		t->next_call = runnable;
		runnable = t;
	}
}

static void interrupts(void)
{
	lkl_u64 bits;

	while ((bits = __atomic_exchange_n(&lkl_kernel_pending, 0, __ATOMIC_SEQ_CST))) {
		if (bits & LKL_PENDING_CALLS)
			make_runnable(__atomic_exchange_n(&lkl_cpu.calls, NULL,
							  __ATOMIC_ACQUIRE));
		if (bits & PENDING_DEVICE)
			make_runnable(take_all(&completed));
	}
}

static void complete(struct lkl_thread *t)
{
	t->ret = t->args[0] + 1;
	if (__atomic_exchange_n(&t->state, LKL_CALL_DONE, __ATOMIC_SEQ_CST) ==
	    LKL_CALL_SLEEPING)
		cpu_wake(&t->state);
}

static void run(struct lkl_thread *t)
{
	long nr = t->nr;

	t->nr = AT_ONCE;		/* when it is here again */
	if (nr == DEVICE)
		push(&submitted, t);
	else if (nr == DIE)
		__atomic_store_n(&lkl_cpu.dead, 1, __ATOMIC_SEQ_CST);
	else if (nr == AT_ONCE)
		complete(t);
}

static bool driver_done(void)
{
	return lkl_cpu.driver &&
	       __atomic_load_n(&lkl_cpu.driver->state, __ATOMIC_ACQUIRE) == LKL_CALL_DONE;
}

void lkl_kernel_resume(void)
{
	struct lkl_thread *t;

	lkl_cpu.more = 0;
	for (;;) {
		interrupts();
		t = runnable;
		if (!t || lkl_cpu.dead)
			return;
		/* A driver that has its answer helps, but not for ever. */
		if (driver_done() && rand_r(&owner_random) % 2) {
			lkl_cpu.more = 1;
			return;
		}
		runnable = t->next_call;
		run(t);
	}
}

void lkl_kernel_boot(const struct lkl_boot_info *info)
{
	lkl_cpu.more = 0;
	complete(info->boot_thread);
}

int lkl_kernel_is_current(const struct lkl_thread *t)
{
	return 0;
}

/* ---- host threads ---- */

static void dawdle(unsigned int *random, int most)
{
	for (volatile int n = rand_r(random) % most; n; n--)
		;
}

static void *device_main(void *arg)
{
	unsigned int random = (uintptr_t)arg;
	struct lkl_thread *t;

	for (;;) {
		pthread_mutex_lock(&submitted.lock);
		while (!submitted.first && !submitted.closed)
			pthread_cond_wait(&submitted.filled, &submitted.lock);
		t = submitted.first;
		if (t)
			submitted.first = t->next_call;
		pthread_mutex_unlock(&submitted.lock);
		if (!t)
			return NULL;
		dawdle(&random, 20000);
		push(&completed, t);
		cpu_raise(PENDING_DEVICE);
	}
}

static long call(struct lkl_thread *t, long nr, unsigned long arg)
{
	t->nr = nr;
	t->args[0] = arg;
	cpu_call(t);
	return t->ret;
}

static void *caller_main(void *arg)
{
	unsigned int random = (uintptr_t)arg;
	struct lkl_thread t = { 0 };
	uintptr_t wrong = 0;

	for (int i = 1; i <= ROUNDS * CALLS; i++) {
		wrong += call(&t, rand_r(&random) % 4 ? DEVICE : AT_ONCE, i) != i + 1;
		dawdle(&random, 5000);
		if (i % CALLS == 0)	/* nobody comes whose next call wakes others */
			pthread_barrier_wait(&round_end);
	}
	return (void *)wrong;
}

static void calls_of(uintptr_t n)
{
	pthread_t callers[CALLERS];
	void *wrong;

	pthread_barrier_init(&round_end, NULL, n);
	for (uintptr_t i = 0; i < n; i++)
		assert_int_equal(pthread_create(&callers[i], NULL, caller_main,
						(void *)(i + 1)), 0);
	for (uintptr_t i = 0; i < n; i++) {
		pthread_join(callers[i], &wrong);
		assert_null(wrong);
	}
	pthread_barrier_destroy(&round_end);
}

static void test_every_call_ends(void **state)
{
	pthread_t devices[DEVICES];

	for (uintptr_t i = 0; i < DEVICES; i++)
		assert_int_equal(pthread_create(&devices[i], NULL, device_main,
						(void *)(i + 100)), 0);
	for (int n = 1; n <= CALLERS; n++)
		calls_of(n);
	pthread_mutex_lock(&submitted.lock);
	submitted.closed = true;
	pthread_cond_broadcast(&submitted.filled);
	pthread_mutex_unlock(&submitted.lock);
	for (int i = 0; i < DEVICES; i++)
		pthread_join(devices[i], NULL);
}

static void *stranded_main(void *arg)
{
	struct lkl_thread t = { 0 };

	for (int i = 0; i < 100; i++)		/* with waits that make it spin */
		call(&t, AT_ONCE, i);
	return (void *)call(&t, NEVER_ENDS, 0);
}

/* The last test: there is no life after it. */
static void test_death_ends_calls(void **state)
{
	pthread_t callers[CALLERS];
	struct lkl_thread t = { 0 };
	void *ret;

	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&callers[i], NULL, stranded_main, NULL), 0);
	assert_int_equal(call(&t, DIE, 0), -EIO);
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(callers[i], &ret);
		assert_int_equal((long)ret, -EIO);
	}
}

static int boot(void **state)
{
	static struct lkl_thread t = { .args = { -1UL } };
	static const struct lkl_boot_info info = { .boot_thread = &t };

	return cpu_start(&info);
}

static int end(void **state)
{
	cpu_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_call_ends),
		cmocka_unit_test(test_death_ends_calls),
	};

	return cmocka_run_group_tests(tests, boot, end);
}
