/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uas_i.h - USB Attached SCSI 1.0 (T10/2095-D revision 4). Clause numbers are its.
 *
 *   uas.c        command pipe: information units that come in, task management, and
 *                answers that are no command's status
 *   uas_task.c   a command from its Command IU to its Sense IU
 *
 * On a pipe whose endpoint has streams (SuperSpeed), a tag's URBs are those of its
 * stream, so every command moves its data when it likes. On a pipe without (high
 * speed), Read Ready and Write Ready IUs say whose turn it is: one command at a time
 * has the pipe, until it has got URBs for all its data. What the image does for it
 * goes on after that, so here, too, several commands are at the image.
 *
 * Everything here is called by the runner, with the stick's lock held.
 */
#ifndef UAS_I_H
#define UAS_I_H

#include "stick_i.h"

#define UAS_TASKS	32u	/* commands at a time; more are answered TASK SET FULL */
#define UAS_REPLIES	32u	/* with so many unsent, no more IUs are taken */
#define UAS_SENSE_IU_MAX (16u + SCSI_SENSE_LEN)

enum uas_iu_id {
	UAS_COMMAND_IU = 0x01, UAS_SENSE_IU = 0x03, UAS_RESPONSE_IU = 0x04,
	UAS_TASK_MANAGEMENT_IU = 0x05, UAS_READ_READY_IU = 0x06,
	UAS_WRITE_READY_IU = 0x07,
};

enum uas_state {
	UAS_FREE,
	UAS_DORMANT,		/* must not begin before older ones have ended */
	UAS_TURN,		/* waits for its turn on a data pipe without streams */
	UAS_DATA,
	UAS_EXECUTE,		/* what the command does after its data */
	UAS_STATUS,		/* has a Sense IU to send */
};

enum uas_attribute { UAS_SIMPLE = 0, UAS_HEAD_OF_QUEUE = 1, UAS_ORDERED = 2 };

struct uas_task {
	struct stick_task task;		/* first */
	struct uas_task *next;		/* younger */
	enum uas_state state;
	bool aborted;			/* goes without status when it is not io_busy */
	uint16_t tag;
	enum uas_attribute attribute;
};

/* An answer that has no task; it is sent when no aborted task is left. */
struct uas_reply {
	enum uas_iu_id id;		/* Sense or Response */
	uint16_t tag;
	uint8_t code;			/* status or response code */
	struct scsi_sense sense;
};

struct uas {
	bool complained;		/* about an IU without a tag, once */
	struct uas_task *first;		/* in order of arrival */
	struct uas_task *owner[2];	/* whose turn PIPE_IN, PIPE_OUT is, without streams */
	unsigned int n_replies;
	struct uas_reply replies[UAS_REPLIES];	/* oldest first */
	struct uas_task tasks[UAS_TASKS];	/* mostly never touched */
};

/* A well-formed one, in the CPU's byte order. */
struct uas_command {
	uint16_t tag;
	uint8_t attribute;
	unsigned int lun;		/* 0, or any other number for any other unit */
	const uint8_t *cdb;		/* SCSI_CDB_MAX bytes */
};

/* ---- uas.c ---- */

/* Sends an IU on the status pipe. false: there is no URB for it now. */
bool uas_send(struct stick *s, uint16_t tag, const void *iu, uint32_t len);

/* A Sense IU, 6.2.4; code SENSE_NONE: without sense data. Returns its length. */
uint32_t uas_put_sense(uint8_t iu[UAS_SENSE_IU_MAX], uint16_t tag, uint8_t status,
		       const struct scsi_sense *sense);

/* ---- uas_task.c ---- */

/* Not one that was aborted; or NULL. */
struct uas_task *uas_find(const struct uas *uas, uint16_t tag);

/* false: there are too many. */
bool uas_task_begin(struct stick *s, const struct uas_command *command);

/* As far ahead as it goes. It may be gone then. false: there is nothing to do. */
bool uas_task_run(struct stick *s, struct uas_task *t);

/* Ends without status, now or when the image is done. */
void uas_abort(struct stick *s, struct uas_task *t);
void uas_abort_all(struct stick *s);

#endif
