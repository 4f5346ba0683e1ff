// SPDX-License-Identifier: GPL-2.0-only
/*
 * A command's data, and the I/O on the image. Image data goes straight between
 * the image and the transport's memory. Only where a piece begins or ends inside
 * a sector of the image does it take the way over the bounce buffer, until the
 * piece is done.
 */
#include <errno.h>

#include "scsi_i.h"

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* ---- iovs ---- */

size_t scsi_copy(const struct iovec *iov, unsigned int n, size_t off, void *buf,
		 size_t len, bool to_iov)
{
	size_t done = 0;

	for (unsigned int i = 0; i < n && done < len; i++) {
		char *base = iov[i].iov_base;
		size_t part = iov[i].iov_len;

		if (off >= part) {
			off -= part;
			continue;
		}
		part -= off;
		if (part > len - done)
			part = len - done;
		if (to_iov)
			memcpy(base + off, (char *)buf + done, part);
		else
			memcpy((char *)buf + done, base + off, part);
		done += part;
		off = 0;
	}
	return done;
}

/* Moves n bytes between the piece and buf + at. */
static void scsi_move(struct scsi_cmd *cmd, uint32_t at, uint32_t n)
{
	struct scsi_piece *p = cmd->piece;

	scsi_copy(p->iov, p->n_iov, p->pos, cmd->buf + at, n, cmd->dir == SCSI_IN);
	p->pos += n;
	cmd->pos += n;
}

/* ---- I/O ---- */

static bool scsi_io(struct scsi_cmd *cmd, enum scsi_io_kind kind, uint64_t off,
		    uint32_t len)
{
	cmd->io_kind = kind;
	cmd->io.op = cmd->dir == SCSI_IN ? IMAGE_READ : IMAGE_WRITE;
	cmd->io.off = off;
	cmd->io.len = len;
	if (kind == SCSI_IO_DIRECT) {
		cmd->io.iov = cmd->piece->iov;
		cmd->io.n_iov = cmd->piece->n_iov;
	} else {
		cmd->iov[0] = (struct iovec){ cmd->buf, SCSI_BUF };
		cmd->io.iov = cmd->iov;
		cmd->io.n_iov = 1;
	}
	return true;
}

/*
 * The iovs are used from their beginning, hence pos 0. With an empty bounce
 * buffer the command is at a whole sector: everything moves sectors but the
 * bounce buffer.
 */
static bool scsi_is_direct(const struct scsi_cmd *cmd, uint32_t left)
{
	return !cmd->buf_len && !cmd->piece->pos && left >= IMAGE_SECTOR;
}

static uint32_t scsi_left(const struct scsi_cmd *cmd)
{
	return min_u32(cmd->piece->len - cmd->piece->pos, cmd->len - cmd->pos);
}

/* No more than the piece needs: what is behind it may be what cannot be read. */
static uint32_t scsi_fill_len(uint32_t left)
{
	if (left >= SCSI_BUF)
		return SCSI_BUF;
	return (left + IMAGE_SECTOR - 1) / IMAGE_SECTOR * IMAGE_SECTOR;
}

static bool scsi_data_from_image(struct scsi_cmd *cmd)
{
	uint64_t off;
	uint32_t left, n;

	while ((left = scsi_left(cmd))) {
		off = cmd->off + cmd->pos;
		if (scsi_is_direct(cmd, left))
			return scsi_io(cmd, SCSI_IO_DIRECT, off,
				       left - left % IMAGE_SECTOR);
		if (!cmd->buf_len)
			return scsi_io(cmd, SCSI_IO_FILL, off, scsi_fill_len(left));
		n = min_u32(left, cmd->buf_len);
		scsi_move(cmd, cmd->buf_pos, n);
		cmd->buf_pos += n;
		cmd->buf_len -= n;
	}
	return false;
}

static bool scsi_data_to_image(struct scsi_cmd *cmd)
{
	uint32_t left, n;

	for (;;) {
		if (cmd->buf_len == SCSI_BUF ||
		    (cmd->buf_len && cmd->pos == cmd->len))
			return scsi_io(cmd, SCSI_IO_DRAIN,
				       cmd->off + cmd->pos - cmd->buf_len,
				       cmd->buf_len);
		left = scsi_left(cmd);
		if (!left)
			return false;
		if (scsi_is_direct(cmd, left))
			return scsi_io(cmd, SCSI_IO_DIRECT, cmd->off + cmd->pos,
				       left - left % IMAGE_SECTOR);
		n = min_u32(left, SCSI_BUF - cmd->buf_len);
		scsi_move(cmd, cmd->buf_len, n);
		cmd->buf_len += n;
	}
}

bool scsi_data(struct scsi_cmd *cmd, struct scsi_piece *piece)
{
	if (cmd->status != SCSI_GOOD)
		return false;
	cmd->piece = piece;
	if (!cmd->from_image) {
		scsi_move(cmd, cmd->pos, scsi_left(cmd));
		return false;
	}
	return cmd->dir == SCSI_IN ? scsi_data_from_image(cmd) :
				     scsi_data_to_image(cmd);
}

static enum scsi_sense_code scsi_error_code(enum image_op op, int err)
{
	if (op == IMAGE_READ)
		return SENSE_READ_ERROR;
	if (err == -ENOSPC || err == -EDQUOT)
		return SENSE_NO_SPACE;
	if (err == -EROFS)
		return SENSE_WRITE_PROTECTED;
	return SENSE_WRITE_ERROR;
}

/* SBC-3 4.18.1: INFORMATION is the (first) block that failed. */
static void scsi_io_failed(struct scsi_cmd *cmd, int err)
{
	uint64_t block = cmd->io.off / cmd->disk->block;

	scsi_fail(cmd, scsi_error_code(cmd->io.op, err));
	if (cmd->io.op != IMAGE_FLUSH && block <= UINT32_MAX) {
		cmd->sense.has_info = true;
		cmd->sense.info = block;
	}
	cmd->buf_len = 0;
}

void scsi_io_done(struct scsi_cmd *cmd, int status)
{
	uint64_t len = cmd->io.len;

	/* Deallocating is a wish that may be left unfulfilled (SBC-3 4.7.3.1). */
	if (status == -EOPNOTSUPP && cmd->io.op == IMAGE_DISCARD)
		status = 0;
	if (status < 0) {
		scsi_io_failed(cmd, status);
		return;
	}
	switch (cmd->io_kind) {
	case SCSI_IO_DIRECT:
		cmd->piece->pos += len;
		cmd->pos += len;
		break;
	case SCSI_IO_FILL:
		cmd->buf_pos = 0;
		cmd->buf_len = len;
		break;
	case SCSI_IO_DRAIN:
		cmd->buf_len = 0;
		break;
	case SCSI_IO_EXECUTE:
		cmd->range_pos += len;
		break;
	}
}
