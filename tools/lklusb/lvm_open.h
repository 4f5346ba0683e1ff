/* SPDX-License-Identifier: GPL-2.0-only */
/* lvm_open.h - a logical volume becomes a device of the library kernel. */
#ifndef LVM_OPEN_H
#define LVM_OPEN_H

#include "lvm_scan.h"

struct lvm_device {
	char name[2 * LVM_ID_SIZE + 8];		/* for the device mapper */
};

struct lvm_wanted {
	const char *name;		/* GROUP/NAME, NAME or an id; NULL: the only one */
	const struct disk_part *part;	/* only of this one's group, or NULL */
	bool more;	/* what is missing may be found yet: LVM_OPEN_MORE, without a word */
};

#define LVM_OPEN_MORE	-1

/*
 * Finds it, makes the device and probes it; the result is to be freed as those of disk.h
 * are. Each can be opened once. Reports; 0 or an exit status.
 */
int lvm_open(const struct lvm_scan *scan, const struct lvm_wanted *wanted, bool readonly,
	     struct disk_part *ret_inner, struct lvm_device *ret_device);

/* Likewise, of a volume that was found already; says nothing if it cannot be: -errno. */
int lvm_open_volume(const struct lvm_scan *scan, const struct lvm_group *group,
		    const struct lvm_lv *lv, bool readonly, struct disk_part *ret_inner,
		    struct lvm_device *ret_device);

/* Removes the device; nothing of it is mounted. 0 or -errno. */
int lvm_close(const struct lvm_device *device);

#endif
