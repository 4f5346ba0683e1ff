// SPDX-License-Identifier: GPL-2.0-only
/*
 * FUSE_HANDLE_KILLPRIV_V2: who writes to a file that is set-user-ID takes that away, and
 * that is ours to do. Without it the host asks for security.capability in front of every
 * single write. The library kernel clears that attribute by itself. libfuse 3.14 knows no
 * such flag, so it is put into the answer to INIT on its way out.
 */
#include "fuse_i.h"

#include <linux/fuse.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static ssize_t io_read(int fd, void *buf, size_t size, void *userdata)
{
	struct fusefs *fs = userdata;
	const struct fuse_in_header *header = buf;
	const struct fuse_init_in *init = (const void *)(header + 1);
	ssize_t n = read(fd, buf, size);

	if (n >= (ssize_t)(sizeof(*header) + offsetof(struct fuse_init_in, flags2)) &&
	    header->opcode == FUSE_INIT && init->flags & FUSE_HANDLE_KILLPRIV_V2)
		fs->init_unique = header->unique;
	return n;
}

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct fusefs *fs = userdata;
	const struct fuse_out_header *header = iov[0].iov_base;
	struct fuse_init_out *init;

	if (fs->init_unique && header->unique == fs->init_unique && !header->error &&
	    count == 2 && iov[1].iov_len >= offsetof(struct fuse_init_out, max_background)) {
		init = iov[1].iov_base;
		init->flags |= FUSE_HANDLE_KILLPRIV_V2;
		fs->init_unique = 0;
		fs->kills_privileges = true;
	}
	return writev(fd, iov, count);
}

int killpriv_ask(struct fusefs *fs)
{
	static const struct fuse_custom_io io = { .read = io_read, .writev = io_writev };

	return fuse_session_custom_io(fs->se, &io, fuse_session_fd(fs->se));
}

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
