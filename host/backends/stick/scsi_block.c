// SPDX-License-Identifier: GPL-2.0-only
/* SCSI commands about blocks of the medium (SBC-3 clause 5). */
#include "scsi_i.h"

static bool scsi_in_range(const struct scsi_disk *disk, uint64_t lba, uint64_t n)
{
	return lba <= disk->n_blocks && n <= disk->n_blocks - lba;
}

/* For commands whose cost grows with n. */
static bool scsi_check_range(struct scsi_cmd *cmd, uint64_t lba, uint32_t n)
{
	if (n > SCSI_MAX_TRANSFER / cmd->disk->block)
		scsi_fail(cmd, SENSE_INVALID_FIELD_IN_CDB);
	else if (!scsi_in_range(cmd->disk, lba, n))
		scsi_fail(cmd, SENSE_LBA_OUT_OF_RANGE);
	else
		return true;
	return false;
}

/* ---- READ, WRITE ---- */

static void scsi_transfer(struct scsi_cmd *cmd, enum scsi_dir dir, uint64_t lba,
			  uint32_t n)
{
	if (!scsi_check_range(cmd, lba, n) || !n)
		return;
	cmd->from_image = true;
	cmd->off = lba * cmd->disk->block;
	cmd->len = n * cmd->disk->block;
	cmd->dir = dir;
}

static void scsi_read_write_6(struct scsi_cmd *cmd, enum scsi_dir dir)
{
	const uint8_t *cdb = cmd->cdb;

	scsi_transfer(cmd, dir, (cdb[1] & 0x1fu) << 16 | get_be16(cdb + 2),
		      cdb[4] ? cdb[4] : 256);
}

void scsi_read_6(struct scsi_cmd *cmd)
{
	scsi_read_write_6(cmd, SCSI_IN);
}

/* FUA of a read asks for what is newest, and that is what reads get. */
void scsi_read_10(struct scsi_cmd *cmd)
{
	scsi_transfer(cmd, SCSI_IN, get_be32(cmd->cdb + 2), get_be16(cmd->cdb + 7));
}

void scsi_read_12(struct scsi_cmd *cmd)
{
	scsi_transfer(cmd, SCSI_IN, get_be32(cmd->cdb + 2), get_be32(cmd->cdb + 6));
}

void scsi_read_16(struct scsi_cmd *cmd)
{
	scsi_transfer(cmd, SCSI_IN, get_be64(cmd->cdb + 2), get_be32(cmd->cdb + 10));
}

void scsi_write_6(struct scsi_cmd *cmd)
{
	scsi_read_write_6(cmd, SCSI_OUT);
}

static void scsi_write(struct scsi_cmd *cmd, uint64_t lba, uint32_t n)
{
	scsi_transfer(cmd, SCSI_OUT, lba, n);
	if (cmd->len && (cmd->cdb[1] & 0x08))
		cmd->execute = scsi_flush;
}

void scsi_write_10(struct scsi_cmd *cmd)
{
	scsi_write(cmd, get_be32(cmd->cdb + 2), get_be16(cmd->cdb + 7));
}

void scsi_write_12(struct scsi_cmd *cmd)
{
	scsi_write(cmd, get_be32(cmd->cdb + 2), get_be32(cmd->cdb + 6));
}

void scsi_write_16(struct scsi_cmd *cmd)
{
	scsi_write(cmd, get_be64(cmd->cdb + 2), get_be32(cmd->cdb + 10));
}

/* ---- the same buffer over and over ---- */

/* The next part of the range, its data in buf or nowhere of interest. */
static bool scsi_repeat(struct scsi_cmd *cmd, enum image_op op)
{
	uint64_t left = cmd->range - cmd->range_pos;

	if (!left)
		return false;
	for (unsigned int i = 0; i < SCSI_REPEAT; i++)
		cmd->iov[i] = (struct iovec){ cmd->buf, SCSI_BUF };
	cmd->io.op = op;
	cmd->io.off = cmd->off + cmd->range_pos;
	cmd->io.len = left < SCSI_REPEAT * SCSI_BUF ? left : SCSI_REPEAT * SCSI_BUF;
	cmd->io.iov = cmd->iov;
	cmd->io.n_iov = SCSI_REPEAT;
	return true;
}

static bool scsi_verify_execute(struct scsi_cmd *cmd)
{
	return scsi_repeat(cmd, IMAGE_READ);
}

/* BYTCHK is 0: whether the blocks can be read, without any data. */
static void scsi_verify(struct scsi_cmd *cmd, uint64_t lba, uint32_t n)
{
	if (!scsi_check_range(cmd, lba, n))
		return;
	cmd->off = lba * cmd->disk->block;
	cmd->range = (uint64_t)n * cmd->disk->block;
	cmd->execute = scsi_verify_execute;
}

void scsi_verify_10(struct scsi_cmd *cmd)
{
	scsi_verify(cmd, get_be32(cmd->cdb + 2), get_be16(cmd->cdb + 7));
}

void scsi_verify_16(struct scsi_cmd *cmd)
{
	scsi_verify(cmd, get_be64(cmd->cdb + 2), get_be32(cmd->cdb + 10));
}

