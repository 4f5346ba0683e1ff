// SPDX-License-Identifier: GPL-2.0-only
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>
#include <blkid.h>
#include <lkl.h>

#include "guest.h"
#include "report.h"

/*
 * libblkid wants a descriptor of the host, which the guest's disk does not have: it
 * gets a sparse copy of where signatures are. Those of filesystems, RAID and LUKS
 * lie within the first MiBs or the last one; a table's extended partitions keep
 * their links in front of each partition.
 */
#define COPY_HEAD	(4u << 20)
#define COPY_TAIL	(1u << 20)
#define COPY_BEFORE	(1u << 20)

/* One of the guest's disks, and what of a struct disk is on it. */
struct drive {
	struct disk_table table;
	const char *name;
	uint64_t size;
	unsigned int sector_size, n_parts;
	struct disk_part *parts;
};

/* ---- the guest's view ---- */

static long long sysfs_number(const char *dir, const char *name)
{
	char path[512], text[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return lkl_read_file(path, text, sizeof(text)) > 0 ? strtoll(text, NULL, 10) : -1;
}

static int by_number(const void *a, const void *b)
{
	return ((const struct disk_part *)a)->number - ((const struct disk_part *)b)->number;
}

struct found {
	struct drive *drive;
	unsigned int room;
	const char *dir;
};

static int add_part(void *ctx, const char *name)
{
	const struct found *f = ctx;
	struct drive *drive = f->drive;
	struct disk_part *part = &drive->parts[drive->n_parts];
	char path[256];

	if (strncmp(name, drive->name, strlen(drive->name)) || drive->n_parts == f->room)
		return 0;
	snprintf(path, sizeof(path), "%s/%.60s", f->dir, name);
	part->number = sysfs_number(path, "partition");
	if (part->number <= 0)
		return 0;		/* a folder of the disk that is no partition */
	part->start = sysfs_number(path, "start") * 512;
	part->size = sysfs_number(path, "size") * 512;
	snprintf(part->node, sizeof(part->node), "/dev/%.50s", name);
	drive->n_parts++;
	return 0;
}

static int read_partitions(struct drive *drive, unsigned int room)
{
	char dir[64];
	struct found found = { drive, room, dir };
	int err;

	snprintf(dir, sizeof(dir), "/sys/block/%s", drive->name);
	drive->size = sysfs_number(dir, "size") * 512;
	drive->sector_size = sysfs_number(dir, "queue/logical_block_size");
	err = guest_names_of(dir, add_part, &found);
	qsort(drive->parts, drive->n_parts, sizeof(drive->parts[0]), by_number);
	return err;
}

/* ---- copies for libblkid ---- */

/* What cannot be read stays a hole: a damaged disk has no signature there. */
static void copy_range(long from, int to, uint64_t off, uint64_t len)
{
	static char buf[256 << 10];
	long n;

	for (; len; off += n, len -= n) {
		n = LKL_CALL4(SYS_pread64, from, buf, len < sizeof(buf) ? len : sizeof(buf),
			      off);
		if (n <= 0 || pwrite(to, buf, n, off) != n)
			return;
	}
}

static void copy_extended(const struct drive *disk, long from, int to)
{
	for (unsigned int i = 0; i < disk->n_parts; i++) {
		uint64_t start = disk->parts[i].start;

		if (start > COPY_BEFORE && disk->parts[i].number > 4)
			copy_range(from, to, start - COPY_BEFORE, COPY_BEFORE);
	}
}

/* A memfd with the interesting parts of node; disk: which is this whole disk, or NULL. */
static int copy_device(const struct drive *disk, const char *node, uint64_t size)
{
	long from = LKL_CALL4(SYS_openat, AT_FDCWD, node, O_RDONLY | O_CLOEXEC, 0);
	int to;

	if (from < 0)
		return from;
	to = memfd_create("lklusb-probe", MFD_CLOEXEC);
	if (to < 0 || ftruncate(to, size)) {
		LKL_CALL1(SYS_close, from);
		if (to >= 0)
			close(to);
		return -errno;
	}
	copy_range(from, to, 0, size < COPY_HEAD ? size : COPY_HEAD);
	if (size > COPY_HEAD)
		copy_range(from, to, size - COPY_TAIL, COPY_TAIL);
	if (disk)
		copy_extended(disk, from, to);
	LKL_CALL1(SYS_close, from);
	return to;
}

/* ---- signatures ---- */

static char *value(blkid_probe pr, const char *name)
{
	const char *text;

	return blkid_probe_lookup_value(pr, name, &text, NULL) ? NULL : strdup(text);
}

/* Contradicting signatures are no signature: nothing is guessed. */
static int probe_part(struct disk_part *part, unsigned int sector_size)
{
	int fd = copy_device(NULL, part->node, part->size);
	blkid_probe pr;

	if (fd < 0)
		return fd;
	pr = blkid_new_probe();
	if (pr && !blkid_probe_set_device(pr, fd, 0, 0) &&
	    !blkid_probe_set_sectorsize(pr, sector_size)) {
		blkid_probe_enable_superblocks(pr, 1);
		blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_LABEL |
						  BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE);
		if (blkid_do_safeprobe(pr) == 0) {
			part->type = value(pr, "TYPE");
			part->label = value(pr, "LABEL");
			part->uuid = value(pr, "UUID");
		}
	}
	blkid_free_probe(pr);
	close(fd);
	return 0;
}

