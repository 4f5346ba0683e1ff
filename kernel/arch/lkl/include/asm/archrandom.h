/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_ARCHRANDOM_H
#define _ASM_LKL_ARCHRANDOM_H

size_t lkl_random_longs(unsigned long *v, size_t max_longs);

static inline size_t __must_check
arch_get_random_longs(unsigned long *v, size_t max_longs)
{
	return lkl_random_longs(v, max_longs);
}

static inline size_t __must_check
arch_get_random_seed_longs(unsigned long *v, size_t max_longs)
{
	return lkl_random_longs(v, max_longs);
}

#endif
