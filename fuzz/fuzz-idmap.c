// SPDX-License-Identifier: GPL-2.0-only
/*
 * An access control list as a hostile filesystem stores it, for the host: it never
 * grows, has nobody in it who has no counterpart, and goes back to where it came from.
 *
 * Input: two ranges of users, then the list.
 */
#include <stdlib.h>
#include <string.h>

#include "idmap.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_entries(const struct idmap *users, const uint8_t *value, ssize_t size)
{
	for (ssize_t at = 4; at < size; at += 8) {
		uint16_t tag;
		uint32_t id;

		memcpy(&tag, value + at, sizeof(tag));
		memcpy(&id, value + at + 4, sizeof(id));
		check(tag != 2 || idmap_to_inside(users, id) != IDMAP_NONE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct idmap users = { 0 }, groups = { 0 };
	uint32_t numbers[6], version = 2;
	uint8_t *value, *back;
	ssize_t n;

	if (len < sizeof(numbers))
		return 0;
	memcpy(numbers, data, sizeof(numbers));
	data += sizeof(numbers);
	len -= sizeof(numbers);
	idmap_add(&users, numbers[0], numbers[1], numbers[2]);
	idmap_add(&users, numbers[3], numbers[4], numbers[5]);
	value = malloc(len + 1);
	back = malloc(len + 1);
	memcpy(value, data, len);
	if (len >= 4 && len % 3)
		memcpy(value, &version, sizeof(version));
	memcpy(back, value, len);
	n = idmap_acl_to_host(&users, &groups, value, len);
	check(n <= (ssize_t)len);
	if (n >= 0) {
		check_entries(&users, value, n);
		check(idmap_acl_to_inside(&users, &groups, value, n) == n);
		check(n < (ssize_t)len || !memcmp(value, back, len));
	}
	free(value);
	free(back);
	return 0;
}
