/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_TLBFLUSH_H
#define _ASM_LKL_TLBFLUSH_H

#include <linux/mm.h>

/* The vmalloc area's stale mappings are removed from the host's page tables. */
void flush_tlb_kernel_range(unsigned long start, unsigned long end);

static inline void flush_tlb_all(void)
{
}

static inline void flush_tlb_mm(struct mm_struct *mm)
{
}

static inline void flush_tlb_page(struct vm_area_struct *vma, unsigned long addr)
{
}

static inline void flush_tlb_range(struct vm_area_struct *vma,
				   unsigned long start, unsigned long end)
{
}

#endif
