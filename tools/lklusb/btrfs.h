/* SPDX-License-Identifier: GPL-2.0-only */
/* btrfs.h - a filesystem on several devices. */
#ifndef BTRFS_H
#define BTRFS_H

#include "disk.h"

/* Tells the library kernel of all members of part's filesystem. */
void btrfs_scan(const struct disk *disk, const struct disk_part *part);

/* After the mount failed: reports members that are not here; 0 or an exit status. */
int btrfs_check_members(const struct disk *disk, const struct disk_part *part);

#endif
