/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_CACHEFLUSH_H
#define _ASM_LKL_CACHEFLUSH_H

/* A page table of the vmalloc area changed: make the host's mapping follow. */
void lkl_vmap_sync(unsigned long start, unsigned long end);

#define flush_cache_vmap(start, end)		lkl_vmap_sync(start, end)
#define flush_cache_vmap_early(start, end)	lkl_vmap_sync(start, end)

#include <asm-generic/cacheflush.h>

#endif
