// SPDX-License-Identifier: GPL-2.0-only
/* Names and paths of what is mounted inside. */
#include "look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <linux/openat2.h>
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

long look_path(const struct look *look, const char *path, int flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};

	return LKL_CALL4(SYS_openat2, look->root, *path ? path : ".", &how, sizeof(how));
}

bool look_is_name(const char *name)
{
	return *name && strcmp(name, ".") && strcmp(name, "..") && !strchr(name, '/');
}

long look_parent(const struct look *look, char *path, const char **ret_name)
{
	char *slash, *end = path + strlen(path);

	while (end > path && end[-1] == '/')
		*--end = 0;
	slash = strrchr(path, '/');
	*ret_name = slash ? slash + 1 : path;
	if (!look_is_name(*ret_name)) {
		*ret_name = "";
		return look_path(look, path, O_PATH);
	}
	if (!slash)
		return look_path(look, ".", O_PATH | O_DIRECTORY);
	*slash = 0;
	return look_path(look, path, O_PATH | O_DIRECTORY);
}
