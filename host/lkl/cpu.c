// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual CPU: driven by whichever thread has something to do on it.
 *
 * owner is taken with a compare-exchange and given back with an exchange. Whoever
 * sets a pending bit while owner is 0 kicks: wakes a thread to drive. Whoever
 * gives the CPU back looks at pending afterwards. Both sides order their two
 * accesses sequentially consistently, so one of them sees the other's.
 *
 * A call that finds the CPU driven is handed over to its driver; its thread
 * sleeps until the call is done or it is itself kicked to drive: a thread that
 * waits for a device is the cheapest one to handle that device's interrupt.
 *
 * To be woken takes longer than many a wait. So a thread whose last waits were short
 * first spins: it looks for the end of its call, and for pending bits to handle. There
 * is one spinner at a time, and while there is one nobody kicks. That loses nothing: a
 * spinner stops being it, then looks at pending; whoever relied on it had set his bit,
 * then looked for a spinner. (Sequentially consistent again.)
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include "lkl_host_i.h"
#include "thread.h"

#define LOAD(p)		__atomic_load_n(p, __ATOMIC_SEQ_CST)
#define STORE(p, v)	__atomic_store_n(p, v, __ATOMIC_SEQ_CST)
#define XCHG(p, v)	__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define OR(p, bits)	__atomic_fetch_or(p, bits, __ATOMIC_SEQ_CST)

#define SPIN_NS		20000
#define SHORT_NS	(2 * SPIN_NS)	/* of a wait with its wake-up */
#define SHORT_NEEDED	4		/* short waits in a row before a spin */
#define SHORT_MISSED	(-16)		/* after a spin in vain */
#define SHORT_ONE_CPU	(-1000)		/* the same where nobody else could run */

/* protects the list of sleepers and the moment of death */
static pthread_mutex_t sleep_lock = PTHREAD_MUTEX_INITIALIZER;
static struct lkl_thread *sleepers;

static pthread_t background;
static int background_word;		/* 1 = drive, 2 = end; futex */
static bool background_runs;

static int spinner;			/* there is one; atomic */

static __thread bool in_guest;
static __thread int short_waits;		/* in a row; below 0: not yet counting */
static __thread bool volunteers;		/* between lkl_drive_begin and _end */
static __thread struct lkl_thread volunteer;	/* whose call is always done */
static __thread void (*sleep_hook)(void *ctx);
static __thread void *sleep_hook_ctx;

void lkl_on_sleep(void (*hook)(void *ctx), void *ctx)
{
	sleep_hook = hook;
	sleep_hook_ctx = ctx;
}

bool cpu_in_guest(void)
{
	return in_guest;
}

bool cpu_is_dead(void)
{
	return LOAD(&lkl_cpu.dead);
}

bool cpu_is_idle(void)
{
	return !LOAD(&lkl_cpu.owner) && !LOAD(&lkl_kernel_pending);
}

