// SPDX-License-Identifier: GPL-2.0-only
/*
 * UAS: commands, several at a time.
 *
 *            older ones ended   data   has the pipe         all moved, or failed
 *   DORMANT ----------------> ( TURN --------------> DATA ) --------> EXECUTE --> STATUS
 *                         (only without streams)
 *
 * A data URB that comes for a command whose status is about to be sent gets no more
 * data: it ends before the status does. Hosts wait for both.
 */
#include "uas_i.h"

/* ---- which there are ---- */

struct uas_task *uas_find(const struct uas *uas, uint16_t tag)
{
	struct uas_task *t = uas->first;

	while (t && (t->tag != tag || t->aborted))
		t = t->next;
	return t;
}

static struct uas_task *uas_task_new(struct uas *uas)
{
	struct uas_task **last = &uas->first;
	unsigned int i = 0;

	while (i < UAS_TASKS && uas->tasks[i].state != UAS_FREE)
		i++;
	if (i == UAS_TASKS)
		return NULL;
	while (*last)
		last = &(*last)->next;
	*last = &uas->tasks[i];
	(*last)->next = NULL;
	return *last;
}

static void uas_task_free(struct uas *uas, struct uas_task *t)
{
	struct uas_task **p = &uas->first;

	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	for (unsigned int i = PIPE_IN; i <= PIPE_OUT; i++)
		if (uas->owner[i] == t)
			uas->owner[i] = NULL;
	t->state = UAS_FREE;
}

bool uas_task_begin(struct stick *s, const struct uas_command *command)
{
	struct uas_task *t = uas_task_new(s->uas);
	struct scsi_cmd *cmd;

	if (!t)
		return false;
	t->state = UAS_DORMANT;
	t->aborted = false;
	t->tag = command->tag;
	t->attribute = command->attribute;
	cmd = &t->task.cmd;
	cmd->lun = command->lun;
	cmd->cdb_len = SCSI_CDB_MAX;
	memcpy(cmd->cdb, command->cdb, SCSI_CDB_MAX);
	return true;
}

/* ---- data ---- */

static unsigned int uas_pipe(const struct uas_task *t)
{
	return t->task.cmd.dir == SCSI_IN ? PIPE_IN : PIPE_OUT;
}

/*
 * An URB that gets no more than it has. In: a short packet, or one of length zero,
 * tells the host so. Out: the rest is taken and thrown away, as a stall would hit the
 * other commands on the pipe.
 */
static int uas_end_status(const struct usb_urb *urb, uint32_t moved, uint32_t *ret_actual)
{
	if (urb->status && moved < urb->length) {	/* cancelled */
		*ret_actual = moved;
		return urb->status;
	}
	*ret_actual = urb->in ? moved : urb->length;
	return *ret_actual < urb->length ? stick_short_status(urb) : 0;
}

static void uas_end_waiting(struct stick *s, struct uas_task *t, unsigned int which)
{
	struct stick_pipe *pipe = &s->pipes[which];
	struct usb_urb *urb;
	uint32_t actual;
	int status;

	/* Without streams, URBs belong to whom the pipe belongs. */
	if (!pipe->n_streams && s->uas->owner[which] != t)
		return;
	while ((urb = stick_find(pipe, t->tag))) {
		status = uas_end_status(urb, 0, &actual);
		stick_end_urb(s, pipe, urb, status, actual);
	}
}

/* No data moves any more. Not io_busy. */
static void uas_end_data(struct stick *s, struct uas_task *t)
{
	struct stick_task *task = &t->task;
	uint32_t actual;
	int status;

	if (task->urb) {
		status = uas_end_status(task->urb, task->piece.pos, &actual);
		stick_task_end(task, status, actual);
	}
	uas_end_waiting(s, t, PIPE_IN);
	uas_end_waiting(s, t, PIPE_OUT);
}

/* Asks for the data pipe. 6.2.5, 6.2.6 */
static bool uas_take_turn(struct stick *s, struct uas_task *t)
{
	struct uas_task **owner = &s->uas->owner[uas_pipe(t)];
	uint8_t iu[4] = {
		t->task.cmd.dir == SCSI_IN ? UAS_READ_READY_IU : UAS_WRITE_READY_IU,
	};

	put_be16(iu + 2, t->tag);
	if (*owner || !uas_send(s, t->tag, iu, sizeof(iu)))
		return false;
	*owner = t;
	t->state = UAS_DATA;
	return true;
}

static void uas_want_data(struct stick *s, struct uas_task *t)
{
	unsigned int which = uas_pipe(t);

	if (s->pipes[which].n_streams || s->uas->owner[which] == t)
		t->state = UAS_DATA;
	else
		t->state = UAS_TURN;
}

