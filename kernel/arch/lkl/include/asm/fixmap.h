/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_FIXMAP_H
#define _ASM_LKL_FIXMAP_H

/* None: all memory is in the linear map. */

#endif
