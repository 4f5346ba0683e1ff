/* SPDX-License-Identifier: GPL-2.0-only */
/* lvm_list.h - what is in the logical volumes of the guest's disks. */
#ifndef LVM_LIST_H
#define LVM_LIST_H

#include "disk.h"

struct lvm_listed {
	char name[264];		/* GROUP/NAME */
	const char *kind;	/* linear, striped, or one that is not supported */
	const char *why_not;	/* a word: it cannot be opened; or NULL */
	struct disk_part part;	/* what it has, if it can; its size in any case */
};

/* Calls fn for each that has a name. Reports; 0 or an exit status. */
int lvm_list(const struct disk *disk, void (*fn)(void *ctx, const struct lvm_listed *lv),
	     void *ctx);

#endif
