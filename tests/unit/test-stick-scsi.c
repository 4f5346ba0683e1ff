// SPDX-License-Identifier: GPL-2.0-only
/* The stick as a SCSI disk: every command it has. */
#include "stick_host.h"

/* ---- SCSI: what it is ---- */

static void inquiry(void **state)
{
	struct fixture *f = *state;

	assert_good(f, true, f->buf, 36, CDB(0x12, 0, 0, 0, 36, 0));
	assert_int_equal(f->actual, 36);
	assert_memory_equal(f->buf, "\x00\x80\x06\x02\x1f\0\0\0lklusb  emulated stick  ",
			    32);
	assert_good(f, true, f->buf, 5, CDB(0x12, 0, 0, 0, 5, 0));
	assert_good(f, false, NULL, 0, CDB(0x12, 0, 0, 0, 0, 0));
	assert_fails(f, true, f->buf, 36, CDB(0x12, 0, 0x80, 0, 36, 0), 0x052400);
	assert_fails(f, true, f->buf, 36, CDB(0x12, 2, 0, 0, 36, 0), 0x052400);
}

static void vital_product_data(void **state)
{
	struct fixture *f = *state;
	static const uint8_t pages[] = { 0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2 };
	static const unsigned int len[] = { 10, 20, 48, 64, 64, 8 };
	uint8_t *d = f->buf;

	for (unsigned int i = 0; i < 6; i++) {
		assert_good(f, true, d, 255, CDB(0x12, 1, pages[i], 0, 255, 0));
		assert_int_equal(f->actual, len[i]);
		assert_int_equal(d[0], 0);
		assert_int_equal(d[1], pages[i]);
		assert_int_equal(d[2] << 8 | d[3], len[i] - 4);
		if (pages[i] == 0x00)
			assert_memory_equal(d + 4, pages, 6);
		if (pages[i] == 0x80)
			assert_memory_equal(d + 4, SERIAL, 16);
		if (pages[i] == 0x83)
			assert_memory_equal(d + 4, "\x02\x01\0\x28lklusb  emulated "
					    "stick  " SERIAL, 44);
		if (pages[i] == 0xb0)
			assert_int_equal(be32(d + 8), (32 << 20) / f->sector);
		if (pages[i] == 0xb1)
			assert_int_equal(d[4] << 8 | d[5], 1);
		if (pages[i] == 0xb2)
			assert_int_equal(d[5], 0xe0);
	}
	assert_fails(f, true, d, 255, CDB(0x12, 1, 0x81, 0, 255, 0), 0x052400);
}

