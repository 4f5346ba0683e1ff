/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * disk.h - what is on the guest's disk: partitions as the library kernel sees them,
 * signatures as libblkid does.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stdint.h>

#define DISK_MAX_PARTS 128
#define DISK_LUKS "crypto_LUKS"	/* types */
#define DISK_LVM "LVM2_member"

struct disk_part {
	int number;		/* 0: the whole disk, which has no partition table */
	char node[64];		/* inside: /dev/sda1 */
	uint64_t start, size;	/* bytes */
	char *type;		/* as libblkid names it, NULL = no known signature */
	char *label, *uuid;	/* of the filesystem, or NULL */
	char *volume;		/* GROUP/NAME of a logical volume, or NULL */
	char *part_uuid, *part_label;	/* of the partition table, or NULL */
};

struct disk {
	uint64_t size;		/* bytes; this and the next of the first one */
	unsigned int sector_size;
	unsigned int n_disks;
	unsigned int n_parts;	/* at least 1: a disk without partitions is one */
	struct disk_part parts[DISK_MAX_PARTS];
};

/* Reads the guest's disks. Reports what fails; 0 or an exit status. */
int disk_read(struct disk *ret_disk);
void disk_free(struct disk *disk);

struct disk_table {
	char type[16], id[40];	/* "gpt", "dos", ...; empty: none, not known */
};

/* The partition table of the first disk, which may have no partitions. */
void disk_read_table(const struct disk *disk, struct disk_table *ret_table);

/* Finds the signature on part->node, whose size is known. Likewise. */
int disk_probe(struct disk_part *part);
void disk_part_free(struct disk_part *part);

/*
 * wanted: a number, LABEL=, UUID=, PARTUUID=, PARTLABEL=, or NULL: the only one
 * with a filesystem or LUKS, or with any the only one; all parts of LVM count as one,
 * and those of one btrfs. Reports why there is none.
 */
int disk_choose(const struct disk *disk, const char *wanted, bool any,
		const struct disk_part **ret_part);

/* "partition 2", "the disk" or "GROUP/NAME", for messages; until the thread's next call. */
const char *disk_part_name(const struct disk_part *part);

bool disk_is_lvm(const struct disk_part *part);

/* Whether both are members of the same filesystem. */
bool disk_same_btrfs(const struct disk_part *a, const struct disk_part *b);

/* Whether it has a filesystem that we mount, LUKS or LVM. */
bool disk_mountable(const struct disk_part *part);

/*
 * The library kernel's name for what libblkid calls type; NULL: we do not mount
 * that, which is a matter of choice: unknown and rarely used filesystems are
 * attack surface.
 */
const char *disk_kernel_type(const char *type);

#endif
