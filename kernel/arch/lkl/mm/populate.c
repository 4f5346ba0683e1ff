// SPDX-License-Identifier: GPL-2.0-only
/*
 * First touch. A page fault of the host for each page of RAM that is used for the
 * first time limits cold reads and writes; asking for a chunk at once costs a
 * fraction of that. Never given back: a chunk is populated once.
 */
#include <linux/init.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include "../kernel/lkl_i.h"

#define CHUNK_SHIFT	18
#define CHUNK_PAGES	(1UL << (CHUNK_SHIFT - PAGE_SHIFT))

static unsigned long *populated;	/* a bit a chunk */

void __init lkl_populate_init(void)
{
	unsigned long chunks = DIV_ROUND_UP(lkl_boot->ram_size, 1UL << CHUNK_SHIFT);

	populated = memblock_alloc(BITS_TO_LONGS(chunks) * sizeof(long),
				   sizeof(long));
}

void arch_alloc_page(struct page *page, int order)
{
	unsigned long chunk = page_to_pfn(page) / CHUNK_PAGES;
	unsigned long last = (page_to_pfn(page) + (1UL << order) - 1) / CHUNK_PAGES;

	for (; populated && chunk <= last; chunk++)
		if (unlikely(!__test_and_set_bit(chunk, populated)))
			lkl_ops->populate(chunk << CHUNK_SHIFT, 1UL << CHUNK_SHIFT);
}
