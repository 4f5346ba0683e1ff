// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bulk-Only Transport 1.0: a CBW, data, a CSW, one command at a time.
 *
 * What the host expects (H, from the CBW) and what the device intends (D, from
 * the CDB) may differ, 6.7:
 *
 *        D  none            in                    out
 *   H none  1 status 0/1    2 phase error         3 phase error
 *   H in    4 stall, 0/1    5 H>D short or stall  8 stall, phase error
 *                           6 H=D
 *                           7 H<D stall, ph.err.
 *   H out   9 stall, 0/1   10 stall, phase error 11 H>D stall the rest
 *                                                12 H=D
 *                                                13 H<D stall, phase error
 *
 * With a phase error the command is not begun. An image error in the middle of
 * the data makes D what was moved before.
 */
#include "log.h"
#include "stick_i.h"

#define CBW_LEN			31u
#define CBW_SIGNATURE		0x43425355u
#define CSW_LEN			13u
#define CSW_SIGNATURE		0x53425355u
#define CSW_PHASE_ERROR		0x02

/* 5.1, little-endian */
struct bot_cbw {
	uint32_t signature, tag, length;
	uint8_t flags, lun, cdb_len;
	uint8_t cdb[SCSI_CDB_MAX];
} __attribute__((packed));

/* 5.2 */
struct bot_csw {
	uint32_t signature, tag, residue;
	uint8_t status;
} __attribute__((packed));

_Static_assert(sizeof(struct bot_cbw) == CBW_LEN, "5.1");
_Static_assert(sizeof(struct bot_csw) == CSW_LEN, "5.2");

static struct stick_pipe *bot_pipe(struct stick *s, bool in)
{
	return &s->pipes[in ? PIPE_IN : PIPE_OUT];
}

static void bot_halt(struct stick *s, bool in)
{
	bot_pipe(s, in)->halted = true;
}

/* ---- command ---- */

/* Valid and meaningful, 6.2.1 and 6.2.2. Whether there is such a unit, scsi says. */
static bool bot_cbw_is_good(const struct bot_cbw *cbw)
{
	return le32toh(cbw->signature) == CBW_SIGNATURE && !(cbw->flags & 0x7f) &&
	       cbw->lun <= 0x0f && cbw->cdb_len >= 1 &&
	       cbw->cdb_len <= SCSI_CDB_MAX;
}

static bool bot_get_cbw(const struct usb_urb *urb, struct bot_cbw *cbw)
{
	return urb->length == CBW_LEN &&
	       scsi_copy(urb->iov, urb->n_iov, 0, cbw, CBW_LEN, false) == CBW_LEN &&
	       bot_cbw_is_good(cbw);
}

/* 6.6.1: stall both until reset recovery. */
static void bot_break(struct stick *s)
{
	bot_halt(s, true);
	bot_halt(s, false);
	s->bot.state = BOT_BROKEN;
	if (!s->bot.complained)
		log_warn("stick: the host sent something that is not a CBW");
	s->bot.complained = true;
}

/* See the table above. */
static void bot_begin_data(struct stick *s)
{
	struct bot *bot = &s->bot;
	const struct scsi_cmd *cmd = &bot->task.cmd;

	bot->phase_error = cmd->len > bot->host_len ||
			   (cmd->len && bot->host_in != (cmd->dir == SCSI_IN));
	if (cmd->len && !bot->phase_error) {
		bot->state = BOT_DATA;
		return;
	}
	bot->state = bot->phase_error ? BOT_STATUS : BOT_EXECUTE;
	if (bot->host_len)
		bot_halt(s, bot->host_in);
}

static void bot_begin_command(struct stick *s, const struct bot_cbw *cbw)
{
	struct bot *bot = &s->bot;
	struct scsi_cmd *cmd = &bot->task.cmd;

	bot->tag = cbw->tag;
	bot->host_len = le32toh(cbw->length);
	bot->host_in = cbw->flags & 0x80;
	cmd->lun = cbw->lun;
	cmd->cdb_len = cbw->cdb_len;
	memset(cmd->cdb, 0, sizeof(cmd->cdb));
	memcpy(cmd->cdb, cbw->cdb, cbw->cdb_len);
	scsi_start(&s->disk, cmd);
	bot_begin_data(s);
}

/* What is longer than a packet is stalled after its first. */
static bool bot_take_command(struct stick *s)
{
	struct urb_queue *q = &s->pipes[PIPE_OUT].q;
	struct usb_urb *urb = q->first;
	uint32_t max = stick_max_packet(s);
	struct bot_cbw cbw;

	if (!urb)
		return false;
	if (bot_get_cbw(urb, &cbw))
		bot_begin_command(s, &cbw);
	else
		bot_break(s);
	if (urb->length > max)
		stick_end_head(s, q, -EPIPE, max);
	else
		stick_end_head(s, q, 0, urb->length);
	return true;
}

