// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile physical volume. Whatever is believed keeps what lvm.h promises, and its
 * targets stay within the physical volumes.
 *
 * Input: a byte; if it is odd the text of a volume group follows, otherwise a disk whose
 * checksums are put right here.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "lvm.h"

#define DISK_MAX (256u << 10)

struct image {
	unsigned char bytes[DISK_MAX];
	size_t size;
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static int read_image(void *ctx, uint64_t offset, void *buf, size_t len)
{
	struct image *i = ctx;

	check(offset <= i->size && len <= i->size - offset);
	memcpy(buf, i->bytes + offset, len);
	return 0;
}

/* ---- what is believed ---- */

static void check_segment(const struct lvm_group *g, const struct lvm_segment *s,
			  const struct lvm_present *pvs)
{
	char params[LVM_PARAMS_SIZE];
	unsigned int words = 1;

	check(s->sectors && s->n_stripes && s->n_stripes <= LVM_MAX_STRIPES);
	check(s->first_area + s->n_stripes <= g->n_areas);
	check(s->n_stripes == 1 || s->sectors % ((uint64_t)s->n_stripes * s->stripe_size) == 0);
	for (uint32_t i = 0; i < s->n_stripes; i++) {
		const struct lvm_area *a = &g->areas[s->first_area + i];

		check(a->pv < g->n_pvs);
		check((uint64_t)a->extent + s->sectors / s->n_stripes / g->extent_size <=
		      g->pvs[a->pv].n_extents);
	}
	lvm_target(g, s, pvs, params);
	for (const char *p = params; *p; p++)
		words += *p == ' ';
	check(words == 2 * s->n_stripes + (s->n_stripes > 1 ? 2 : 0));
}

static void check_lv(const struct lvm_group *g, const struct lvm_lv *lv,
		     const struct lvm_present *pvs)
{
	uint64_t done = 0;
	uint32_t pv;

	check(*lv->name && strlen(lv->id) == LVM_ID_SIZE - 1 && lv->sectors);
	check(!*lv->type == (lv->n_segments > 0));
	check(lv->first_segment + lv->n_segments <= g->n_segments);
	for (uint32_t i = 0; i < lv->n_segments; i++) {
		const struct lvm_segment *s = &g->segments[lv->first_segment + i];

		check(s->start == done);
		done += s->sectors;
		check_segment(g, s, pvs);
	}
	check(*lv->type || done == lv->sectors);
	if (lvm_check_present(g, lv, pvs, &pv))
		check(pv < g->n_pvs);
}

static void use_text(const char *text, size_t len)
{
	struct lvm_present pvs[LVM_MAX_PVS];
	struct lvm_group *g;

	if (lvm_group_parse(text, len, &g))
		return;
	for (uint32_t i = 0; i < LVM_MAX_PVS; i++)
		pvs[i] = (struct lvm_present) { "/dev/dm-123", i * 4096ull };
	for (uint32_t i = 0; i < g->n_lvs; i++)
		check_lv(g, &g->lvs[i], pvs);
	lvm_group_free(g);
}

/* ---- a disk ---- */

static void put(unsigned char *at, uint32_t n)
{
	n = htole32(n);
	memcpy(at, &n, sizeof(n));
}

static uint64_t get(const unsigned char *at)
{
	uint64_t n;

	memcpy(&n, at, sizeof(n));
	return le64toh(n);
}

/* Luck does not find sums. The text's, only where it is in one piece. */
static void put_sums(struct image *i, const struct lvm_place *place)
{
	unsigned char *m = i->bytes + place->offset;
	uint64_t offset = get(m + 40), len = get(m + 48);

	if (offset < place->size && len <= place->size - offset && len)
		put(m + 56, lvm_crc(m + offset, len));
	put(m, lvm_crc(m + 4, 508));
}

static void use_disk(struct image *i)
{
	struct lvm_disk disk = { .read = read_image, .ctx = i, .size = i->size };
	struct lvm_label label;
	size_t len;
	char *text;

	for (unsigned int s = 0; s < 4 && (s + 1) * 512 <= i->size; s++)
		put(i->bytes + s * 512 + 16, lvm_crc(i->bytes + s * 512 + 20, 492));
	if (lvm_label_read(&disk, &label))
		return;
	check(strlen(label.id) == LVM_ID_SIZE - 1 && label.n_metadata <= 2);
	for (unsigned int k = 0; k < label.n_metadata; k++) {
		put_sums(i, &label.metadata[k]);
		if (lvm_text_read(&disk, &label.metadata[k], &text, &len))
			continue;
		use_text(text, len);
		free(text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct image i;

	if (!len)
		return 0;
	if (*data & 1) {
		use_text((const char *)data + 1, len - 1);
		return 0;
	}
	i.size = len - 1 < DISK_MAX ? len - 1 : DISK_MAX;
	memcpy(i.bytes, data + 1, i.size);
	use_disk(&i);
	return 0;
}
