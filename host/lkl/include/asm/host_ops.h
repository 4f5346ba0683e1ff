/* SPDX-License-Identifier: GPL-2.0-only */
#include "../../../../kernel/arch/lkl/include/asm/host_ops.h"
