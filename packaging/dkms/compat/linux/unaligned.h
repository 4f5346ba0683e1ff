/* SPDX-License-Identifier: GPL-2.0-only */
/* Up to Linux 6.11; from 6.12 on the kernel has it and its own is found first. */
#include <asm/unaligned.h>
