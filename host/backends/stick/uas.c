// SPDX-License-Identifier: GPL-2.0-only
/*
 * UAS: what comes on the command pipe, and answers that are no command's status.
 *
 *   got                                        answer
 *   Command IU                                 Sense IU, after data (uas_task.c)
 *     too many                                 Sense IU, TASK SET FULL
 *     tag of another command                   all are aborted; Sense IU, ABORTED
 *                                              COMMAND (SAM-5 5.10)
 *     tag of an answer that is not sent yet    Response IU, OVERLAPPED TAG ATTEMPTED
 *   Task Management IU                         Response IU
 *     tag in use                               Response IU, OVERLAPPED TAG ATTEMPTED
 *   anything else that has a tag               Response IU, INVALID INFORMATION UNIT
 *   what has no tag that could be answered     stall
 */
#include <stdlib.h>

#include "log.h"
#include "uas_i.h"

#define TAG_LEN			4u	/* up to the tag: what all IUs begin with */

/* Table 10 */
enum uas_function {
	ABORT_TASK = 0x01, ABORT_TASK_SET = 0x02, CLEAR_TASK_SET = 0x04,
	LOGICAL_UNIT_RESET = 0x08, I_T_NEXUS_RESET = 0x10, QUERY_TASK = 0x80,
	QUERY_TASK_SET = 0x81,
};

/* Table 15 */
enum uas_response {
	FUNCTION_COMPLETE = 0x00, INVALID_INFORMATION_UNIT = 0x02,
	FUNCTION_NOT_SUPPORTED = 0x04, FUNCTION_SUCCEEDED = 0x08,
	INCORRECT_LUN = 0x09, OVERLAPPED_TAG_ATTEMPTED = 0x0a,
};

/* 6.2.2; all numbers big-endian */
struct uas_command_iu {
	uint8_t id, reserved1;
	uint16_t tag;
	uint8_t attribute;		/* and, above it, a priority */
	uint8_t reserved5;
	uint8_t additional;		/* bytes of CDB behind the first 16, a multiple of 4 */
	uint8_t reserved7;
	uint8_t lun[8];
	uint8_t cdb[SCSI_CDB_MAX];
} __attribute__((packed));

/* 6.2.7 */
struct uas_management_iu {
	uint8_t id, reserved1;
	uint16_t tag;
	uint8_t function, reserved5;
	uint16_t managed_tag;
	uint8_t lun[8];
} __attribute__((packed));

_Static_assert(sizeof(struct uas_command_iu) == 32, "table 7");
_Static_assert(sizeof(struct uas_management_iu) == 16, "table 9");

/* What was taken from the command pipe, a copy. */
union uas_iu {
	struct uas_command_iu command;
	struct uas_management_iu management;
};

/* ---- the status pipe ---- */

/* An URB without room for the IU would be babble; the IU stays for the next. */
bool uas_send(struct stick *s, uint16_t tag, const void *iu, uint32_t len)
{
	struct stick_pipe *pipe = &s->pipes[PIPE_STATUS];
	struct usb_urb *urb;

	while ((urb = stick_find(pipe, tag))) {
		if (urb->length < len) {
			stick_end_urb(s, pipe, urb, -EOVERFLOW, 0);
			continue;
		}
		scsi_copy(urb->iov, urb->n_iov, 0, (void *)iu, len, true);
		stick_end_urb(s, pipe, urb,
			      urb->length > len ? stick_short_status(urb) : 0, len);
		return true;
	}
	return false;
}

uint32_t uas_put_sense(uint8_t iu[UAS_SENSE_IU_MAX], uint16_t tag, uint8_t status,
		       const struct scsi_sense *sense)
{
	uint32_t sense_len = sense->code ? SCSI_SENSE_LEN : 0;

	memset(iu, 0, 16);
	iu[0] = UAS_SENSE_IU;
	put_be16(iu + 2, tag);
	iu[6] = status;
	put_be16(iu + 14, sense_len);
	if (sense_len)
		scsi_put_sense(sense, iu + 16);
	return 16 + sense_len;
}

