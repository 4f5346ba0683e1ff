// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <unistd.h>

#include "image_i.h"

#define IMAGE_MAX_THREADS 4

int image_init(struct image *image, const struct image_ops *ops, uint64_t size,
	       bool readonly)
{
	image->pool = worker_pool_new(IMAGE_MAX_THREADS);
	if (!image->pool)
		return -ENOMEM;
	image->ops = ops;
	image->size = size;
	image->readonly = readonly;
	return 0;
}

int image_open(const char *path, unsigned int flags, struct image **ret_image)
{
	struct image *file;
	int fd, err = image_open_fd(path, flags, &fd);

	if (err)
		return err;
	err = image_from_fd(fd, &file);
	if (err) {
		close(fd);
		return err;
	}
	if (!(flags & IMAGE_POWERCUT)) {
		*ret_image = file;
		return 0;
	}
	err = image_powercut_new(file, ret_image);
	if (err)
		image_close(file);
	return err;
}

void image_close(struct image *image)
{
	if (!image)
		return;
	worker_pool_destroy(image->pool);
	image->ops->close(image);
}

static int image_check(const struct image *image, const struct image_io *io)
{
	if (io->op == IMAGE_FLUSH)
		return 0;
	if (io->op != IMAGE_READ && image->readonly)
		return -EROFS;
	if ((io->off | io->len) % IMAGE_SECTOR || io->off > image->size ||
	    io->len > image->size - io->off)
		return -EINVAL;
	return 0;
}

static void image_run(struct work *work)
{
	struct image_io *io = (struct image_io *)((char *)work -
						  offsetof(struct image_io, work));

	io->done(io, io->image->ops->run(io->image, io));
}

int image_submit(struct image *image, struct image_io *io)
{
	int err = image_check(image, io);

	if (err)
		return err;
	io->pos = 0;
	err = image->ops->try(image, io);
	if (err != IMAGE_PENDING)
		return err;
	io->image = image;
	io->work.fn = image_run;
	if (!worker_submit(image->pool, &io->work))
		return IMAGE_PENDING;
	/* Not one thread to be had: slow is better than an I/O error. */
	err = image->ops->run(image, io);
	return err ? err : IMAGE_DONE;
}

uint64_t image_size(const struct image *image)
{
	return image->size;
}

bool image_is_readonly(const struct image *image)
{
	return image->readonly;
}
