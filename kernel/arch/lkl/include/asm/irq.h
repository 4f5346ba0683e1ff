/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_IRQ_H
#define _ASM_LKL_IRQ_H

/* 0 is the timer, 1..62 are device interrupts: the bits of lkl_kernel_pending. */
#define NR_IRQS 64

static inline int irq_canonicalize(int irq)
{
	return irq;
}

#endif
