/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scsi_i.h - a direct-access disk (SPC-4, SBC-3) over an image. Knows nothing of
 * USB; Bulk-Only Transport and UAS drive it.
 *
 * A command's life, all by its transport:
 *   scsi_start    decides how much data goes where; changes nothing yet
 *   scsi_data     once for each piece of memory, until pos is len or status is bad
 *   scsi_execute  what there is to do after the data
 * Where one of the last two returns true, the transport submits cmd->io, hands
 * the result to scsi_io_done, and calls again with the same arguments. So the
 * transport decides which locks are held: none of these functions waits or takes
 * any. Calls for one disk are serialized by its user, image I/O need not be: there
 * may be several commands between scsi_start and their end, each with its own I/O.
 */
#ifndef SCSI_I_H
#define SCSI_I_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "image.h"

#define SCSI_CDB_MAX		16u
#define SCSI_SERIAL_MAX		32u
#define SCSI_BUF		4096u	/* replies, lists, bounce buffer, a block */
#define SCSI_REPEAT		128u	/* times the buffer in one I/O */

/* Limits that page B0h tells. They bound what one command can cost. */
#define SCSI_MAX_TRANSFER	(32u << 20)	/* bytes; of all but UNMAP */
#define SCSI_MAX_UNMAP		(2ull << 30)	/* bytes, of all descriptors */
#define SCSI_MAX_UNMAP_DESCS	64u
#define SCSI_PAGE		4096u	/* what the host would rather not split */

enum scsi_opcode {
	TEST_UNIT_READY = 0x00, REQUEST_SENSE = 0x03, READ_6 = 0x08, WRITE_6 = 0x0a,
	INQUIRY = 0x12, MODE_SELECT_6 = 0x15, MODE_SENSE_6 = 0x1a,
	START_STOP_UNIT = 0x1b, PREVENT_ALLOW = 0x1e, READ_CAPACITY_10 = 0x25,
	READ_10 = 0x28, WRITE_10 = 0x2a, VERIFY_10 = 0x2f, SYNC_CACHE_10 = 0x35,
	WRITE_SAME_10 = 0x41, UNMAP = 0x42, MODE_SELECT_10 = 0x55,
	MODE_SENSE_10 = 0x5a, READ_16 = 0x88, WRITE_16 = 0x8a, VERIFY_16 = 0x8f,
	SYNC_CACHE_16 = 0x91, WRITE_SAME_16 = 0x93, SERVICE_ACTION_IN_16 = 0x9e,
	REPORT_LUNS = 0xa0, MAINTENANCE_IN = 0xa3, READ_12 = 0xa8, WRITE_12 = 0xaa,
};

enum scsi_status {
	SCSI_GOOD = 0x00, SCSI_CHECK_CONDITION = 0x02,
	SCSI_TASK_SET_FULL = 0x28,	/* only a transport that queues says so */
};

/* Sense key, additional sense code and qualifier (SPC-4 annex D): 0xKKAAQQ. */
enum scsi_sense_code {
	SENSE_NONE			= 0x000000,
	SENSE_NO_MEDIUM			= 0x023a00,
	SENSE_WRITE_ERROR		= 0x030c00,
	SENSE_READ_ERROR		= 0x031100,
	SENSE_LIST_LENGTH		= 0x051a00,
	SENSE_INVALID_OPCODE		= 0x052000,
	SENSE_LBA_OUT_OF_RANGE		= 0x052100,
	SENSE_INVALID_FIELD_IN_CDB	= 0x052400,
	SENSE_LUN_NOT_SUPPORTED		= 0x052500,
	SENSE_INVALID_FIELD_IN_LIST	= 0x052600,
	SENSE_CANNOT_SAVE		= 0x053900,
	SENSE_REMOVAL_PREVENTED		= 0x055302,
	SENSE_MEDIUM_CHANGED		= 0x062800,
	SENSE_POWER_ON			= 0x062900,
	SENSE_WRITE_PROTECTED		= 0x072700,
	SENSE_NO_SPACE			= 0x072707,
	SENSE_OVERLAPPED_COMMANDS	= 0x0b4e00,
};

struct scsi_sense {
	enum scsi_sense_code code;
	bool has_info;
	uint32_t info;			/* the block that failed, if it fits */
};

enum scsi_dir { SCSI_NONE, SCSI_IN, SCSI_OUT };

struct scsi_disk {
	struct image *image;
	uint32_t block;			/* bytes, 512 or 4096 */
	uint64_t n_blocks;
	bool readonly;
	char serial[SCSI_SERIAL_MAX + 1];

	bool queuing;			/* the transport has several commands at once */
	bool ejected;
	bool prevented;			/* PREVENT ALLOW MEDIUM REMOVAL */
	enum scsi_sense_code attention;	/* pending unit attention, or SENSE_NONE */
	/* What REQUEST SENSE tells; a transport with autosense leaves it alone. */
	struct scsi_sense sense;
};

/* Memory of the transport for a part of a command's data; may change under us. */
struct scsi_piece {
	const struct iovec *iov;
	unsigned int n_iov;
	uint32_t len;			/* bytes; the iovs hold at least that */
	uint32_t pos;			/* bytes moved, scsi_data's */
};

