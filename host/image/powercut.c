// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk with a volatile cache that loses its power: what was written since the
 * last flush lives in this process's memory only, so killing the process is the
 * power cut. Discards reach the disk at once, which a disk is free to do too.
 * For tests: one lock, everything that waits does so on workers.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "image_i.h"

#define CUT_BLOCK	4096u
#define CUT_SECTORS	(CUT_BLOCK / IMAGE_SECTOR)
#define CUT_BUCKETS	4096u

struct cut_block {
	struct cut_block *next;
	uint64_t off;		/* of its first byte, in the image */
	uint8_t valid;		/* a bit per sector */
	char data[CUT_BLOCK];
};

struct cut_image {
	struct image image;
	struct image *next;
	pthread_mutex_t lock;	/* protects the blocks, and their order with next's I/O */
	struct cut_block *buckets[CUT_BUCKETS];
};

static struct cut_image *cut_image(struct image *image)
{
	return (struct cut_image *)image;
}

/* Where the block that holds byte off is, or would be. */
static struct cut_block **cut_find(struct cut_image *c, uint64_t off)
{
	struct cut_block **p = &c->buckets[off / CUT_BLOCK % CUT_BUCKETS];

	while (*p && (*p)->off != off - off % CUT_BLOCK)
		p = &(*p)->next;
	return p;
}

static uint8_t cut_bit(uint64_t off)
{
	return 1u << (off % CUT_BLOCK / IMAGE_SECTOR);
}

/* One sector between a block and byte pos of the request's iovs. */
static void cut_copy(const struct image_io *io, uint64_t pos, char *sector,
		     bool to_iov)
{
	size_t left = IMAGE_SECTOR;

	for (unsigned int i = 0; i < io->n_iov && left; i++) {
		char *base = io->iov[i].iov_base;
		size_t len = io->iov[i].iov_len;

		if (pos >= len) {
			pos -= len;
			continue;
		}
		len = len - pos < left ? len - pos : left;
		if (to_iov)
			memcpy(base + pos, sector, len);
		else
			memcpy(sector, base + pos, len);
		sector += len;
		left -= len;
		pos = 0;
	}
}

/* After next was read: lays the newer sectors over it. */
static void cut_patch(struct cut_image *c, const struct image_io *io)
{
	for (uint64_t pos = 0; pos < io->len; pos += IMAGE_SECTOR) {
		uint64_t off = io->off + pos;
		struct cut_block *b = *cut_find(c, off);

		if (b && (b->valid & cut_bit(off)))
			cut_copy(io, pos, b->data + off % CUT_BLOCK, true);
	}
}

/* WRITE and ZERO. */
static int cut_store(struct cut_image *c, const struct image_io *io)
{
	for (uint64_t pos = 0; pos < io->len; pos += IMAGE_SECTOR) {
		uint64_t off = io->off + pos;
		struct cut_block **p = cut_find(c, off), *b = *p;

		if (!b) {
			b = calloc(1, sizeof(*b));
			if (!b)
				return -ENOMEM;
			b->off = off - off % CUT_BLOCK;
			*p = b;
		}
		if (io->op == IMAGE_ZERO)
			memset(b->data + off % CUT_BLOCK, 0, IMAGE_SECTOR);
		else
			cut_copy(io, pos, b->data + off % CUT_BLOCK, false);
		b->valid |= cut_bit(off);
	}
	return 0;
}

static int cut_discard(struct cut_image *c, struct image_io *io)
{
	for (uint64_t pos = 0; pos < io->len; pos += IMAGE_SECTOR) {
		struct cut_block *b = *cut_find(c, io->off + pos);

		if (b)
			b->valid &= ~cut_bit(io->off + pos);
	}
	return c->next->ops->run(c->next, io);
}

static void cut_forget(struct cut_image *c)
{
	for (unsigned int i = 0; i < CUT_BUCKETS; i++) {
		while (c->buckets[i]) {
			struct cut_block *b = c->buckets[i];

			c->buckets[i] = b->next;
			free(b);
		}
	}
}

static int cut_write_back(struct cut_image *c, struct cut_block *b)
{
	for (unsigned int i = 0; i < CUT_SECTORS; i++) {
		struct iovec iov = { b->data + i * IMAGE_SECTOR, IMAGE_SECTOR };
		struct image_io io = {
			.op = IMAGE_WRITE, .off = b->off + i * IMAGE_SECTOR,
			.len = IMAGE_SECTOR, .iov = &iov, .n_iov = 1,
		};
		int err = 0;

		if (b->valid & (1u << i))
			err = c->next->ops->run(c->next, &io);
		if (err)
			return err;
	}
	return 0;
}

/* A failed flush keeps everything: nothing was promised, nothing is lost. */
static int cut_flush(struct cut_image *c, struct image_io *io)
{
	int err = 0;

	for (unsigned int i = 0; i < CUT_BUCKETS; i++)
		for (struct cut_block *b = c->buckets[i]; b && !err; b = b->next)
			err = cut_write_back(c, b);
	if (!err)
		err = c->next->ops->run(c->next, io);
	if (!err)
		cut_forget(c);
	return err;
}

static int cut_try(struct image *image, struct image_io *io)
{
	struct cut_image *c = cut_image(image);
	int ret = IMAGE_PENDING;

	if (pthread_mutex_trylock(&c->lock))
		return IMAGE_PENDING;
	if (io->op == IMAGE_READ) {
		ret = c->next->ops->try(c->next, io);
		if (ret == IMAGE_DONE)
			cut_patch(c, io);
	} else if (io->op == IMAGE_WRITE || io->op == IMAGE_ZERO) {
		ret = cut_store(c, io);
		if (!ret)
			ret = IMAGE_DONE;
	}
	pthread_mutex_unlock(&c->lock);
	return ret;
}

static int cut_run(struct image *image, struct image_io *io)
{
	struct cut_image *c = cut_image(image);
	int err = -EINVAL;

	pthread_mutex_lock(&c->lock);
	switch (io->op) {
	case IMAGE_READ:
		/* A flush since try may have moved what try saw: from the start. */
		io->pos = 0;
		err = c->next->ops->run(c->next, io);
		if (!err)
			cut_patch(c, io);
		break;
	case IMAGE_WRITE:
	case IMAGE_ZERO:
		err = cut_store(c, io);
		break;
	case IMAGE_FLUSH:
		err = cut_flush(c, io);
		break;
	case IMAGE_DISCARD:
		err = cut_discard(c, io);
		break;
	}
	pthread_mutex_unlock(&c->lock);
	return err;
}

static void cut_close(struct image *image)
{
	struct cut_image *c = cut_image(image);

	cut_forget(c);
	image_close(c->next);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static const struct image_ops cut_ops = {
	.name = "powercut",
	.try = cut_try,
	.run = cut_run,
	.close = cut_close,
};

int image_powercut_new(struct image *next, struct image **ret_image)
{
	struct cut_image *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	err = image_init(&c->image, &cut_ops, next->size, next->readonly);
	if (err) {
		free(c);
		return err;
	}
	pthread_mutex_init(&c->lock, NULL);
	c->next = next;
	*ret_image = &c->image;
	return 0;
}
