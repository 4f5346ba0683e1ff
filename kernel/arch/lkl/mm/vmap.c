// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmalloc: the kernel's page tables say what is mapped where, the host's mapping
 * of the reserved range follows. Mapping is eager (flush_cache_vmap is called
 * after every change), unmapping lazy as with a TLB.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/vmalloc.h>
#include <asm/cacheflush.h>
#include <asm/tlbflush.h>
#include "../kernel/lkl_i.h"

/* Pages that follow each other on both sides are one host mapping. */
struct vmap_run {
	unsigned long va, pa, size;
};

static void run_map(struct vmap_run *run)
{
	int err;

	if (!run->size)
		return;
	err = lkl_ops->map((void *)run->va, run->pa, run->size);
	if (err)
		panic("host cannot map vmalloc memory (%d); too many mappings?",
		      err);
	run->size = 0;
}

static int run_add(pte_t *pte, unsigned long va, void *data)
{
	struct vmap_run *run = data;
	unsigned long pa;

	if (!pte_present(*pte)) {
		run_map(run);
		return 0;
	}
	pa = pte_pfn(*pte) << PAGE_SHIFT;
	if (run->size && va == run->va + run->size && pa == run->pa + run->size) {
		run->size += PAGE_SIZE;
		return 0;
	}
	run_map(run);
	*run = (struct vmap_run) { va, pa, PAGE_SIZE };
	return 0;
}

void lkl_vmap_sync(unsigned long start, unsigned long end)
{
	struct vmap_run run = { 0 };

	if (start < VMALLOC_START || end > VMALLOC_END)
		return;
	apply_to_existing_page_range(&init_mm, start, end - start, run_add,
				     &run);
	run_map(&run);
}
EXPORT_SYMBOL(lkl_vmap_sync);

void flush_tlb_kernel_range(unsigned long start, unsigned long end)
{
	start = max(start, VMALLOC_START);
	end = min(end, VMALLOC_END);
	if (start < end)
		lkl_ops->unmap((void *)start, end - start);
}
EXPORT_SYMBOL(flush_tlb_kernel_range);
