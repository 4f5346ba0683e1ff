// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host knows of the filesystem: a table of nodes.
 *
 * A node finds its file again by a file handle, so it keeps nothing busy inside;
 * a million of them cost the library kernel no memory. Filesystems whose handles
 * only work while the inode is cached (FAT) or that have none (exFAT) get an O_PATH
 * descriptor a node instead, which also keeps their made-up inode numbers; then
 * the host is asked to forget the oldest above a limit.
 *
 * Names need no locks here: the host's kernel holds the directory's lock while it
 * asks for a change of names in it.
 */
#include "fuse_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "log.h"

#define FIRST_BUCKETS 1024	/* a power of two, as later ones */

static uint64_t key_dev(const struct statx *st)
{
	return makedev(st->stx_dev_major, st->stx_dev_minor);
}

static struct node **bucket(const struct fusefs *fs, uint64_t dev, uint64_t ino)
{
	uint64_t h = (ino ^ dev << 40) * 0x9e3779b97f4a7c15u;

	return &fs->buckets[(h >> 32) & (fs->n_buckets - 1)];
}

static struct node *table_find(const struct fusefs *fs, const struct statx *st)
{
	uint64_t dev = key_dev(st);
	struct node *n;

	for (n = *bucket(fs, dev, st->stx_ino); n; n = n->next)
		if (n->ino == st->stx_ino && n->dev == dev)
			return n;
	return NULL;
}

/* Without memory for it the chains get longer, which is all. */
static void table_grow(struct fusefs *fs)
{
	size_t i, old_n = fs->n_buckets;
	struct node **old = fs->buckets, *n, *next, **head;

	fs->buckets = calloc(old_n * 2, sizeof(*old));
	if (!fs->buckets) {
		fs->buckets = old;
		return;
	}
	fs->n_buckets = old_n * 2;
	for (i = 0; i < old_n; i++)
		for (n = old[i]; n; n = next) {
			next = n->next;
			head = bucket(fs, n->dev, n->ino);
			n->next = *head;
			*head = n;
		}
	free(old);
}

static void table_add(struct fusefs *fs, struct node *node)
{
	struct node **head;

	if (fs->n_nodes >= fs->n_buckets)
		table_grow(fs);
	head = bucket(fs, node->dev, node->ino);
	node->next = *head;
	*head = node;
	fs->n_nodes++;
}

static void table_remove(struct fusefs *fs, struct node *node)
{
	struct node **p = bucket(fs, node->dev, node->ino);

	while (*p != node)
		p = &(*p)->next;
	*p = node->next;
	fs->n_nodes--;
}

int nodes_init(struct fusefs *fs)
{
	fs->n_buckets = FIRST_BUCKETS;
	fs->buckets = calloc(fs->n_buckets, sizeof(*fs->buckets));
	TAILQ_INIT(&fs->pins);
	STAILQ_INIT(&fs->invals);
	return fs->buckets ? 0 : -ENOMEM;
}

static void node_free(struct node *node)
{
	if (node->pin >= 0)
		inside_close(node->pin);
	free(node->name);
	free(node);
}

void nodes_free(struct fusefs *fs)
{
	struct inval *inval;
	struct node *n;
	size_t i;

	for (i = 0; fs->buckets && i < fs->n_buckets; i++)
		while ((n = fs->buckets[i])) {
			fs->buckets[i] = n->next;
			node_free(n);
		}
	while ((inval = STAILQ_FIRST(&fs->invals))) {
		STAILQ_REMOVE_HEAD(&fs->invals, link);
		free(inval);
	}
	free(fs->buckets);
	fs->buckets = NULL;
	fs->n_nodes = 0;
	fs->root = NULL;
}

struct node *node_of(struct fusefs *fs, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? fs->root : (struct node *)(uintptr_t)ino;
}

fuse_ino_t node_number(const struct fusefs *fs, const struct node *node)
{
	return node == fs->root ? FUSE_ROOT_ID : (uintptr_t)node;
}

static struct node *node_alloc(const struct statx *st,
			       const struct file_handle *handle)
{
	struct node *n = calloc(1, sizeof(*n) + handle->handle_bytes);

	if (!n)
		return NULL;
	n->dev = key_dev(st);
	n->ino = st->stx_ino;
	n->type = st->stx_mode & S_IFMT;
	n->pin = -1;
	memcpy(&n->handle, handle, sizeof(*handle) + handle->handle_bytes);
	return n;
}

int node_make_root(struct fusefs *fs, const struct statx *st)
{
	struct file_handle none = { 0 };
	struct node *n = node_alloc(st, &none);

	if (!n)
		return -ENOMEM;
	n->nlookup = 1;		/* never forgotten */
	n->pin = LKL_CALL4(SYS_openat, fs->root_fd, ".", O_PATH | O_CLOEXEC, 0);
	if (n->pin < 0) {
		int err = n->pin;

		free(n);
		return err;
	}
	table_add(fs, n);
	fs->root = n;
	return 0;
}

