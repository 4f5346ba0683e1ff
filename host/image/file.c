// SPDX-License-Identifier: GPL-2.0-only
/*
 * A regular file or block device of the host.
 *
 * Reads are tried with RWF_NOWAIT, so what the page cache has is copied on the
 * caller's thread and the rest waits for the disk on a worker. Writes go to the
 * page cache on the caller's thread unless they are large or would have to read
 * first. Files in memory are read and written on the caller's thread always.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>

#include "image_i.h"
#include "log.h"

#define FILE_WINDOW		128u		/* iovs per system call */
#define FILE_PAGE		4096u
#define FILE_INLINE_WRITE	(256u << 10)	/* copying more takes longer than a thread hop */

struct file_image {
	struct image image;
	int fd;
	bool in_memory;		/* tmpfs: never waits for a disk, and has no RWF_NOWAIT */
	/* Whether this filesystem has them: learnt at the first attempt. */
	_Atomic bool nowait_read, nowait_write;
	/*
	 * A flush has nothing to do when no change was finished since the last one
	 * began. Counts finished changes; before the first flush there may be data of
	 * a process that died.
	 */
	_Atomic uint64_t n_changes, n_flushed;
	/* The kernel reports lost writes to one fdatasync only: remember it. */
	_Atomic int flush_error;
};

static struct file_image *file_image(struct image *image)
{
	return (struct file_image *)image;
}

/* The next iovs of [io->pos, io->len), a copy: io->iov may be longer. */
static int file_window(const struct image_io *io, struct iovec *window)
{
	uint64_t skip = io->pos, left = io->len - io->pos;
	unsigned int n = 0;

	for (unsigned int i = 0; i < io->n_iov && n < FILE_WINDOW && left; i++) {
		uint64_t len = io->iov[i].iov_len;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		len -= skip;
		if (len > left)
			len = left;
		window[n].iov_base = (char *)io->iov[i].iov_base + skip;
		window[n++].iov_len = len;
		left -= len;
		skip = 0;
	}
	return n;
}

/* READ or WRITE from io->pos on. 0 or -errno; io->pos says how far it came. */
static int file_transfer(struct file_image *f, struct image_io *io, int flags)
{
	struct iovec window[FILE_WINDOW];
	ssize_t n;
	int n_iov;

	while (io->pos < io->len) {
		n_iov = file_window(io, window);
		if (!n_iov)
			return -EINVAL;
		if (io->op == IMAGE_READ)
			n = preadv2(f->fd, window, n_iov, io->off + io->pos, flags);
		else
			n = pwritev2(f->fd, window, n_iov, io->off + io->pos, flags);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)	/* somebody truncated the file */
			return flags & RWF_NOWAIT ? -EAGAIN : -EIO;
		if (n > 0)
			io->pos += n;
	}
	return 0;
}

static int file_changed(struct file_image *f, int err)
{
	atomic_fetch_add(&f->n_changes, 1);
	return err;
}

static int file_done(int err)
{
	return err ? err : IMAGE_DONE;
}

static int file_try_read(struct file_image *f, struct image_io *io)
{
	int err;

	if (f->in_memory)
		return file_done(file_transfer(f, io, 0));
	if (!atomic_load_explicit(&f->nowait_read, memory_order_relaxed))
		return IMAGE_PENDING;
	err = file_transfer(f, io, RWF_NOWAIT);
	if (err == -EOPNOTSUPP)
		atomic_store(&f->nowait_read, false);
	if (err == -EAGAIN || err == -EOPNOTSUPP)
		return IMAGE_PENDING;
	return err ? err : IMAGE_DONE;
}

/* Part of a page is written: the host has to read the page first, if it has not. */
static bool file_edge_is_cached(struct file_image *f, uint64_t off)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };

	return off % FILE_PAGE == 0 || off >= f->image.size ||
	       preadv2(f->fd, &iov, 1, off, RWF_NOWAIT) == 1;
}

static int file_try_write(struct file_image *f, struct image_io *io)
{
	int err = -EOPNOTSUPP;

	if (f->in_memory)
		return file_changed(f, file_done(file_transfer(f, io, 0)));
	if (io->len > FILE_INLINE_WRITE)
		return IMAGE_PENDING;
	if (atomic_load_explicit(&f->nowait_write, memory_order_relaxed)) {
		err = file_transfer(f, io, RWF_NOWAIT);
		if (err == -EOPNOTSUPP)
			atomic_store(&f->nowait_write, false);
	}
	if (err == -EOPNOTSUPP) {
		if (!file_edge_is_cached(f, io->off) ||
		    !file_edge_is_cached(f, io->off + io->len))
			return IMAGE_PENDING;
		err = file_transfer(f, io, 0);
	}
	if (err == -EAGAIN)
		return IMAGE_PENDING;
	return file_changed(f, err ? err : IMAGE_DONE);
}

static int file_try_flush(struct file_image *f)
{
	int err = atomic_load(&f->flush_error);

	if (err)
		return err;
	if (f->image.readonly ||
	    atomic_load(&f->n_flushed) == atomic_load(&f->n_changes))
		return IMAGE_DONE;
	return IMAGE_PENDING;
}

/* Flushes may overtake each other; an older count stored last only costs a sync. */
static int file_flush(struct file_image *f)
{
	uint64_t n = atomic_load(&f->n_changes);
	int err = file_try_flush(f);

	if (err != IMAGE_PENDING)
		return err < 0 ? err : 0;
	if (fdatasync(f->fd)) {
		err = -errno;
		log_err("image: writes were lost: fdatasync: errno %d", -err);
		atomic_store(&f->flush_error, err);
		return err;
	}
	atomic_store(&f->n_flushed, n);
	return 0;
}

