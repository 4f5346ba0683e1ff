// SPDX-License-Identifier: GPL-2.0-only
/* Names: what makes, moves and removes them. */
#include "fuse_i.h"

#include <stdio.h>

/* A directory whose names are about to change, and who does it. */
static int dir_begin(fuse_req_t req, fuse_ino_t ino, struct node **ret_dir,
		     struct desc **ret_desc)
{
	struct fusefs *fs = fs_of(req);

	*ret_dir = node_of(fs, ino);
	return desc_get(fs, *ret_dir, DESC_READ, ret_desc);
}

/* The same for who makes something there. */
static int make_begin(fuse_req_t req, fuse_ino_t ino, struct node **ret_dir,
		      struct desc **ret_desc)
{
	int err = server_creates(server_self(), fuse_req_ctx(req));

	return err ? err : dir_begin(req, ino, ret_dir, ret_desc);
}

/* The directory's new name, and the object that has it, are the reply. */
static void dir_reply(fuse_req_t req, struct node *dir, struct desc *desc,
		      const char *name, long err)
{
	struct fusefs *fs = fs_of(req);

	if (err < 0) {
		reply_err(req, err);
	} else {
		node_changed(dir);
		reply_entry(req, fs, dir, desc->fd, name, -1);
	}
	desc_put(fs, desc);
}

/* Regular files are opened at once: the first write is the next request. */
static void make_file(fuse_req_t req, struct node *dir, struct desc *desc,
		      const char *name, mode_t mode)
{
	struct fusefs *fs = fs_of(req);
	struct fuse_entry_param e;
	struct node *node;
	struct statx st;
	bool alias;
	long fd;
	int err;

	fd = LKL_CALL4(SYS_openat, desc->fd, name,
		       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       mode & 07777);
	if (fd < 0) {
		reply_err(req, fd);
		return;
	}
	node_changed(dir);
	err = node_lookup(fs, dir, desc->fd, name, fd, &node, &st, &alias);
	if (err) {
		inside_close(fd);
		reply_err(req, err);
		return;
	}
	desc_adopt(fs, node, fd, DESC_WRITE);
	entry_fill(fs, node, &st, alias, &e);
	if (fuse_reply_entry(req, &e))
		node_forget(fs, node, 1);
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	      dev_t rdev)
{
	struct fusefs *fs = fs_of(req);		/* the reply frees req */
	struct node *dir;
	struct desc *desc;
	int err;

	/* Devices work nowhere on this mount; 0:0 is overlayfs's whiteout. */
	if ((S_ISBLK(mode) || (S_ISCHR(mode) && rdev)) && fuse_req_ctx(req)->uid) {
		reply_err(req, -EPERM);
		return;
	}
	err = make_begin(req, parent, &dir, &desc);
	if (err) {
		reply_err(req, err);
		return;
	}
	if (S_ISREG(mode)) {
		make_file(req, dir, desc, name, mode);
		desc_put(fs, desc);
	} else {
		dir_reply(req, dir, desc, name,
			  LKL_CALL4(SYS_mknodat, desc->fd, name, mode, rdev));
	}
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct node *dir;
	struct desc *desc;
	int err = make_begin(req, parent, &dir, &desc);

	if (err) {
		reply_err(req, err);
		return;
	}
	dir_reply(req, dir, desc, name, LKL_CALL3(SYS_mkdirat, desc->fd, name, mode));
}

void op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent,
		const char *name)
{
	struct node *dir;
	struct desc *desc;
	int err = make_begin(req, parent, &dir, &desc);

	if (err) {
		reply_err(req, err);
		return;
	}
	dir_reply(req, dir, desc, name,
		  LKL_CALL3(SYS_symlinkat, link, desc->fd, name));
}

void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct fusefs *fs = fs_of(req);
	struct desc *desc, *file;
	struct node *dir;
	long err = dir_begin(req, parent, &dir, &desc);

	if (err) {
		reply_err(req, err);
		return;
	}
	err = desc_get(fs, node_of(fs, ino), DESC_PATH, &file);
	if (!err) {
		err = LKL_CALL5(SYS_linkat, file->fd, "", desc->fd, name,
				AT_EMPTY_PATH);
		desc_put(fs, file);
	}
	dir_reply(req, dir, desc, name, err);
}

/* ---- removal ---- */

/*
 * Whom name shows, if the host knows it: pinned, so that it stays usable by those
 * who have it open. NULL if not.
 */
static struct node *victim_begin(struct fusefs *fs, int dirfd, const char *name)
{
	struct node *node;
	struct statx st;

	if (LKL_CALL5(SYS_statx, dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS,
		      &st) < 0)
		return NULL;
	node = node_find(fs, &st);
	if (node)
		node_pin(fs, node, dirfd, name);
	return node;
}

static void victim_end(struct fusefs *fs, struct node *node)
{
	node_unpin(fs, node);
	node_put(fs, node);
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name,
			int flags)
{
	struct fusefs *fs = fs_of(req);
	struct node *dir, *victim;
	struct desc *desc;
	long err = dir_begin(req, parent, &dir, &desc);

	if (err) {
		reply_err(req, err);
		return;
	}
	victim = victim_begin(fs, desc->fd, name);
	err = LKL_CALL3(SYS_unlinkat, desc->fd, name, flags);
	if (!err) {
		node_changed(dir);
		if (victim)
			node_renamed(fs, victim, parent, name, 0, NULL);
	}
	if (victim)
		victim_end(fs, victim);
	desc_put(fs, desc);
	reply_err(req, err);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, 0);
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, AT_REMOVEDIR);
}

/* ---- rename ---- */

struct move {
	struct fusefs *fs;
	fuse_ino_t from_ino, to_ino;
	struct node *from_dir, *to_dir;
	struct desc *from, *to;
	const char *from_name, *to_name;
	unsigned int flags;
};

static void move_noted(struct move *m, struct node *moved, struct node *victim)
{
	bool exchange = m->flags & RENAME_EXCHANGE;

	node_changed(m->from_dir);
	node_changed(m->to_dir);
	if (victim && victim != moved)
		node_renamed(m->fs, victim, m->to_ino, m->to_name, m->from_ino,
			     exchange ? m->from_name : NULL);
	if (moved)
		node_renamed(m->fs, moved, m->from_ino, m->from_name, m->to_ino,
			     m->to_name);
}

static long move(struct move *m)
{
	struct node *moved = NULL, *victim;
	struct statx st;
	long err;

	if (m->fs->keep_names &&
	    !LKL_CALL5(SYS_statx, m->from->fd, m->from_name, AT_SYMLINK_NOFOLLOW,
		       STATX_BASIC_STATS, &st))
		moved = node_find(m->fs, &st);
	victim = victim_begin(m->fs, m->to->fd, m->to_name);
	err = LKL_CALL5(SYS_renameat2, m->from->fd, m->from_name, m->to->fd,
			m->to_name, m->flags);
	if (!err)
		move_noted(m, moved, victim);
	if (victim)
		victim_end(m->fs, victim);
	if (moved)
		node_put(m->fs, moved);
	return err;
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	       fuse_ino_t newparent, const char *newname, unsigned int flags)
{
	struct move m = {
		.fs = fs_of(req), .flags = flags,
		.from_ino = parent, .from_name = name,
		.to_ino = newparent, .to_name = newname,
	};
	long err = dir_begin(req, parent, &m.from_dir, &m.from);

	if (!err) {
		err = dir_begin(req, newparent, &m.to_dir, &m.to);
		if (!err) {
			err = move(&m);
			desc_put(m.fs, m.to);
		}
		desc_put(m.fs, m.from);
	}
	reply_err(req, err);
}