/* ---- the name that the host keeps ---- */

static bool name_is(const struct node *node, fuse_ino_t dir, const char *name)
{
	return node->name && node->parent == dir && !strcmp(node->name, name);
}

/* Caller holds fs->lock. Returns whether it is another spelling than the first. */
static bool name_note(struct fusefs *fs, struct node *node, fuse_ino_t dir,
		      const char *name)
{
	if (!fs->keep_names)
		return false;
	if (!node->name) {
		node->name = strdup(name);
		node->parent = dir;
	}
	return !name_is(node, dir, name);
}

/* Caller holds fs->lock. */
static void inval_queue(struct fusefs *fs, fuse_ino_t dir, const char *name)
{
	size_t size = strlen(name) + 1;
	struct inval *inval = malloc(sizeof(*inval) + size);

	if (!inval)
		return;
	inval->parent = dir;
	memcpy(inval->name, name, size);
	STAILQ_INSERT_TAIL(&fs->invals, inval, link);
}

/*
 * Only the first spelling is cached by the host for ever; others it asks for each
 * time. If the file was renamed or removed under another spelling, the first is to
 * be dropped: by the helper, as the host holds the directory's lock now.
 */
void node_renamed(struct fusefs *fs, struct node *node, fuse_ino_t old_dir,
		  const char *old_name, fuse_ino_t dir, const char *name)
{
	bool wake = false;

	if (!fs->keep_names)
		return;
	pthread_mutex_lock(&fs->lock);
	if (node->name && !name_is(node, old_dir, old_name)) {
		inval_queue(fs, node->parent, node->name);
		wake = true;
	}
	free(node->name);
	node->name = NULL;
	if (name)
		name_note(fs, node, dir, name);
	pthread_mutex_unlock(&fs->lock);
	if (wake)
		helper_wake(fs);
}

/* ---- lookups ---- */

/* Caller holds fs->lock. */
static void pin_touch(struct fusefs *fs, struct node *node)
{
	if (fs->handles || node->pin < 0 || node == fs->root)
		return;
	TAILQ_REMOVE(&fs->pins, node, pinned);
	TAILQ_INSERT_HEAD(&fs->pins, node, pinned);
}

static struct node *lookup_known(struct fusefs *fs, const struct statx *st,
				 fuse_ino_t dir, const char *name, bool *ret_alias)
{
	struct node *n;

	pthread_mutex_lock(&fs->lock);
	n = table_find(fs, st);
	if (n) {
		n->nlookup++;
		*ret_alias = name_note(fs, n, dir, name);
		pin_touch(fs, n);
	}
	pthread_mutex_unlock(&fs->lock);
	return n;
}

/* What it takes to find the file again: a handle, or a pin. */
struct identity {
	union {
		struct file_handle handle;
		char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	};
	int pin;
};

static long stat_name(int dirfd, const char *name, struct statx *ret_st)
{
	return LKL_CALL5(SYS_statx, dirfd, name, AT_SYMLINK_NOFOLLOW,
			 STATX_BASIC_STATS, ret_st);
}

static long identify(struct fusefs *fs, int dirfd, const char *name, int fd,
		     struct identity *ret)
{
	int mount_id;
	long err;

