/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_MACHINE_H
#define _ASM_LKL_MACHINE_H

void lkl_stack_switch(unsigned long *save_sp, unsigned long sp);
void lkl_stack_start(void);

/* A stack on which lkl_stack_switch() enters fn(arg); top is 16-byte aligned. */
static inline unsigned long lkl_stack_prepare(unsigned long top,
					      void (*fn)(void *), void *arg)
{
	unsigned long *sp = (unsigned long *)top;

	*--sp = 0;				/* end of backtraces, and */
	*--sp = 0;				/* aligned at the call of fn */
	*--sp = (unsigned long)lkl_stack_start;
	*--sp = 0;				/* rbp */
	*--sp = (unsigned long)fn;		/* rbx */
	*--sp = (unsigned long)arg;		/* r12 */
	*--sp = 0;				/* r13 */
	*--sp = 0;				/* r14 */
	*--sp = 0;				/* r15 */
	return (unsigned long)sp;
}

#endif
