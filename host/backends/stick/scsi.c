// SPDX-License-Identifier: GPL-2.0-only
/* SCSI commands: which there are, what is checked before any of them, and sense. */
#include "scsi_i.h"

/* ---- what ends a command, or begins its data ---- */

void scsi_fail(struct scsi_cmd *cmd, enum scsi_sense_code code)
{
	cmd->status = SCSI_CHECK_CONDITION;
	cmd->sense.code = code;
}

void scsi_reply(struct scsi_cmd *cmd, uint32_t len, uint32_t allocation)
{
	cmd->len = len < allocation ? len : allocation;
	cmd->dir = cmd->len ? SCSI_IN : SCSI_NONE;
}

void scsi_take_list(struct scsi_cmd *cmd, uint32_t len,
		    bool (*execute)(struct scsi_cmd *cmd))
{
	if (len > SCSI_BUF) {
		scsi_fail(cmd, SENSE_LIST_LENGTH);
		return;
	}
	cmd->len = len;
	cmd->dir = len ? SCSI_OUT : SCSI_NONE;
	cmd->execute = execute;
}

bool scsi_flush(struct scsi_cmd *cmd)
{
	cmd->io.op = IMAGE_FLUSH;
	cmd->io.off = 0;
	cmd->io.len = 0;
	return cmd->step == 0;
}

/* ---- commands about the unit itself ---- */

static void scsi_test_unit_ready(struct scsi_cmd *cmd)
{
}

/*
 * SBC-3 5.20. There is nothing to spin down: stopping makes durable what was
 * written, as pulling the stick is what comes next.
 */
static bool scsi_start_stop_execute(struct scsi_cmd *cmd)
{
	bool start = cmd->cdb[4] & 0x01, load_eject = cmd->cdb[4] & 0x02;
	struct scsi_disk *disk = cmd->disk;

	if (start) {
		if (load_eject && disk->ejected) {
			disk->ejected = false;
			disk->attention = SENSE_MEDIUM_CHANGED;
		}
		return false;
	}
	if (load_eject && disk->prevented) {
		scsi_fail(cmd, SENSE_REMOVAL_PREVENTED);
		return false;
	}
	if (scsi_flush(cmd))
		return true;
	if (load_eject)
		disk->ejected = true;
	return false;
}

static void scsi_start_stop(struct scsi_cmd *cmd)
{
	cmd->execute = scsi_start_stop_execute;
}

static bool scsi_prevent_allow_execute(struct scsi_cmd *cmd)
{
	cmd->disk->prevented = cmd->cdb[4] & 0x01;
	return false;
}

static void scsi_prevent_allow(struct scsi_cmd *cmd)
{
	cmd->execute = scsi_prevent_allow_execute;
}

/* ---- dispatch ---- */

#define ANY_LUN		0x1u	/* answers for units that do not exist, too */
#define NO_ATTENTION	0x2u	/* neither reports nor clears one (SAM-5 5.14) */
#define MEDIUM		0x4u	/* needs one */
#define WRITES		0x8u	/* to the medium */

struct scsi_op {
	void (*start)(struct scsi_cmd *cmd);
	uint8_t len;		/* of the CDB */
	uint8_t flags;
	/*
	 * Bits of the CDB that mean something here; others have to be 0. Not in it:
	 * what asks for protection information, RELADR, LINK, NACA, DESC, SP, ...
	 */
	uint8_t mask[SCSI_CDB_MAX];
};

#define X2 0xff, 0xff
#define X4 X2, X2
#define X8 X4, X4
#define GROUP 0x1f		/* GROUP NUMBER: nothing is grouped */
#define CDB_RW_6 { 0xff, 0x1f, X2, 0xff }
#define CDB_RW_10(flags) { 0xff, flags, X4, GROUP, X2 }
#define CDB_RW_12(flags) { 0xff, flags, X4, X4, GROUP }
#define CDB_RW_16(flags) { 0xff, flags, X8, X4, GROUP }

