// SPDX-License-Identifier: GPL-2.0-only
/* Attributes: stat, chmod, chown, truncate, times, access, readlink. */
#include "fuse_i.h"

#include <limits.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* fchmodat2(2) is newer than the C library's headers. */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/*
 * Btrfs gives each subvolume its own device number and the same inode numbers;
 * here they share one device, so the difference goes into the number.
 */
uint64_t attr_ino(const struct fusefs *fs, const struct statx *st, uint64_t ino)
{
	return ino ^ (uint64_t)(st->stx_dev_minor ^ fs->root_minor) << 44;
}

void attr_fill(const struct fusefs *fs, const struct statx *st, struct stat *ret)
{
	*ret = (struct stat) {
		.st_ino = attr_ino(fs, st, st->stx_ino),
		.st_nlink = st->stx_nlink,
		.st_rdev = makedev(st->stx_rdev_major, st->stx_rdev_minor),
		.st_size = st->stx_size,
		.st_blksize = st->stx_blksize,
		.st_blocks = st->stx_blocks,
		.st_atim = { st->stx_atime.tv_sec, st->stx_atime.tv_nsec },
		.st_mtim = { st->stx_mtime.tv_sec, st->stx_mtime.tv_nsec },
		.st_ctim = { st->stx_ctime.tv_sec, st->stx_ctime.tv_nsec },
	};
	owner_show(fs, st, ret);
}

static long stat_fd(int fd, struct statx *ret_st)
{
	return LKL_CALL5(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, ret_st);
}

int attr_get(struct fusefs *fs, struct node *node, struct statx *ret_st)
{
	struct desc *desc;
	long err = desc_get(fs, node, DESC_PATH, &desc);

	if (err)
		return err;
	err = stat_fd(desc->fd, ret_st);
	desc_put(fs, desc);
	return err;
}

static void reply_attr(fuse_req_t req, const struct fusefs *fs,
		       const struct statx *st)
{
	struct stat attr;

	attr_fill(fs, st, &attr);
	fuse_reply_attr(req, &attr, FOR_EVER);
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fusefs *fs = fs_of(req);
	struct statx st;
	int err = attr_get(fs, node_of(fs, ino), &st);

	if (err)
		reply_err(req, err);
	else
		reply_attr(req, fs, &st);
}

static long set_times(int fd, const struct stat *attr, int to_set)
{
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } };

	if (to_set & FUSE_SET_ATTR_ATIME_NOW)
		ts[0].tv_nsec = UTIME_NOW;
	else if (to_set & FUSE_SET_ATTR_ATIME)
		ts[0] = attr->st_atim;
	if (to_set & FUSE_SET_ATTR_MTIME_NOW)
		ts[1].tv_nsec = UTIME_NOW;
	else if (to_set & FUSE_SET_ATTR_MTIME)
		ts[1] = attr->st_mtim;
	return LKL_CALL4(SYS_utimensat, fd, "", ts, AT_EMPTY_PATH);
}

/*
 * The owner before the mode, because a change of owner clears bits of the mode. The
 * host says which bits a write, truncate or chown of its user clears, with a mode
 * of its own in the same request.
 */
static long set_attrs(struct fusefs *fs, struct node *node, struct desc *desc,
		      const struct stat *attr, int to_set)
{
	long err = 0;

	if (to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		err = owner_set(fs, desc->fd,
				to_set & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1,
				to_set & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1);
	if (err >= 0 && to_set & FUSE_SET_ATTR_SIZE)
		err = LKL_CALL2(SYS_ftruncate, desc->fd, attr->st_size);
	if (err >= 0 && to_set & FUSE_SET_ATTR_MODE)
		err = LKL_CALL4(SYS_fchmodat2, desc->fd, "", attr->st_mode & 07777,
				AT_EMPTY_PATH);
	if (err >= 0 && to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME |
				  FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW))
		err = set_times(desc->fd, attr, to_set);
	return err;
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi)
{
	struct fusefs *fs = fs_of(req);
	struct node *node = node_of(fs, ino);
	struct desc *desc;
	struct statx st;
	long err;

	err = desc_get(fs, node, to_set & FUSE_SET_ATTR_SIZE ? DESC_WRITE : DESC_PATH,
		       &desc);
	if (err) {
		reply_err(req, err);
		return;
	}
	err = to_set & FUSE_SET_ATTR_SIZE ?
	      killpriv(fs, node, desc->fd, fuse_req_ctx(req)) : 0;
	if (!err)
		err = set_attrs(fs, node, desc, attr, to_set);
	if (err >= 0)
		err = stat_fd(desc->fd, &st);
	if (err >= 0)
		killpriv_seen(node, &st);
	desc_put(fs, desc);
	if (err < 0)
		reply_err(req, err);
	else
		reply_attr(req, fs, &st);
}

/* Asked only when the host checks no permissions: as root inside, who may do all
 * but write to what is read-only and run what nobody can run. */
void op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct fusefs *fs = fs_of(req);
	struct desc *desc;
	long err = desc_get(fs, node_of(fs, ino), DESC_PATH, &desc);

	if (!err) {
		err = LKL_CALL4(SYS_faccessat2, desc->fd, "",
				mask & (R_OK | W_OK | X_OK), AT_EMPTY_PATH);
		desc_put(fs, desc);
	}
	reply_err(req, err);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct fusefs *fs = fs_of(req);
	char target[PATH_MAX + 1];
	struct desc *desc;
	long n = desc_get(fs, node_of(fs, ino), DESC_PATH, &desc);

	if (!n) {
		n = LKL_CALL4(SYS_readlinkat, desc->fd, "", target, PATH_MAX);
		desc_put(fs, desc);
	}
	if (n < 0) {
		reply_err(req, n);
		return;
	}
	target[n] = 0;
	fuse_reply_readlink(req, target);
}
