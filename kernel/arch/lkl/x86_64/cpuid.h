/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LKL_CPUID_H
#define LKL_CPUID_H

/* What the CPU has: leaf 1, ECX. */
static inline unsigned int cpuid_1_ecx(void)
{
	unsigned int a = 1, b, c = 0, d;

	asm("cpuid" : "+a" (a), "=b" (b), "+c" (c), "=d" (d));
	return c;
}

#endif
