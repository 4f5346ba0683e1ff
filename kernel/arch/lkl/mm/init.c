// SPDX-License-Identifier: GPL-2.0-only
/* Guest RAM: one mapping of the host, physical address 0 at its start. */
#include <linux/init.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <asm/pgalloc.h>
#include "../kernel/lkl_i.h"

unsigned long lkl_ram_base;
EXPORT_SYMBOL(lkl_ram_base);
unsigned long lkl_vmalloc_start, lkl_vmalloc_end;
EXPORT_SYMBOL(lkl_vmalloc_start);
EXPORT_SYMBOL(lkl_vmalloc_end);
unsigned long lkl_zero_page;
EXPORT_SYMBOL(lkl_zero_page);

pgd_t swapper_pg_dir[PTRS_PER_PGD] __page_aligned_bss;

void __init lkl_memory_init(void)
{
	unsigned long max_zone_pfn[MAX_NR_ZONES] = { 0 };
	unsigned long end = lkl_boot->ram_size;

	lkl_vmalloc_start = lkl_boot->vmalloc_base;
	lkl_vmalloc_end = lkl_boot->vmalloc_base + lkl_boot->vmalloc_size;
	high_memory = __va(end);
	min_low_pfn = 0;
	max_low_pfn = max_pfn = PFN_DOWN(end);
	set_max_mapnr(max_pfn);

	memblock_add(0, end);
	memblock_reserve(0, PAGE_SIZE);	/* physical address 0 means "none" */
	lkl_zero_page = (unsigned long)memblock_alloc(PAGE_SIZE, PAGE_SIZE);
	if (!lkl_zero_page)
		panic("no memory for the zero page");
	lkl_populate_init();
	max_zone_pfn[ZONE_NORMAL] = max_pfn;
	free_area_init(max_zone_pfn);
}

void __init mem_init(void)
{
	memblock_free_all();
}

/* The image is not in guest memory: nothing to give back. */
void free_initmem(void)
{
}

/* Nothing of the kernel's is reached through a process's page tables. */
pgd_t *pgd_alloc(struct mm_struct *mm)
{
	return (pgd_t *)get_zeroed_page(GFP_KERNEL);
}

static const pgprot_t protection_map[16] = {
	[VM_NONE]				= PAGE_NONE,
	[VM_READ]				= PAGE_READONLY,
	[VM_WRITE]				= PAGE_COPY,
	[VM_WRITE | VM_READ]			= PAGE_COPY,
	[VM_EXEC]				= PAGE_READONLY,
	[VM_EXEC | VM_READ]			= PAGE_READONLY,
	[VM_EXEC | VM_WRITE]			= PAGE_COPY,
	[VM_EXEC | VM_WRITE | VM_READ]		= PAGE_COPY,
	[VM_SHARED]				= PAGE_NONE,
	[VM_SHARED | VM_READ]			= PAGE_READONLY,
	[VM_SHARED | VM_WRITE]			= PAGE_SHARED,
	[VM_SHARED | VM_WRITE | VM_READ]	= PAGE_SHARED,
	[VM_SHARED | VM_EXEC]			= PAGE_READONLY,
	[VM_SHARED | VM_EXEC | VM_READ]		= PAGE_READONLY,
	[VM_SHARED | VM_EXEC | VM_WRITE]	= PAGE_SHARED,
	[VM_SHARED | VM_EXEC | VM_WRITE | VM_READ] = PAGE_SHARED,
};
DECLARE_VM_GET_PAGE_PROT
