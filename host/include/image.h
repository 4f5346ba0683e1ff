/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * image.h - the file (or block device) that holds a disk's sectors.
 *
 * A request is finished on the caller's thread when the host can answer at once
 * (page cache), otherwise on a worker thread. Data goes straight between the
 * file and the caller's iovs, which may be guest memory; the file is never
 * mapped, because a truncated file would be a SIGBUS then.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "worker.h"

#define IMAGE_SECTOR 512u	/* offsets and lengths are multiples of this */

/* image_open flags */
#define IMAGE_READONLY	0x1u	/* open for reading even if writing is allowed */
#define IMAGE_POWERCUT	0x2u	/* tests: what was not flushed dies with us */

enum image_op {
	IMAGE_READ,	/* past the end of the file: -EIO */
	IMAGE_WRITE,
	IMAGE_FLUSH,	/* what was done when it is submitted is on the disk after it */
	IMAGE_DISCARD,	/* contents become undefined; -EOPNOTSUPP */
	IMAGE_ZERO,
};

/* What image_submit returns besides negative errno. */
#define IMAGE_PENDING	0
#define IMAGE_DONE	1

struct image;

/*
 * A request. The submitter owns it and all it points to, except while it is
 * pending: then the image does, until it calls done.
 */
struct image_io {
	enum image_op op;
	bool unmap;		/* ZERO: the sectors may be deallocated */
	uint64_t off;		/* bytes */
	uint64_t len;		/* bytes; READ and WRITE: the iovs hold at least that */
	const struct iovec *iov;
	unsigned int n_iov;
	/*
	 * Called at most once, on a worker thread, status 0 or -errno; may free or
	 * resubmit io. Must not call image_close.
	 */
	void (*done)(struct image_io *io, int status);
	void *owner;		/* the submitter's */

	/* the image's while pending */
	struct work work;
	struct image *image;
	uint64_t pos;		/* bytes done so far */
};

/*
 * Opens path (regular file or block device) and locks it: a writer excludes
 * everybody, readers share. Falls back to reading when writing is not allowed.
 * Starts no thread (that happens at the first pending request, so fork freely
 * before it). -EBUSY: somebody has it. -EINVAL: neither file nor block device, or
 * without a single sector. -EISDIR, -ENOENT, -EACCES, ... as open(2).
 */
int image_open(const char *path, unsigned int flags, struct image **ret_image);

/*
 * The two halves of that, of which the first may be done by another process: opens and
 * locks; makes an image of such a descriptor, which belongs to it from success on.
 */
int image_open_fd(const char *path, unsigned int flags, int *ret_fd);
int image_from_fd(int fd, struct image **ret_image);

/* Waits for what is pending (everything's done is called), then frees. */
void image_close(struct image *image);

/*
 * IMAGE_PENDING: done will be called exactly once, from a worker thread (perhaps
 * before this returns). IMAGE_DONE: finished well. -errno: it failed.
 * In the last two cases done is not called, so the caller may hold its locks.
 * -EINVAL: not sectors of this image; -EROFS: a write to a read-only image.
 * Any thread; does not block longer than a copy within the page cache.
 */
int image_submit(struct image *image, struct image_io *io);

uint64_t image_size(const struct image *image);	/* bytes, whole sectors, constant */
bool image_is_readonly(const struct image *image);

#endif
