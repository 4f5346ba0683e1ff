// SPDX-License-Identifier: GPL-2.0-only
/* fuzz-zero.c with a fault between the host and the device. */
#define FAULTS 1
#include "fuzz-zero.c"