static void capacity(void **state)
{
	struct fixture *f = *state;
	unsigned int last = SIZE / f->sector - 1;
	uint8_t *d = f->buf;

	assert_good(f, true, d, 8, CDB(0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	assert_int_equal(be32(d), last);
	assert_int_equal(be32(d + 4), f->sector);
	assert_good(f, true, d, 32, CDB(0x9e, 0x10, BE64(0), BE32(32), 0, 0));
	assert_int_equal(be32(d), 0);
	assert_int_equal(be32(d + 4), last);
	assert_int_equal(be32(d + 8), f->sector);
	assert_int_equal(d[13], f->sector == 512 ? 3 : 0);
	assert_int_equal(d[14], 0x80);
	assert_good(f, true, d, 12, CDB(0x9e, 0x10, BE64(0), BE32(12), 0, 0));
	assert_fails(f, true, d, 32, CDB(0x9e, 0x12, BE64(0), BE32(32), 0, 0),
		     0x052400);
	assert_fails(f, true, d, 8, CDB(0x25, 0, 0, 0, 0, 0, 0, 0, 1, 0), 0x052400);
}

/* Beyond 2 TiB, where 32 bits end. */
static void large_disk(void **state)
{
	struct fixture *f = *state;
	const uint64_t size = 3ull << 40, last = size / 512 - 1;
	const uint8_t list[] = {
		BE16(6 + 32), BE16(32), 0, 0, 0, 0,
		BE64(0), BE32(3u << 20), BE32(0),
		BE64(0), BE32(1u << 20), BE32(0),
	};
	uint8_t zero[512] = { 0 };

	close_stick(f);
	if (truncate(f->path, size))
		skip();
	open_image(f, 0, USB_SPEED_SUPER_, 512);
	configure(f);
	assert_int_equal(sense(f), 0x062900);
	assert_good(f, true, f->buf, 8, CDB(0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	assert_int_equal(be32(f->buf), 0xffffffff);
	assert_good(f, true, f->buf, 32, CDB(0x9e, 0x10, BE64(0), BE32(32), 0, 0));
	assert_int_equal(be32(f->buf), last >> 32);
	assert_int_equal(be32(f->buf + 4), last & 0xffffffff);
	fill(f->buf, 512, 3);
	assert_good(f, false, f->buf, 512, CDB(0x8a, 0, BE64(last), BE32(1), 0, 0));
	assert_file(f, last * 512, f->buf, 512);
	assert_good(f, true, f->buf, 512, CDB(0x88, 0, BE64(last - 1), BE32(1), 0, 0));
	assert_memory_equal(f->buf, zero, 512);
	assert_fails(f, true, f->buf, 512, CDB(0x88, 0, BE64(last + 1), BE32(1), 0, 0),
		     0x052100);
	memcpy(f->buf, list, 40);	/* 2 GiB are the limit */
	assert_good(f, false, f->buf, 40, CDB(0x42, 0, 0, 0, 0, 0, 0, BE16(40), 0));
	f->buf[8 + 16 + 11] = 1;
	assert_fails(f, false, f->buf, 40, CDB(0x42, 0, 0, 0, 0, 0, 0, BE16(40), 0),
		     0x052600);
}

static void report_luns(void **state)
{
	struct fixture *f = *state;
	uint8_t *d = f->buf;

	memset(d, 0xee, 16);
	assert_good(f, true, d, 16, CDB(0xa0, 0, 0, 0, 0, 0, BE32(16), 0, 0));
	assert_memory_equal(d, "\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_good(f, true, d, 16, CDB(0xa0, 0, 1, 0, 0, 0, BE32(16), 0, 0));
	assert_int_equal(f->actual, 8);
	assert_int_equal(be32(d), 0);
	assert_fails(f, true, d, 15, CDB(0xa0, 0, 0, 0, 0, 0, BE32(15), 0, 0),
		     0x052400);
	assert_fails(f, true, d, 16, CDB(0xa0, 0, 3, 0, 0, 0, BE32(16), 0, 0),
		     0x052400);
}

static void mode_sense(void **state)
{
	struct fixture *f = *state;
	uint8_t *d = f->buf;

	assert_good(f, true, d, 192, CDB(0x1a, 0, 0x3f, 0, 192, 0));
	assert_int_equal(f->actual, 4 + 8 + 12 + 20 + 12);
	assert_int_equal(d[0], f->actual - 1);
	assert_int_equal(d[2], 0x10);
	assert_int_equal(d[3], 8);
	assert_int_equal(be32(d + 4), SIZE / f->sector);
	assert_int_equal(be32(d + 8), f->sector);
	assert_memory_equal(d + 12, "\x01\x0a", 2);
	assert_memory_equal(d + 24, "\x08\x12\x04", 3);
	assert_memory_equal(d + 44, "\x0a\x0a\x02\x10", 4);
	assert_good(f, true, d, 28, CDB(0x5a, 8, 0x08, 0, 0, 0, 0, 0, 28, 0));
	assert_memory_equal(d, "\0\x1a\0\x10\0\0\0\0\x08\x12\x04", 11);
	assert_good(f, true, d, 24, CDB(0x1a, 8, 0x48, 0, 24, 0));	/* changeable */
	assert_memory_equal(d, "\x17\0\x10\0\x08\x12\0", 7);
	assert_good(f, true, d, 4, CDB(0x1a, 8, 0x3f, 0xff, 4, 0));
	assert_fails(f, true, d, 24, CDB(0x1a, 8, 0xc8, 0, 24, 0), 0x053900);
	assert_fails(f, true, d, 24, CDB(0x1a, 8, 0x1c, 0, 24, 0), 0x052400);
	assert_fails(f, true, d, 24, CDB(0x1a, 8, 0x08, 1, 24, 0), 0x052400);
}

#define REPORT_CODES(how, opcode, action) \
	CDB(0xa3, 0x0c, how, opcode, BE16(action), BE32(SIZE / 2), 0, 0)

static void supported_operation_codes(void **state)
{
	static const struct {
		uint8_t how, opcode;
		uint16_t action;
		uint8_t support;
	} one[] = {
		{ 1, 0x28, 0, 3 }, { 1, 0x04, 0, 1 }, { 3, 0x93, 0, 3 },
		{ 3, 0x93, 1, 1 }, { 3, 0xff, 0, 1 }, { 2, 0x9e, 0x10, 3 },
		{ 2, 0x9e, 0x12, 1 }, { 3, 0x9e, 0x10, 3 }, { 3, 0x9e, 0, 1 },
		{ 2, 0xa3, 0x0c, 3 },
	};
	struct fixture *f = *state;
	uint8_t *d = f->buf;
	unsigned int n = 0, end;

	assert_good(f, true, d, SIZE / 2, REPORT_CODES(0, 0, 0));
	end = f->actual;
	assert_int_equal(end, 4 + be32(d));
	for (unsigned int at = 4; at < end; at += 8, n++) {
		/* each is one that is answered for on its own, too */
		uint8_t *e = d + SIZE / 2;
		bool action = d[at + 5];

		memcpy(e, d + at, 8);
		if (at > 4)
			assert_true(e[0] > d[at - 8]);
		assert_good(f, true, e + 8, 64, CDB(0xa3, 0x0c, action ? 2 : 1, e[0],
			    e[2], e[3], BE32(64), 0, 0));
		assert_int_equal(e[8 + 1], 3);
		assert_memory_equal(e + 8 + 2, e + 6, 2);	/* the CDB's length */
		assert_int_equal(e[8 + 4], e[0]);
	}
	assert_int_equal(n, 28);
	for (unsigned int i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
		assert_good(f, true, d, SIZE / 2, REPORT_CODES(one[i].how, one[i].opcode,
							       one[i].action));
		assert_int_equal(d[1], one[i].support);
		assert_int_equal(f->actual, one[i].support == 1 ? 4u : 4u + d[3]);
	}
	assert_good(f, true, d, SIZE / 2, REPORT_CODES(1, 0x28, 0));
	assert_memory_equal(d, "\0\x03\0\x0a\x28\x18\xff\xff\xff\xff\x1f\xff\xff\0", 14);
	assert_good(f, true, d, SIZE / 2, REPORT_CODES(2, 0x9e, 0x10));
	assert_memory_equal(d, "\0\x03\0\x10\x9e\x10", 6);
	assert_fails(f, true, d, SIZE / 2, REPORT_CODES(1, 0x9e, 0), 0x052400);
	assert_fails(f, true, d, SIZE / 2, REPORT_CODES(2, 0x28, 0), 0x052400);
	assert_fails(f, true, d, SIZE / 2, REPORT_CODES(4, 0x28, 0), 0x052400);
	assert_fails(f, true, d, SIZE / 2, REPORT_CODES(0x81, 0x28, 0), 0x052400);
}

/* What MODE SENSE says may be selected, and nothing else. */
static void mode_select(void **state)
{
	struct fixture *f = *state;
	uint8_t *d = f->buf;

	assert_good(f, true, d, 56, CDB(0x1a, 0, 0x3f, 0, 56, 0));
	assert_good(f, false, d, 56, CDB(0x15, 0x10, 0, 0, 56, 0));
	assert_good(f, false, NULL, 0, CDB(0x15, 0x10, 0, 0, 0, 0));
	d[12 + 12 + 2] &= ~4;	/* WCE off */
	assert_fails(f, false, d, 56, CDB(0x15, 0x10, 0, 0, 56, 0), 0x052600);
	d[12 + 12 + 2] |= 4;
	assert_fails(f, false, d, 50, CDB(0x15, 0x10, 0, 0, 50, 0), 0x052600);
	assert_fails(f, false, d, 13, CDB(0x15, 0x10, 0, 0, 13, 0), 0x052600);
	assert_fails(f, false, d, 11, CDB(0x15, 0x10, 0, 0, 11, 0), 0x051a00);
	assert_fails(f, false, d, 3, CDB(0x15, 0x10, 0, 0, 3, 0), 0x051a00);
	assert_fails(f, false, d, 56, CDB(0x15, 0x11, 0, 0, 56, 0), 0x052400);
	d[10] ^= 1;	/* another block length */
	assert_fails(f, false, d, 56, CDB(0x15, 0x10, 0, 0, 56, 0), 0x052600);
	assert_good(f, true, d, 60, CDB(0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 60, 0));
	assert_good(f, false, d, 60, CDB(0x55, 0x10, 0, 0, 0, 0, 0, 0, 60, 0));
	assert_fails(f, false, d, 60, CDB(0x55, 0x10, 0, 0, 0, 0, 0, 0x20, 0, 0),
		     0x051a00);
}

static void other_luns(void **state)
{
	struct fixture *f = *state;
	uint8_t *d = f->buf;

	assert_int_equal(command_lun(f, 3, true, d, 36, CDB(0x12, 0, 0, 0, 36, 0)), 0);
	assert_int_equal(d[0], 0x7f);
	assert_int_equal(command_lun(f, 1, false, NULL, 0, TUR), 1);
	assert_int_equal(sense(f), 0x052500);
	assert_int_equal(command_lun(f, 15, true, d, 512, READ10(0, 1)), 1);
	assert_int_equal(sense(f), 0x052500);
	assert_int_equal(command_lun(f, 1, true, d, 18, CDB(3, 0, 0, 0, 18, 0)), 0);
	assert_int_equal(d[2] << 16 | d[12] << 8 | d[13], 0x052500);
	assert_int_equal(command_lun(f, 1, true, d, 16,
				     CDB(0xa0, 0, 0, 0, 0, 0, BE32(16), 0, 0)), 0);
}

static void bad_commands(void **state)
{
	struct fixture *f = *state;

	assert_fails(f, false, NULL, 0, CDB(0x04, 0, 0, 0, 0, 0), 0x052000);
	assert_fails(f, false, NULL, 0, CDB(0xff), 0x052000);
	assert_fails(f, true, f->buf, 20, CDB(0xa3, 0x0d, 0, 0, 0, 0, BE32(20), 0, 0),
		     0x052400);
	assert_fails(f, false, NULL, 0, CDB(0x00, 0, 0, 0, 0, 4), 0x052400);
	assert_fails(f, false, NULL, 0, CDB(0x00, 0, 0, 0, 0), 0x052400);
	assert_fails(f, true, f->buf, 512, CDB(0x28, 0x20, BE32(0), 0, BE16(1), 0),
		     0x052400);
	assert_good(f, false, NULL, 0, CDB(0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	assert_int_equal(sense(f), 0);
}

/* Sense is for the next command only, and goes when it is told. */
static void sense_is_told_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(command(f, false, NULL, 0, CDB(0xff)), 1);
	assert_int_equal(sense(f), 0x052000);
	assert_int_equal(sense(f), 0);
	assert_int_equal(command(f, false, NULL, 0, CDB(0xff)), 1);
	assert_good(f, false, NULL, 0, TUR);
	assert_int_equal(sense(f), 0);
}

static void unit_attention(void **state)
{
	struct fixture *f = *state;

	close_stick(f);
	open_image(f, 0, USB_SPEED_HIGH_, 512);
	configure(f);
	assert_good(f, true, f->buf, 36, CDB(0x12, 0, 0, 0, 36, 0));
	assert_int_equal(sense(f), 0x062900);	/* clears it */
	assert_good(f, true, f->buf, 512, READ10(0, 1));
}

/* ---- SCSI: blocks ---- */

/* Each length of READ and WRITE, at the beginning and at the end. */
static void read_write_sizes(void **state)
{
	struct fixture *f = *state;
	unsigned int s = f->sector, last = SIZE / s - 1, len = 2 * s;

	assert_good(f, true, f->buf, s, CDB(0x08, 0, BE16(last), 1, 0));
	assert_memory_equal(f->buf, f->data + last * s, s);
	assert_good(f, true, f->buf, len, READ10(last - 1, 2));
	assert_memory_equal(f->buf, f->data + (last - 1) * s, len);
	assert_good(f, true, f->buf, len, CDB(0xa8, 8, BE32(1), BE32(2), 0, 0));
	assert_memory_equal(f->buf, f->data + s, len);
	assert_good(f, true, f->buf, len, CDB(0x88, 0x10, BE64(2), BE32(2), 0, 0));
	assert_memory_equal(f->buf, f->data + 2 * s, len);
	fill(f->buf, 8 * s, 77);
	assert_good(f, false, f->buf, s, CDB(0x0a, 0, BE16(last), 1, 0));
	assert_file(f, last * s, f->buf, s);
	assert_good(f, false, f->buf, len, WRITE10(4, 2));
	assert_file(f, 4 * s, f->buf, len);
	assert_good(f, false, f->buf, len, CDB(0xaa, 0, BE32(7), BE32(2), 0, 0));
	assert_file(f, 7 * s, f->buf, len);
	assert_good(f, false, f->buf, len, CDB(0x8a, 0, BE64(10), BE32(2), 0, 0));
	assert_file(f, 10 * s, f->buf, len);
	assert_file(f, 12 * s, f->data + 12 * s, s);
	assert_good(f, false, NULL, 0, READ10(0, 0));
	assert_good(f, false, NULL, 0, WRITE10(last + 1, 0));
}

static void read_6_of_nothing_is_256_blocks(void **state)
{
	struct fixture *f = *state;

	assert_good(f, true, f->buf, 256 * 512, CDB(0x08, 0, 0, 3, 0, 0));
	assert_int_equal(f->actual, 256 * 512);
	assert_memory_equal(f->buf, f->data + 3 * 512, 256 * 512);
}

static void out_of_range(void **state)
{
	struct fixture *f = *state;
	unsigned int n = SIZE / f->sector, len = f->sector * 2;

	assert_fails(f, true, f->buf, f->sector, READ10(n, 1), 0x052100);
	assert_fails(f, true, f->buf, len, READ10(n - 1, 2), 0x052100);
	assert_fails(f, false, f->buf, len, WRITE10(n - 1, 2), 0x052100);
	assert_fails(f, false, NULL, 0, READ10(n + 1, 0), 0x052100);
	assert_fails(f, true, f->buf, len,
		     CDB(0x88, 0, BE64(UINT64_MAX), BE32(2), 0, 0), 0x052100);
	assert_fails(f, true, f->buf, len,
		     CDB(0x88, 0, BE64(1ull << 55), BE32(2), 0, 0), 0x052100);
	assert_fails(f, true, f->buf, len,
		     CDB(0x88, 0, BE64(0), BE32(0xffffffff), 0, 0), 0x052400);
	assert_fails(f, false, NULL, 0,
		     CDB(0x35, 0, BE32(n), 0, BE16(1), 0), 0x052100);
	assert_fails(f, false, NULL, 0,
		     CDB(0x2f, 0, BE32(n), 0, BE16(1), 0), 0x052100);
	assert_file(f, 0, f->data, SIZE);
}

static void force_unit_access(void **state)
{
	struct fixture *f = *state;

	fill(f->buf, 512, 5);
	assert_good(f, false, f->buf, 512, WRITE10(9, 1));
	assert_int_equal(n_syncs, 0);
	assert_good(f, false, f->buf, 512, CDB(0x2a, 8, BE32(9), 0, BE16(1), 0));
	assert_int_equal(n_syncs, 1);
	assert_file(f, 9 * 512, f->buf, 512);
	sync_errno = EIO;
	assert_fails(f, false, f->buf, 512, CDB(0x2a, 8, BE32(9), 0, BE16(1), 0),
		     0x030c00);
}

static void synchronize_cache(void **state)
{
	struct fixture *f = *state;

	assert_good(f, false, f->data, 512, WRITE10(0, 1));
	assert_good(f, false, NULL, 0, SYNC10);
	assert_int_equal(n_syncs, 1);
	assert_good(f, false, f->data, 512, WRITE10(0, 1));
	assert_good(f, false, NULL, 0, CDB(0x91, 2, BE64(0), BE32(0), 0, 0));
	assert_int_equal(n_syncs, 2);
	assert_good(f, false, f->data, 512, WRITE10(0, 1));
	sync_errno = EIO;
	assert_fails(f, false, NULL, 0, SYNC10, 0x030c00);
}

/* With the power cut nothing but a flush reaches the file. */
static void flush_makes_durable(void **state)
{
	struct fixture *f = *state;

	fill(f->buf, 8192, 5);
	assert_good(f, false, f->buf, 4096, WRITE10(8, 8));
	assert_file(f, 0, f->data, SIZE);
	assert_good(f, false, NULL, 0, SYNC10);
	assert_file(f, 4096, f->buf, 4096);
	assert_good(f, false, f->buf, 512, CDB(0x2a, 8, BE32(40), 0, BE16(1), 0));
	assert_file(f, 40 * 512, f->buf, 512);
	assert_good(f, false, f->buf, 512, WRITE10(50, 1));
	assert_good(f, false, NULL, 0, CDB(0x1b, 0, 0, 0, 0, 0));	/* stop */
	assert_file(f, 50 * 512, f->buf, 512);
	assert_good(f, false, f->buf, 512, WRITE10(60, 1));
	close_stick(f);
	assert_file(f, 60 * 512, f->data + 60 * 512, 512);
}

static void verify(void **state)
{
	struct fixture *f = *state;
	unsigned int n = SIZE / f->sector;

	assert_good(f, false, NULL, 0, CDB(0x2f, 0x10, BE32(0), 0, BE16(n), 0));
	assert_good(f, false, NULL, 0, CDB(0x8f, 0, BE64(1), BE32(n - 1), 0, 0));
	assert_good(f, false, NULL, 0, CDB(0x2f, 0, BE32(0), 0, BE16(0), 0));
	assert_fails(f, false, f->buf, f->sector, CDB(0x2f, 2, BE32(0), 0, BE16(1), 0),
		     0x052400);
	assert_int_equal(truncate(f->path, SIZE / 2), 0);
	assert_good(f, false, NULL, 0, CDB(0x2f, 0, BE32(0), 0, BE16(n / 2), 0));
	assert_fails(f, false, NULL, 0, CDB(0x2f, 0, BE32(0), 0, BE16(n), 0),
		     0x031100);
}

static void unmap(void **state)
{
	struct fixture *f = *state;
	unsigned int s = f->sector;
	uint8_t *d = f->buf, zero[4096] = { 0 };
	const uint8_t list[] = {
		BE16(6 + 48), BE16(48), 0, 0, 0, 0,
		BE64(8), BE32(8), BE32(0),
		BE64(1), BE32(0), BE32(0),
		BE64(100), BE32(1), BE32(0),
	};

	memcpy(d, list, 56);
	assert_good(f, false, d, 56, CDB(0x42, 0, 0, 0, 0, 0, 0, BE16(56), 0));
	assert_file(f, 0, f->data, 8 * s);
	assert_file(f, 8 * s, zero, s);
	assert_file(f, 16 * s, f->data + 16 * s, 84 * s);
	assert_file(f, 100 * s, zero, s);
	assert_good(f, false, NULL, 0, CDB(0x42, 0, 0, 0, 0, 0, 0, BE16(0), 0));
	memset(d, 0, 8);	/* no descriptors */
	assert_good(f, false, d, 8, CDB(0x42, 0, 0, 0, 0, 0, 0, BE16(8), 0));
}

static void bad_unmaps(void **state)
{
	struct fixture *f = *state;
	uint8_t *d = f->buf;
	const uint8_t list[] = {
		BE16(6 + 32), BE16(32), 0, 0, 0, 0,
		BE64(0), BE32(8), BE32(0),
		BE64(SIZE / 512 - 1), BE32(2), BE32(0),
	};

	/* the second reaches beyond the end: the first is not carried out either */
	memcpy(d, list, 40);
	assert_fails(f, false, d, 40, CDB(0x42, 0, 0, 0, 0, 0, 0, BE16(40), 0),
		     0x052100);
	assert_fails(f, false, d, 39, CDB(0x42, 0, 0, 0, 0, 0, 0, BE16(39), 0),
		     0x051a00);
	assert_fails(f, false, d, 7, CDB(0x42, 0, 0, 0, 0, 0, 0, BE16(7), 0),
		     0x051a00);
	assert_fails(f, false, d, 40, CDB(0x42, 1, 0, 0, 0, 0, 0, BE16(40), 0),
		     0x052400);
	memset(d, 0, 4096);
	d[2] = 65 * 16 >> 8;
	d[3] = 65 * 16 & 0xff;
	assert_fails(f, false, d, 8 + 65 * 16,
		     CDB(0x42, 0, 0, 0, 0, 0, 0, BE16(8 + 65 * 16), 0), 0x052600);
	assert_fails(f, false, d, 5000, CDB(0x42, 0, 0, 0, 0, 0, 0, BE16(5000), 0),
		     0x051a00);
	assert_file(f, 0, f->data, SIZE);
}

static void unmap_that_the_host_cannot(void **state)
{
	struct fixture *f = *state;
	const uint8_t list[] = { BE16(6 + 16), BE16(16), 0, 0, 0, 0,
				 BE64(0), BE32(8), BE32(0) };

	memcpy(f->buf, list, 24);
	discard_errno = EOPNOTSUPP;
	assert_good(f, false, f->buf, 24, CDB(0x42, 0, 0, 0, 0, 0, 0, BE16(24), 0));
	discard_errno = EIO;
	assert_fails(f, false, f->buf, 24, CDB(0x42, 0, 0, 0, 0, 0, 0, BE16(24), 0),
		     0x030c00);
}

static void write_same(void **state)
{
	struct fixture *f = *state;
	unsigned int s = f->sector, n = 700 * 512 / s;
	uint8_t *d = f->buf, *zero = calloc(1, 8 * s);

	memset(d, 0, s);
	assert_good(f, false, d, s, CDB(0x41, 8, BE32(1), 0, BE16(8), 0));
	assert_file(f, s, zero, 8 * s);
	assert_file(f, 9 * s, f->data + 9 * s, s);
	assert_good(f, false, NULL, 0, CDB(0x93, 1, BE64(16), BE32(8), 0, 0));
	assert_file(f, 16 * s, zero, 8 * s);
	fill(d, s, 66);
	assert_good(f, false, d, s, CDB(0x93, 8, BE64(2), BE32(n), 0, 0));
	for (unsigned int i = 2; i < n + 2; i += 97)
		assert_file(f, i * s, d, s);
	assert_file(f, (n + 1) * s, d, s);
	assert_file(f, (n + 2) * s, f->data + (n + 2) * s, s);
	assert_fails(f, false, d, s, CDB(0x41, 0, BE32(0), 0, BE16(0), 0), 0x052400);
	assert_fails(f, false, d, s, CDB(0x41, 4, BE32(0), 0, BE16(1), 0), 0x052400);
	assert_fails(f, false, d, s, CDB(0x41, 0, BE32(SIZE / s), 0, BE16(1), 0),
		     0x052100);
	free(zero);
}

static void ejecting(void **state)
{
	struct fixture *f = *state;

	assert_good(f, false, f->data, 512, WRITE10(0, 1));
	assert_good(f, false, NULL, 0, CDB(0x1e, 0, 0, 0, 1, 0));
	assert_fails(f, false, NULL, 0, EJECT, 0x055302);
	assert_good(f, false, NULL, 0, CDB(0x1e, 0, 0, 0, 0, 0));
	assert_int_equal(n_syncs, 0);
	assert_good(f, false, NULL, 0, EJECT);
	assert_int_equal(n_syncs, 1);
	assert_fails(f, false, NULL, 0, TUR, 0x023a00);
	assert_fails(f, true, f->buf, 512, READ10(0, 1), 0x023a00);
	assert_int_equal(sense(f), 0x023a00);
	assert_good(f, true, f->buf, 36, CDB(0x12, 0, 0, 0, 36, 0));
	assert_good(f, false, NULL, 0, CDB(0x1b, 0, 0, 0, 3, 0));	/* load */
	assert_fails(f, false, NULL, 0, TUR, 0x062800);
	assert_good(f, true, f->buf, 512, READ10(0, 1));
	assert_fails(f, false, NULL, 0, CDB(0x1b, 0, 0, 0, 0x30, 0), 0x052400);
	assert_fails(f, false, NULL, 0, CDB(0x1e, 0, 0, 0, 2, 0), 0x052400);
}

static void failed_flush_prevents_eject(void **state)
{
	struct fixture *f = *state;

	assert_good(f, false, f->data, 512, WRITE10(0, 1));
	sync_errno = EIO;
	assert_fails(f, false, NULL, 0, EJECT, 0x030c00);
	assert_good(f, false, NULL, 0, TUR);
}

static void readonly_medium(void **state)
{
	struct fixture *f = *state;

	assert_good(f, true, f->buf, 56, CDB(0x1a, 0, 0x3f, 0, 56, 0));
	assert_int_equal(f->buf[2], 0x90);
	assert_fails(f, false, f->buf, 512, WRITE10(0, 1), 0x072700);
	assert_fails(f, false, f->buf, 512, CDB(0x41, 0, BE32(0), 0, BE16(1), 0),
		     0x072700);
	assert_fails(f, false, f->buf, 8, CDB(0x42, 0, 0, 0, 0, 0, 0, BE16(8), 0),
		     0x072700);
	assert_good(f, true, f->buf, 512, READ10(0, 1));
	assert_memory_equal(f->buf, f->data, 512);
	assert_good(f, false, NULL, 0, SYNC10);
	assert_good(f, false, NULL, 0, EJECT);
	assert_file(f, 0, f->data, SIZE);
}

static void truncated_file(void **state)
{
	struct fixture *f = *state;
	unsigned int s = f->sector;

	assert_int_equal(truncate(f->path, SIZE / 2), 0);
	assert_good(f, true, f->buf, s, READ10(SIZE / 2 / s - 1, 1));
	assert_int_equal(command(f, true, f->buf, 4 * s, READ10(SIZE / 2 / s + 8, 4)),
			 1);
	assert_int_equal(f->data_status, -EPIPE);
	assert_int_equal(f->residue, 4 * s);
	assert_int_equal(sense(f), 0x031100);
	assert_int_equal(f->buf[SIZE - 18], 0xf0);	/* with the block */
	assert_int_equal(be32(f->buf + SIZE - 15), SIZE / 2 / s + 8);
	assert_good(f, true, f->buf, s, READ10(0, 1));
}

static void write_errors(void **state)
{
	struct fixture *f = *state;
	static const struct { int err; unsigned int sense; } t[] = {
		{ EIO, 0x030c00 }, { ENOSPC, 0x072707 }, { EDQUOT, 0x072707 },
		{ EFBIG, 0x030c00 },
	};

	for (unsigned int i = 0; i < 4; i++) {
		write_errno = t[i].err;
		assert_int_equal(command(f, false, f->buf, 4096, WRITE10(0, 8)), 1);
		assert_int_equal(f->data_status, -EPIPE);
		assert_int_equal(f->residue, 4096);
		assert_int_equal(sense(f), t[i].sense);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(inquiry),
		TEST(vital_product_data), BIG(vital_product_data),
		TEST(capacity), BIG(capacity),
		TEST(large_disk),
		TEST(report_luns),
		TEST(mode_sense), BIG(mode_sense),
		TEST(mode_select),
		TEST(supported_operation_codes),
		TEST(other_luns),
		TEST(bad_commands),
		TEST(sense_is_told_once),
		TEST(unit_attention),
		TEST(read_write_sizes), BIG(read_write_sizes),
		TEST(read_6_of_nothing_is_256_blocks),
		TEST(out_of_range), BIG(out_of_range),
		TEST(force_unit_access),
		TEST(synchronize_cache),
		CUT(flush_makes_durable),
		TEST(verify), BIG(verify),
		TEST(unmap), BIG(unmap),
		TEST(bad_unmaps),
		TEST(unmap_that_the_host_cannot),
		TEST(write_same), BIG(write_same),
		TEST(ejecting),
		TEST(failed_flush_prevents_eject),
		RO(readonly_medium),
		TEST(truncated_file), BIG(truncated_file),
		TEST(write_errors),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
