// SPDX-License-Identifier: GPL-2.0-only
#include "mounts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libmount.h>

static uid_t owner(struct libmnt_fs *fs)
{
	const char *options = mnt_fs_get_fs_options(fs);
	char *value = NULL;
	size_t len = 0;

	if (!options || mnt_optstr_get_option(options, "user_id", &value, &len) || !len)
		return 0;
	return strtoul(value, NULL, 10);
}

int mounts_each(int (*fn)(void *ctx, const struct mounts_entry *entry), void *ctx)
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_BACKWARD);
	struct mounts_entry *entry = calloc(1, sizeof(*entry));
	struct libmnt_fs *fs;
	int ret = table && iter && entry ? 0 : -ENOMEM;

	while (!ret && !mnt_table_next_fs(table, iter, &fs)) {
		const char *type = mnt_fs_get_fstype(fs);
		const char *source = mnt_fs_get_source(fs);

		if (!type || strcmp(type, "fuse.lklusb"))
			continue;
		snprintf(entry->dir, sizeof(entry->dir), "%s", mnt_fs_get_target(fs));
		snprintf(entry->source, sizeof(entry->source), "%s", source ? source : "");
		entry->dev = mnt_fs_get_devno(fs);
		entry->uid = owner(fs);
		ret = fn(ctx, entry);
	}
	free(entry);
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return ret;
}

struct wanted {
	const char *dir;
	struct mounts_entry *entry;
};

static int take(void *ctx, const struct mounts_entry *entry)
{
	struct wanted *w = ctx;

	if (strcmp(entry->dir, w->dir))
		return 0;
	*w->entry = *entry;
	return 1;
}

int mounts_find(const char *dir, struct mounts_entry *ret_entry)
{
	struct wanted w = { dir, ret_entry };
	int ret = mounts_each(take, &w);

	return ret == 1 ? 0 : ret ? ret : -ENOENT;
}

/* The parent's path and the last component as it was given. */
int mounts_resolve(const char *dir, char *ret_path, size_t size)
{
	char real[PATH_MAX], copy[PATH_MAX], *slash;
	const char *parent = ".", *last = copy;
	size_t len;

	if (realpath(dir, real))
		return (size_t)snprintf(ret_path, size, "%s", real) < size ? 0
									   : -ENAMETOOLONG;
	if (errno == ENOENT || (size_t)snprintf(copy, sizeof(copy), "%s", dir) >= sizeof(copy))
		return -errno;
	for (len = strlen(copy); len > 1 && copy[len - 1] == '/'; len--)
		copy[len - 1] = 0;
	slash = strrchr(copy, '/');
	if (slash) {
		*slash = 0;
		last = slash + 1;
		parent = slash == copy ? "/" : copy;
	}
	if (!realpath(parent, real))
		return -errno;
	snprintf(ret_path, size, "%s/%s", strcmp(real, "/") ? real : "", last);
	return 0;
}