enum scsi_io_kind {
	SCSI_IO_DIRECT,			/* between image and piece */
	SCSI_IO_FILL,			/* image to bounce buffer */
	SCSI_IO_DRAIN,			/* bounce buffer to image */
	SCSI_IO_EXECUTE,
};

struct scsi_cmd {
	/* Filled by the transport. */
	uint8_t cdb[SCSI_CDB_MAX];	/* a copy, zeros behind cdb_len */
	unsigned int cdb_len;
	unsigned int lun;

	/* scsi_start's answer: what the device intends to transfer. */
	enum scsi_dir dir;		/* SCSI_NONE if and only if len is 0 */
	uint32_t len;
	uint32_t pos;			/* bytes moved so far */

	/* The result. */
	enum scsi_status status;
	struct scsi_sense sense;

	struct image_io io;		/* op, off, len, iov, n_iov, unmap are scsi's */

	/* scsi's own from here */
	struct scsi_disk *disk;
	struct scsi_piece *piece;
	bool from_image;		/* data is the image's, else buf's */
	enum scsi_io_kind io_kind;
	bool (*execute)(struct scsi_cmd *cmd);	/* NULL: nothing to do */
	unsigned int step;		/* calls of execute so far */
	uint64_t off;			/* of the range in the image, bytes */
	uint64_t range;			/* its length when it is not len */
	uint64_t range_pos;
	uint32_t buf_pos, buf_len;	/* what the bounce buffer holds */
	struct iovec iov[SCSI_REPEAT];	/* [0]: bounce buffer; all: the same block */
	uint8_t buf[SCSI_BUF];
};

/* The image stays the caller's. block: 512 or 4096, not more than the image. */
void scsi_disk_init(struct scsi_disk *disk, struct image *image, uint32_t block,
		    const char *serial);

/* What a hard reset (SAM-5 6.3.2) means for the disk. */
void scsi_disk_reset(struct scsi_disk *disk);

void scsi_start(struct scsi_disk *disk, struct scsi_cmd *cmd);
bool scsi_data(struct scsi_cmd *cmd, struct scsi_piece *piece);
bool scsi_execute(struct scsi_cmd *cmd);

/* status: 0, IMAGE_DONE, or -errno. */
void scsi_io_done(struct scsi_cmd *cmd, int status);

#define SCSI_SENSE_LEN 18u

/* Sense data in fixed format (SPC-4 4.5.3). */
void scsi_put_sense(const struct scsi_sense *sense, uint8_t d[SCSI_SENSE_LEN]);

/*
 * Copies between buf and bytes [off, off + len) of the iovs, less if they end
 * before. Returns how many bytes.
 */
size_t scsi_copy(const struct iovec *iov, unsigned int n, size_t off, void *buf,
		 size_t len, bool to_iov);

/* ---- between scsi*.c ---- */

/* Ends the command with CHECK CONDITION. */
void scsi_fail(struct scsi_cmd *cmd, enum scsi_sense_code code);

/* Data in: the first len bytes of buf, as far as the host has room. */
void scsi_reply(struct scsi_cmd *cmd, uint32_t len, uint32_t allocation);

/* Data out: a list of len bytes to buf, then execute. */
void scsi_take_list(struct scsi_cmd *cmd, uint32_t len,
		    bool (*execute)(struct scsi_cmd *cmd));

/* An execute that makes everything durable. */
bool scsi_flush(struct scsi_cmd *cmd);

void scsi_read_6(struct scsi_cmd *cmd);
void scsi_read_10(struct scsi_cmd *cmd);
void scsi_read_12(struct scsi_cmd *cmd);
void scsi_read_16(struct scsi_cmd *cmd);
void scsi_write_6(struct scsi_cmd *cmd);
void scsi_write_10(struct scsi_cmd *cmd);
void scsi_write_12(struct scsi_cmd *cmd);
void scsi_write_16(struct scsi_cmd *cmd);
void scsi_verify_10(struct scsi_cmd *cmd);
void scsi_verify_16(struct scsi_cmd *cmd);
void scsi_sync_cache_10(struct scsi_cmd *cmd);
void scsi_sync_cache_16(struct scsi_cmd *cmd);
void scsi_write_same_10(struct scsi_cmd *cmd);
void scsi_write_same_16(struct scsi_cmd *cmd);
void scsi_unmap(struct scsi_cmd *cmd);

void scsi_inquiry(struct scsi_cmd *cmd);
void scsi_request_sense(struct scsi_cmd *cmd);
void scsi_read_capacity_10(struct scsi_cmd *cmd);
void scsi_service_action_in_16(struct scsi_cmd *cmd);
void scsi_report_luns(struct scsi_cmd *cmd);
void scsi_maintenance_in(struct scsi_cmd *cmd);
void scsi_mode_sense_6(struct scsi_cmd *cmd);
void scsi_mode_sense_10(struct scsi_cmd *cmd);
void scsi_mode_select_6(struct scsi_cmd *cmd);
void scsi_mode_select_10(struct scsi_cmd *cmd);

static inline uint16_t get_be16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

static inline uint32_t get_be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline uint64_t get_be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

static inline void put_be16(uint8_t *p, uint16_t v)
{
	v = htobe16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_be32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_be64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

#endif