static const struct scsi_op scsi_ops[256] = {
	[TEST_UNIT_READY] = { scsi_test_unit_ready, 6, MEDIUM, { 0xff } },
	[REQUEST_SENSE] = { scsi_request_sense, 6, ANY_LUN | NO_ATTENTION,
			    { 0xff, 0, 0, 0, 0xff } },
	[INQUIRY] = { scsi_inquiry, 6, ANY_LUN | NO_ATTENTION,
		      { 0xff, 0x01, 0xff, X2 } },
	[REPORT_LUNS] = { scsi_report_luns, 12, ANY_LUN | NO_ATTENTION,
			  { 0xff, 0, 0xff, 0, 0, 0, X4 } },
	[MAINTENANCE_IN] = { scsi_maintenance_in, 12, 0,
			     { 0xff, 0x1f, 0x87, 0xff, X2, X4 } },
	[START_STOP_UNIT] = { scsi_start_stop, 6, 0, { 0xff, 0x01, 0, 0, 0x07 } },
	[PREVENT_ALLOW] = { scsi_prevent_allow, 6, 0, { 0xff, 0, 0, 0, 0x01 } },

	[MODE_SENSE_6] = { scsi_mode_sense_6, 6, 0, { 0xff, 0x08, X2, 0xff } },
	[MODE_SENSE_10] = { scsi_mode_sense_10, 10, 0,
			    { 0xff, 0x18, X2, 0, 0, 0, X2 } },
	[MODE_SELECT_6] = { scsi_mode_select_6, 6, 0, { 0xff, 0x10, 0, 0, 0xff } },
	[MODE_SELECT_10] = { scsi_mode_select_10, 10, 0,
			     { 0xff, 0x10, 0, 0, 0, 0, 0, X2 } },
	[READ_CAPACITY_10] = { scsi_read_capacity_10, 10, MEDIUM, { 0xff } },
	[SERVICE_ACTION_IN_16] = { scsi_service_action_in_16, 16, MEDIUM,
				   { 0xff, 0x1f, 0, 0, 0, 0, 0, 0, 0, 0, X4 } },

	/* byte 1: DPO (which needs no action) and FUA */
	[READ_6] = { scsi_read_6, 6, MEDIUM, CDB_RW_6 },
	[READ_10] = { scsi_read_10, 10, MEDIUM, CDB_RW_10(0x18) },
	[READ_12] = { scsi_read_12, 12, MEDIUM, CDB_RW_12(0x18) },
	[READ_16] = { scsi_read_16, 16, MEDIUM, CDB_RW_16(0x18) },
	[WRITE_6] = { scsi_write_6, 6, MEDIUM | WRITES, CDB_RW_6 },
	[WRITE_10] = { scsi_write_10, 10, MEDIUM | WRITES, CDB_RW_10(0x18) },
	[WRITE_12] = { scsi_write_12, 12, MEDIUM | WRITES, CDB_RW_12(0x18) },
	[WRITE_16] = { scsi_write_16, 16, MEDIUM | WRITES, CDB_RW_16(0x18) },
	/* DPO, but not BYTCHK */
	[VERIFY_10] = { scsi_verify_10, 10, MEDIUM, CDB_RW_10(0x10) },
	[VERIFY_16] = { scsi_verify_16, 16, MEDIUM, CDB_RW_16(0x10) },
	/* SYNC_NV, IMMED: being later than asked is allowed */
	[SYNC_CACHE_10] = { scsi_sync_cache_10, 10, MEDIUM, CDB_RW_10(0x06) },
	[SYNC_CACHE_16] = { scsi_sync_cache_16, 16, MEDIUM, CDB_RW_16(0x06) },
	/* UNMAP, NDOB, but not ANCHOR */
	[WRITE_SAME_10] = { scsi_write_same_10, 10, MEDIUM | WRITES, CDB_RW_10(0x08) },
	[WRITE_SAME_16] = { scsi_write_same_16, 16, MEDIUM | WRITES, CDB_RW_16(0x09) },
	[UNMAP] = { scsi_unmap, 10, MEDIUM | WRITES,
		    { 0xff, 0, 0, 0, 0, 0, GROUP, X2 } },
};

static bool scsi_cdb_is_valid(const struct scsi_cmd *cmd, const struct scsi_op *op)
{
	uint64_t cdb[2], mask[2];

	_Static_assert(sizeof(cdb) == SCSI_CDB_MAX, "two words are a CDB");
	memcpy(cdb, cmd->cdb, sizeof(cdb));
	memcpy(mask, op->mask, sizeof(mask));
	return cmd->cdb_len >= op->len && !((cdb[0] & ~mask[0]) | (cdb[1] & ~mask[1]));
}

/* ---- REPORT SUPPORTED OPERATION CODES (SPC-4 6.35), from the table above ---- */

enum { REPORT_ALL, REPORT_OPCODE, REPORT_OPCODE_ACTION, REPORT_EITHER };

#define REPORT_CODES	0x0c	/* service action of MAINTENANCE IN */
#define READ_CAPACITY	0x10	/* service action of SERVICE ACTION IN (16) */
#define NO_ACTION	(-1)

/* The only service action of the operation code. */
static int scsi_op_action(uint8_t opcode)
{
	if (opcode == MAINTENANCE_IN)
		return REPORT_CODES;
	return opcode == SERVICE_ACTION_IN_16 ? READ_CAPACITY : NO_ACTION;
}

/* Without timeouts (RCTD 0). */
static uint32_t scsi_report_all(uint8_t *d)
{
	uint32_t n = 4;

	for (unsigned int opcode = 0; opcode < 256; opcode++) {
		int action = scsi_op_action(opcode);

		if (!scsi_ops[opcode].start)
			continue;
		memset(d + n, 0, 8);
		d[n] = opcode;
		if (action != NO_ACTION) {
			put_be16(d + n + 2, action);
			d[n + 5] = 0x01;	/* SERVACTV */
		}
		put_be16(d + n + 6, scsi_ops[opcode].len);
		n += 8;
	}
	put_be32(d, n - 4);
	return n;
}

