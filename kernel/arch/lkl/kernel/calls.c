// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls of host threads. Each has a task, a thread of pid 1, which stays
 * current after its call as a task in user mode would: the next call of the
 * same thread costs two stack switches and no scheduling. Whoever else gets the
 * CPU makes that task sleep first.
 */
#include <linux/resume_user_mode.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/signal.h>
#include <linux/syscalls.h>
#include <asm/syscall.h>
#include <asm/unistd.h>
#include "lkl_i.h"

/* Records whose task is still to be made; pid 1's work. */
static struct lkl_thread *newcomers;
static struct task_struct *spawner;

static int call_state(struct lkl_thread *t)
{
	return __atomic_load_n(&t->state, __ATOMIC_ACQUIRE);
}

bool lkl_driver_done(void)
{
	struct lkl_thread *driver = lkl_cpu.driver;

	return driver && call_state(driver) == LKL_CALL_DONE;
}

/*
 * LKL_PENDING_CALLS: takes what was handed over. A thread has one call at a time
 * and that cannot run before it is taken here, so no record is on the list twice.
 */
void lkl_calls_wake(void)
{
	struct lkl_thread *t, *next;

	t = __atomic_exchange_n(&lkl_cpu.calls, NULL, __ATOMIC_ACQUIRE);
	for (; t; t = next) {
		next = t->next_call;
		t->ready = 1;
		if (t->task) {
			wake_up_process(t->task);
			continue;
		}
		t->next_call = newcomers;
		newcomers = t;
		wake_up_process(spawner);
	}
}

/* Returns whether it was another thread's call than the driver's. */
static bool call_complete(struct lkl_thread *t, long ret)
{
	bool foreign = lkl_cpu.driver != t;

	lkl_cpu.calls_done++;
	lkl_cpu.foreign_calls += foreign;
	t->ret = ret;
	/* From here on the record is its thread's and may vanish. */
	if (__atomic_exchange_n(&t->state, LKL_CALL_DONE, __ATOMIC_SEQ_CST) ==
	    LKL_CALL_SLEEPING)
		lkl_ops->wake(&t->state);
	return foreign;
}

/*
 * Between two calls of t. Tasks that the last call woke are run before its
 * driver returns to the host, until all are idle or somebody else's call is
 * done: then its thread goes on beside us.
 */
static void call_wait(struct lkl_thread *t, bool foreign)
{
	for (;;) {
		cpu_relax();
		if (t->ready)
			return;
		if (!lkl_others_runnable() || (foreign && lkl_driver_done())) {
			lkl_cpu.more = lkl_others_runnable();
			lkl_park();
			cpu_relax();
			if (t->ready)
				return;
		}
		foreign = false;
		/* Resumed, but not for us: the CPU is wanted by others. */
		set_current_state(TASK_IDLE);
		if (!t->ready)
			schedule();
		__set_current_state(TASK_RUNNING);
	}
}

static long call_run(struct lkl_thread *t)
{
	unsigned long *a = t->args;
	long ret;

	t->ready = 0;
	if ((unsigned long)t->nr >= NR_syscalls)
		return -ENOSYS;
	ret = sys_call_table[t->nr](a[0], a[1], a[2], a[3], a[4], a[5]);
	if (read_thread_flags() & (_TIF_NOTIFY_RESUME | _TIF_NOTIFY_SIGNAL)) {
		clear_notify_signal();
		resume_user_mode_work(NULL);
	}
	/* No signal is ever delivered, and nobody restarts a call for us. */
	if (ret <= -512 && ret > -MAX_ERRNO)
		ret = -EINTR;
	return ret;
}

static int host_thread_main(void *arg)
{
	struct lkl_thread *t = arg;
	bool foreign;

	spin_lock_irq(&current->sighand->siglock);
	sigfillset(&current->blocked);
	recalc_sigpending();
	spin_unlock_irq(&current->sighand->siglock);
	t->task = current;
	current->thread.host = t;

	while (t->nr != LKL_NR_EXIT_THREAD) {
		foreign = call_complete(t, call_run(t));
		call_wait(t, foreign);
	}
	call_complete(t, 0);
	do_exit(0);
}

/*
 * Pid 1, after the kernel has booted, makes the tasks of host threads. (Not one
 * of them: it must never block in a call, nor end.)
 */
void __noreturn lkl_calls_spawner(void)
{
	struct lkl_thread *t;
	pid_t pid;

	spawner = current;
	call_complete(lkl_boot->boot_thread, 0);
	for (;;) {
		set_current_state(TASK_IDLE);
		t = newcomers;
		if (!t) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		newcomers = t->next_call;
		pid = user_mode_thread(host_thread_main, t,
				       CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
				       CLONE_THREAD);
		if (pid < 0)
			call_complete(t, pid);
	}
}