/* There is room: uas_take_iu has looked. */
static void uas_reply(struct uas *uas, struct uas_reply reply)
{
	uas->replies[uas->n_replies++] = reply;
}

static void uas_respond(struct uas *uas, uint16_t tag, enum uas_response code)
{
	uas_reply(uas, (struct uas_reply){ .id = UAS_RESPONSE_IU, .tag = tag,
					   .code = code });
}

static uint32_t uas_put_reply(uint8_t iu[UAS_SENSE_IU_MAX], const struct uas_reply *reply)
{
	if (reply->id == UAS_SENSE_IU)
		return uas_put_sense(iu, reply->tag, reply->code, &reply->sense);
	memset(iu, 0, 8);
	iu[0] = UAS_RESPONSE_IU;
	put_be16(iu + 2, reply->tag);
	iu[7] = reply->code;
	return 8;
}

static bool uas_is_aborting(const struct uas *uas)
{
	const struct uas_task *t = uas->first;

	while (t && !t->aborted)
		t = t->next;
	return t;
}

static bool uas_send_replies(struct stick *s)
{
	struct uas *uas = s->uas;
	uint8_t iu[UAS_SENSE_IU_MAX];

	if (!uas->n_replies || uas_is_aborting(uas))
		return false;
	for (unsigned int i = 0; i < uas->n_replies; i++) {
		const struct uas_reply *reply = &uas->replies[i];

		if (!uas_send(s, reply->tag, iu, uas_put_reply(iu, reply)))
			continue;
		uas->n_replies--;
		memmove(&uas->replies[i], &uas->replies[i + 1],
			(uas->n_replies - i) * sizeof(*reply));
		return true;
	}
	return false;
}

/* ---- information units ---- */

/* SAM-5 4.7: 0 in the ways of writing it that a single unit has. */
static unsigned int uas_lun(const uint8_t lun[8])
{
	const bool flat = (lun[0] & 0xc0) == 0x40;
	unsigned int bits = lun[0] & (flat ? 0x3f : 0xff);

	for (unsigned int i = 1; i < 8; i++)
		bits |= lun[i];
	return bits;
}

static bool uas_reply_has_tag(const struct uas *uas, uint16_t tag)
{
	for (unsigned int i = 0; i < uas->n_replies; i++)
		if (uas->replies[i].tag == tag)
			return true;
	return false;
}

static void uas_sense_reply(struct uas *uas, uint16_t tag, enum scsi_status status,
			    enum scsi_sense_code code)
{
	uas_reply(uas, (struct uas_reply){ .id = UAS_SENSE_IU, .tag = tag,
					   .code = status, .sense.code = code });
}

static void uas_take_command(struct stick *s, const struct uas_command_iu *iu,
			     uint32_t len)
{
	struct uas_command command = {
		.tag = be16toh(iu->tag),
		.attribute = iu->attribute & 0x07,
		.lun = uas_lun(iu->lun),
		.cdb = iu->cdb,
	};
	struct uas *uas = s->uas;

	if (len < sizeof(*iu) || len != sizeof(*iu) + (iu->additional & 0xfc) ||
	    command.attribute > UAS_ORDERED) {
		uas_respond(uas, command.tag, INVALID_INFORMATION_UNIT);
	} else if (uas_find(uas, command.tag)) {
		uas_abort_all(s);
		uas_sense_reply(uas, command.tag, SCSI_CHECK_CONDITION,
				SENSE_OVERLAPPED_COMMANDS);
	} else if (uas_reply_has_tag(uas, command.tag)) {
		uas_respond(uas, command.tag, OVERLAPPED_TAG_ATTEMPTED);
	} else if (!uas_task_begin(s, &command)) {
		uas_sense_reply(uas, command.tag, SCSI_TASK_SET_FULL, SENSE_NONE);
	}
}

/* There is one nexus only, so its tasks are the task set. */
static enum uas_response uas_manage(struct stick *s, const struct uas_management_iu *iu)
{
	struct uas_task *t = uas_find(s->uas, be16toh(iu->managed_tag));

