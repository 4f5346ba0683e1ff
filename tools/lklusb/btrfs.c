// SPDX-License-Identifier: GPL-2.0-only
#include "btrfs.h"

#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/btrfs.h>
#include <lkl.h>

#include "report.h"

/* Of the first superblock, which libblkid has checked. */
#define NUM_DEVICES	(0x10000 + 0x88)

void btrfs_scan(const struct disk *disk, const struct disk_part *part)
{
	long fd = LKL_CALL4(SYS_openat, AT_FDCWD, "/dev/btrfs-control", O_RDWR | O_CLOEXEC, 0);

	for (unsigned int i = 0; fd >= 0 && i < disk->n_parts; i++) {
		struct btrfs_ioctl_vol_args args = { 0 };

		if (!disk_same_btrfs(&disk->parts[i], part))
			continue;
		snprintf(args.name, sizeof(args.name), "%s", disk->parts[i].node);
		/* What it does not take is missing, which the mount shows. */
		LKL_CALL3(SYS_ioctl, fd, BTRFS_IOC_SCAN_DEV, &args);
	}
	if (fd >= 0)
		LKL_CALL1(SYS_close, fd);
}

int btrfs_check_members(const struct disk *disk, const struct disk_part *part)
{
	long fd = LKL_CALL4(SYS_openat, AT_FDCWD, part->node, O_RDONLY | O_CLOEXEC, 0);
	unsigned long long here = 1;	/* part itself, which may be in LUKS */
	uint64_t all = 0;

	if (fd < 0)
		return 0;
	if (LKL_CALL4(SYS_pread64, fd, &all, sizeof(all), NUM_DEVICES) != sizeof(all))
		all = 0;
	LKL_CALL1(SYS_close, fd);
	all = le64toh(all);
	for (unsigned int i = 0; i < disk->n_parts; i++)
		here += &disk->parts[i] != part && disk_same_btrfs(&disk->parts[i], part);
	if (here >= all)
		return 0;
	report(REPORT_MOUNT, "fs-incomplete", "%s (btrfs): %llu of %llu devices are here",
	       disk_part_name(part), here, (unsigned long long)all);
	report_hint("name them all: lklusb mount SRC SRC... DIR; or -o degraded if one is lost");
	return REPORT_MOUNT;
}
