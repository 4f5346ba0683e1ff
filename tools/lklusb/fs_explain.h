/* SPDX-License-Identifier: GPL-2.0-only */
/* fs_explain.h - why the library kernel does not mount a filesystem. */
#ifndef FS_EXPLAIN_H
#define FS_EXPLAIN_H

#include <stdbool.h>

struct fs_failure {
	const char *name;	/* of the partition or volume */
	const char *type;
	const char *log_word;	/* what the kernel's lines about it have in them */
	bool readonly;
	long err;		/* -errno of mount(2) */
};

/* Reports it; an exit status. */
int fs_explain(const struct fs_failure *failure);

/* NTFS that Windows, or chkdsk, would look after first: it can only be read. */
bool fs_is_dirty_ntfs(const char *type, long err);

#endif
