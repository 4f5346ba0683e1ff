/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_ATOMIC_H
#define _ASM_LKL_ATOMIC_H

/*
 * One CPU whose interrupts arrive at known points only (irqflags.h): plain C is
 * atomic. Memory shared with device threads is ordered by real barriers.
 */
#include <linux/types.h>
#include <asm/cmpxchg.h>
#include <asm/barrier.h>

#define ATOMIC_OPS(prefix, type, vtype, op, c_op)			\
static __always_inline void prefix##_##op(type i, vtype *v)		\
{									\
	v->counter = v->counter c_op i;					\
}									\
static __always_inline type prefix##_fetch_##op(type i, vtype *v)	\
{									\
	type old = v->counter;						\
									\
	v->counter = old c_op i;					\
	return old;							\
}

#define ATOMIC_OPS_RETURN(prefix, type, vtype, op, c_op)		\
ATOMIC_OPS(prefix, type, vtype, op, c_op)				\
static __always_inline type prefix##_##op##_return(type i, vtype *v)	\
{									\
	return v->counter = v->counter c_op i;				\
}

#define ATOMIC_ALL(prefix, type, vtype)					\
	ATOMIC_OPS_RETURN(prefix, type, vtype, add, +)			\
	ATOMIC_OPS_RETURN(prefix, type, vtype, sub, -)			\
	ATOMIC_OPS(prefix, type, vtype, and, &)				\
	ATOMIC_OPS(prefix, type, vtype, or, |)				\
	ATOMIC_OPS(prefix, type, vtype, xor, ^)

ATOMIC_ALL(arch_atomic, int, atomic_t)
#define ATOMIC64_INIT(i) { (i) }
ATOMIC_ALL(arch_atomic64, s64, atomic64_t)

#undef ATOMIC_ALL
#undef ATOMIC_OPS_RETURN
#undef ATOMIC_OPS

#define arch_atomic_add_return		arch_atomic_add_return
#define arch_atomic_sub_return		arch_atomic_sub_return
#define arch_atomic_fetch_add		arch_atomic_fetch_add
#define arch_atomic_fetch_sub		arch_atomic_fetch_sub
#define arch_atomic_fetch_and		arch_atomic_fetch_and
#define arch_atomic_fetch_or		arch_atomic_fetch_or
#define arch_atomic_fetch_xor		arch_atomic_fetch_xor
#define arch_atomic64_add_return	arch_atomic64_add_return
#define arch_atomic64_sub_return	arch_atomic64_sub_return
#define arch_atomic64_fetch_add		arch_atomic64_fetch_add
#define arch_atomic64_fetch_sub		arch_atomic64_fetch_sub
#define arch_atomic64_fetch_and		arch_atomic64_fetch_and
#define arch_atomic64_fetch_or		arch_atomic64_fetch_or
#define arch_atomic64_fetch_xor		arch_atomic64_fetch_xor

#define arch_atomic_read(v)		READ_ONCE((v)->counter)
#define arch_atomic_set(v, i)		WRITE_ONCE((v)->counter, (i))
#define arch_atomic64_read(v)		READ_ONCE((v)->counter)
#define arch_atomic64_set(v, i)		WRITE_ONCE((v)->counter, (i))

#endif
