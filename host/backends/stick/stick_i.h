/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stick_i.h - the parts of the stick.
 *
 *   stick.c        queues of URBs, who works on them, cancel, reset, life
 *   control.c      requests on endpoint 0 (ep0.h); descriptors.c has what they read
 *   bot.c          alternate setting 0: Bulk-Only Transport
 *   uas.c          alternate setting 1: USB Attached SCSI, what comes on its command
 *                  pipe; uas_task.c is about the commands, uas_i.h both
 *   scsi*.c        the disk, which knows nothing of USB (scsi_i.h)
 *
 * One thread at a time is the runner: it takes URBs off the queues, drives the
 * transport and is the only one that calls complete. Whoever finds a runner only
 * queues, so an URB that is submitted from complete waits until complete has
 * returned, and nothing recurses. The runner drops the lock around complete and
 * image I/O; meanwhile others may queue, cancel and reset.
 */
#ifndef STICK_I_H
#define STICK_I_H

#include <errno.h>
#include <pthread.h>

#include "ep0.h"
#include "scsi_i.h"
#include "stick.h"

/* Bulk endpoints; the last two belong to setting 1. */
#define STICK_EP_IN	1u
#define STICK_EP_OUT	2u
#define STICK_EP_STATUS	3u	/* in */
#define STICK_EP_COMMAND 4u	/* out */
#define STICK_LOG2_STREAMS 5u	/* of an endpoint, but that of commands */
#define STICK_REPLY_MAX	256u	/* the longest descriptor is shorter */

struct usb_ctrlrequest;

struct urb_queue {
	struct usb_urb *first, **last;
};

static inline void urb_queue_init(struct urb_queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

static inline void urb_queue_put(struct urb_queue *q, struct usb_urb *urb)
{
	urb->backend_next = NULL;
	*q->last = urb;
	q->last = &urb->backend_next;
}

/* The queue is not empty. */
static inline struct usb_urb *urb_queue_take(struct urb_queue *q)
{
	struct usb_urb *urb = q->first;

	q->first = urb->backend_next;
	if (!q->first)
		q->last = &q->first;
	return urb;
}

enum { PIPE_IN, PIPE_OUT, PIPE_STATUS, PIPE_COMMAND, N_PIPES };

/* A bulk endpoint. */
struct stick_pipe {
	struct urb_queue q;		/* of all streams */
	unsigned int n_streams;		/* the host's; 0: URBs have none */
	bool halted;
};

/* A command, and the URB that its data goes to or comes from at the moment. */
struct stick_task {
	struct stick *stick;
	struct stick_task *next_active;
	struct usb_urb *urb;		/* off its queue; piece is about it; or NULL */
	struct scsi_piece piece;
	bool io_busy;			/* cmd.io and urb's memory are the image's */
	struct scsi_cmd cmd;
};

enum bot_state {
	BOT_COMMAND,	/* waits for a CBW */
	BOT_DATA,
	BOT_EXECUTE,	/* what the command does after its data */
	BOT_STATUS,	/* has a CSW to send */
	BOT_BROKEN,	/* got something that is no CBW; waits for a reset */
};

struct bot {
	enum bot_state state;
	bool complained;		/* about a bad CBW, once */
	uint32_t tag;			/* of the CBW, as it came */
	uint32_t host_len;		/* bytes that the host expects to transfer */
	bool host_in;			/* in which direction */
	bool phase_error;
	struct stick_task task;
};

struct stick {
	struct usb_backend backend;	/* first */

	/* Protects everything below. Not held over complete, done, image I/O. */
	pthread_mutex_t lock;
	pthread_cond_t idle;		/* for close: the runner stopped */
	bool running;			/* there is a runner */
	unsigned int n_io;		/* tasks at the image */
	bool abort;			/* forget all commands as soon as n_io is 0 */
	bool closing;
	struct urb_queue control;
	struct stick_pipe pipes[N_PIPES];
	struct stick_task *active;	/* those that have an URB */
	struct urb_queue ended;		/* complete is to be called */
	struct stick_reset *resets;	/* done is to be called */

	struct ep0 ep0;			/* configuration 1; setting 0: BOT, 1: UAS */
	struct bot bot;
	struct uas *uas;		/* NULL: not offered */
	struct scsi_disk disk;
};

/* ---- stick.c; with the lock held ---- */

/* Takes the head off q and has it completed. */
void stick_end_head(struct stick *s, struct urb_queue *q, int status, uint32_t actual);

/* The same for all of q. */
void stick_end_queue(struct stick *s, struct urb_queue *q, int status);

/* One URB of each pipe that is halted. false: there is none. */
bool stick_stall(struct stick *s);

/* The first URB of a stream, or of all if the host uses none; or NULL. */
struct usb_urb *stick_find(const struct stick_pipe *pipe, uint32_t stream);

/* Takes urb off its queue and has it completed. */
void stick_end_urb(struct stick *s, struct stick_pipe *pipe, struct usb_urb *urb,
		   int status, uint32_t actual);

/* Takes urb off its queue and makes it the one of the task, which has none. */
void stick_task_take(struct stick_task *task, struct stick_pipe *pipe,
		     struct usb_urb *urb);

/* The task's URB is completed; the task has none then. */
void stick_task_end(struct stick_task *task, int status, uint32_t actual);

/* Likewise, if it has one, because the command is given up. Not io_busy. */
void stick_task_drop(struct stick_task *task);

/*
 * Submits cmd.io, for the runner only. Drops the lock meanwhile. Afterwards io_busy,
 * or scsi_io_done has been called.
 */
void stick_task_submit(struct stick_task *task);

/* For a transfer that ended short, but well. */
int stick_short_status(const struct usb_urb *urb);

/* Before anything else. */
void stick_task_init(struct stick *s, struct stick_task *task);

/* No command is left; not while n_io. */
void stick_forget(struct stick *s);

/* As after SET_CONFIGURATION: not halted, no streams. */
void stick_renew_pipes(struct stick *s);

uint32_t stick_max_packet(const struct stick *s);	/* of the bulk endpoints */

/* ---- control.c; with the lock held, n_io is 0 if it needs quiet ---- */

/* Whether the request ends the commands that run, so must wait for their I/O. */
bool stick_control_needs_quiet(const struct stick *s, const struct ep0_request *r);

/*
 * Carries a request out. Returns the bytes in reply (0 for a request that sends
 * or has no data), or -EPIPE to stall.
 */
int stick_control(struct stick *s, const struct ep0_request *r,
		  uint8_t reply[STICK_REPLY_MAX]);

/* ---- descriptors.c ---- */

/* GET_DESCRIPTOR, as struct ep0_ops has it. */
int stick_descriptor(void *stick, const struct ep0_request *r, uint8_t *reply);

/* ---- bot.c; with the lock held ---- */

/* One step ahead, for the runner, n_io is 0. false: there is nothing to do. */
bool bot_step(struct stick *s);

/* The command that runs is forgotten; its URB, if any, ends. n_io is 0. */
void bot_forget(struct stick *s);

/* ---- uas.c, uas_task.c; likewise, but n_io may be anything in uas_step ---- */

struct uas *uas_new(struct stick *s);	/* NULL: no memory */
bool uas_step(struct stick *s);
void uas_forget(struct stick *s);
bool uas_is_idle(const struct stick *s);	/* no command is left */

#endif
