/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stick_i.h - the parts of the stick.
 *
 *   stick.c        queues of URBs, who works on them, cancel, reset, life
 *   control.c      requests on endpoint 0; descriptors.c has what they read
 *   bot.c          bulk endpoints: Bulk-Only Transport. UAS would be a second such
 *                  file, with its own interface setting, endpoints and commands
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

#include "scsi_i.h"
#include "stick.h"

#define STICK_EP_IN	1u	/* bulk */
#define STICK_EP_OUT	2u	/* bulk */
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

enum bot_state {
	BOT_COMMAND,	/* waits for a CBW */
	BOT_DATA,
	BOT_EXECUTE,	/* what the command does after its data */
	BOT_STATUS,	/* has a CSW to send */
	BOT_BROKEN,	/* got something that is no CBW; waits for a reset */
};

struct bot {
	enum bot_state state;
	bool halted_in, halted_out;
	bool complained;		/* about a bad CBW, once */
	uint32_t tag;			/* of the CBW, as it came */
	uint32_t host_len;		/* bytes that the host expects to transfer */
	bool host_in;			/* in which direction */
	bool phase_error;
	struct usb_urb *active;		/* head of its queue; piece is about it */
	struct scsi_piece piece;
	struct scsi_cmd cmd;
};

struct stick {
	struct usb_backend backend;	/* first */

	/* Protects everything below. Not held over complete, done, image I/O. */
	pthread_mutex_t lock;
	pthread_cond_t idle;		/* for close: the runner stopped */
	bool running;			/* there is a runner */
	bool io_busy;			/* cmd.io and active's memory are the image's */
	bool abort;			/* forget the command as soon as !io_busy */
	bool closing;
	struct urb_queue control, in, out;
	struct urb_queue ended;		/* complete is to be called */
	struct stick_reset *resets;	/* done is to be called */

	uint8_t configuration;		/* 0: not configured; or 1 */
	bool u1_enabled, u2_enabled;	/* USB 3.2 9.4.9; there is no link to manage */
	struct bot bot;
	struct scsi_disk disk;
};

/* ---- stick.c; with the lock held ---- */

/* Takes the head off q and has it completed. */
void stick_end_head(struct stick *s, struct urb_queue *q, int status, uint32_t actual);

/* The same for all of q. */
void stick_end_queue(struct stick *s, struct urb_queue *q, int status);

/*
 * Submits bot.cmd.io, for the runner only. Drops the lock meanwhile. Afterwards
 * io_busy, or scsi_io_done has been called.
 */
void stick_submit_io(struct stick *s);

uint32_t stick_max_packet(const struct stick *s);	/* of the bulk endpoints */

/* ---- control.c; with the lock held, not io_busy if it needs quiet ---- */

/* Whether the request ends the command that runs, so must wait for its I/O. */
bool stick_control_needs_quiet(const struct usb_ctrlrequest *req);

/*
 * Carries a request out. Returns the bytes in reply (0 for a request that sends
 * or has no data), or -EPIPE to stall.
 */
int stick_control(struct stick *s, const struct usb_ctrlrequest *req,
		  uint8_t reply[STICK_REPLY_MAX]);

/* ---- descriptors.c ---- */

/* GET_DESCRIPTOR: as stick_control. */
int stick_descriptor(const struct stick *s, const struct usb_ctrlrequest *req,
		     uint8_t reply[STICK_REPLY_MAX]);

/* ---- bot.c; with the lock held ---- */

/* One step ahead, for the runner, not io_busy. false: there is nothing to do. */
bool bot_step(struct stick *s);

/* The command that runs is forgotten; bot.active, if any, ends. Not io_busy. */
void bot_forget(struct stick *s);

/* Both endpoints as after SET_CONFIGURATION, besides bot_forget. */
void bot_clear_halts(struct stick *s);

/* CLEAR_FEATURE, SET_FEATURE (ENDPOINT_HALT). */
void bot_set_halt(struct stick *s, bool in, bool halt);

#endif
