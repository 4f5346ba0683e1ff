// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done with the contents of files. There is no open file here: the host
 * keeps flags and positions, and asks by node.
 */
#include "fuse_i.h"

#include <linux/fs.h>
#include <string.h>
#include <unistd.h>

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (fs_of(req)->no_open) {
		fuse_reply_err(req, ENOSYS);	/* never asked again */
		return;
	}
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

/*
 * What is shorter than asked for the host takes for the end of the file, so an error behind
 * the first pages must not look like one. It asks again for each page then.
 */
static long read_all(int fd, char *buf, size_t size, off_t off)
{
	size_t done = 0;
	long n;

	do {
		n = LKL_CALL4(SYS_pread64, fd, buf + done, size - done, off + done);
		if (n > 0)
			done += n;
	} while (n > 0 && done < size);
	return n < 0 ? n : (long)done;
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	     struct fuse_file_info *fi)
{
	struct fusefs *fs = fs_of(req);		/* the reply frees req */
	char *buf = server_data(server_self());
	struct desc *desc;
	long n = desc_get(fs, node_of(fs, ino), DESC_READ, &desc);

	if (n) {
		reply_err(req, n);
		return;
	}
	n = read_all(desc->fd, buf, size < IO_MAX ? size : IO_MAX, off);
	if (n < 0)
		reply_err(req, n);
	else
		fuse_reply_buf(req, buf, n);
	if (n > 0)
		drop_read(desc, off, n);	/* while who asked goes on */
	desc_put(fs, desc);
}

/* A descriptor to change the file's contents with, for this request's user. */
static int write_begin(fuse_req_t req, fuse_ino_t ino, struct desc **ret_desc)
{
	struct fusefs *fs = fs_of(req);
	int err = desc_get(fs, node_of(fs, ino), DESC_WRITE, ret_desc);

	if (err)
		return err;
	err = killpriv(fs, node_of(fs, ino), (*ret_desc)->fd, fuse_req_ctx(req));
	if (err) {
		desc_put(fs, *ret_desc);
	} else {
		server_identity(server_self(), fuse_req_ctx(req));
		__atomic_store_n(&(*ret_desc)->written, true, __ATOMIC_RELAXED);
	}
	return err;
}

/*
 * Of pages that were written through a mapping the host takes any success for the whole:
 * what found no room must be an error, though a part found some.
 */
static long write_all(int fd, const char *buf, size_t size, off_t off)
{
	size_t done = 0;
	long n;

	do {
		n = LKL_CALL4(SYS_pwrite64, fd, buf + done, size - done, off + done);
		if (n > 0)
			done += n;
	} while (n > 0 && done < size);
	return n < 0 ? n : done < size ? -EIO : (long)done;
}

/* After a write to a file that is open O_SYNC the host sends an fsync by itself. */
void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
	      off_t off, struct fuse_file_info *fi)
{
	struct desc *desc;
	long n = write_begin(req, ino, &desc);

	if (!n) {
		n = fi->writepage ? write_all(desc->fd, buf, size, off) :
				    LKL_CALL4(SYS_pwrite64, desc->fd, buf, size, off);
		if (n > 0)
			drop_written(desc, off, n);
		desc_put(fs_of(req), desc);
	}
	if (n < 0)
		reply_err(req, n);
	else
		fuse_reply_write(req, n);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
	      struct fuse_file_info *fi)
{
	struct fusefs *fs = fs_of(req);
	struct desc *desc;
	long err = desc_get(fs, node_of(fs, ino), DESC_READ, &desc);

	if (!err) {
		err = LKL_CALL1(datasync ? SYS_fdatasync : SYS_fsync, desc->fd);
		desc_put(fs, desc);
	}
	reply_err(req, err);
}

void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
		  struct fuse_file_info *fi)
{
	struct desc *desc;
	long err = write_begin(req, ino, &desc);

	if (!err) {
		err = LKL_CALL4(SYS_fallocate, desc->fd, mode, off, len);
		desc_put(fs_of(req), desc);
	}
	reply_err(req, err);
}

/* Only for SEEK_DATA and SEEK_HOLE; nobody uses the descriptor's own position. */
void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
	      struct fuse_file_info *fi)
{
	struct fusefs *fs = fs_of(req);
	struct desc *desc;
	long pos = desc_get(fs, node_of(fs, ino), DESC_READ, &desc);

	if (!pos) {
		pos = LKL_CALL3(SYS_lseek, desc->fd, off, whence);
		desc_put(fs, desc);
	}
	if (pos < 0)
		reply_err(req, pos);
	else
		fuse_reply_lseek(req, pos);
}

void op_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			struct fuse_file_info *fi_in, fuse_ino_t ino_out,
			off_t off_out, struct fuse_file_info *fi_out, size_t len,
			int flags)
{
	struct fusefs *fs = fs_of(req);
	struct desc *in, *out;
	long n = desc_get(fs, node_of(fs, ino_in), DESC_READ, &in);

	if (!n) {
		n = write_begin(req, ino_out, &out);
		if (!n) {
			n = LKL_CALL6(SYS_copy_file_range, in->fd, &off_in, out->fd,
				      &off_out, len, flags);
			desc_put(fs, out);
		}
		desc_put(fs, in);
	}
	if (n < 0)
		reply_err(req, n);
	else
		fuse_reply_write(req, n);
}

/* lsattr and chattr; who may change what was checked by the host. */
void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
	      struct fuse_file_info *fi, unsigned int flags, const void *in,
	      size_t in_size, size_t out_size)
{
	struct fusefs *fs = fs_of(req);
	struct fsxattr attr = { 0 };
	bool set = cmd == FS_IOC_SETFLAGS || cmd == FS_IOC_FSSETXATTR;
	struct desc *desc;
	long err;

	if ((!set && cmd != FS_IOC_GETFLAGS && cmd != FS_IOC_FSGETXATTR) ||
	    in_size > sizeof(attr) || out_size > sizeof(attr)) {
		reply_err(req, -ENOTTY);
		return;
	}
	if (set)
		memcpy(&attr, in, in_size);
	err = desc_get(fs, node_of(fs, ino), DESC_READ, &desc);
	if (!err) {
		err = LKL_CALL3(SYS_ioctl, desc->fd, cmd, &attr);
		desc_put(fs, desc);
	}
	if (err < 0)
		reply_err(req, err);
	else
		fuse_reply_ioctl(req, 0, &attr, set ? 0 : out_size);
}