static void keep_table(blkid_partlist list, struct disk_table *table)
{
	blkid_parttable entry = blkid_partlist_get_table(list);
	const char *type = entry ? blkid_parttable_get_type(entry) : NULL;
	const char *id = entry ? blkid_parttable_get_id(entry) : NULL;

	snprintf(table->type, sizeof(table->type), "%s", type ? type : "");
	snprintf(table->id, sizeof(table->id), "%s", id ? id : "");
}

static void probe_entry(blkid_partlist list, struct disk_part *part)
{
	blkid_partition entry = blkid_partlist_get_partition_by_partno(list, part->number);
	const char *text;

	if (!entry)
		return;
	text = blkid_partition_get_uuid(entry);
	part->part_uuid = text ? strdup(text) : NULL;
	text = blkid_partition_get_name(entry);
	part->part_label = text ? strdup(text) : NULL;
}

static int probe_table(struct drive *drive)
{
	char node[64];
	blkid_partlist list;
	blkid_probe pr;
	int fd;

	snprintf(node, sizeof(node), "/dev/%s", drive->name);
	fd = copy_device(drive, node, drive->size);
	if (fd < 0)
		return fd;
	pr = blkid_new_probe();
	if (pr && !blkid_probe_set_device(pr, fd, 0, 0) &&
	    !blkid_probe_set_sectorsize(pr, drive->sector_size)) {
		blkid_probe_enable_partitions(pr, 1);
		list = blkid_probe_get_partitions(pr);
		for (unsigned int i = 0; list && i < drive->n_parts; i++)
			probe_entry(list, &drive->parts[i]);
		if (list)
			keep_table(list, &drive->table);
	}
	blkid_free_probe(pr);
	close(fd);
	return 0;
}

static int read_drive(struct drive *drive, unsigned int room)
{
	int err = read_partitions(drive, room);

	if (!err && drive->n_parts) {
		err = probe_table(drive);
	} else if (!err) {
		drive->n_parts = 1;
		drive->parts[0].size = drive->size;
		snprintf(drive->parts[0].node, sizeof(drive->parts[0].node), "/dev/%s",
			 drive->name);
	}
	for (unsigned int i = 0; !err && i < drive->n_parts; i++)
		err = probe_part(&drive->parts[i], drive->sector_size);
	return err;
}

void disk_read_table(const struct disk *disk, struct disk_table *ret_table)
{
	struct drive drive = {
		.name = guest_disk(0), .size = disk->size, .sector_size = disk->sector_size,
	};

	probe_table(&drive);
	*ret_table = drive.table;
}

int disk_read(struct disk *disk)
{
	int err = 0, status;

	memset(disk, 0, sizeof(*disk));
	for (unsigned int i = 0; !err && guest_disk(i) && disk->n_parts < DISK_MAX_PARTS; i++) {
		struct drive drive = {
			.name = guest_disk(i), .parts = disk->parts + disk->n_parts,
		};

		err = read_drive(&drive, DISK_MAX_PARTS - disk->n_parts);
		disk->n_parts += drive.n_parts;
		disk->n_disks++;
		if (i)
			continue;
		disk->size = drive.size;
		disk->sector_size = drive.sector_size;
	}
	if (!err)
		return 0;
	disk_free(disk);
	status = guest_left();
	if (status)
		return status;
	return report(REPORT_MOUNT, "disk-read", "the disk cannot be read: %s",
		      strerror(-err));
}

int disk_probe(struct disk_part *part)
{
	char dir[96];
	int err;

	snprintf(dir, sizeof(dir), "/sys/block/%s", strrchr(part->node, '/') + 1);
	err = probe_part(part, sysfs_number(dir, "queue/logical_block_size"));
	if (err)
		report(REPORT_MOUNT, "disk-read", "%s cannot be read: %s",
		       disk_part_name(part), strerror(-err));
	return err ? REPORT_MOUNT : 0;
}

void disk_part_free(struct disk_part *part)
{
	free(part->type);
	free(part->label);
	free(part->uuid);
	free(part->volume);
	free(part->part_uuid);
	free(part->part_label);
	memset(part, 0, sizeof(*part));
}

void disk_free(struct disk *disk)
{
	for (unsigned int i = 0; i < disk->n_parts; i++)
		disk_part_free(&disk->parts[i]);
	memset(disk, 0, sizeof(*disk));
}

/* ---- choosing ---- */

