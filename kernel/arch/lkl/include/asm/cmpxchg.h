/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_CMPXCHG_H
#define _ASM_LKL_CMPXCHG_H

/* Plain C, see atomic.h; not for memory that host threads touch as well. */
#include <linux/types.h>

#define arch_xchg(ptr, x)						\
({									\
	__typeof__(ptr) __xp = (ptr);					\
	__typeof__(*(ptr)) __xval = *__xp;				\
									\
	*__xp = (x);							\
	__xval;								\
})

#define arch_cmpxchg(ptr, o, n)						\
({									\
	__typeof__(ptr) __cp = (ptr);					\
	__typeof__(*(ptr)) __old_val = *__cp;				\
									\
	if (__old_val == (__typeof__(*(ptr)))(o))				\
		*__cp = (n);						\
	__old_val;								\
})

#define arch_cmpxchg_local	arch_cmpxchg
#define arch_cmpxchg64		arch_cmpxchg
#define arch_cmpxchg64_local	arch_cmpxchg

#endif
