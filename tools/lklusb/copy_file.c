// SPDX-License-Identifier: GPL-2.0-only
#include "copy_i.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <lkl.h>

#include "stop.h"

#define CHUNK	(1u << 20)

static mode_t user_umask(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return mask;
}

int copy_attributes(const struct copy *copy, int fd, const struct statx *st)
{
	mode_t mode = st->stx_mode & 0777;
	const struct timespec times[2] = {
		{ .tv_sec = st->stx_atime.tv_sec, .tv_nsec = st->stx_atime.tv_nsec },
		{ .tv_sec = st->stx_mtime.tv_sec, .tv_nsec = st->stx_mtime.tv_nsec },
	};

	if (fchmod(fd, copy->keep ? mode : mode & ~user_umask()))
		return -errno;
	return copy->keep && futimens(fd, times) ? -errno : 0;
}

/* From *off to end, less if the file is shorter than it says. */
static int copy_extent(struct copy *copy, long from, int to, off_t off, off_t end,
		       bool *ret_read)
{
	static char buf[CHUNK];
	long n;

	for (; off < end; off += n, copy->bytes += n) {
		size_t want = end - off < (off_t)sizeof(buf) ? end - off : (off_t)sizeof(buf);

		n = LKL_CALL4(SYS_pread64, from, buf, want, off);
		*ret_read = n < 0 || (size_t)n > want;
		if (*ret_read)
			return n < 0 ? n : -EIO;
		if (!n)
			return 0;
		if (stop_wanted())
			return -EINTR;
		for (long done = 0, put; done < n; done += put) {
			put = pwrite(to, buf + done, n - done, off + done);
			if (put < 0)
				return -errno;
		}
	}
	return 0;
}

/* The next piece with data from off on; -ENXIO: only a hole follows. */
static int next_extent(long from, off_t size, off_t off, off_t *ret_data, off_t *ret_end)
{
	long data = LKL_CALL3(SYS_lseek, from, off, SEEK_DATA);
	long end;

	if (data == -ENXIO)
		return data;
	end = data < 0 ? data : LKL_CALL3(SYS_lseek, from, data, SEEK_HOLE);
	if (data < off || end <= data) {	/* not known, or nonsense */
		data = off;
		end = size;
	}
	*ret_data = data;
	*ret_end = end < size ? end : size;
	return 0;
}

static int copy_data(struct copy *copy, long from, off_t size, int to, bool *ret_read)
{
	off_t data, end;
	int err = 0;

	for (off_t off = 0; !err && off < size; off = end) {
		err = next_extent(from, size, off, &data, &end);
		if (!err && data >= size)
			break;
		if (!err)
			err = copy_extent(copy, from, to, data, end, ret_read);
	}
	if (err && err != -ENXIO)
		return err;
	return ftruncate(to, size) ? -errno : 0;
}

int copy_file(struct copy *copy, long from, const struct statx *st, int dir,
	      const char *name, bool *ret_read)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int err, to = openat(dir, name, flags, 0600);

	*ret_read = false;
	if (to < 0 && errno == EEXIST && copy->replace && !unlinkat(dir, name, 0))
		to = openat(dir, name, flags, 0600);
	if (to < 0)
		return -errno;
	err = st->stx_size > INT64_MAX ? -EFBIG :
	      copy_data(copy, from, st->stx_size, to, ret_read);
	if (!err)
		err = copy_attributes(copy, to, st);
	if (close(to) && !err)
		err = -errno;
	if (err)
		unlinkat(dir, name, 0);
	return err;
}

bool copy_link_stays(const char *target, unsigned int depth)
{
	bool down = false;

	if (*target == '/')
		return false;
	for (size_t n; *target; target += n) {
		n = strcspn(target, "/");
		if (n == 2 && !strncmp(target, "..", 2)) {
			if (down || !depth)
				return false;
			depth--;
		} else if (n && !(n == 1 && *target == '.')) {
			down = true;
		}
		n += strspn(target + n, "/");
	}
	return true;
}
