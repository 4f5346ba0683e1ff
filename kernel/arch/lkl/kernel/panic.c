// SPDX-License-Identifier: GPL-2.0-only
/* A panic or a fault ends this kernel, never the host program. */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/panic_notifier.h>
#include <linux/sched.h>
#include <asm/sections.h>
#include "lkl_i.h"

static int panic_to_host(struct notifier_block *nb, unsigned long event,
			 void *message)
{
	lkl_ops->panic(message);
	lkl_die();
}

static struct notifier_block panic_block = {
	.notifier_call	= panic_to_host,
	.priority	= INT_MIN,
};

void __init lkl_panic_init(void)
{
	atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
}

/* Jumped to from the host's signal handler, on the stack of the fault. */
void lkl_kernel_fault(unsigned long address, unsigned long ip, int signal)
{
	static int once;

	if (once++)
		lkl_die();
	lkl_irqs_enabled = ARCH_IRQ_DISABLED;
	panic("Oops: signal %d at address %lx, code %lx (library + %lx), task %s",
	      signal, address, ip, ip - (unsigned long)_text, current->comm);
}
