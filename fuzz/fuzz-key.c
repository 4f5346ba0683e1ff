// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile answer of the key helper, which has read a hostile header: what is believed
 * becomes tables of the device mapper with the words that they should have.
 *
 * Input: 8 bytes of device size, then the answer.
 */
#include <stdlib.h>
#include <string.h>

#include "key.h"

#define NODE "/dev/sda1"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static unsigned int words(const char *text)
{
	unsigned int n = 1;

	for (; *text; text++) {
		check(*text > ' ' || *text == ' ');
		n += *text == ' ';
	}
	return n;
}

static void use(const struct key_answer *a, uint64_t size)
{
	char table[KEY_TABLE_SIZE];
	unsigned int options = (a->tag_bytes > 0) + (a->sector_size != 512) +
			       (a->flags & KEY_DISCARDS ? 1 : 0);
	uint64_t sectors = key_data_sectors(a, size);

	check(sectors && sectors <= size / 512 && a->offset + sectors <= size / 512);
	check(sectors % (a->sector_size / 512) == 0);
	if (!key_table_crypt(a, NODE, table)) {
		check(words(table) == 6 + options);
		check(strcspn(strchr(table, ' ') + 1, " ") == 2 * a->key_bytes);
		check(strstr(table, " " NODE " "));
	}
	if (a->tag_bytes) {
		key_table_integrity(a, NODE, table);
		check(words(table) == 6);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct key_answer a = { 0 };
	uint64_t size;
	size_t n = len - sizeof(size);

	if (len < sizeof(size))
		return 0;
	memcpy(&size, data, sizeof(size));
	size %= 1ull << 50;
	memcpy(&a, data + sizeof(size), n < sizeof(a) ? n : sizeof(a));
	/* Luck is not needed for numbers that are always the same or nearly so. */
	a.magic = KEY_MAGIC;
	a.status = a.status % 3 ? KEY_OK : a.status;
	a.version %= 4;
	a.sector_size = 256u << a.sector_size % 6;
	a.key_bytes %= KEY_MAX_BYTES + 2;
	a.tag_bytes = a.tag_bytes % 2 ? 0 : a.tag_bytes % 600;
	a.offset %= size / 256 + 1;
	if (key_answer_valid(&a, sizeof(a), size) && a.status == KEY_OK)
		use(&a, size);
	return 0;
}
