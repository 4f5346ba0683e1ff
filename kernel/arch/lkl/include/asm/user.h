/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_USER_H
#define _ASM_LKL_USER_H
#endif
