/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * readonly_i.h - the parts of the read-only filter.
 *
 *   readonly.c   URBs: what goes out is the filter's copy
 *   protocol.c   what may go on, and what becomes of the answer: Bulk-Only, UAS, requests
 *   cdb.c        which SCSI commands only read
 *
 * No command that sends data is let through, so all that goes out on a bulk endpoint is
 * a command: a CBW or an information unit, one to an URB, checked in a copy that the
 * guest cannot change any more. Nothing has to be known of endpoints and phases for
 * that, nor of which of the two protocols is spoken.
 *
 * A command that is refused goes on as TEST UNIT READY with the same tag, and its
 * answer is rewritten into CHECK CONDITION, DATA PROTECT, WRITE PROTECTED. So the
 * device keeps the order of answers, and UAS' URBs, which wait for them beforehand,
 * find one. The phases of Bulk-Only are followed for the answers' sake only: a guest
 * that breaks them confuses nobody but itself.
 */
#ifndef READONLY_I_H
#define READONLY_I_H

#include "usb_backend.h"

#define READONLY_COMMAND_MAX	32u	/* bytes: Command IU without more CDB */
#define READONLY_TAGS		256u	/* refused at a time; uas has no more */

/* What is to become of an IN URB's data. */
enum readonly_rewrite {
	READONLY_AS_IT_IS,
	READONLY_CSW,			/* of a refused command: failed */
	READONLY_SENSE,			/* write protected */
	READONLY_MODE6, READONLY_MODE10,	/* sets WP */
	READONLY_IU,			/* failed, if it is a refused command's */
};

/* Protected by the filter's lock. */
struct readonly_state {
	/* Bulk-Only */
	bool data_in;			/* refused: its data-in stage is still to come */
	bool status;			/* refused: its CSW is still to come */
	bool sense;			/* the next REQUEST SENSE is for us */
	uint32_t length;		/* of the refused command's data */
	enum readonly_rewrite data;	/* of the next data-in stage */
	/* UAS */
	unsigned int n_tags;
	uint16_t tags[READONLY_TAGS];	/* refused, not answered */
};

/* ---- cdb.c ---- */

/* Whether the command leaves medium and device as they are, and sends no data. */
bool readonly_cdb_reads(const uint8_t cdb[16]);

/* ---- protocol.c; with the lock held ---- */

/* A control request: 0 or -errno, what it ends with. */
int readonly_check_control(struct readonly_state *s, const struct usb_urb *urb);
/* Data that goes out: fills command with what goes on instead. Its length or -errno. */
int readonly_check_out(struct readonly_state *s, const struct usb_urb *urb,
		       uint8_t command[READONLY_COMMAND_MAX]);
/* Data that comes in, before it does: 0 or -errno, what it ends with at once. */
int readonly_check_in(struct readonly_state *s, const struct usb_urb *urb,
		      enum readonly_rewrite *ret_rewrite);
/* It has come. */
void readonly_rewrite(struct readonly_state *s, struct usb_urb *urb,
		      enum readonly_rewrite rewrite);

#endif
