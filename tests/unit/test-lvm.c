// SPDX-License-Identifier: GPL-2.0-only
/* LVM2's labels and metadata: tables of what lvm2 writes, and what is not believed. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lvm.h"
#include "lvm_text.h"

/* ---- the group ---- */

static struct lvm_group *parse(const char *text)
{
	struct lvm_group *g = NULL;

	assert_int_equal(lvm_group_parse(text, strlen(text), &g), 0);
	return g;
}

static void bad(const char *text, int err)
{
	struct lvm_group *g;

	assert_int_equal(lvm_group_parse(text, strlen(text), &g), err);
}

static void expect_target(const struct lvm_group *g, uint32_t segment, uint64_t start,
			  uint64_t sectors, const char *type, const char *params)
{
	static const struct lvm_present pvs[] = { { "/dev/sda1", 131072 }, { "/dev/dm-0", 90000 } };
	const struct lvm_segment *s = &g->segments[segment];
	char text[LVM_PARAMS_SIZE];

	assert_int_equal(s->start, start);
	assert_int_equal(s->sectors, sectors);
	assert_string_equal(lvm_target(g, s, pvs, text), type);
	assert_string_equal(text, params);
}

static void test_good(void **state)
{
	struct lvm_group *g = parse(TEXT_GOOD);

	assert_string_equal(g->name, "vg");
	assert_string_equal(g->id, "ts7YaHk7WHJG7A9d2r7goxyWlimKu6SB");
	assert_int_equal(g->seqno, 5);
	assert_int_equal(g->n_pvs, 2);
	assert_int_equal(g->pvs[1].start, 4096);
	assert_int_equal(g->n_lvs, 2);
	assert_string_equal(g->lvs[0].name, "lin");
	assert_string_equal(g->lvs[0].type, "");
	assert_true(g->lvs[0].visible && g->lvs[0].writable && g->lvs[0].use == LVM_FREE);
	assert_int_equal(g->lvs[0].sectors, 18 * 2048);
	assert_int_equal(g->lvs[0].n_segments, 2);
	assert_int_equal(g->lvs[1].first_segment, 2);
	expect_target(g, 0, 0, 8 * 2048, "linear", "/dev/sda1 2048");
	expect_target(g, 1, 8 * 2048, 10 * 2048, "linear", "/dev/dm-0 12288");
	expect_target(g, 2, 0, 8 * 2048, "striped", "2 128 /dev/sda1 18432 /dev/dm-0 4096");
	lvm_group_free(g);
	g = parse(TEXT_HEAD TEXT_PVS TEXT_TAIL);	/* as vgcreate leaves it */
	assert_int_equal(g->n_lvs, 0);
	lvm_group_free(g);
}

static void test_present(void **state)
{
	struct lvm_group *g = parse(TEXT_GOOD);
	struct lvm_present pvs[] = { { "a", 2048 + 63 * 2048 }, { "b", 4096 + 20 * 2048 } };
	uint32_t pv = 9;

	assert_int_equal(lvm_check_present(g, &g->lvs[0], pvs, &pv), 0);
	pvs[1].sectors--;
	assert_int_equal(lvm_check_present(g, &g->lvs[0], pvs, &pv), -EUCLEAN);
	assert_int_equal(pv, 1);
	pvs[0].node = NULL;
	assert_int_equal(lvm_check_present(g, &g->lvs[1], pvs, &pv), -ENODEV);
	assert_int_equal(pv, 0);
	pvs[0].node = "a";
	g->pvs[0].missing = true;
	assert_int_equal(lvm_check_present(g, &g->lvs[1], pvs, &pv), -ENODEV);
	lvm_group_free(g);
}

#define ONE(segments, text) TEXT(LV("l", LV0, VISIBLE, segments, text))