static bool scsi_is_zero(const uint8_t *p, size_t n)
{
	return !p[0] && !memcmp(p, p + 1, n - 1);
}

/*
 * Zeros may be holes where the host asks for UNMAP. Other data with UNMAP is
 * written, as blocks that are unmapped would not read back as it (SBC-3 5.42).
 */
static bool scsi_write_same_execute(struct scsi_cmd *cmd)
{
	uint32_t block = cmd->disk->block;

	if (!cmd->step)
		for (uint32_t at = block; at < SCSI_BUF; at += block)
			memcpy(cmd->buf + at, cmd->buf, block);
	if (!scsi_is_zero(cmd->buf, block))
		return scsi_repeat(cmd, IMAGE_WRITE);
	cmd->io.op = IMAGE_ZERO;
	cmd->io.unmap = cmd->cdb[1] & 0x08;
	cmd->io.off = cmd->off;
	cmd->io.len = cmd->range;
	return !cmd->step;
}

/* No blocks would mean all up to the end; page B0h says WSNZ: not here. */
static void scsi_write_same(struct scsi_cmd *cmd, uint64_t lba, uint32_t n, bool ndob)
{
	if (!n) {
		scsi_fail(cmd, SENSE_INVALID_FIELD_IN_CDB);
		return;
	}
	if (!scsi_check_range(cmd, lba, n))
		return;
	cmd->off = lba * cmd->disk->block;
	cmd->range = (uint64_t)n * cmd->disk->block;
	if (ndob)
		memset(cmd->buf, 0, SCSI_BUF);
	scsi_take_list(cmd, ndob ? 0 : cmd->disk->block, scsi_write_same_execute);
}

void scsi_write_same_10(struct scsi_cmd *cmd)
{
	scsi_write_same(cmd, get_be32(cmd->cdb + 2), get_be16(cmd->cdb + 7), false);
}

void scsi_write_same_16(struct scsi_cmd *cmd)
{
	scsi_write_same(cmd, get_be64(cmd->cdb + 2), get_be32(cmd->cdb + 10),
			cmd->cdb[1] & 0x01);
}

/* ---- SYNCHRONIZE CACHE ---- */

/* Flushes everything, whatever range is asked for; no blocks: up to the end. */
static void scsi_sync_cache(struct scsi_cmd *cmd, uint64_t lba, uint32_t n)
{
	if (!scsi_in_range(cmd->disk, lba, n))
		scsi_fail(cmd, SENSE_LBA_OUT_OF_RANGE);
	else
		cmd->execute = scsi_flush;
}

void scsi_sync_cache_10(struct scsi_cmd *cmd)
{
	scsi_sync_cache(cmd, get_be32(cmd->cdb + 2), get_be16(cmd->cdb + 7));
}

void scsi_sync_cache_16(struct scsi_cmd *cmd)
{
	scsi_sync_cache(cmd, get_be64(cmd->cdb + 2), get_be32(cmd->cdb + 10));
}

/* ---- UNMAP (SBC-3 5.28) ---- */

#define UNMAP_HEADER	8u
#define UNMAP_DESC	16u

static enum scsi_sense_code scsi_unmap_check(const struct scsi_cmd *cmd)
{
	uint32_t n = get_be16(cmd->buf + 2) / UNMAP_DESC;
	uint64_t sum = 0;

	if (cmd->len < UNMAP_HEADER ||
	    n * UNMAP_DESC > cmd->len - UNMAP_HEADER)
		return SENSE_LIST_LENGTH;
	if (n > SCSI_MAX_UNMAP_DESCS)
		return SENSE_INVALID_FIELD_IN_LIST;
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *d = cmd->buf + UNMAP_HEADER + i * UNMAP_DESC;

		if (!scsi_in_range(cmd->disk, get_be64(d), get_be32(d + 8)))
			return SENSE_LBA_OUT_OF_RANGE;
		sum += get_be32(d + 8);
	}
	return sum > SCSI_MAX_UNMAP / cmd->disk->block ? SENSE_INVALID_FIELD_IN_LIST :
							 SENSE_NONE;
}

/* All descriptors are checked before the first is carried out, one a step. */
static bool scsi_unmap_execute(struct scsi_cmd *cmd)
{
	const uint8_t *d = cmd->buf + UNMAP_HEADER + cmd->step * UNMAP_DESC;
	enum scsi_sense_code code;

	if (!cmd->len)
		return false;
	code = cmd->step ? SENSE_NONE : scsi_unmap_check(cmd);
	if (code) {
		scsi_fail(cmd, code);
		return false;
	}
	if (cmd->step >= get_be16(cmd->buf + 2) / UNMAP_DESC)
		return false;
	cmd->io.op = IMAGE_DISCARD;
	cmd->io.off = get_be64(d) * cmd->disk->block;
	cmd->io.len = (uint64_t)get_be32(d + 8) * cmd->disk->block;
	return true;
}

void scsi_unmap(struct scsi_cmd *cmd)
{
	scsi_take_list(cmd, get_be16(cmd->cdb + 7), scsi_unmap_execute);
}
