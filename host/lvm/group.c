// SPDX-License-Identifier: GPL-2.0-only
#include "lvm.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text_i.h"

#define MAX_EXTENT	(1u << 31)	/* sectors */
#define MAX_START	(1ull << 55)
#define MAX_AREAS	(1u << 16)

struct reader {
	struct text text;
	struct lvm_group *g;
	uint32_t pvs, lvs;		/* the sections, 0: none */
	uint32_t segment_room, area_room;
};

/* ---- words ---- */

static bool copy_name(const char *name, uint32_t len, char *ret, size_t size)
{
	if (!len || len >= size || *name == '-')
		return false;
	for (uint32_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_.+-", name[i]))
			return false;
	memcpy(ret, name, len);
	ret[len] = 0;
	return true;
}

static bool read_id(const struct text *t, uint32_t section, char ret[static LVM_ID_SIZE])
{
	const struct text_node *n = &t->nodes[text_find(t, section, "id", TEXT_STRING)];
	unsigned int len = 0;

	if (n->kind != TEXT_STRING)
		return false;
	for (uint32_t i = 0; i < n->string_len; i++) {
		char c = n->string[i];

		if (c == '-')
			continue;
		if (len == LVM_ID_SIZE - 1 || c <= ' ' || c > '~')
			return false;
		ret[len++] = c;
	}
	ret[len] = 0;
	return len == LVM_ID_SIZE - 1;
}

/* Place of the section with the node's string as name among its siblings, or -1. */
static int named_by(const struct text *t, const struct text_node *node, uint32_t sections)
{
	int place = 0;

	if (node->kind != TEXT_STRING || !sections)
		return -1;
	for (uint32_t i = t->nodes[sections].child; i; i = t->nodes[i].next) {
		const struct text_node *n = &t->nodes[i];

		if (n->name_len == node->string_len &&
		    !memcmp(n->name, node->string, n->name_len))
			return place;
		place++;
	}
	return -1;
}

/* ---- physical volumes ---- */

static int read_pv(struct reader *r, uint32_t section)
{
	const struct text *t = &r->text;
	struct lvm_group *g = r->g;
	struct lvm_pv *pv = &g->pvs[g->n_pvs];
	uint64_t n_extents;

	if (!read_id(t, section, pv->id) ||
	    !text_number(t, section, "pe_start", 0, MAX_START, &pv->start) ||
	    !text_number(t, section, "pe_count", 0, UINT32_MAX, &n_extents))
		return -EUCLEAN;
	pv->n_extents = n_extents;
	pv->missing = text_has(t, section, "flags", "MISSING") ||
		      text_has(t, section, "status", "MISSING");
	for (uint32_t i = 0; i < g->n_pvs; i++)
		if (!strcmp(g->pvs[i].id, pv->id))
			return -EUCLEAN;
	g->n_pvs++;
	return 0;
}

/* ---- logical volumes ---- */

static void *grow(void *array, uint32_t n, uint32_t *room, size_t size)
{
	if (n < *room)
		return array;
	*room = *room ? 2 * *room : 64;
	return reallocarray(array, *room, size);
}

static int add_area(struct reader *r, uint32_t pv, uint32_t extent)
{
	struct lvm_group *g = r->g;
	struct lvm_area *areas;

	if (g->n_areas == MAX_AREAS)
		return -E2BIG;
	areas = grow(g->areas, g->n_areas, &r->area_room, sizeof(*areas));
	if (!areas)
		return -ENOMEM;
	g->areas = areas;
	g->areas[g->n_areas++] = (struct lvm_area) { pv, extent };
	return 0;
}

static int add_segment(struct reader *r, const struct lvm_segment *s)
{
	struct lvm_group *g = r->g;
	struct lvm_segment *segments;

	segments = grow(g->segments, g->n_segments, &r->segment_room, sizeof(*segments));
	if (!segments)
		return -ENOMEM;
	g->segments = segments;
	g->segments[g->n_segments++] = *s;
	return 0;
}

/*
 * Pairs of a name and the first extent, each extents long. 1: the name is that of a
 * logical volume.
 */
static int read_stripes(struct reader *r, uint32_t array, uint32_t n, uint32_t extents)
{
	const struct text *t = &r->text;
	uint32_t name = t->nodes[array].child, number;
	int pv, err;

	for (; n; n--, name = t->nodes[number].next) {
		number = name ? t->nodes[name].next : 0;
		if (!number || t->nodes[number].kind != TEXT_NUMBER)
			return -EUCLEAN;
		pv = named_by(t, &t->nodes[name], r->pvs);
		if (pv < 0)
			return named_by(t, &t->nodes[name], r->lvs) < 0 ? -EUCLEAN : 1;
		if (t->nodes[number].number < 0 || extents > r->g->pvs[pv].n_extents ||
		    t->nodes[number].number > r->g->pvs[pv].n_extents - extents)
			return -EUCLEAN;
		err = add_area(r, pv, t->nodes[number].number);
		if (err)
			return err;
	}
	return name ? -EUCLEAN : 0;
}

static int read_striped(struct reader *r, uint32_t section, struct lvm_segment *s,
			uint32_t extents)
{
	const struct text *t = &r->text;
	uint32_t array = text_find(t, section, "stripes", TEXT_ARRAY);
	uint64_t n, size = 0;

	if (!array || !text_number(t, section, "stripe_count", 1, LVM_MAX_STRIPES, &n) ||
	    extents % n)
		return -EUCLEAN;
	if (n > 1 && (!text_number(t, section, "stripe_size", 8, MAX_EXTENT, &size) ||
		      (size & (size - 1)) || extents / n * r->g->extent_size % size))
		return -EUCLEAN;
	s->n_stripes = n;
	s->stripe_size = size;
	s->first_area = r->g->n_areas;
	return read_stripes(r, array, n, extents / n);
}

static int set_type(struct lvm_lv *lv, const struct text_node *type)
{
	return *lv->type || copy_name(type->string, type->string_len, lv->type,
				      sizeof(lv->type)) ? 0 : -EUCLEAN;
}

/* *done: extents of the logical volume in front of this segment. */
static int read_segment(struct reader *r, uint32_t section, struct lvm_lv *lv, uint32_t *done)
{
	const struct text *t = &r->text;
	const struct text_node *type = &t->nodes[text_find(t, section, "type", TEXT_STRING)];
	struct lvm_segment s = { 0 };
	uint64_t start, extents;
	int err;

	if (type->kind != TEXT_STRING ||
	    !text_number(t, section, "start_extent", *done, *done, &start) ||
	    !text_number(t, section, "extent_count", 1, UINT32_MAX - *done, &extents))
		return -EUCLEAN;
	s.start = start * r->g->extent_size;
	s.sectors = extents * r->g->extent_size;
	*done += extents;
	if (!text_is(type, "striped"))
		return set_type(lv, type);
	err = read_striped(r, section, &s, extents);
	if (err == 1) {
		strcpy(lv->type, "stacked");
		return 0;
	}
	return err ? err : add_segment(r, &s);
}

static bool is_segment(const struct text_node *n)
{
	return n->kind == TEXT_SECTION && n->name_len > 7 && !memcmp(n->name, "segment", 7);
}

static int read_segments(struct reader *r, uint32_t section, struct lvm_lv *lv)
{
	const struct text *t = &r->text;
	uint32_t extents = 0, found = 0;
	uint64_t n;
	int err = 0;

	if (!text_number(t, section, "segment_count", 1, MAX_AREAS, &n))
		return -EUCLEAN;
	lv->first_segment = r->g->n_segments;
	for (uint32_t i = t->nodes[section].child; !err && i; i = t->nodes[i].next)
		if (is_segment(&t->nodes[i])) {
			err = read_segment(r, i, lv, &extents);
			found++;
		}
	if (!err && found != n)
		return -EUCLEAN;
	lv->n_segments = *lv->type ? 0 : found;
	lv->sectors = (uint64_t)extents * r->g->extent_size;
	return err;
}

static int read_lv(struct reader *r, uint32_t section)
{
	const struct text_node *n = &r->text.nodes[section];
	struct lvm_group *g = r->g;
	struct lvm_lv *lv = &g->lvs[g->n_lvs];

	if (!copy_name(n->name, n->name_len, lv->name, sizeof(lv->name)) ||
	    !read_id(&r->text, section, lv->id))
		return -EUCLEAN;
	for (uint32_t i = 0; i < g->n_lvs; i++)
		if (!strcmp(g->lvs[i].name, lv->name))
			return -EUCLEAN;
	lv->visible = text_has(&r->text, section, "status", "VISIBLE");
	lv->writable = text_has(&r->text, section, "status", "WRITE");
	g->n_lvs++;
	return read_segments(r, section, lv);
}

/* ---- who needs whom ---- */

static void use(struct reader *r, const struct text_node *value, enum lvm_use how)
{
	int lv = named_by(&r->text, value, r->lvs);

	if (lv >= 0 && r->g->lvs[lv].use < how)
		r->g->lvs[lv].use = how;
}

/* Any string in a segment may be the name of a volume that it is made of. */
static void read_use(struct reader *r, uint32_t segment)
{
	const struct text *t = &r->text;

	for (uint32_t i = t->nodes[segment].child; i; i = t->nodes[i].next) {
		struct text_node key = { .kind = TEXT_STRING, .string = t->nodes[i].name,
					 .string_len = t->nodes[i].name_len };
		bool origin = text_is(&key, "origin") || text_is(&key, "external_origin");

		if (text_is(&key, "type") || text_is(&key, "tags"))
			continue;
		use(r, &t->nodes[i], origin ? LVM_ORIGIN : LVM_PART);
		if (t->nodes[i].kind != TEXT_ARRAY)
			continue;
		for (uint32_t k = t->nodes[i].child; k; k = t->nodes[k].next)
			use(r, &t->nodes[k], LVM_PART);
	}
	/* A snapshot that is being written back: the origin is neither old nor new. */
	if (text_find(t, segment, "merging_store", TEXT_STRING))
		use(r, &t->nodes[text_find(t, segment, "origin", TEXT_STRING)], LVM_PART);
}

static void read_uses(struct reader *r)
{
	const struct text *t = &r->text;
	uint32_t lv, i;

	for (lv = r->lvs ? t->nodes[r->lvs].child : 0; lv; lv = t->nodes[lv].next)
		for (i = t->nodes[lv].child; i; i = t->nodes[i].next)
			if (is_segment(&t->nodes[i]))
				read_use(r, i);
}

/* ---- extents that two have ---- */

struct range {
	uint32_t pv, first, n;
};

static int by_place(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->pv != y->pv ? (x->pv > y->pv) - (x->pv < y->pv) :
	       (x->first > y->first) - (x->first < y->first);
}

static bool overlap(const struct range *ranges, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (ranges[i].pv == ranges[i - 1].pv &&
		    ranges[i].first - ranges[i - 1].first < ranges[i - 1].n)
			return true;
	return false;
}

static int check_overlaps(const struct lvm_group *g)
{
	struct range *ranges = calloc(g->n_areas + 1, sizeof(*ranges));
	uint32_t n = 0;
	bool bad;

	if (!ranges)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->n_segments; i++) {
		const struct lvm_segment *s = &g->segments[i];

		for (uint32_t k = 0; k < s->n_stripes; k++) {
			const struct lvm_area *a = &g->areas[s->first_area + k];

			ranges[n++] = (struct range) { a->pv, a->extent,
				s->sectors / s->n_stripes / g->extent_size };
		}
	}
	qsort(ranges, n, sizeof(*ranges), by_place);
	bad = overlap(ranges, n);
	free(ranges);
	return bad ? -EUCLEAN : 0;
}

