/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_IRQFLAGS_H
#define _ASM_LKL_IRQFLAGS_H

/*
 * Interrupts are a word that host threads set bits in (lkl_kernel_pending). They
 * are delivered when the kernel enables interrupts, idles, or polls with
 * cpu_relax(), always on the driving thread: nothing is asynchronous.
 */
#define ARCH_IRQ_ENABLED	1
#define ARCH_IRQ_DISABLED	0

extern unsigned long lkl_irqs_enabled;
extern unsigned long long lkl_kernel_pending;
void lkl_irqs_run(void);

static __always_inline unsigned long arch_local_save_flags(void)
{
	return lkl_irqs_enabled;
}

static __always_inline void arch_local_irq_restore(unsigned long flags)
{
	__asm__ __volatile__("" : : : "memory");
	lkl_irqs_enabled = flags;
	if (flags && __builtin_expect(__atomic_load_n(&lkl_kernel_pending,
						      __ATOMIC_RELAXED), 0))
		lkl_irqs_run();
	__asm__ __volatile__("" : : : "memory");
}

#include <asm-generic/irqflags.h>

#endif
