/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * luks_share.h - encrypted parts that have LVM in them: unlocked once, for all mounts of
 * volumes that are on them.
 */
#ifndef LUKS_SHARE_H
#define LUKS_SHARE_H

#include <stdbool.h>

#include "unlock.h"

/* Whether it is unlocked and has LVM in it. */
bool luks_shared(const struct disk_part *below);

/* One more user, if it is; what is in it is to be probed. False: nothing is there. */
bool luks_share_get(const struct disk_part *below, struct disk_part *ret_part,
		    const char **ret_kind);

/* It was unlocked, has one user, and is not the caller's alone any more. False: no room. */
bool luks_share_add(const struct disk_part *below, const struct disk_part *part,
		    const struct unlocked *unlocked);

/* One user less; the last one removes the device. Reports; 0 or an exit status. */
int luks_share_put(const struct disk_part *below);

#endif
