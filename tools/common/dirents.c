// SPDX-License-Identifier: GPL-2.0-only
#include "dirents.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define LENGTH_AT	16	/* u64 inode, u64 offset; then u16 length, u8 type, the name */
#define NAME_AT		19

int dirents_each(const char *buf, size_t n, int (*fn)(void *ctx, const char *name), void *ctx)
{
	const char *name;
	uint16_t len;
	int ret = 0;

	for (size_t at = 0; !ret && at < n; at += len) {
		if (n - at <= NAME_AT)
			return -EUCLEAN;
		memcpy(&len, buf + at + LENGTH_AT, sizeof(len));
		name = buf + at + NAME_AT;
		if (len <= NAME_AT || len > n - at || !memchr(name, 0, len - NAME_AT))
			return -EUCLEAN;
		if (strcmp(name, ".") && strcmp(name, ".."))
			ret = fn(ctx, name);
	}
	return ret;
}
