/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_BITOPS_H
#define _ASM_LKL_BITOPS_H

#ifndef _LINUX_BITOPS_H
#error only <linux/bitops.h> can be included directly
#endif

#include <linux/compiler.h>
#include <asm/barrier.h>

#include <asm-generic/bitops/builtin-__ffs.h>
#include <asm-generic/bitops/builtin-ffs.h>
#include <asm-generic/bitops/builtin-__fls.h>
#include <asm-generic/bitops/builtin-fls.h>
#include <asm-generic/bitops/fls64.h>
#include <asm-generic/bitops/ffz.h>
#include <asm-generic/bitops/sched.h>
#include <asm-generic/bitops/hweight.h>

/* Plain C is atomic here, see atomic.h. */
#include <asm-generic/bitops/generic-non-atomic.h>

static __always_inline void arch_set_bit(unsigned int nr,
					 volatile unsigned long *p)
{
	generic___set_bit(nr, p);
}

static __always_inline void arch_clear_bit(unsigned int nr,
					   volatile unsigned long *p)
{
	generic___clear_bit(nr, p);
}

static __always_inline void arch_change_bit(unsigned int nr,
					    volatile unsigned long *p)
{
	generic___change_bit(nr, p);
}

static __always_inline int arch_test_and_set_bit(unsigned int nr,
						 volatile unsigned long *p)
{
	return generic___test_and_set_bit(nr, p);
}

static __always_inline int arch_test_and_clear_bit(unsigned int nr,
						   volatile unsigned long *p)
{
	return generic___test_and_clear_bit(nr, p);
}

static __always_inline int arch_test_and_change_bit(unsigned int nr,
						    volatile unsigned long *p)
{
	return generic___test_and_change_bit(nr, p);
}

#define arch___set_bit			generic___set_bit
#define arch___clear_bit		generic___clear_bit
#define arch___change_bit		generic___change_bit
#define arch___test_and_set_bit		generic___test_and_set_bit
#define arch___test_and_clear_bit	generic___test_and_clear_bit
#define arch___test_and_change_bit	generic___test_and_change_bit
#define arch_test_bit			generic_test_bit
#define arch_test_bit_acquire		generic_test_bit_acquire

static __always_inline bool
arch_xor_unlock_is_negative_byte(unsigned long mask, volatile unsigned long *p)
{
	unsigned long old = *p;

	*p = old ^ mask;
	return old & BIT(7);
}

static __always_inline int arch_test_and_set_bit_lock(unsigned int nr,
						      volatile unsigned long *p)
{
	return arch_test_and_set_bit(nr, p);
}

static __always_inline void arch_clear_bit_unlock(unsigned int nr,
						  volatile unsigned long *p)
{
	barrier();
	arch_clear_bit(nr, p);
}

#define arch___clear_bit_unlock		arch_clear_bit_unlock
#define arch_xor_unlock_is_negative_byte arch_xor_unlock_is_negative_byte

#include <asm-generic/bitops/instrumented-atomic.h>
#include <asm-generic/bitops/non-instrumented-non-atomic.h>
#include <asm-generic/bitops/instrumented-lock.h>
#include <asm-generic/bitops/le.h>
#include <asm-generic/bitops/ext2-atomic.h>

#endif
