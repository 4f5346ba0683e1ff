// SPDX-License-Identifier: GPL-2.0-only
/*
 * One copy of a file's contents: what the host got or sent is in its page cache, so
 * the library kernel's pages of it are free for the next. New guest memory is what
 * costs most in a long transfer, more than copying does.
 */
#include "fuse_i.h"

#include <linux/fs.h>

#define WINDOW	(4L << 20)	/* of a long write: one fills, one goes out, one is dropped */

/* Pages ahead of it, which the kernel read by itself, stay. */
void drop_read(struct desc *desc, off_t off, size_t size)
{
	LKL_CALL4(SYS_fadvise64, desc->fd, off, size, POSIX_FADV_DONTNEED);
}

/*
 * Only of a file that is written in order: others change what they wrote before.
 * Several writers at once make it miss something, no more.
 */
void drop_written(struct desc *desc, off_t off, size_t size)
{
	off_t end = off + size, window = end / WINDOW * WINDOW;

	if (__atomic_exchange_n(&desc->stream_end, end, __ATOMIC_RELAXED) != off)
		__atomic_store_n(&desc->stream_begin, off, __ATOMIC_RELAXED);
	if (off >= window || window - WINDOW < __atomic_load_n(&desc->stream_begin,
							       __ATOMIC_RELAXED))
		return;
	LKL_CALL4(SYS_sync_file_range, desc->fd, window - WINDOW, WINDOW,
		  SYNC_FILE_RANGE_WRITE);
	if (window >= 2 * WINDOW)
		LKL_CALL4(SYS_fadvise64, desc->fd, window - 2 * WINDOW, WINDOW,
			  POSIX_FADV_DONTNEED);
}
