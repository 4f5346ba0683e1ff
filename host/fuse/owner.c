// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose the files are: what the host is told of owners and modes, and who a request's
 * user is inside. docs/permissions.md is the table that this file makes true.
 */
#include "fuse_i.h"

#include <linux/magic.h>
#include <string.h>

#include "log.h"

/*
 * With more than one user, the stick's groups mean nothing here: a group gets no more
 * than everybody, and nobody but the owner may write. A umask, as on FAT: all may do
 * all but that; what is run and what is not stays as it is.
 */
static mode_t shown_mode(const struct fusefs *fs, mode_t mode)
{
	const struct fusefs_owners *o = &fs->owners;

	if (o->keep || S_ISLNK(mode))
		return mode;
	if (o->umask >= 0)
		return (mode & S_IFMT) |
		       ((S_ISDIR(mode) || mode & 0111 ? 0777 : 0666) & ~o->umask);
	if (fs->others)
		return mode & ~(022u | (~mode & 07) << 3);
	return mode;
}

void owner_show(const struct fusefs *fs, const struct statx *st, struct stat *ret)
{
	const struct fusefs_owners *o = &fs->owners;

	ret->st_mode = shown_mode(fs, st->stx_mode);
	ret->st_uid = o->keep ? idmap_to_host(&o->users, st->stx_uid) : o->uid;
	ret->st_gid = o->keep ? idmap_to_host(&o->groups, st->stx_gid) : o->gid;
}

/* Unless owners are kept there is one owner, and nobody can be made another. */
static bool refuse_others(const struct fusefs_owners *o, uid_t uid, gid_t gid)
{
	return (uid != (uid_t)-1 && uid != o->uid) || (gid != (gid_t)-1 && gid != o->gid);
}

long owner_set(const struct fusefs *fs, int fd, uid_t uid, gid_t gid)
{
	const struct fusefs_owners *o = &fs->owners;
	uid_t inside_uid = uid == (uid_t)-1 ? uid : idmap_to_inside(&o->users, uid);
	gid_t inside_gid = gid == (gid_t)-1 ? gid : idmap_to_inside(&o->groups, gid);

	if (!o->keep && refuse_others(o, uid, gid))
		return -EPERM;
	if (!o->keep)		/* nothing changes, but that takes set-user-ID away */
		inside_uid = inside_gid = -1;
	else if ((inside_uid == IDMAP_NONE && uid != (uid_t)-1) ||
		 (inside_gid == IDMAP_NONE && gid != (gid_t)-1))
		return -EOVERFLOW;
	return LKL_CALL5(SYS_fchownat, fd, "", inside_uid, inside_gid, AT_EMPTY_PATH);
}

int owner_of(const struct fusefs *fs, const struct fuse_ctx *ctx, uid_t *ret_uid,
	     gid_t *ret_gid)
{
	const struct fusefs_owners *o = &fs->owners;
	uid_t uid = o->keep ? idmap_to_inside(&o->users, ctx->uid) : o->uid;
	gid_t gid = o->keep ? idmap_to_inside(&o->groups, ctx->gid) : o->gid;

	if (uid == IDMAP_NONE || gid == IDMAP_NONE)
		return -EOVERFLOW;
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}

bool owner_refuses_xattr(const struct fusefs *fs, const char *name)
{
	/* Hosts before 6.2 leave it to us who may set them; they would change modes. */
	return !fs->owners.keep && fs->others && idmap_is_acl(name);
}

void owner_filesystem(struct fusefs *fs, unsigned long type)
{
	/* As they have none, keeping them would make everything root's. */
	if (type == MSDOS_SUPER_MAGIC || type == EXFAT_SUPER_MAGIC ||
	    type == NTFS3_SUPER_MAGIC)
		fs->owners.keep = false;
}
