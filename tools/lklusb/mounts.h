/* SPDX-License-Identifier: GPL-2.0-only */
/* mounts.h - our mounts as the host's mount table has them. */
#ifndef MOUNTS_H
#define MOUNTS_H

#include <stddef.h>
#include <sys/types.h>

struct mounts_entry {
	char dir[4096];		/* absolute */
	char source[4096];	/* fsname */
	dev_t dev;
	uid_t uid;		/* whose mount it is */
};

/*
 * The newest mount of ours on dir. Does not touch the mount itself, which may have
 * nobody who serves it. -ENOENT: there is none.
 */
int mounts_find(const char *dir, struct mounts_entry *ret_entry);

/* Calls fn for each mount of ours; stops at the first result that is not 0. */
int mounts_each(int (*fn)(void *ctx, const struct mounts_entry *entry), void *ctx);

/* realpath() that does not look at the last component if that fails. */
int mounts_resolve(const char *dir, char *ret_path, size_t size);

#endif
