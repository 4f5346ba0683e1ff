// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading directories, without the host's opendir: an open directory inside is
 * found by node and position, so several readers of one directory each continue
 * with their own.
 */
#include "fuse_i.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define MAX_STREAMS	16
#define MAX_PLUS	1024	/* entries in one reply */
#define PLUS_MIN	152	/* bytes of the smallest */

/* As getdents64(2) fills it in. */
struct dirent_inside {
	uint64_t ino;
	int64_t off;		/* of the next entry */
	uint16_t reclen;
	uint8_t type;
	char name[];
};

/* ---- streams ---- */

/* Caller holds fs->lock: an idle one of node, at best the one that stopped at off. */
static struct stream *stream_find(struct fusefs *fs, struct node *node, off_t off)
{
	struct stream *s, *best = NULL;

	TAILQ_FOREACH(s, &fs->streams, link) {
		if (s->busy || s->node != node)
			continue;
		if (s->pos == off)
			return s;
		best = s;
	}
	return best;
}

/* Caller holds fs->lock: what is too much and idle is taken off the list. */
static struct stream *stream_surplus(struct fusefs *fs)
{
	struct stream *s;

	if (fs->n_streams <= MAX_STREAMS)
		return NULL;
	TAILQ_FOREACH_REVERSE(s, &fs->streams, stream_list, link) {
		if (s->busy)
			continue;
		TAILQ_REMOVE(&fs->streams, s, link);
		fs->n_streams--;
		return s;
	}
	return NULL;
}

static void stream_close(struct stream *s)
{
	if (!s)
		return;
	inside_close(s->fd);
	free(s);
}

static int stream_new(struct fusefs *fs, struct node *node, struct stream **ret)
{
	struct stream *s = malloc(sizeof(*s)), *surplus;
	enum desc_mode mode = DESC_READ;

	if (!s)
		return -ENOMEM;
	s->fd = node_open(fs, node, &mode);
	if (s->fd < 0) {
		int err = s->fd;

		free(s);
		return err;
	}
	s->node = node;
	s->busy = true;
	s->pos = -1;
	pthread_mutex_lock(&fs->lock);
	TAILQ_INSERT_HEAD(&fs->streams, s, link);
	fs->n_streams++;
	surplus = stream_surplus(fs);
	pthread_mutex_unlock(&fs->lock);
	stream_close(surplus);
	*ret = s;
	return 0;
}

/*
 * Position 0 is always sought: filesystems (btrfs) take note at that moment of how
 * far the directory goes. What was read ahead is read again if names have changed.
 */
static int stream_seek(struct stream *s, off_t off)
{
	unsigned int version = __atomic_load_n(&s->node->version, __ATOMIC_RELAXED);
	long err;

	if (off && s->pos == off && s->version == version)
		return 0;
	s->off = s->len = 0;
	s->version = version;
	s->pos = off;
	err = LKL_CALL3(SYS_lseek, s->fd, off, SEEK_SET);
	if (err < 0)
		s->pos = -1;
	return err < 0 ? err : 0;
}

static void stream_put(struct fusefs *fs, struct stream *s)
{
	pthread_mutex_lock(&fs->lock);
	s->busy = false;
	pthread_mutex_unlock(&fs->lock);
}

static int stream_get(struct fusefs *fs, struct node *node, off_t off,
		      struct stream **ret)
{
	struct stream *s;
	int err;

	pthread_mutex_lock(&fs->lock);
	s = stream_find(fs, node, off);
	if (s) {
		s->busy = true;
		TAILQ_REMOVE(&fs->streams, s, link);
		TAILQ_INSERT_HEAD(&fs->streams, s, link);
	}
	pthread_mutex_unlock(&fs->lock);
	err = s ? 0 : stream_new(fs, node, &s);
	if (err)
		return err;
	err = stream_seek(s, off);
	if (err)
		stream_put(fs, s);
	*ret = s;
	return err;
}

/* The entry at the stream's position; NULL: the end, or *ret_err is -errno. */
static struct dirent_inside *stream_peek(struct stream *s, size_t ahead,
					 int *ret_err)
{
	long n;

	if (s->off == s->len) {
		n = LKL_CALL3(SYS_getdents64, s->fd, s->buf, ahead);
		s->off = 0;
		s->len = n > 0 ? n : 0;
		if (n < 0)
			*ret_err = n;
		if (n <= 0)
			return NULL;
	}
	return (struct dirent_inside *)(s->buf + s->off);
}

static void stream_next(struct stream *s, const struct dirent_inside *d)
{
	s->pos = d->off;
	s->off += d->reclen;
}

