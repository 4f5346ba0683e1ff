/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_TIMEX_H
#define _ASM_LKL_TIMEX_H

typedef unsigned long cycles_t;

/* Monotonic nanoseconds of the host. */
cycles_t get_cycles(void);
#define get_cycles get_cycles

#include <asm-generic/timex.h>

#endif