static void test_bad(void **state)
{
	bad("", -EUCLEAN);
	bad(TEXT_HEAD TEXT_PVS "}", -EUCLEAN);
	bad(TEXT_GOOD "}", -EUCLEAN);
	bad(TEXT_GOOD "x = ", -EUCLEAN);
	bad(TEXT_GOOD "x = \"", -EUCLEAN);
	bad(TEXT_GOOD "x = \"\\", -EUCLEAN);
	bad(TEXT_GOOD "x = [1, ", -EUCLEAN);
	bad(TEXT_GOOD "x = [1 2]", -EUCLEAN);
	bad(TEXT_GOOD "x = 9223372036854775808", -EUCLEAN);
	bad(TEXT_GOOD "x = 1x", -EUCLEAN);
	bad(TEXT_GOOD "other { }", -EUCLEAN);
	bad(TEXT_GOOD "a{a{a{a{a{a{a{a{a{a{}}}}}}}}}}", -E2BIG);
	/* gaps, lengths, places */
	bad(ONE("2", SEGMENT("0", "8", LINEAR("pv0", "0"))), -EUCLEAN);
	bad(ONE("1", SEGMENT("1", "8", LINEAR("pv0", "0"))), -EUCLEAN);
	bad(ONE("1", SEGMENT("0", "0", LINEAR("pv0", "0"))), -EUCLEAN);
	bad(ONE("1", SEGMENT("0", "8", LINEAR("pv0", "56"))), -EUCLEAN);
	bad(ONE("1", SEGMENT("0", "64", LINEAR("pv0", "0"))), -EUCLEAN);
	bad(ONE("1", SEGMENT("0", "8", LINEAR("pv0", "-1"))), -EUCLEAN);
	bad(ONE("1", SEGMENT("0", "4294967296", LINEAR("pv0", "0"))), -EUCLEAN);
	bad(ONE("1", SEGMENT("0", "8", LINEAR("pv2", "0"))), -EUCLEAN);
	bad(ONE("1", SEGMENT("0", "7", STRIPED("pv0", "0", "pv1", "0"))), -EUCLEAN);
	bad(ONE("1", SEGMENT("0", "8", "type = \"striped\"\nstripe_count = 1\nstripes = []\n")),
	    -EUCLEAN);
	bad(ONE("1", SEGMENT("0", "8", "type = \"striped\"\nstripe_count = 1\n"
			     "stripes = [\"pv0\", 0, \"pv1\", 0]\n")), -EUCLEAN);
	bad(ONE("1", SEGMENT("0", "8", "type = \"striped\"\nstripe_count = 2\nstripe_size = 100\n"
			     "stripes = [\"pv0\", 0, \"pv1\", 0]\n")), -EUCLEAN);
	bad(ONE("1", SEGMENT("0", "8", "type = \"a b\"\n")), -EUCLEAN);
	/* an extent twice, in two volumes and in one */
	bad(TEXT(LV("a", LV0, VISIBLE, "1", SEGMENT("0", "8", LINEAR("pv0", "0")))
		 LV("b", LV1, VISIBLE, "1", SEGMENT("0", "8", LINEAR("pv0", "7")))), -EUCLEAN);
	bad(ONE("1", SEGMENT("0", "8", STRIPED("pv0", "0", "pv0", "3"))), -EUCLEAN);
	/* two of a name, two of an id, names that are no names */
	bad(TEXT(LV("a", LV0, VISIBLE, "1", SEGMENT("0", "8", LINEAR("pv0", "0")))
		 LV("a", LV1, VISIBLE, "1", SEGMENT("0", "8", LINEAR("pv0", "8")))), -EUCLEAN);
	bad(TEXT_HEAD "physical_volumes { a { id = \"" PV0 "\"\npe_start = 1\npe_count = 1 }\n"
	    "b { id = \"" PV0 "\"\npe_start = 1\npe_count = 1 } }" TEXT_TAIL, -EUCLEAN);
	bad(TEXT(LV("-a", LV0, VISIBLE, "1", SEGMENT("0", "8", LINEAR("pv0", "0")))), -EUCLEAN);
	bad(TEXT(LV("a", "short", VISIBLE, "1", SEGMENT("0", "8", LINEAR("pv0", "0")))), -EUCLEAN);
	bad(TEXT("a = 1\n"), -EUCLEAN);
}