	ret->pin = -1;
	if (fs->handles) {
		ret->handle.handle_bytes = MAX_HANDLE_SZ;
		if (fd >= 0)
			return LKL_CALL5(SYS_name_to_handle_at, fd, "",
					 &ret->handle, &mount_id, AT_EMPTY_PATH);
		return LKL_CALL5(SYS_name_to_handle_at, dirfd, name,
				 &ret->handle, &mount_id, 0);
	}
	ret->handle.handle_bytes = 0;
	err = LKL_CALL4(SYS_openat, dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	if (err < 0)
		return err;
	ret->pin = err;
	return 0;
}

/* Enters a new node, unless another thread was faster. */
static struct node *enter(struct fusefs *fs, const struct statx *st,
			  struct identity *id, fuse_ino_t dir, const char *name,
			  bool *ret_alias)
{
	struct node *n, *fresh = node_alloc(st, &id->handle);

	if (!fresh)
		return NULL;
	pthread_mutex_lock(&fs->lock);
	n = table_find(fs, st);
	if (!n) {
		n = fresh;
		fresh = NULL;
		n->pin = id->pin;
		id->pin = -1;
		if (!fs->handles) {
			TAILQ_INSERT_HEAD(&fs->pins, n, pinned);
			fs->n_pins++;
		}
		table_add(fs, n);
	}
	n->nlookup++;
	*ret_alias = name_note(fs, n, dir, name);
	pthread_mutex_unlock(&fs->lock);
	free(fresh);
	return n;
}

/*
 * The host lets nobody change the name meanwhile; but a wrong handle would show one
 * file's data in another, so do not depend on that.
 */
static long identify_same(struct fusefs *fs, int dirfd, const char *name, int fd,
			  const struct statx *st, struct identity *ret)
{
	struct statx again;
	long err = identify(fs, dirfd, name, fd, ret);

	if (err < 0 || (fd >= 0 && fs->handles))
		return err;
	err = stat_name(dirfd, name, &again);
	if (!err && (again.stx_ino != st->stx_ino || key_dev(&again) != key_dev(st)))
		err = -ESTALE;		/* the host asks again */
	if (err < 0 && ret->pin >= 0)
		inside_close(ret->pin);
	return err;
}

int node_lookup(struct fusefs *fs, struct node *dir, int dirfd, const char *name,
		int fd, struct node **ret_node, struct statx *ret_st,
		bool *ret_alias)
{
	fuse_ino_t dir_number = node_number(fs, dir);
	struct identity id;
	long err;

	err = fd >= 0 ? LKL_CALL5(SYS_statx, fd, "", AT_EMPTY_PATH,
				  STATX_BASIC_STATS, ret_st)
		      : stat_name(dirfd, name, ret_st);
	if (err < 0)
		return err;
	*ret_node = lookup_known(fs, ret_st, dir_number, name, ret_alias);
	if (*ret_node)
		return 0;
	err = identify_same(fs, dirfd, name, fd, ret_st, &id);
	if (err < 0)
		return err;
	*ret_node = enter(fs, ret_st, &id, dir_number, name, ret_alias);
	if (id.pin >= 0)
		inside_close(id.pin);
	if (!fs->handles && fs->n_pins > fs->max_pins)
		helper_wake(fs);
	return *ret_node ? 0 : -ENOMEM;
}

/* Caller holds fs->lock, and destroys the node after it if this returns true. */
static bool unhash_unused(struct fusefs *fs, struct node *node, int *ret_fd)
{
	if (node->nlookup || node->refs)
		return false;
	table_remove(fs, node);
	*ret_fd = desc_detach(fs, node);
	if (!fs->handles && node != fs->root) {
		TAILQ_REMOVE(&fs->pins, node, pinned);
		fs->n_pins--;
	}
	return true;
}

static void destroy(struct fusefs *fs, struct node *node, int fd)
{
	if (S_ISDIR(node->type))
		streams_close(fs, node);
	if (fd >= 0)
		inside_close(fd);
	node_free(node);
}

void node_forget(struct fusefs *fs, struct node *node, uint64_t nlookup)
{
	bool unused;
	int fd = -1;

	if (node == fs->root)
		return;
	pthread_mutex_lock(&fs->lock);
	node->nlookup -= nlookup < node->nlookup ? nlookup : node->nlookup;
	unused = unhash_unused(fs, node, &fd);
	pthread_mutex_unlock(&fs->lock);
	if (unused)
		destroy(fs, node, fd);
}

struct node *node_find(struct fusefs *fs, const struct statx *st)
{
	struct node *n;

