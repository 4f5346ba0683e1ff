// SPDX-License-Identifier: GPL-2.0-only
/*
 * FUSE_HANDLE_KILLPRIV_V2: who writes to a file that is set-user-ID takes that away, and
 * that is ours to do. Without it the host asks for security.capability in front of every
 * single write. The library kernel clears that attribute by itself.
 */
#include "fuse_i.h"

void killpriv_seen(struct node *node, const struct statx *st)
{
	bool group = (st->stx_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);

	__atomic_store_n(&node->privileged,
			 S_ISREG(st->stx_mode) && (group || st->stx_mode & S_ISUID),
			 __ATOMIC_RELAXED);
}

/* What root writes keeps them; a group that may not run it is no privilege. */
long killpriv(struct fusefs *fs, struct node *node, int fd, const struct fuse_ctx *ctx)
{
	struct statx st;
	mode_t mode;
	long err;

	if (!fs->kills_privileges || !ctx->uid ||
	    !__atomic_load_n(&node->privileged, __ATOMIC_RELAXED))
		return 0;
	err = LKL_CALL5(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_MODE, &st);
	if (err)
		return err;
	mode = st.stx_mode & 07777 & ~S_ISUID;
	if (mode & S_IXGRP)
		mode &= ~S_ISGID;
	err = LKL_CALL2(SYS_fchmod, fd, mode);
	if (!err)
		__atomic_store_n(&node->privileged, false, __ATOMIC_RELAXED);
	return err;
}
