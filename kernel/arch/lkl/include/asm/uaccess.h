/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_UACCESS_H
#define _ASM_LKL_UACCESS_H

/* User pointers are host pointers: copying is memcpy. */
#include <linux/string.h>
#include <asm-generic/uaccess.h>

#endif