static int file_try(struct image *image, struct image_io *io)
{
	struct file_image *f = file_image(image);

	switch (io->op) {
	case IMAGE_READ:
		return file_try_read(f, io);
	case IMAGE_WRITE:
		return file_try_write(f, io);
	case IMAGE_FLUSH:
		return f->in_memory ? file_done(file_flush(f)) : file_try_flush(f);
	default:
		return io->len ? IMAGE_PENDING : IMAGE_DONE;
	}
}

static int file_fallocate(struct file_image *f, int mode, const struct image_io *io)
{
	while (fallocate(f->fd, mode | FALLOC_FL_KEEP_SIZE, io->off, io->len))
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int file_write_zeroes(struct file_image *f, struct image_io *io)
{
	static char zeroes[64 << 10];	/* only read */
	struct iovec iov[16];
	struct image_io part = { .op = IMAGE_WRITE, .iov = iov, .n_iov = 16 };
	int err = 0;

	for (unsigned int i = 0; i < 16; i++)
		iov[i] = (struct iovec){ zeroes, sizeof(zeroes) };
	for (uint64_t pos = 0; !err && pos < io->len; pos += part.len) {
		part.off = io->off + pos;
		part.len = io->len - pos;
		part.pos = 0;
		if (part.len > 16 * sizeof(zeroes))
			part.len = 16 * sizeof(zeroes);
		err = file_transfer(f, &part, 0);
	}
	return err;
}

static int file_zero(struct file_image *f, struct image_io *io)
{
	int err = -EOPNOTSUPP;

	if (io->unmap)
		err = file_fallocate(f, FALLOC_FL_PUNCH_HOLE, io);
	if (err == -EOPNOTSUPP)
		err = file_fallocate(f, FALLOC_FL_ZERO_RANGE, io);
	if (err == -EOPNOTSUPP)
		err = file_write_zeroes(f, io);
	return err;
}

static int file_run(struct image *image, struct image_io *io)
{
	struct file_image *f = file_image(image);

	switch (io->op) {
	case IMAGE_READ:
		return file_transfer(f, io, 0);
	case IMAGE_WRITE:
		return file_changed(f, file_transfer(f, io, 0));
	case IMAGE_FLUSH:
		return file_flush(f);
	case IMAGE_DISCARD:
		return file_changed(f, file_fallocate(f, FALLOC_FL_PUNCH_HOLE, io));
	case IMAGE_ZERO:
		return file_changed(f, file_zero(f, io));
	}
	return -EINVAL;
}

static void file_close(struct image *image)
{
	close(file_image(image)->fd);
	free(image);
}

static const struct image_ops file_ops = {
	.name = "file",
	.try = file_try,
	.run = file_run,
	.close = file_close,
};

/* ---- opening ---- */

static bool is_write_protected(int fd)
{
	int ro = 0;

	return !ioctl(fd, BLKROGET, &ro) && ro;
}

/*
 * O_EXCL keeps block devices apart from the host's mounts (open(2), without
 * O_CREAT); O_NONBLOCK keeps a FIFO from hanging us.
 */
static int file_open(const char *path, bool *readonly)
{
	const int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_EXCL;
	int fd = -1;

	if (!*readonly) {
		fd = open(path, O_RDWR | flags);
		if (fd < 0 && errno != EACCES && errno != EPERM && errno != EROFS &&
		    errno != ETXTBSY)
			return -errno;
	}
	if (fd >= 0 && is_write_protected(fd)) {
		close(fd);
		fd = -1;
	}
	if (fd < 0) {
		*readonly = true;
		fd = open(path, O_RDONLY | flags);
	}
	return fd < 0 ? -errno : fd;
}

static int file_check(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return S_ISBLK(st.st_mode) || S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

/* With the descriptor, not with the process: two images in one process differ. */
static int file_lock(int fd, bool readonly)
{
	if (!flock(fd, (readonly ? LOCK_SH : LOCK_EX) | LOCK_NB))
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

static bool file_is_in_memory(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static int file_new(int fd, uint64_t size, bool readonly,
		    struct image **ret_image)
{
	struct file_image *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	f->fd = fd;
	f->in_memory = file_is_in_memory(fd);
	f->nowait_read = f->nowait_write = true;
	f->n_changes = 1;
	err = image_init(&f->image, &file_ops, size, readonly);
	if (err) {
		free(f);
		return err;
	}
	*ret_image = &f->image;
	return 0;
}

int image_open_fd(const char *path, unsigned int flags, int *ret_fd)
{
	bool readonly = flags & IMAGE_READONLY;
	int err, fd = file_open(path, &readonly);

	if (fd < 0)
		return fd;
	err = file_check(fd);
	if (!err)
		err = file_lock(fd, readonly);
	if (!err && fcntl(fd, F_SETFL, 0))
		err = -errno;
	if (err)
		close(fd);
	else
		*ret_fd = fd;
	return err;
}

int image_from_fd(int fd, struct image **ret_image)
{
	int64_t size = lseek(fd, 0, SEEK_END);
	int flags = fcntl(fd, F_GETFL);

	if (size < 0 || flags < 0)
		return -errno;
	if (size < (int64_t)IMAGE_SECTOR)
		return -EINVAL;
	return file_new(fd, size - size % IMAGE_SECTOR, (flags & O_ACCMODE) == O_RDONLY,
			ret_image);
}
