// SPDX-License-Identifier: GPL-2.0-only
/*
 * What libfuse 3.14 knows nothing of: two flags, put into the answer to INIT on its way
 * out, and answers that go through a ring.
 */
#include "fuse_i.h"

#include <linux/fuse.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef FUSE_OVER_IO_URING
#define FUSE_OVER_IO_URING	(1ULL << 41)
#endif

static ssize_t io_read(int fd, void *buf, size_t size, void *userdata)
{
	struct fusefs *fs = userdata;
	const struct fuse_in_header *header = buf;
	const struct fuse_init_in *init = (const void *)(header + 1);
	ssize_t n = read(fd, buf, size);

	if (n < (ssize_t)(sizeof(*header) + offsetof(struct fuse_init_in, flags2)) ||
	    header->opcode != FUSE_INIT)
		return n;
	fs->init_unique = header->unique;
	fs->init_offers = init->flags;
	if (n >= (ssize_t)(sizeof(*header) + sizeof(*init)) && init->flags & FUSE_INIT_EXT)
		fs->init_offers |= (uint64_t)init->flags2 << 32;
	return n;
}

/* The host's answer to the answer is that it uses what we want of what it offers. */
static uint64_t wanted(struct fusefs *fs)
{
	uint64_t flags = FUSE_HANDLE_KILLPRIV_V2;

	if (fs->n_channels > 1)
		flags |= FUSE_OVER_IO_URING | FUSE_INIT_EXT;
	return flags & fs->init_offers;
}

static bool answers_init(const struct fusefs *fs, const struct iovec *iov, int count)
{
	const struct fuse_out_header *header = iov[0].iov_base;

	return fs->init_unique && header->unique == fs->init_unique && !header->error &&
	       count == 2 && iov[1].iov_len >= sizeof(struct fuse_init_out);
}

static ssize_t answer_init(struct fusefs *fs, int fd, const struct iovec *iov)
{
	struct fuse_init_out *init = iov[1].iov_base;
	uint64_t flags = wanted(fs);
	ssize_t n;

	init->flags |= (uint32_t)flags;
	init->flags2 |= flags >> 32;
	fs->init_unique = 0;
	fs->kills_privileges = flags & FUSE_HANDLE_KILLPRIV_V2;
	n = writev(fd, iov, 2);
	if (n >= 0 && flags & FUSE_OVER_IO_URING)
		channels_open(fs);
	return n;
}

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	const struct fuse_out_header *header = iov[0].iov_base;
	struct fusefs *fs = userdata;
	struct server *s = server_self();

	if (uring_answers(s, header->unique))
		return uring_reply(s, iov, count);
	if (answers_init(fs, iov, count))
		return answer_init(fs, fd, iov);
	return writev(fd, iov, count);
}

int session_extend(struct fusefs *fs)
{
	static const struct fuse_custom_io io = { .read = io_read, .writev = io_writev };

	return fuse_session_custom_io(fs->se, &io, fuse_session_fd(fs->se));
}