/* An URB for the data; with the last of them it is the next command's turn. */
static bool uas_take_urb(struct stick *s, struct uas_task *t)
{
	const struct scsi_cmd *cmd = &t->task.cmd;
	unsigned int which = uas_pipe(t);
	struct stick_pipe *pipe = &s->pipes[which];
	struct usb_urb *urb = stick_find(pipe, t->tag);

	/* A host may free its streams; what it sends afterwards is not for this one. */
	if (!urb || (!pipe->n_streams && s->uas->owner[which] != t))
		return false;
	stick_task_take(&t->task, pipe, urb);
	if (s->uas->owner[which] == t && urb->length >= cmd->len - cmd->pos)
		s->uas->owner[which] = NULL;
	return true;
}

/* The URB got all it can get. urb->status: it was cancelled meanwhile. */
static void uas_end_piece(struct stick *s, struct uas_task *t)
{
	struct stick_task *task = &t->task;
	uint32_t moved = task->piece.pos;

	if (task->cmd.pos == task->cmd.len || task->cmd.status != SCSI_GOOD) {
		t->state = UAS_EXECUTE;		/* the URB ends just before the status */
		return;
	}
	stick_task_end(task, moved < task->urb->length ? task->urb->status : 0, moved);
	uas_want_data(s, t);
}

static bool uas_move_data(struct stick *s, struct uas_task *t)
{
	struct stick_task *task = &t->task;

	if (!task->urb && !uas_take_urb(s, t))
		return false;
	if (!task->urb->status && scsi_data(&task->cmd, &task->piece))
		stick_task_submit(task);
	else
		uas_end_piece(s, t);
	return true;
}

/* ---- before and after ---- */

/* SAM-5 8.6: simple ones begin after older others, ordered ones after all older. */
static bool uas_is_enabled(const struct uas *uas, const struct uas_task *t)
{
	if (t->attribute == UAS_HEAD_OF_QUEUE)
		return true;
	for (const struct uas_task *o = uas->first; o != t; o = o->next)
		if (t->attribute == UAS_ORDERED || o->attribute != UAS_SIMPLE)
			return false;
	return true;
}

static bool uas_start(struct stick *s, struct uas_task *t)
{
	struct scsi_cmd *cmd = &t->task.cmd;

	if (!uas_is_enabled(s->uas, t))
		return false;
	scsi_start(&s->disk, cmd);
	if (cmd->len && cmd->status == SCSI_GOOD)
		uas_want_data(s, t);
	else
		t->state = UAS_EXECUTE;
	return true;
}

static bool uas_execute(struct uas_task *t)
{
	if (scsi_execute(&t->task.cmd))
		stick_task_submit(&t->task);
	else
		t->state = UAS_STATUS;
	return true;
}

/* 6.2.4: sense data comes with the status. */
static bool uas_send_status(struct stick *s, struct uas_task *t)
{
	const struct scsi_cmd *cmd = &t->task.cmd;
	uint8_t iu[UAS_SENSE_IU_MAX];
	uint32_t len = uas_put_sense(iu, t->tag, cmd->status, &cmd->sense);

	uas_end_data(s, t);
	if (!uas_send(s, t->tag, iu, len))
		return false;
	uas_task_free(s->uas, t);
	return true;
}

static void uas_task_drop(struct stick *s, struct uas_task *t)
{
	uas_end_data(s, t);
	uas_task_free(s->uas, t);
}

static bool uas_task_step(struct stick *s, struct uas_task *t)
{
	if (t->task.io_busy)
		return false;
	if (t->aborted) {
		uas_task_drop(s, t);
		return true;
	}
	switch (t->state) {
	case UAS_DORMANT:
		return uas_start(s, t);
	case UAS_TURN:
		return uas_take_turn(s, t);
	case UAS_DATA:
		return uas_move_data(s, t);
	case UAS_EXECUTE:
		return uas_execute(t);
	case UAS_STATUS:
		return uas_send_status(s, t);
	case UAS_FREE:
		break;
	}
	return false;
}

/* The lock is dropped around image I/O: a reset may have come. */
bool uas_task_run(struct stick *s, struct uas_task *t)
{
	bool progress = false;

	while (!s->abort && t->state != UAS_FREE && uas_task_step(s, t))
		progress = true;
	return progress;
}

/* ---- early ends ---- */

void uas_forget(struct stick *s)
{
	while (s->uas->first) {
		stick_task_drop(&s->uas->first->task);
		uas_task_free(s->uas, s->uas->first);
	}
	s->uas->n_replies = 0;
}

void uas_abort(struct stick *s, struct uas_task *t)
{
	t->aborted = true;
	if (!t->task.io_busy)
		uas_task_drop(s, t);
}

void uas_abort_all(struct stick *s)
{
	for (struct uas_task *t = s->uas->first, *next; t; t = next) {
		next = t->next;
		uas_abort(s, t);
	}
}
