/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_CURRENT_H
#define _ASM_LKL_CURRENT_H

/* The task whose stack the virtual CPU is on, or was when it last parked. */
struct task_struct;
extern struct task_struct *current_task;
#define current current_task

#endif