static void test_types(void **state)
{
	struct lvm_group *g = parse(TEXT(
		LV("thin", LV0, VISIBLE, "1", SEGMENT("0", "8", "type = \"thin\"\npool = \"pool\"\n"))
		LV("pool", LV0, VISIBLE, "1", SEGMENT("0", "8", LINEAR("pv0", "0")))
		LV("old", LV0, VISIBLE, "1", SEGMENT("0", "4", LINEAR("pv0", "8")))
		LV("cow", LV0, VISIBLE, "1", SEGMENT("0", "4", LINEAR("pv0", "12")))
		LV("snapshot0", LV0, "", "1", SEGMENT("0", "4", "type = \"snapshot\"\n"
			"tags = [\"free\"]\norigin = \"old\"\ncow_store = \"cow\"\n"))
		LV("leg", LV0, "", "1", SEGMENT("0", "4", LINEAR("pv0", "16")))
		LV("raid", LV0, VISIBLE, "1", SEGMENT("0", "4", "type = \"raid1\"\n"
			"raids = [\"gone\", \"leg\"]\n"))
		LV("stack", LV0, VISIBLE, "1", SEGMENT("0", "4", LINEAR("old", "0")))
		LV("free", LV0, "\"READ\", \"VISIBLE\"", "1",
		   SEGMENT("0", "4", LINEAR("pv0", "20")))));
	static const struct {
		const char *type;
		enum lvm_use use;
	} want[] = {
		{ "thin", LVM_FREE }, { "", LVM_PART }, { "", LVM_PART }, { "", LVM_PART },
		{ "snapshot", LVM_FREE }, { "", LVM_PART }, { "raid1", LVM_FREE },
		{ "stacked", LVM_FREE }, { "", LVM_FREE },
	};

	assert_int_equal(g->n_lvs, 9);
	for (int i = 0; i < 9; i++) {
		assert_string_equal(g->lvs[i].type, want[i].type);
		assert_int_equal(g->lvs[i].use, want[i].use);
		assert_int_equal(g->lvs[i].n_segments, !*want[i].type);
	}
	assert_false(g->lvs[4].visible);
	assert_false(g->lvs[8].writable);
	lvm_group_free(g);
}

static void test_snapshot(void **state)
{
	static const char start[] = TEXT_HEAD TEXT_PVS "logical_volumes {"
		LV("old", LV0, VISIBLE, "1", SEGMENT("0", "4", LINEAR("pv0", "8")))
		LV("cow", LV0, VISIBLE, "1", SEGMENT("0", "4", LINEAR("pv0", "12")))
		"s {\nid = \"" LV1 "\"\nsegment_count = 1\nsegment1 {\nstart_extent = 0\n"
		"extent_count = 4\ntype = \"snapshot\"\norigin = \"old\"\n";
	char text[4096];
	struct lvm_group *g;

	strcat(strcpy(text, start), "cow_store = \"cow\" } } }" TEXT_TAIL);
	g = parse(text);
	assert_int_equal(g->lvs[0].use, LVM_ORIGIN);
	assert_int_equal(g->lvs[1].use, LVM_PART);
	lvm_group_free(g);
	strcat(strcpy(text, start), "merging_store = \"cow\" } } }" TEXT_TAIL);
	g = parse(text);
	assert_int_equal(g->lvs[0].use, LVM_PART);
	lvm_group_free(g);
}

/* ---- the label ---- */

#define SIZE	(64u << 10)
#define PLACE	4096u
#define LENGTH	8192u

struct image {
	unsigned char bytes[SIZE];
};

static int read_image(void *ctx, uint64_t offset, void *buf, size_t len)
{
	struct image *i = ctx;

	assert_true(offset <= SIZE && len <= SIZE - offset);
	memcpy(buf, i->bytes + offset, len);
	return 0;
}

static void put(void *at, uint64_t n, int bytes)
{
	n = htole64(n);
	memcpy(at, &n, bytes);
}

static void seal_label(struct image *i)
{
	put(i->bytes + 512 + 16, lvm_crc(i->bytes + 512 + 20, 492), 4);
}

static void seal_metadata(struct image *i)
{
	put(i->bytes + PLACE, lvm_crc(i->bytes + PLACE + 4, 508), 4);
}

/* The text begins at offset in its place, and goes on behind the header if it must. */
static void make_image(struct image *i, const char *text, uint32_t offset)
{
	size_t len = strlen(text) + 1;
	unsigned char *l = i->bytes + 512, *m = i->bytes + PLACE;

	memset(i, 0, sizeof(*i));
	memcpy(l, "LABELONE", 8);
	put(l + 8, 1, 8);
	put(l + 20, 32, 4);
	memcpy(l + 24, "LVM2 001", 8);
	memcpy(l + 32, "x222ztC8wyDI0dJzIFYaOAFhUsVcpm16", 32);
	put(l + 64, SIZE, 8);
	put(l + 72, 16384, 8);		/* data; 16 bytes of zeroes; metadata */
	put(l + 104, PLACE, 8);
	put(l + 112, LENGTH, 8);
	seal_label(i);
	memcpy(m + 4, " LVM2 x[5A%r0N*>", 16);
	put(m + 20, 1, 4);
	put(m + 24, PLACE, 8);
	put(m + 32, LENGTH, 8);
	put(m + 40, offset, 8);
	put(m + 48, len, 8);
	put(m + 56, lvm_crc(text, len), 4);
	seal_metadata(i);
	for (size_t k = 0; k < len; k++) {
		size_t at = offset + k;

		m[at < LENGTH ? at : at - LENGTH + 512] = text[k];
	}
}

