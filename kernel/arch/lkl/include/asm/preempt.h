/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_PREEMPT_H
#define _ASM_LKL_PREEMPT_H

#include <asm/irqflags.h>

#define should_resched generic_should_resched
#include <asm-generic/preempt.h>
#undef should_resched

/*
 * A loop that waits for another task and only calls cond_resched() (shrinking the
 * dentry cache, for one) never enables interrupts: without a look here the tick that
 * asks for rescheduling would never come.
 */
static __always_inline bool should_resched(int preempt_offset)
{
	if (arch_local_save_flags() == ARCH_IRQ_ENABLED)
		arch_local_irq_restore(ARCH_IRQ_ENABLED);
	return generic_should_resched(preempt_offset);
}

#endif
