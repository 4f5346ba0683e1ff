/* SPDX-License-Identifier: GPL-2.0-only */
/* lvm_scan.h - the LVM volume groups on the guest's disks. */
#ifndef LVM_SCAN_H
#define LVM_SCAN_H

#include "disk.h"
#include "lvm.h"

#define LVM_MAX_GROUPS 32u
#define LVM_MAX_INNER 16u

struct lvm_scan {
	unsigned int n_pvs, n_groups;
	struct {
		char id[LVM_ID_SIZE];
		const struct disk_part *part;
	} pvs[DISK_MAX_PARTS + LVM_MAX_INNER];
	struct lvm_group *groups[LVM_MAX_GROUPS];
};

/*
 * Reads the physical volumes among the disk's parts and inner, which were in encrypted
 * ones. Reports; 0 or an exit status. To be freed in any case.
 */
int lvm_scan(struct lvm_scan *ret_scan, const struct disk *disk,
	     const struct disk_part *const *inner, unsigned int n_inner);
void lvm_scan_free(struct lvm_scan *scan);

/* Which of the group's physical volumes are here. Reports two that say to be the same. */
int lvm_scan_present(const struct lvm_scan *scan, const struct lvm_group *group,
		     struct lvm_present ret_pvs[static LVM_MAX_PVS]);

/* Whether part is a physical volume of the group. */
bool lvm_scan_has(const struct lvm_scan *scan, const struct lvm_group *group,
		  const struct disk_part *part);

#endif