	if (uas_lun(iu->lun) && iu->function != I_T_NEXUS_RESET)
		return INCORRECT_LUN;
	switch (iu->function) {
	case ABORT_TASK:
		if (t)
			uas_abort(s, t);
		return FUNCTION_COMPLETE;
	case LOGICAL_UNIT_RESET:
		scsi_disk_reset(&s->disk);
		/* fall through */
	case ABORT_TASK_SET:
	case CLEAR_TASK_SET:
	case I_T_NEXUS_RESET:
		uas_abort_all(s);
		return FUNCTION_COMPLETE;
	case QUERY_TASK:
		return t ? FUNCTION_SUCCEEDED : FUNCTION_COMPLETE;
	case QUERY_TASK_SET:
		return uas_is_idle(s) ? FUNCTION_COMPLETE : FUNCTION_SUCCEEDED;
	default:
		return FUNCTION_NOT_SUPPORTED;
	}
}

static void uas_take_management(struct stick *s, const struct uas_management_iu *iu,
				uint32_t len)
{
	uint16_t tag = be16toh(iu->tag);
	struct uas *uas = s->uas;

	if (len != sizeof(*iu))
		uas_respond(uas, tag, INVALID_INFORMATION_UNIT);
	else if (uas_find(uas, tag) || uas_reply_has_tag(uas, tag))
		uas_respond(uas, tag, OVERLAPPED_TAG_ATTEMPTED);
	else
		uas_respond(uas, tag, uas_manage(s, iu));
}

/* The status pipe must have the stream that the answer would go to. */
static bool uas_tag_is_ok(const struct stick *s, uint16_t tag)
{
	unsigned int n = s->pipes[PIPE_STATUS].n_streams;

	return !n || (tag && tag <= n);
}

static bool uas_dispatch(struct stick *s, const union uas_iu *iu, uint32_t len)
{
	uint16_t tag = be16toh(iu->command.tag);

	if (len < TAG_LEN || !uas_tag_is_ok(s, tag))
		return false;
	switch (iu->command.id) {
	case UAS_COMMAND_IU:
		uas_take_command(s, &iu->command, len);
		break;
	case UAS_TASK_MANAGEMENT_IU:
		uas_take_management(s, &iu->management, len);
		break;
	default:
		uas_respond(s->uas, tag, INVALID_INFORMATION_UNIT);
		break;
	}
	return true;
}

static bool uas_take_iu(struct stick *s)
{
	struct stick_pipe *pipe = &s->pipes[PIPE_COMMAND];
	struct usb_urb *urb = pipe->q.first;
	union uas_iu iu = { 0 };
	uint32_t len;

	if (!urb || s->uas->n_replies == UAS_REPLIES)
		return false;
	/* The URB may be longer than its iovs say, and than the IU. */
	len = urb->length < sizeof(iu) ? urb->length : sizeof(iu);
	scsi_copy(urb->iov, urb->n_iov, 0, &iu, len, false);
	if (uas_dispatch(s, &iu, urb->length)) {
		stick_end_head(s, &pipe->q, 0, urb->length);
		return true;
	}
	if (!s->uas->complained)
		log_warn("stick: the host sent something that is not an IU");
	s->uas->complained = true;
	pipe->halted = true;
	stick_end_head(s, &pipe->q, -EPIPE, 0);
	return true;
}

/* ---- the whole ---- */

bool uas_step(struct stick *s)
{
	bool progress = stick_stall(s) || uas_take_iu(s);

	if (uas_send_replies(s))
		progress = true;
	for (struct uas_task *t = s->uas->first, *next; t; t = next) {
		next = t->next;
		if (uas_task_run(s, t))
			return true;
	}
	return progress;
}

bool uas_is_idle(const struct stick *s)
{
	return !s->uas->first;
}

struct uas *uas_new(struct stick *s)
{
	struct uas *uas = calloc(1, sizeof(*uas));

	for (unsigned int i = 0; uas && i < UAS_TASKS; i++)
		stick_task_init(s, &uas->tasks[i].task);
	return uas;
}
