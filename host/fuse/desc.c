// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors inside: opened on demand, at most one a node, the most recently used
 * ones kept. What is not used for some seconds is closed, which lets filesystems
 * give back what they had allocated ahead.
 */
#include "fuse_i.h"

#include <stdlib.h>
#include <time.h>

#define MAX_DESCS	256
#define IDLE_SECONDS	4

void inside_close(int fd)
{
	LKL_CALL1(SYS_close, fd);
}

static long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return ts.tv_sec;
}

/* Caller holds fs->lock. */
static int desc_unref(struct desc *desc)
{
	int fd = desc->fd;

	if (--desc->refs)
		return -1;
	free(desc);
	return fd;
}

int desc_detach(struct fusefs *fs, struct node *node)
{
	struct desc *desc = node->desc;

	if (!desc)
		return -1;
	node->desc = NULL;
	TAILQ_REMOVE(&fs->descs, desc, lru);
	fs->n_descs--;
	return desc_unref(desc);
}

/* Caller holds fs->lock; the node has none. Returns one to close, or -1. */
static int desc_attach(struct fusefs *fs, struct node *node, struct desc *desc)
{
	struct desc *last;

	node->desc = desc;
	desc->node = node;
	desc->refs++;
	desc->used = now();
	TAILQ_INSERT_HEAD(&fs->descs, desc, lru);
	if (++fs->n_descs <= MAX_DESCS)
		return -1;
	TAILQ_FOREACH_REVERSE(last, &fs->descs, desc_list, lru)
		if (last->refs == 1)
			return desc_detach(fs, last->node);
	return -1;
}

static void wake_helper_from_sleep(struct fusefs *fs)
{
	if (__atomic_load_n(&fs->helper_sleeps, __ATOMIC_RELAXED) &&
	    __atomic_exchange_n(&fs->helper_sleeps, false, __ATOMIC_ACQ_REL))
		helper_wake(fs);
}

/* Caller holds fs->lock. */
static struct desc *desc_cached(struct fusefs *fs, struct node *node,
				enum desc_mode mode)
{
	struct desc *desc = node->desc;

	if (!desc || desc->mode < mode)
		return NULL;
	desc->refs++;
	desc->used = now();
	TAILQ_REMOVE(&fs->descs, desc, lru);
	TAILQ_INSERT_HEAD(&fs->descs, desc, lru);
	return desc;
}

/* Makes fd the node's; a weaker one goes when its last user is done. */
static int desc_install(struct fusefs *fs, struct node *node, int fd,
			enum desc_mode mode, struct desc **ret_desc)
{
	struct desc *fresh = calloc(1, sizeof(*fresh)), *desc;
	int victims[2] = { -1, -1 };

	if (!fresh) {
		inside_close(fd);
		return -ENOMEM;
	}
	pthread_mutex_lock(&fs->lock);
	desc = desc_cached(fs, node, mode);
	if (desc) {		/* another thread was faster */
		victims[0] = fd;
		free(fresh);
	} else {
		desc = fresh;
		desc->fd = fd;
		desc->mode = mode;
		desc->refs = 1;
		victims[0] = desc_detach(fs, node);
		victims[1] = desc_attach(fs, node, desc);
	}
	pthread_mutex_unlock(&fs->lock);
	for (int i = 0; i < 2; i++)
		if (victims[i] >= 0)
			inside_close(victims[i]);
	wake_helper_from_sleep(fs);
	*ret_desc = desc;
	return 0;
}

int desc_get(struct fusefs *fs, struct node *node, enum desc_mode mode,
	     struct desc **ret_desc)
{
	enum desc_mode got = mode;
	struct desc *desc;
	int fd;

	if (S_ISDIR(node->type))
		mode = got = DESC_READ;
	pthread_mutex_lock(&fs->lock);
	desc = desc_cached(fs, node, mode);
	pthread_mutex_unlock(&fs->lock);
	if (desc) {
		*ret_desc = desc;
		return 0;
	}
	fd = node_open(fs, node, &got);
	if (fd < 0)
		return fd;
	return desc_install(fs, node, fd, got, ret_desc);
}

void desc_put(struct fusefs *fs, struct desc *desc)
{
	int fd;

	pthread_mutex_lock(&fs->lock);
	fd = desc_unref(desc);
	pthread_mutex_unlock(&fs->lock);
	if (fd >= 0)
		inside_close(fd);
}

void desc_adopt(struct fusefs *fs, struct node *node, int fd, enum desc_mode mode)
{
	struct desc *desc;

	if (!desc_install(fs, node, fd, mode, &desc))
		desc_put(fs, desc);
}

/*
 * Closing what was written may change how many blocks the file has (space that was
 * allocated ahead): the host should ask again.
 */
bool descs_expire(struct fusefs *fs)
{
	struct desc *desc;
	fuse_ino_t written;
	long limit = now() - IDLE_SECONDS;
	bool left;
	int fd;

	for (;;) {
		written = 0;
		fd = -1;
		pthread_mutex_lock(&fs->lock);
		TAILQ_FOREACH_REVERSE(desc, &fs->descs, desc_list, lru)
			if (desc->refs == 1)
				break;
		if (desc && desc->used < limit) {
			if (desc->written)
				written = node_number(fs, desc->node);
			fd = desc_detach(fs, desc->node);
		}
		left = !TAILQ_EMPTY(&fs->descs);
		pthread_mutex_unlock(&fs->lock);
		if (fd < 0)
			return left;
		inside_close(fd);
		if (written)
			fuse_lowlevel_notify_inval_inode(fs->se, written, -1, 0);
	}
}

void descs_free(struct fusefs *fs)
{
	struct desc *desc;
	int fd;

	while ((desc = TAILQ_FIRST(&fs->descs))) {
		fd = desc_detach(fs, desc->node);
		if (fd >= 0)
			inside_close(fd);
	}
}
