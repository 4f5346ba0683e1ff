// SPDX-License-Identifier: GPL-2.0-only
/* Kernel threads are user-level stacks: switching is a function call. */
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/pm.h>
#include <linux/ptrace.h>
#include <asm/switch_to.h>
#include <lkl_machine.h>
#include "lkl_i.h"

/* The task that the current one was switched to from. */
static struct task_struct *switched_from;

struct task_struct *__switch_to(struct task_struct *prev,
				struct task_struct *next)
{
	lkl_cpu.switches++;
	switched_from = prev;
	current_task = next;
	lkl_stack_switch(&prev->thread.sp, next->thread.sp);
	return switched_from;
}

/* Only pid 1 returns from its function: it "goes to user mode". */
static void fiber_main(void *unused)
{
	schedule_tail(switched_from);
	current->thread.fn(current->thread.fn_arg);
	lkl_calls_spawner();
}

int copy_thread(struct task_struct *p, const struct kernel_clone_args *args)
{
	if (!args->fn)
		return -ENOSYS;		/* fork() of a host thread */
	p->thread.fn = args->fn;
	p->thread.fn_arg = args->fn_arg;
	p->thread.host = NULL;
	lkl_fiber_prepare(p, fiber_main, NULL);
	return 0;
}

void flush_thread(void)
{
}

void show_regs(struct pt_regs *regs)
{
}

void show_stack(struct task_struct *task, unsigned long *sp, const char *loglvl)
{
	printk("%sno backtrace: run the host program under a debugger\n", loglvl);
}

long arch_ptrace(struct task_struct *child, long request, unsigned long addr,
		 unsigned long data)
{
	return -EIO;
}

void ptrace_disable(struct task_struct *child)
{
}

void (*pm_power_off)(void);
EXPORT_SYMBOL(pm_power_off);

void machine_power_off(void)
{
	lkl_die();
}

void machine_halt(void)
{
	lkl_die();
}

void machine_restart(char *cmd)
{
	lkl_die();
}