static struct lvm_disk disk_of(struct image *i)
{
	return (struct lvm_disk) { .read = read_image, .ctx = i, .size = SIZE };
}

static void test_label(void **state)
{
	static struct image i;
	struct lvm_disk disk = disk_of(&i);
	static const uint32_t offsets[] = { 512, 3000, LENGTH - 1 };
	struct lvm_label label;
	size_t len;
	char *text;

	for (int k = 0; k < 3; k++) {
		make_image(&i, TEXT_GOOD, offsets[k]);
		assert_int_equal(lvm_label_read(&disk, &label), 0);
		assert_string_equal(label.id, "x222ztC8wyDI0dJzIFYaOAFhUsVcpm16");
		assert_int_equal(label.n_metadata, 1);
		assert_int_equal(lvm_text_read(&disk, &label.metadata[0], &text, &len), 0);
		assert_int_equal(len, strlen(TEXT_GOOD));
		assert_memory_equal(text, TEXT_GOOD, len);
		free(text);
	}
}

/* A change of the image at the given place, sealed again, and what is said of it. */
static void damaged(uint32_t at, uint64_t value, int label_says, int text_says)
{
	static struct image i;
	struct lvm_disk disk = disk_of(&i);
	struct lvm_label label;
	size_t len;
	char *text;

	make_image(&i, TEXT_GOOD, 512);
	put(i.bytes + at, value, 8);
	if (at < PLACE)
		seal_label(&i);
	else
		seal_metadata(&i);
	assert_int_equal(lvm_label_read(&disk, &label), label_says);
	if (!label_says && label.n_metadata)
		assert_int_equal(lvm_text_read(&disk, &label.metadata[0], &text, &len), text_says);
}

static void test_damaged(void **state)
{
	static struct image i;
	struct lvm_disk disk = disk_of(&i);
	struct lvm_label label;

	damaged(512 + 8, 2, -ENODATA, 0);		/* it is in another sector */
	damaged(512 + 104, PLACE + 1, -EUCLEAN, 0);
	damaged(512 + 104, SIZE, -EUCLEAN, 0);
	damaged(512 + 112, SIZE, -EUCLEAN, 0);
	damaged(512 + 112, ~0ull, -EUCLEAN, 0);
	damaged(512 + 112, 512, -EUCLEAN, 0);
	damaged(512 + 104, 0, 0, 0);			/* no metadata here */
	damaged(PLACE + 24, 0, 0, -EUCLEAN);
	damaged(PLACE + 32, LENGTH + 512, 0, -EUCLEAN);
	damaged(PLACE + 40, 0, 0, -ENODATA);
	damaged(PLACE + 40, 511, 0, -EUCLEAN);
	damaged(PLACE + 40, LENGTH, 0, -EUCLEAN);
	damaged(PLACE + 48, LENGTH - 511, 0, -EUCLEAN);
	damaged(PLACE + 48, ~0ull, 0, -EUCLEAN);
	damaged(PLACE + 48, 100, 0, -EUCLEAN);		/* not what was summed */
	damaged(PLACE + 56, 1ull << 32, 0, -ENODATA);	/* ignored */
	make_image(&i, TEXT_GOOD, 512);
	i.bytes[512 + 100]++;				/* not sealed */
	assert_int_equal(lvm_label_read(&disk, &label), -ENODATA);
	disk.size = 2047;
	assert_int_equal(lvm_label_read(&disk, &label), -ENODATA);
}

/* The offset of the header within the sector leaves room for the header. */
static void test_header_offset(void **state)
{
	static const uint32_t offsets[] = { 0, 31, 473, 512, 0xffffffff };
	static struct image i;
	struct lvm_disk disk = disk_of(&i);
	struct lvm_label label;

	for (int k = 0; k < 5; k++) {
		make_image(&i, TEXT_GOOD, 512);
		put(i.bytes + 512 + 20, offsets[k], 4);
		seal_label(&i);
		assert_int_equal(lvm_label_read(&disk, &label), -EUCLEAN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_present),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_label),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_header_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
