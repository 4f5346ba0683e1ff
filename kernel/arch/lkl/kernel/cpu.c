// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual CPU: fibers, and the border between a fiber and the host stack of
 * whichever thread drives.
 */
#include <linux/cpu.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <lkl_machine.h>
#include "../../../kernel/sched/sched.h"
#include "lkl_i.h"

struct lkl_cpu lkl_cpu;
unsigned long long lkl_kernel_pending;
EXPORT_SYMBOL(lkl_kernel_pending);
struct task_struct *current_task = &init_task;
EXPORT_SYMBOL(current_task);

/* Where the driver's host stack goes on; valid while a fiber runs. */
static unsigned long driver_sp;

void lkl_fiber_prepare(struct task_struct *p, void (*fn)(void *), void *arg)
{
	unsigned long top = (unsigned long)task_pt_regs(p) & ~15UL;

	p->thread.sp = lkl_stack_prepare(top, fn, arg);
}

void lkl_kernel_resume(void)
{
	lkl_cpu.more = 0;
	lkl_stack_switch(&driver_sp, current_task->thread.sp);
}

void lkl_park(void)
{
	lkl_stack_switch(&current_task->thread.sp, driver_sp);
}

void __noreturn lkl_die(void)
{
	__atomic_store_n(&lkl_cpu.dead, 1, __ATOMIC_SEQ_CST);
	for (;;)
		lkl_park();
}

int lkl_kernel_is_current(const struct lkl_thread *t)
{
	return t->task && t->task == current_task;
}

/*
 * A task that sleeps may stay on the queue with a delayed dequeue (EEVDF):
 * rq->nr_running counts it, the scheduler would not run it.
 */
bool lkl_others_runnable(void)
{
	struct rq *rq = this_rq();

	return rq->nr_running > 1 + rq->cfs.h_nr_delayed;
}

/* Interrupts are off; they are delivered when our caller enables them. */
void arch_cpu_idle(void)
{
	if (!__atomic_load_n(&lkl_kernel_pending, __ATOMIC_SEQ_CST))
		lkl_park();
}
