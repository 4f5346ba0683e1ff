// SPDX-License-Identifier: GPL-2.0-only
/* Lookup and forget, and the reply that tells the host of a node. */
#include "fuse_i.h"

void entry_fill(const struct fusefs *fs, struct node *node,
		const struct statx *st, bool alias, struct fuse_entry_param *ret)
{
	*ret = (struct fuse_entry_param) {
		.ino = node_number(fs, node),
		.attr_timeout = FOR_EVER,
		/* a second spelling would outlive the removal of the first */
		.entry_timeout = alias ? 0 : FOR_EVER,
	};
	killpriv_seen(node, st);
	attr_fill(fs, st, &ret->attr);
}

void reply_entry(fuse_req_t req, struct fusefs *fs, struct node *dir, int dirfd,
		 const char *name, int fd)
{
	struct fuse_entry_param e;
	struct node *node;
	struct statx st;
	bool alias;
	int err = node_lookup(fs, dir, dirfd, name, fd, &node, &st, &alias);

	if (err) {
		reply_err(req, err);
		return;
	}
	entry_fill(fs, node, &st, alias, &e);
	if (fuse_reply_entry(req, &e))
		node_forget(fs, node, 1);	/* the host never heard of it */
}

/* Names that are not there are remembered too, unless case is ignored. */
static void reply_missing(fuse_req_t req, const struct fusefs *fs)
{
	struct fuse_entry_param e = { .entry_timeout = FOR_EVER };

	if (fs->aliasing)
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_entry(req, &e);
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fusefs *fs = fs_of(req);
	struct node *dir = node_of(fs, parent), *node;
	struct fuse_entry_param e;
	struct desc *desc;
	struct statx st;
	bool alias;
	int err = desc_get(fs, dir, DESC_READ, &desc);

	if (!err) {
		err = node_lookup(fs, dir, desc->fd, name, -1, &node, &st, &alias);
		desc_put(fs, desc);
	}
	if (err == -ENOENT) {
		reply_missing(req, fs);
	} else if (err) {
		reply_err(req, err);
	} else {
		entry_fill(fs, node, &st, alias, &e);
		if (fuse_reply_entry(req, &e))
			node_forget(fs, node, 1);
	}
}

void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	struct fusefs *fs = fs_of(req);

	node_forget(fs, node_of(fs, ino), nlookup);
	fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct fusefs *fs = fs_of(req);
	size_t i;

	for (i = 0; i < count; i++)
		node_forget(fs, node_of(fs, forgets[i].ino), forgets[i].nlookup);
	fuse_reply_none(req);
}
