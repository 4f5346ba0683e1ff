// SPDX-License-Identifier: GPL-2.0-only
/* Extended attributes, POSIX ACLs included, of every kind of file. */
#include "fuse_i.h"

#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define VALUE_MAX 65536		/* XATTR_SIZE_MAX, and of a list of names */

/*
 * A descriptor that is open for attributes only has no xattr calls: those go
 * through its link in /proc.
 */
struct target {
	struct desc *desc;
	bool by_path;
	char path[32];
};

static int target_get(fuse_req_t req, fuse_ino_t ino, struct target *ret)
{
	struct fusefs *fs = fs_of(req);
	int err = desc_get(fs, node_of(fs, ino), DESC_PATH, &ret->desc);

	if (err)
		return err;
	ret->by_path = ret->desc->mode == DESC_PATH;
	snprintf(ret->path, sizeof(ret->path), "/proc/self/fd/%d", ret->desc->fd);
	return 0;
}

static long target_arg(const struct target *t)
{
	return t->by_path ? (long)t->path : t->desc->fd;
}

/* The host takes ENOSYS to mean: never again, and tells its users EOPNOTSUPP. */
static bool refused(fuse_req_t req, const char *name)
{
	struct fusefs *fs = fs_of(req);

	if (!fs->no_xattr && !(name && owner_refuses_xattr(fs, name)))
		return false;
	fuse_reply_err(req, fs->no_xattr ? ENOSYS : EOPNOTSUPP);
	return true;
}

static bool is_mapped_acl(const struct fusefs *fs, const char *name)
{
	return fs->owners.keep && (fs->owners.users.n || fs->owners.groups.n) &&
	       idmap_is_acl(name);
}

static long get(const struct target *t, const char *name, char *value, size_t size)
{
	return LKL_CALL4(t->by_path ? SYS_getxattr : SYS_fgetxattr, target_arg(t), name,
			 value, size);
}

static long set(const struct target *t, const char *name, const char *value,
		size_t size, int flags)
{
	return LKL_CALL5(t->by_path ? SYS_setxattr : SYS_fsetxattr, target_arg(t), name,
			 value, size, flags);
}

/* The list with ids of the host; its size, whatever room the host has for it. */
static long get_mapped(struct fusefs *fs, const struct target *t, const char *name,
		       char *value)
{
	long n = get(t, name, value, VALUE_MAX);

	return n < 0 ? n : idmap_acl_to_host(&fs->owners.users, &fs->owners.groups, value, n);
}

/* Not over entries that were left out when the host's user was shown the list. */
static long set_mapped(struct fusefs *fs, const struct target *t, const char *name,
		       const char *value, size_t size, int flags)
{
	char *old = server_self()->io, *mapped = old + VALUE_MAX;
	long n = get(t, name, old, VALUE_MAX);

	if (n > 0 && idmap_acl_to_host(&fs->owners.users, &fs->owners.groups, old, n) != n)
		return -EOVERFLOW;
	if (size > VALUE_MAX)
		return -E2BIG;
	memcpy(mapped, value, size);
	n = idmap_acl_to_inside(&fs->owners.users, &fs->owners.groups, mapped, size);
	return n < 0 ? n : set(t, name, mapped, n, flags);
}

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		 const char *value, size_t size, int flags)
{
	struct fusefs *fs = fs_of(req);
	struct target t;
	long err;

	if (refused(req, name))
		return;
	err = target_get(req, ino, &t);
	if (!err) {
		err = is_mapped_acl(fs, name) ?
		      set_mapped(fs, &t, name, value, size, flags) :
		      set(&t, name, value, size, flags);
		desc_put(fs, t.desc);
	}
	reply_err(req, err);
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct target t;
	long err;

	if (refused(req, name))
		return;
	err = target_get(req, ino, &t);
	if (!err) {
		err = LKL_CALL2(t.by_path ? SYS_removexattr : SYS_fremovexattr,
				target_arg(&t), name);
		desc_put(fs_of(req), t.desc);
	}
	reply_err(req, err);
}

/* size 0: the host asks how much there is. */
static void reply_value(fuse_req_t req, const char *value, long n, size_t size)
{
	if (n < 0)
		reply_err(req, n);
	else if (!size)
		fuse_reply_xattr(req, n);
	else if ((size_t)n > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, n);
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct fusefs *fs = fs_of(req);
	char *value = server_self()->io;
	struct target t;
	long n;

	if (refused(req, name))
		return;
	n = target_get(req, ino, &t);
	if (!n) {
		n = is_mapped_acl(fs, name) ? get_mapped(fs, &t, name, value) :
		    get(&t, name, value, size < VALUE_MAX ? size : VALUE_MAX);
		desc_put(fs, t.desc);
	}
	reply_value(req, value, n, size);
}

/* Only root sees trusted attributes; inside, every request is root's. */
static bool is_hidden(fuse_req_t req, const char *name)
{
	return (fuse_req_ctx(req)->uid && !strncmp(name, "trusted.", 8)) ||
	       owner_refuses_xattr(fs_of(req), name);
}

static long without_hidden(fuse_req_t req, char *names, long n)
{
	char *from = names, *to = names;

	while (from < names + n) {
		size_t len = strlen(from) + 1;

		if (!is_hidden(req, from)) {
			memmove(to, from, len);
			to += len;
		}
		from += len;
	}
	return to - names;
}

void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	char *names = server_self()->io;
	struct target t;
	long n;

	if (refused(req, NULL))
		return;
	n = target_get(req, ino, &t);
	if (!n) {
		n = LKL_CALL3(t.by_path ? SYS_listxattr : SYS_flistxattr,
			      target_arg(&t), names, VALUE_MAX);
		desc_put(fs_of(req), t.desc);
	}
	if (n > 0)
		n = without_hidden(req, names, n);
	reply_value(req, names, n, size);
}
