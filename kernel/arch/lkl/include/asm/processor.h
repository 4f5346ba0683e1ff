/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_PROCESSOR_H
#define _ASM_LKL_PROCESSOR_H

#include <asm/ptrace.h>
#include <asm/irqflags.h>

/* Above every host address that a call may hand in. */
#define TASK_SIZE	((1UL << 47) - (1UL << 12))
#define STACK_TOP	TASK_SIZE
#define STACK_TOP_MAX	STACK_TOP
#define TASK_UNMAPPED_BASE (TASK_SIZE / 3)

struct task_struct;
struct lkl_thread;

struct thread_struct {
	unsigned long sp;		/* of the fiber, while it is switched out */
	int (*fn)(void *arg);		/* kernel thread's function */
	void *fn_arg;
	struct lkl_thread *host;	/* the host thread that calls with this task */
	int host_exiting;
};

#define INIT_THREAD { }

/* Busy loops wait for interrupts here. */
static inline void cpu_relax(void)
{
	if (lkl_irqs_enabled &&
	    __atomic_load_n(&lkl_kernel_pending, __ATOMIC_RELAXED))
		lkl_irqs_run();
	__asm__ __volatile__("" : : : "memory");
}

#define KSTK_EIP(tsk)	0UL
#define KSTK_ESP(tsk)	0UL

static inline unsigned long __get_wchan(struct task_struct *p)
{
	return 0;
}

#define task_pt_regs(tsk)	((struct pt_regs *)(task_stack_page(tsk) + \
				 THREAD_SIZE) - 1)

static inline void start_thread(struct pt_regs *regs, unsigned long pc,
				unsigned long sp)
{
}

#endif
