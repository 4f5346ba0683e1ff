// SPDX-License-Identifier: GPL-2.0-only
/* The machine-dependent assembly needs no offsets. */