/* ---- data ---- */

/*
 * The host asked for more than there is: a short packet says so if the packet
 * can be short, and a stall in any case (6.7.2). An URB beyond what the host
 * announced in its CBW just ends.
 */
static int bot_end_in(struct stick *s, const struct usb_urb *urb, bool residue)
{
	uint32_t moved = s->bot.task.piece.pos;

	if (residue)
		bot_halt(s, true);
	if (moved == urb->length)
		return 0;
	if (residue && moved % stick_max_packet(s) == 0)
		return -EPIPE;
	return stick_short_status(urb);
}

/* Data that nobody wants, announced or not, is stalled (6.7.3). */
static int bot_end_out(struct stick *s, const struct usb_urb *urb, bool residue)
{
	bool rest = s->bot.task.piece.pos < urb->length;

	if (residue || rest)
		bot_halt(s, false);
	return rest ? -EPIPE : 0;
}

/* The URB got all it can get. urb->status: it was cancelled meanwhile. */
static void bot_end_piece(struct stick *s)
{
	struct bot *bot = &s->bot;
	const struct scsi_cmd *cmd = &bot->task.cmd;
	const struct usb_urb *urb = bot->task.urb;
	int status = 0;

	if (cmd->pos == cmd->len || cmd->status != SCSI_GOOD) {
		bool residue = bot->host_len > cmd->pos;

		status = cmd->dir == SCSI_IN ? bot_end_in(s, urb, residue) :
					       bot_end_out(s, urb, residue);
		bot->state = BOT_EXECUTE;
	} else if (bot->task.piece.pos < urb->length) {
		status = urb->status;
	}
	stick_task_end(&bot->task, status, bot->task.piece.pos);
}

static bool bot_move_data(struct stick *s)
{
	struct stick_task *task = &s->bot.task;
	struct stick_pipe *pipe = bot_pipe(s, task->cmd.dir == SCSI_IN);

	if (!task->urb) {
		if (!pipe->q.first)
			return false;
		stick_task_take(task, pipe, pipe->q.first);
	}
	if (!task->urb->status && scsi_data(&task->cmd, &task->piece))
		stick_task_submit(task);
	else
		bot_end_piece(s);
	return true;
}

/* ---- status ---- */

static bool bot_execute(struct stick *s)
{
	struct bot *bot = &s->bot;

	if (scsi_execute(&bot->task.cmd)) {
		stick_task_submit(&bot->task);
		return true;
	}
	/* No autosense here: the host asks later. */
	if (bot->task.cmd.status != SCSI_GOOD)
		s->disk.sense = bot->task.cmd.sense;
	bot->state = BOT_STATUS;
	return true;
}

static uint8_t bot_csw_status(const struct bot *bot)
{
	if (bot->phase_error)
		return CSW_PHASE_ERROR;
	return bot->task.cmd.status == SCSI_GOOD ? 0 : 1;
}

/* An URB without room for the packet would be babble; the CSW stays for the next. */
static bool bot_send_status(struct stick *s)
{
	struct bot *bot = &s->bot;
	struct urb_queue *q = &s->pipes[PIPE_IN].q;
	struct usb_urb *urb = q->first;
	struct bot_csw csw = {
		.signature = htole32(CSW_SIGNATURE),
		.tag = bot->tag,
		.residue = htole32(bot->host_len - bot->task.cmd.pos),
		.status = bot_csw_status(bot),
	};

	if (!urb)
		return false;
	if (urb->length < CSW_LEN) {
		stick_end_head(s, q, -EOVERFLOW, 0);
		return true;
	}
	scsi_copy(urb->iov, urb->n_iov, 0, &csw, CSW_LEN, true);
	bot->state = BOT_COMMAND;
	stick_end_head(s, q, urb->length > CSW_LEN ? stick_short_status(urb) : 0,
		       CSW_LEN);
	return true;
}

/* ---- the whole ---- */

bool bot_step(struct stick *s)
{
	/* What has data ends by itself, and before what is behind it. */
	if (!s->bot.task.urb && stick_stall(s))
		return true;
	switch (s->bot.state) {
	case BOT_COMMAND:
		return bot_take_command(s);
	case BOT_DATA:
		return bot_move_data(s);
	case BOT_EXECUTE:
		return bot_execute(s);
	case BOT_STATUS:
		return bot_send_status(s);
	case BOT_BROKEN:
		break;
	}
	return false;
}

void bot_forget(struct stick *s)
{
	stick_task_drop(&s->bot.task);
	s->bot.state = BOT_COMMAND;
}