void streams_close(struct fusefs *fs, struct node *node)
{
	struct stream *s, *next;
	struct stream_list gone = TAILQ_HEAD_INITIALIZER(gone);

	pthread_mutex_lock(&fs->lock);
	for (s = TAILQ_FIRST(&fs->streams); s; s = next) {
		next = TAILQ_NEXT(s, link);
		if (s->busy || (node && s->node != node))
			continue;
		TAILQ_REMOVE(&fs->streams, s, link);
		fs->n_streams--;
		TAILQ_INSERT_TAIL(&gone, s, link);
	}
	pthread_mutex_unlock(&fs->lock);
	while ((s = TAILQ_FIRST(&gone))) {
		TAILQ_REMOVE(&gone, s, link);
		stream_close(s);
	}
}

/* ---- replies ---- */

struct listing {
	fuse_req_t req;
	struct fusefs *fs;
	struct node *dir;
	struct statx dir_st;	/* of its device only */
	struct stream *stream;
	char *buf;
	size_t size, used;
	bool plus;
	struct node *given[MAX_PLUS];	/* lookups that the reply gives */
	unsigned int n_given;
};

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Only attr's type and number count here. */
static void fill_plain(struct listing *l, const struct dirent_inside *d,
		       struct stat *ret)
{
	struct statx st;

	ret->st_mode = (mode_t)d->type << 12;
	ret->st_ino = attr_ino(l->fs, &l->dir_st, d->ino);
	/* Numbers that last only as long as the inode is cached: have it cached. */
	if (!l->fs->handles && !is_dot(d->name) &&
	    !LKL_CALL5(SYS_statx, l->stream->fd, d->name, AT_SYMLINK_NOFOLLOW,
		       STATX_INO | STATX_TYPE, &st))
		ret->st_ino = attr_ino(l->fs, &st, st.stx_ino);
}

static size_t add_plain(struct listing *l, const struct dirent_inside *d)
{
	struct stat attr = { 0 };

	fill_plain(l, d, &attr);
	return fuse_add_direntry(l->req, l->buf + l->used, l->size - l->used, d->name,
				 &attr, d->off);
}

/* An entry without a node is allowed: the host will look it up. */
static size_t add_plus(struct listing *l, const struct dirent_inside *d)
{
	size_t left = l->size - l->used, need;
	struct fuse_entry_param e = { 0 };
	struct node *node = NULL;
	struct statx st;
	bool alias;

	e.attr.st_mode = (mode_t)d->type << 12;
	e.attr.st_ino = attr_ino(l->fs, &l->dir_st, d->ino);
	need = fuse_add_direntry_plus(l->req, NULL, 0, d->name, NULL, 0);
	if (need > left)
		return need;
	if (!is_dot(d->name) && l->n_given < MAX_PLUS &&
	    !node_lookup(l->fs, l->dir, l->stream->fd, d->name, -1, &node, &st,
			 &alias)) {
		entry_fill(l->fs, node, &st, alias, &e);
		l->given[l->n_given++] = node;
	}
	return fuse_add_direntry_plus(l->req, l->buf + l->used, left, d->name, &e,
				      d->off);
}

static int list(struct listing *l)
{
	size_t n, ahead = l->plus ? l->size / 4 : l->size;
	struct dirent_inside *d;
	int err = 0;

	if (ahead > sizeof(l->stream->buf))
		ahead = sizeof(l->stream->buf);
	if (ahead < 1024)
		ahead = 1024;
	while ((d = stream_peek(l->stream, ahead, &err))) {
		n = l->plus ? add_plus(l, d) : add_plain(l, d);
		if (n > l->size - l->used)
			break;
		l->used += n;
		stream_next(l->stream, d);
	}
	return l->used ? 0 : err;
}

/* Numbers of entries are made as those of their directory are. */
static void listing_device(struct listing *l)
{
	l->dir_st.stx_dev_minor = minor(l->dir->dev);
}

static void readdir_common(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   bool plus)
{
	struct fusefs *fs = fs_of(req);
	struct listing l = {
		.req = req, .fs = fs, .dir = node_of(fs, ino),
		.buf = server_data(server_self()), .plus = plus,
		.size = size,
	};
	int err;

	if (l.size > (plus ? MAX_PLUS * PLUS_MIN : IO_MAX))
		l.size = plus ? MAX_PLUS * PLUS_MIN : IO_MAX;
	listing_device(&l);
	err = stream_get(fs, l.dir, off, &l.stream);
	if (!err) {
		err = list(&l);
		stream_put(fs, l.stream);
	}
	if (err) {
		reply_err(req, err);
		return;
	}
	if (fuse_reply_buf(req, l.buf, l.used))
		while (l.n_given)
			node_forget(fs, l.given[--l.n_given], 1);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		struct fuse_file_info *fi)
{
	readdir_common(req, ino, size, off, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	readdir_common(req, ino, size, off, true);
}

/* "Not implemented" means: no need to ask, and what was read may be cached. */
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (fs_of(req)->no_opendir) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	fi->keep_cache = 1;
	fi->cache_readdir = 1;
	fuse_reply_open(req, fi);
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
		 struct fuse_file_info *fi)
{
	op_fsync(req, ino, datasync, fi);
}