static const struct {
	const char *type, *kernel;
} types[] = {
	{ "ext2", "ext2" },	{ "ext3", "ext3" },	{ "ext4", "ext4" },
	{ "xfs", "xfs" },	{ "btrfs", "btrfs" },	{ "f2fs", "f2fs" },
	{ "vfat", "vfat" },	{ "exfat", "exfat" },	{ "ntfs", "ntfs3" },
	{ "iso9660", "iso9660" }, { "udf", "udf" },	{ "squashfs", "squashfs" },
	{ "erofs", "erofs" },
};

const char *disk_kernel_type(const char *type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].type, type) || !strcmp(types[i].kernel, type))
			return types[i].kernel;
	return NULL;
}

/* Which of a partition's names the word asks for; NULL: of none. */
static const char *name_asked(const struct disk_part *part, const char *wanted,
			      const char **ret_value)
{
	const struct {
		const char *key, *value;
	} names[] = {
		{ "LABEL=", part->label },
		{ "UUID=", part->uuid },
		{ "PARTLABEL=", part->part_label },
		{ "PARTUUID=", part->part_uuid },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i].key);

		if (strncmp(wanted, names[i].key, len))
			continue;
		*ret_value = wanted + len;
		return names[i].value ? names[i].value : "";
	}
	return NULL;
}

static bool part_matches(const struct disk_part *part, const char *wanted)
{
	const char *text, *name = name_asked(part, wanted, &text);
	char *end;
	long number;

	if (name)	/* UUIDs are hexadecimal: in either case */
		return *name && !(strchr("UP", *wanted) && text[-2] == 'D' ?
				  strcasecmp(name, text) : strcmp(name, text));
	number = strtol(wanted, &end, 10);
	return end != wanted && !*end && number == part->number;
}

static void report_candidates(const struct disk *disk)
{
	for (unsigned int i = 0; i < disk->n_parts; i++) {
		const struct disk_part *p = &disk->parts[i];

		if (disk->n_disks > 1)	/* numbers are not enough */
			report_detail(" -p UUID=%s  %-8s %s%s", p->uuid ? p->uuid : "?",
				      p->type ? p->type : "-", p->label ? "LABEL=" : "",
				      p->label ? p->label : "");
		else
			report_detail(" -p %d  %-8s %s%s", p->number, p->type ? p->type : "-",
				      p->label ? "LABEL=" : "", p->label ? p->label : "");
	}
}

static int none_matches(const struct disk *disk, const char *wanted)
{
	if (wanted)
		report(REPORT_MOUNT, "partition-missing", "no partition is %s", wanted);
	else if (disk->n_parts == 1 && disk->parts[0].type)
		report(REPORT_MOUNT, "fs-unsupported", "%s: %s is not supported",
		       disk_part_name(&disk->parts[0]), disk->parts[0].type);
	else
		report(REPORT_MOUNT, "fs-unknown", disk->parts[0].number ?
		       "no partition has a known signature" :
		       "the disk has neither partitions nor a known signature");
	if (disk->n_parts > 1 || disk->parts[0].number)
		report_candidates(disk);
	return REPORT_MOUNT;
}

const char *disk_part_name(const struct disk_part *part)
{
	static _Thread_local char number[32];

	if (part->volume)
		return part->volume;
	snprintf(number, sizeof(number), "partition %d", part->number);
	return part->number ? number : "the disk";
}

bool disk_is_lvm(const struct disk_part *part)
{
	return part->type && !strcmp(part->type, DISK_LVM);
}

bool disk_mountable(const struct disk_part *part)
{
	return part->type && (disk_kernel_type(part->type) || disk_is_lvm(part) ||
			      !strcmp(part->type, DISK_LUKS));
}

bool disk_same_btrfs(const struct disk_part *a, const struct disk_part *b)
{
	return a->type && b->type && !strcmp(a->type, "btrfs") && !strcmp(b->type, "btrfs") &&
	       a->uuid && b->uuid && !strcmp(a->uuid, b->uuid);
}

/* A choice between parts of one thing is none. */
static bool are_one(const struct disk_part *a, const struct disk_part *b, const char *wanted)
{
	return (!wanted && disk_is_lvm(a) && disk_is_lvm(b)) || disk_same_btrfs(a, b);
}

int disk_choose(const struct disk *disk, const char *wanted, bool any,
		const struct disk_part **ret_part)
{
	const struct disk_part *found = NULL;

	for (unsigned int i = 0; i < disk->n_parts; i++) {
		const struct disk_part *part = &disk->parts[i];

		if (wanted ? !part_matches(part, wanted) : !any && !disk_mountable(part))
			continue;
		if (found && are_one(found, part, wanted))
			continue;
		if (found) {
			report(REPORT_USAGE, "partition-ambiguous",
			       "more than one partition fits; choose with -p");
			report_candidates(disk);
			return REPORT_USAGE;
		}
		found = part;
	}
	if (!found)
		return none_matches(disk, wanted);
	*ret_part = found;
	return 0;
}
