// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts: a word of pending bits, delivered at known points. */
#include <linux/hardirq.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <asm/irq_regs.h>
#include "lkl_i.h"

unsigned long lkl_irqs_enabled;
EXPORT_SYMBOL(lkl_irqs_enabled);

static void irq_deliver(int bit)
{
	if (bit == 0) {
		lkl_cpu.timer_irqs++;
		lkl_timer_irq();
	} else if (bit == 63) {
		lkl_calls_wake();
	} else {
		lkl_cpu.irqs++;
		generic_handle_irq(bit);
	}
}

/*
 * A driver whose own call is done helps others, but not longer than a tick:
 * then whoever is kicked goes on, exactly here.
 */
static void irq_hand_over(void)
{
	if (lkl_driver_done() && current != lkl_cpu.driver->task &&
	    !in_interrupt()) {
		lkl_cpu.more = 1;
		lkl_park();
	}
}

/* Called with interrupts enabled and something pending. */
void lkl_irqs_run(void)
{
	static struct pt_regs regs;
	struct pt_regs *old;
	lkl_u64 bits;
	bool tick = false;

	lkl_irqs_enabled = ARCH_IRQ_DISABLED;
	old = set_irq_regs(&regs);
	while ((bits = __atomic_exchange_n(&lkl_kernel_pending, 0,
					   __ATOMIC_SEQ_CST))) {
		tick |= bits & LKL_PENDING_TIMER;
		irq_enter();
		for (; bits; bits &= bits - 1)
			irq_deliver(__builtin_ctzll(bits));
		irq_exit();
	}
	set_irq_regs(old);
	if (tick)
		irq_hand_over();
	arch_local_irq_restore(ARCH_IRQ_ENABLED);
}
EXPORT_SYMBOL(lkl_irqs_run);

/*
 * Untracked: nobody reads the statistics, a device of ours is not spurious, and entropy
 * comes from the host.
 */
void __init init_IRQ(void)
{
	int i;

	for (i = 1; i < 63; i++)
		irq_set_chip_and_handler(i, &dummy_irq_chip, handle_untracked_irq);
}