/* ---- the group ---- */

/* First of all, since names are looked for among them. */
static int check_sections(const struct text *t, uint32_t parent, uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t i = parent ? t->nodes[parent].child : 0; i; i = t->nodes[i].next) {
		if (t->nodes[i].kind != TEXT_SECTION)
			return -EUCLEAN;
		if (++n > max)
			return -E2BIG;
	}
	return 0;
}

static int each_section(struct reader *r, uint32_t parent, int (*fn)(struct reader *, uint32_t))
{
	int err = 0;

	for (uint32_t i = parent ? r->text.nodes[parent].child : 0; !err && i;
	     i = r->text.nodes[i].next)
		err = fn(r, i);
	return err;
}

/* The only section of the text. */
static uint32_t find_group(const struct text *t)
{
	uint32_t found = 0;

	for (uint32_t i = t->nodes[0].child; i; i = t->nodes[i].next)
		if (t->nodes[i].kind == TEXT_SECTION) {
			if (found)
				return 0;
			found = i;
		}
	return found;
}

static int read_group(struct reader *r)
{
	const struct text *t = &r->text;
	uint32_t vg = find_group(t);
	uint64_t version, seqno, extent_size;
	int err;

	if (!vg || !text_is(&t->nodes[text_find(t, 0, "contents", TEXT_STRING)],
			    "Text Format Volume Group") ||
	    !text_number(t, 0, "version", 1, 1, &version) ||
	    !copy_name(t->nodes[vg].name, t->nodes[vg].name_len, r->g->name,
		       sizeof(r->g->name)) ||
	    !read_id(t, vg, r->g->id) ||
	    !text_number(t, vg, "seqno", 0, UINT32_MAX, &seqno) ||
	    !text_number(t, vg, "extent_size", 1, MAX_EXTENT, &extent_size))
		return -EUCLEAN;
	r->g->seqno = seqno;
	r->g->extent_size = extent_size;
	r->pvs = text_find(t, vg, "physical_volumes", TEXT_SECTION);
	r->lvs = text_find(t, vg, "logical_volumes", TEXT_SECTION);
	err = check_sections(t, r->pvs, LVM_MAX_PVS);
	if (!err)
		err = check_sections(t, r->lvs, LVM_MAX_LVS);
	if (!err)
		err = each_section(r, r->pvs, read_pv);
	if (!err)
		err = each_section(r, r->lvs, read_lv);
	if (err)
		return err;
	read_uses(r);
	return check_overlaps(r->g);
}

int lvm_group_parse(const char *text, size_t len, struct lvm_group **ret_group)
{
	struct reader r = { 0 };
	int err = text_parse(&r.text, text, len);

	if (!err) {
		r.g = calloc(1, sizeof(*r.g));
		err = r.g ? read_group(&r) : -ENOMEM;
	}
	text_free(&r.text);
	if (err) {
		lvm_group_free(r.g);
		return err;
	}
	*ret_group = r.g;
	return 0;
}

void lvm_group_free(struct lvm_group *g)
{
	if (!g)
		return;
	free(g->segments);
	free(g->areas);
	free(g);
}
