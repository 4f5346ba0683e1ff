/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lvm.h - LVM2's labels and text metadata, read only. Pure functions from bytes, all of
 * which may be hostile, to what a device mapper's tables need.
 *
 * -EUCLEAN: damaged or contradicting itself. -E2BIG: more than we want to hold.
 */
#ifndef LVM_H
#define LVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LVM_ID_SIZE	33		/* without the hyphens */
#define LVM_NAME_SIZE	128
#define LVM_TYPE_SIZE	32
#define LVM_MAX_PVS	128u
#define LVM_MAX_LVS	1024u
#define LVM_MAX_STRIPES	128u
#define LVM_PARAMS_SIZE	8192

/* ---- label.c: one physical volume ---- */

struct lvm_disk {
	/* Reads len bytes, which end at size at the latest: 0 or -errno. */
	int (*read)(void *ctx, uint64_t offset, void *buf, size_t len);
	void *ctx;
	uint64_t size;
};

struct lvm_label {
	char id[LVM_ID_SIZE];
	unsigned int n_metadata;
	struct lvm_place {
		uint64_t offset, size;
	} metadata[2];
};

/* -ENODATA: there is none. */
int lvm_label_read(const struct lvm_disk *disk, struct lvm_label *ret_label);

/* The text in one of the label's places, malloc'ed. -ENODATA: none is kept there. */
int lvm_text_read(const struct lvm_disk *disk, const struct lvm_place *place,
		  char **ret_text, size_t *ret_len);

/* The checksum of all of it. */
uint32_t lvm_crc(const void *buf, size_t len);

/* ---- group.c: the volume group that the text describes ---- */

/* What others in the group do with a logical volume. */
enum lvm_use {
	LVM_FREE,
	LVM_ORIGIN,		/* snapshots depend on what is in it: read only */
	LVM_PART,		/* it is not for itself */
};

struct lvm_pv {
	char id[LVM_ID_SIZE];
	uint64_t start;		/* 512-byte sectors, as all below */
	uint32_t n_extents;
	bool missing;		/* was, when the group was changed: its data are old */
};

struct lvm_area {
	uint32_t pv, extent;
};

struct lvm_segment {
	uint64_t start, sectors;	/* of the logical volume */
	uint32_t n_stripes, stripe_size;
	uint32_t first_area;		/* n_stripes of them */
};

struct lvm_lv {
	char name[LVM_NAME_SIZE], id[LVM_ID_SIZE];
	char type[LVM_TYPE_SIZE];	/* the first that is not striped, or empty */
	bool visible, writable;
	enum lvm_use use;
	uint64_t sectors;
	uint32_t first_segment, n_segments;	/* none if type is not empty */
};

struct lvm_group {
	char name[LVM_NAME_SIZE], id[LVM_ID_SIZE];
	uint32_t seqno;
	uint32_t extent_size;
	uint32_t n_pvs, n_lvs, n_segments, n_areas;
	struct lvm_pv pvs[LVM_MAX_PVS];
	struct lvm_lv lvs[LVM_MAX_LVS];
	struct lvm_segment *segments;
	struct lvm_area *areas;
};

/*
 * No two extents of the result's segments are the same one, each is within its physical
 * volume, and each logical volume without a type is all there from its first sector on.
 */
int lvm_group_parse(const char *text, size_t len, struct lvm_group **ret_group);
void lvm_group_free(struct lvm_group *group);

/* ---- table.c ---- */

struct lvm_present {
	const char *node;	/* of the physical volume, or NULL: it is not here */
	uint64_t sectors;
};

/*
 * Whether all that lv needs is here; pvs is as long as group->pvs. -ENODEV: *ret_pv is
 * not, or its data are old; -EUCLEAN: *ret_pv is shorter than the metadata say.
 */
int lvm_check_present(const struct lvm_group *group, const struct lvm_lv *lv,
		      const struct lvm_present *pvs, uint32_t *ret_pv);

/* linear, striped, or another type, for people. */
const char *lvm_kind(const struct lvm_group *group, const struct lvm_lv *lv);

/* The target's type, linear or striped, and its parameters. */
const char *lvm_target(const struct lvm_group *group, const struct lvm_segment *segment,
		       const struct lvm_present *pvs, char ret_params[static LVM_PARAMS_SIZE]);

#endif