	pthread_mutex_lock(&fs->lock);
	n = table_find(fs, st);
	if (n)
		n->refs++;
	pthread_mutex_unlock(&fs->lock);
	return n;
}

void node_put(struct fusefs *fs, struct node *node)
{
	bool unused;
	int fd = -1;

	pthread_mutex_lock(&fs->lock);
	node->refs--;
	unused = unhash_unused(fs, node, &fd);
	pthread_mutex_unlock(&fs->lock);
	if (unused)
		destroy(fs, node, fd);
}

/* ---- names that go away ---- */

void node_pin(struct fusefs *fs, struct node *node, int dirfd, const char *name)
{
	long fd = -1;

	pthread_mutex_lock(&fs->lock);
	node->removing++;
	node->removals++;
	pthread_mutex_unlock(&fs->lock);
	if (node->pin < 0)
		fd = LKL_CALL4(SYS_openat, dirfd, name,
			       O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	pthread_mutex_lock(&fs->lock);
	if (node->pin < 0) {
		node->pin = fd;
		fd = -1;
	}
	pthread_mutex_unlock(&fs->lock);
	if (fd >= 0)
		inside_close(fd);
}

/* Who removes the last name keeps the pin, whoever else removes one at that time. */
void node_unpin(struct fusefs *fs, struct node *node)
{
	struct statx st;
	unsigned int seen;
	bool last;
	int fd = -1;

	pthread_mutex_lock(&fs->lock);
	last = --node->removing == 0;
	seen = node->removals;
	pthread_mutex_unlock(&fs->lock);
	if (!last || !fs->handles || node == fs->root || node->pin < 0)
		return;
	if (LKL_CALL5(SYS_statx, node->pin, "", AT_EMPTY_PATH, STATX_NLINK, &st) < 0 ||
	    !st.stx_nlink)
		return;
	pthread_mutex_lock(&fs->lock);
	if (node->removals == seen && !node->pin_users) {
		fd = node->pin;
		node->pin = -1;
	}
	pthread_mutex_unlock(&fs->lock);
	if (fd >= 0)
		inside_close(fd);
}

void node_changed(struct node *dir)
{
	__atomic_add_fetch(&dir->version, 1, __ATOMIC_RELAXED);
}

/* ---- opening ---- */

static long open_as(struct fusefs *fs, struct node *node, int pin, int flags)
{
	char path[32];

	flags |= O_CLOEXEC;
	if (pin < 0)
		return LKL_CALL3(SYS_open_by_handle_at, fs->root_fd, &node->handle,
				 flags);
	if (S_ISDIR(node->type))
		return LKL_CALL4(SYS_openat, pin, ".", flags, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", pin);
	/* The last component is the link that must be followed. */
	return LKL_CALL4(SYS_openat, AT_FDCWD, path, flags & ~O_NOFOLLOW, 0);
}

/*
 * A writable descriptor if possible, as it serves both. O_NONBLOCK: nothing that
 * is opened here may wait for a peer.
 */
static int open_file(struct fusefs *fs, struct node *node, int pin,
		     enum desc_mode *mode)
{
	enum desc_mode need = *mode;
	long fd;

	if (need == DESC_PATH)
		return open_as(fs, node, pin, O_PATH | O_NOFOLLOW);
	if (!S_ISREG(node->type))
		return -EINVAL;
	*mode = DESC_WRITE;
	fd = open_as(fs, node, pin, O_RDWR | O_NONBLOCK);
	if (fd >= 0 || need == DESC_WRITE)
		return fd;
	*mode = DESC_READ;
	return open_as(fs, node, pin, O_RDONLY | O_NONBLOCK);
}

int node_open(struct fusefs *fs, struct node *node, enum desc_mode *mode)
{
	int pin, fd;

	pthread_mutex_lock(&fs->lock);
	pin = node->pin;
	node->pin_users++;
	pthread_mutex_unlock(&fs->lock);
	if (S_ISDIR(node->type)) {
		*mode = DESC_READ;
		fd = open_as(fs, node, pin, O_RDONLY | O_DIRECTORY);
	} else {
		fd = open_file(fs, node, pin, mode);
	}
	pthread_mutex_lock(&fs->lock);
	node->pin_users--;
	pthread_mutex_unlock(&fs->lock);
	return fd;
}

/* ---- without handles: a bounded number of nodes ---- */

/*
 * Collects the oldest above the limit; directories last, as the host would say of
 * a process in one that its working directory is gone.
 */
static void trim_collect(struct fusefs *fs)
{
	size_t excess, left;
	struct node *n, *prev;
	int pass;

	pthread_mutex_lock(&fs->lock);
	excess = fs->n_pins > fs->max_pins ?
		 fs->n_pins - fs->max_pins + fs->max_pins / 8 : 0;
	for (pass = 0; pass < 2 && excess; pass++) {
		if (pass && fs->n_pins < 2 * fs->max_pins)
			break;
		left = fs->n_pins / 2;
		for (n = TAILQ_LAST(&fs->pins, pin_list); n && excess && left; n = prev) {
			prev = TAILQ_PREV(n, pin_list, pinned);
			left--;
			if (!n->name || (!pass && S_ISDIR(n->type)))
				continue;
			inval_queue(fs, n->parent, n->name);
			/* not again at once if the host does not let go of it */
			TAILQ_REMOVE(&fs->pins, n, pinned);
			TAILQ_INSERT_HEAD(&fs->pins, n, pinned);
			excess--;
		}
	}
	pthread_mutex_unlock(&fs->lock);
}

/* Each waits for the directory's lock in the host, so no serving thread does it. */
void nodes_trim(struct fusefs *fs)
{
	struct inval *inval;

	if (!fs->handles)
		trim_collect(fs);
	for (;;) {
		pthread_mutex_lock(&fs->lock);
		inval = STAILQ_FIRST(&fs->invals);
		if (inval)
			STAILQ_REMOVE_HEAD(&fs->invals, link);
		pthread_mutex_unlock(&fs->lock);
		if (!inval)
			return;
		fuse_lowlevel_notify_inval_entry(fs->se, inval->parent, inval->name,
						 strlen(inval->name));
		free(inval);
	}
}
