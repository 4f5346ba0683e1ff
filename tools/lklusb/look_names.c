// SPDX-License-Identifier: GPL-2.0-only
#include "look.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <lkl.h>

#define NAMES_BYTES	(32u << 10)
#define HEADER		19		/* in front of an entry's name */

/* Returns -EUCLEAN if they make no sense, or what fn returned. */
static int each_of(const char *buf, long n, int (*fn)(void *ctx, const char *name), void *ctx)
{
	const struct dirent64 *d;
	int ret = 0;

	for (long pos = 0; !ret && pos + HEADER < n; pos += d->d_reclen) {
		d = (const void *)(buf + pos);
		if (d->d_reclen <= HEADER || d->d_reclen > n - pos ||
		    !memchr(d->d_name, 0, d->d_reclen - HEADER))
			return -EUCLEAN;
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			ret = fn(ctx, d->d_name);
	}
	return ret;
}

int look_names(long dir, int (*fn)(void *ctx, const char *name), void *ctx)
{
	char *buf = malloc(NAMES_BYTES);
	int ret = buf ? 0 : -ENOMEM;
	long n;

	while (!ret) {
		n = LKL_CALL3(SYS_getdents64, dir, buf, NAMES_BYTES);
		if (n <= 0) {
			ret = n;
			break;
		}
		ret = each_of(buf, n < NAMES_BYTES ? n : NAMES_BYTES, fn, ctx);
	}
	free(buf);
	return ret;
}