static bool cas(int *word, int from, int to)
{
	return __atomic_compare_exchange_n(word, &from, to, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static bool try_own(void)
{
	return !LOAD(&lkl_cpu.owner) && cas(&lkl_cpu.owner, 0, 1);
}

/* Wakes one thread to drive: one that waits for its call, else the background. */
static void kick(void)
{
	struct lkl_thread *t;
	int *word = NULL;

	__atomic_fetch_add(&lkl_cpu.kicks, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&sleep_lock);
	for (t = sleepers; t && !word; t = t->next_sleeper)
		if (cas(&t->state, LKL_CALL_SLEEPING, LKL_CALL_DRIVE))
			word = &t->state;
	if (word)
		futex_wake(word, 1);
	pthread_mutex_unlock(&sleep_lock);
	if (!word && cas(&background_word, 0, 1))
		futex_wake(&background_word, 1);
}

/* After something was made pending and the CPU was seen undriven. */
static void call_for_driver(void)
{
	if (!LOAD(&spinner))
		kick();
}

/* Only the address is used: the record may be gone. */
void cpu_wake(int *state)
{
	futex_wake(state, 1);
}

/*
 * If bits were pending before, whoever set them has kicked or has seen a driver
 * or spinner that is going to look.
 */
void cpu_raise(lkl_u64 bits)
{
	lkl_u64 old = OR(&lkl_kernel_pending, bits);

	if (!old && !in_guest && !volunteers && !LOAD(&lkl_cpu.owner))
		call_for_driver();
}

/* The CPU will never run again: every call that waits has failed. */
static void fail_sleepers(void)
{
	struct lkl_thread *t;

	pthread_mutex_lock(&sleep_lock);
	for (t = sleepers; t; t = t->next_sleeper) {
		t->ret = -EIO;
		XCHG(&t->state, LKL_CALL_DONE);
		futex_wake(&t->state, 1);
	}
	pthread_mutex_unlock(&sleep_lock);
}

/*
 * Owner: runs the CPU until nothing is left to do, or t's call is done and others
 * can go on with the rest. enter: lkl_kernel_resume, or boot.
 */
static void drive(struct lkl_thread *t, void (*enter)(void))
{
	int more;

	for (;;) {
		lkl_cpu.driver = t;
		in_guest = true;
		enter();
		in_guest = false;
		enter = lkl_kernel_resume;
		if (lkl_cpu.dead) {
			fail_sleepers();	/* owned for ever */
			return;
		}
		more = lkl_cpu.more;
		XCHG(&lkl_cpu.owner, 0);
		if (more && t) {
			/* None has come, but a spinner looks for bits only. */
			OR(&lkl_kernel_pending, LKL_PENDING_CALLS);
			call_for_driver();
			return;
		}
		if (!more && !LOAD(&lkl_kernel_pending))
			return;
		if (!try_own())
			return;		/* its new owner looks at pending */
	}
}

void lkl_drive_begin(void)
{
	volunteers = true;
}

void lkl_drive_end(void)
{
	volunteers = false;
	if (LOAD(&lkl_kernel_pending) && try_own())
		drive(&volunteer, lkl_kernel_resume);
}

static void sleepers_add(struct lkl_thread *t)
{
	t->prev_sleeper = NULL;
	t->next_sleeper = sleepers;
	if (sleepers)
		sleepers->prev_sleeper = t;
	sleepers = t;
}

static void sleepers_remove(struct lkl_thread *t)
{
	if (t->prev_sleeper)
		t->prev_sleeper->next_sleeper = t->next_sleeper;
	else
		sleepers = t->next_sleeper;
	if (t->next_sleeper)
		t->next_sleeper->prev_sleeper = t->prev_sleeper;
}

static lkl_u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void count_wait(lkl_u64 ns)
{
	if (short_waits >= 0 && ns >= SHORT_NS)
		short_waits = 0;
	else if (short_waits < SHORT_NEEDED)
		short_waits++;
}

/* Until the call is done or its thread should drive. */
static void call_sleep(struct lkl_thread *t)
{
	lkl_u64 begin = now_ns();

	pthread_mutex_lock(&sleep_lock);
	if (cpu_is_dead()) {
		t->ret = -EIO;
		STORE(&t->state, LKL_CALL_DONE);
	}
	if (!cas(&t->state, LKL_CALL_PENDING, LKL_CALL_SLEEPING)) {
		pthread_mutex_unlock(&sleep_lock);
		return;
	}
	sleepers_add(t);
	pthread_mutex_unlock(&sleep_lock);

	if (sleep_hook && LOAD(&t->state) == LKL_CALL_SLEEPING)
		sleep_hook(sleep_hook_ctx);
	while (LOAD(&t->state) == LKL_CALL_SLEEPING)
		futex_wait(&t->state, LKL_CALL_SLEEPING, NULL);

	pthread_mutex_lock(&sleep_lock);
	sleepers_remove(t);
	pthread_mutex_unlock(&sleep_lock);
	count_wait(now_ns() - begin);
	if (cas(&t->state, LKL_CALL_DRIVE, LKL_CALL_PENDING) && try_own())
		drive(t, lkl_kernel_resume);
}

static void hand_over(struct lkl_thread *t)
{
	struct lkl_thread *head = LOAD(&lkl_cpu.calls);

	do {
		t->next_call = head;
	} while (!__atomic_compare_exchange_n(&lkl_cpu.calls, &head, t, true,
					      __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	OR(&lkl_kernel_pending, LKL_PENDING_CALLS);
}

static void relax(void)
{
#ifdef __x86_64__
	__builtin_ia32_pause();
#endif
}

static bool one_cpu(void)
{
	cpu_set_t cpus;

	return !sched_getaffinity(0, sizeof(cpus), &cpus) && CPU_COUNT(&cpus) == 1;
}

/* Until the call is done or nothing has happened for SPIN_NS. */
static void spin_until(struct lkl_thread *t)
{
	lkl_u64 begin = now_ns();

	do {
		for (int i = 0; i < 16; i++) {
			if (LOAD(&t->state) == LKL_CALL_DONE)
				return;
			if (LOAD(&lkl_kernel_pending) && try_own()) {
				drive(t, lkl_kernel_resume);
				begin = now_ns();
			}
			relax();
		}
	} while (now_ns() - begin < SPIN_NS);
	short_waits = one_cpu() ? SHORT_ONE_CPU : SHORT_MISSED;
}

static void spin(struct lkl_thread *t)
{
	spin_until(t);
	STORE(&spinner, 0);
	if (!LOAD(&lkl_kernel_pending))
		return;
	/* Left to us. Whose call is done has no time for others. */
	if (LOAD(&t->state) == LKL_CALL_DONE)
		call_for_driver();
	else if (try_own())
		drive(t, lkl_kernel_resume);
}

static void call_wait(struct lkl_thread *t)
{
	while (LOAD(&t->state) != LKL_CALL_DONE) {
		if (cpu_is_dead()) {
			t->ret = -EIO;
			STORE(&t->state, LKL_CALL_DONE);
			break;
		}
		if (short_waits >= SHORT_NEEDED && cas(&spinner, 0, 1))
			spin(t);
		else
			call_sleep(t);
	}
}

void cpu_call(struct lkl_thread *t)
{
	STORE(&t->state, LKL_CALL_PENDING);
	if (try_own()) {
		if (lkl_kernel_is_current(t))
			t->ready = 1;
		else
			hand_over(t);
		drive(t, lkl_kernel_resume);
	} else {
		hand_over(t);
		if (try_own())
			drive(t, lkl_kernel_resume);
	}
	call_wait(t);
}

static void *background_main(void *unused)
{
	int word;

	for (;;) {
		word = LOAD(&background_word);
		if (word == 2)
			return NULL;
		if (word == 0) {
			futex_wait(&background_word, 0, NULL);
			continue;
		}
		/* Cleared first: a kick from now on starts another round. */
		if (cas(&background_word, 1, 0) && try_own())
			drive(NULL, lkl_kernel_resume);
	}
}

static const struct lkl_boot_info *boot_info;

static void boot(void)
{
	lkl_kernel_boot(boot_info);
}

int cpu_start(const struct lkl_boot_info *info)
{
	struct lkl_thread *t = info->boot_thread;

	if (thread_start(&background, background_main, NULL))
		return -EAGAIN;
	background_runs = true;
	boot_info = info;
	STORE(&t->state, LKL_CALL_PENDING);
	if (!try_own())
		return -EBUSY;
	drive(t, boot);
	call_wait(t);
	return t->ret;
}

void cpu_stop(void)
{
	if (!background_runs)
		return;
	STORE(&background_word, 2);
	futex_wake(&background_word, 1);
	pthread_join(background, NULL);
	background_runs = false;
}
