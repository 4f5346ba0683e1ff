/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_PTRACE_H
#define _ASM_LKL_PTRACE_H

#include <uapi/asm/ptrace.h>

#ifndef __ASSEMBLY__
struct pt_regs {
	unsigned long unused[2];
};

#define user_mode(regs)			0
#define profile_pc(regs)		0UL
#define instruction_pointer(regs)	0UL
#define user_stack_pointer(regs)	0UL
#define frame_pointer(regs)		0UL
#define current_user_stack_pointer()	0UL
#define kernel_stack_pointer(regs)	0UL

static inline long regs_return_value(struct pt_regs *regs)
{
	return 0;
}
#endif

#endif
