/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine-dependent part: switching stacks. */
#include <linux/linkage.h>

	.text

/*
 * void lkl_stack_switch(unsigned long *save_sp, unsigned long sp)
 *
 * Saves what a C function must preserve on the stack it leaves. The jump instead
 * of a return avoids a misprediction each time: the return stack of the CPU
 * remembers the other stack's caller.
 */
	.globl	lkl_stack_switch
	.type	lkl_stack_switch, @function
lkl_stack_switch:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	popq	%rcx
	jmp	*%rcx
	.size	lkl_stack_switch, . - lkl_stack_switch

/* First instruction of a new stack: rbx = function, r12 = its argument. */
	.globl	lkl_stack_start
	.type	lkl_stack_start, @function
lkl_stack_start:
	movq	%r12, %rdi
	call	*%rbx
	ud2
	.size	lkl_stack_start, . - lkl_stack_start

	.section .note.GNU-stack, "", @progbits