static uint32_t scsi_report_one(uint8_t *d, uint8_t opcode, bool supported)
{
	const struct scsi_op *op = &scsi_ops[opcode];

	memset(d, 0, 4);
	d[1] = supported ? 3 : 1;	/* as a standard says; not supported */
	if (!supported)
		return 4;
	put_be16(d + 2, op->len);
	memcpy(d + 4, op->mask, op->len);
	d[4] = opcode;
	if (scsi_op_action(opcode) != NO_ACTION)
		d[5] = scsi_op_action(opcode);
	return 4 + op->len;
}

/* Whether what is asked about may be asked about so, and what the answer is. */
static bool scsi_report_check(const struct scsi_cmd *cmd, bool *supported)
{
	uint8_t option = cmd->cdb[2] & 0x07, opcode = cmd->cdb[3];
	int action = scsi_op_action(opcode);
	bool same = get_be16(cmd->cdb + 4) == action;

	*supported = scsi_ops[opcode].start;
	switch (option) {
	case REPORT_OPCODE:
		return action == NO_ACTION;
	case REPORT_OPCODE_ACTION:
		*supported = *supported && same;
		return action != NO_ACTION;
	case REPORT_EITHER:
		if (action == NO_ACTION)
			same = !get_be16(cmd->cdb + 4);
		*supported = *supported && same;
		return true;
	default:
		return option == REPORT_ALL;
	}
}

void scsi_maintenance_in(struct scsi_cmd *cmd)
{
	bool supported, timeouts = cmd->cdb[2] & 0x80;
	uint32_t n;

	if (cmd->cdb[1] != REPORT_CODES || timeouts ||
	    !scsi_report_check(cmd, &supported)) {
		scsi_fail(cmd, SENSE_INVALID_FIELD_IN_CDB);
		return;
	}
	if ((cmd->cdb[2] & 0x07) == REPORT_ALL)
		n = scsi_report_all(cmd->buf);
	else
		n = scsi_report_one(cmd->buf, cmd->cdb[3], supported);
	scsi_reply(cmd, n, get_be32(cmd->cdb + 6));
}

/* ---- before any of them ---- */

/* In the order of SAM-5 5.14 and SPC-4: the unit, the CDB, then its state. */
static enum scsi_sense_code scsi_check(struct scsi_disk *disk,
				       const struct scsi_cmd *cmd,
				       const struct scsi_op *op)
{
	enum scsi_sense_code attention = disk->attention;

	if (cmd->lun && !(op->flags & ANY_LUN))
		return SENSE_LUN_NOT_SUPPORTED;
	if (!op->start)
		return SENSE_INVALID_OPCODE;
	if (!scsi_cdb_is_valid(cmd, op))
		return SENSE_INVALID_FIELD_IN_CDB;
	if (attention && !(op->flags & NO_ATTENTION)) {
		disk->attention = SENSE_NONE;
		return attention;
	}
	if (disk->ejected && (op->flags & MEDIUM))
		return SENSE_NO_MEDIUM;
	if (disk->readonly && (op->flags & WRITES))
		return SENSE_WRITE_PROTECTED;
	return SENSE_NONE;
}

void scsi_start(struct scsi_disk *disk, struct scsi_cmd *cmd)
{
	const struct scsi_op *op = &scsi_ops[cmd->cdb[0]];
	enum scsi_sense_code code;

	cmd->disk = disk;
	cmd->dir = SCSI_NONE;
	cmd->len = cmd->pos = 0;
	cmd->status = SCSI_GOOD;
	cmd->sense = (struct scsi_sense){ .code = SENSE_NONE };
	cmd->from_image = false;
	cmd->execute = NULL;
	cmd->step = 0;
	cmd->range = cmd->range_pos = 0;
	cmd->buf_pos = cmd->buf_len = 0;
	code = scsi_check(disk, cmd, op);
	if (code)
		scsi_fail(cmd, code);
	else
		op->start(cmd);
	if (cmd->cdb[0] != REQUEST_SENSE)
		disk->sense = (struct scsi_sense){ .code = SENSE_NONE };
}

bool scsi_execute(struct scsi_cmd *cmd)
{
	bool more;

	if (!cmd->execute || cmd->status != SCSI_GOOD)
		return false;
	cmd->io_kind = SCSI_IO_EXECUTE;
	more = cmd->execute(cmd);
	cmd->step++;
	return more;
}

/* ---- life ---- */

void scsi_disk_init(struct scsi_disk *disk, struct image *image, uint32_t block,
		    const char *serial)
{
	*disk = (struct scsi_disk){
		.image = image,
		.block = block,
		.n_blocks = image_size(image) / block,
		.readonly = image_is_readonly(image),
		.attention = SENSE_POWER_ON,
	};
	strncpy(disk->serial, serial, SCSI_SERIAL_MAX);
}

/*
 * No unit attention: hosts reset a port while they enumerate and to recover, and
 * take one from a removable disk for a changed medium, which fails what is
 * mounted.
 */
void scsi_disk_reset(struct scsi_disk *disk)
{
	disk->prevented = false;
	disk->sense = (struct scsi_sense){ .code = SENSE_NONE };
}
