/* SPDX-License-Identifier: GPL-2.0-only */
/* sandbox_i.h - what the parts of sandbox.h share. */
#ifndef SANDBOX_I_H
#define SANDBOX_I_H

#include "sandbox.h"

/* Version of the ABI, or 0: the host has none. */
int landlock_version(void);

/* No new privileges are set. 0 or -errno. */
int landlock_enter(int version, const struct sandbox *sandbox);

bool seccomp_offered(void);
int seccomp_enter(const struct sandbox *sandbox);

#endif
