/* SPDX-License-Identifier: GPL-2.0-only */
/* image_i.h - what an image is made of: a file, and filters over it. */
#ifndef IMAGE_I_H
#define IMAGE_I_H

#include "image.h"

/*
 * Requests are checked already: whole sectors inside the image, no changes of a
 * read-only one. Any thread, several at a time.
 */
struct image_ops {
	const char *name;
	/*
	 * As far as it goes without blocking: IMAGE_DONE, -errno, or IMAGE_PENDING:
	 * run has to go on from io->pos.
	 */
	int (*try)(struct image *image, struct image_io *io);
	/* The rest, blocking: 0 or -errno. Not necessarily after try. */
	int (*run)(struct image *image, struct image_io *io);
	/* Nothing is pending. Frees. */
	void (*close)(struct image *image);
};

/* Embedded first in every implementation's own struct. */
struct image {
	const struct image_ops *ops;
	struct worker_pool *pool;
	uint64_t size;
	bool readonly;
};

/* Every implementation's constructor calls this last; the pool is image_close's. */
int image_init(struct image *image, const struct image_ops *ops, uint64_t size,
	       bool readonly);

/*
 * Keeps what is written in memory until a flush brings it to next. next belongs
 * to the result. In front of a read-only image it does nothing.
 */
int image_powercut_new(struct image *next, struct image **ret_image);

#endif
