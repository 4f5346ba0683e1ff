/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_MMU_H
#define _ASM_LKL_MMU_H

typedef struct {
	unsigned long unused;
} mm_context_t;

#endif
