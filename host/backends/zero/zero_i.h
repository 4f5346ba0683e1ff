/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * zero_i.h - the parts of the test device.
 *
 *   zero.c         queues, the bus thread, cancel, reset, life
 *   transfer.c     what endpoints do with a transfer
 *   control.c      requests on endpoint 0; descriptors.c has what they read
 *
 * Isochronous and interrupt transfers take as long as they would on a bus; bulk and
 * control take no time. So what can be done at once the submitter's thread does, inside
 * submit, and the bus thread the rest: what has to wait, or would overtake what another
 * thread is just completing, or is submitted inside complete. And after some in a row
 * one: a completion handler of the library kernel that submits again, for ever, comes to
 * an end only if the next completion is not there yet.
 */
#ifndef ZERO_I_H
#define ZERO_I_H

#include <pthread.h>

#include "ep0.h"
#include "usb_backend.h"
#include "zero_backend.h"

#define ZERO_REPLY_MAX		512u	/* the longest descriptor is shorter */
#define ZERO_SCRATCH		65536u	/* a control transfer has a 16 bit length */
#define ZERO_LOOP_PACKETS	32u
#define ZERO_PACKET_MAX		1024u
#define ZERO_MAX_EPS		6u
#define ZERO_PATTERN		4096u	/* bytes, some packets */
#define ZERO_IN_A_ROW		64u	/* transfers done inside submit */
#define ZERO_CONFIG_SOURCE	3u	/* bConfigurationValue, those of the gadget */
#define ZERO_CONFIG_LOOP	2u

enum zero_type { ZERO_ISO = 1, ZERO_BULK = 2, ZERO_INTERRUPT = 3 };	/* USB 2.0 9.6.6 */

/* An endpoint as the descriptors have it. Bulk ones are in all settings. */
struct zero_ep_info {
	uint8_t address;
	enum zero_type type;
};

struct zero_queue {
	struct usb_urb *first, **last;	/* through backend_next */
};

struct zero_ep {
	const struct zero_ep_info *info;
	struct zero_queue q;
	bool halted;
	/* Of the transfer at the head of a loopback endpoint: packets and bytes moved */
	uint32_t packets, moved;
	uint64_t free_at;		/* us: end of what is scheduled */
	uint32_t pattern_len;		/* constant, like what is in it */
	uint8_t pattern[ZERO_PATTERN];
};

struct zero_packet {
	uint32_t len;
	uint8_t data[ZERO_PACKET_MAX];
};

/* From bulk OUT to bulk IN, packet by packet. */
struct zero_loop {
	unsigned int first, n;
	struct zero_packet packets[ZERO_LOOP_PACKETS];
};

struct zero {
	struct usb_backend backend;	/* first */
	unsigned int pattern;		/* constant */
	unsigned int wake_ms;		/* constant */
	unsigned int n_eps;		/* constant */

	/* Protects everything below. Not held over complete and done. */
	pthread_mutex_t lock;
	pthread_cond_t work;		/* for the thread */
	pthread_t thread;
	bool closing;
	bool completing;		/* a thread is in complete, without the lock */
	bool bus_waits;			/* for that to end */
	unsigned int in_a_row;		/* done inside submit since the bus thread's turn */
	uint64_t wake_at;		/* us; 0: not asleep, or never */
	struct zero_queue control, ended;
	struct zero_ep eps[ZERO_MAX_EPS];
	struct zero_reset *resets;	/* done is to be called after what has ended */

	struct ep0 ep0;
	uint32_t scratch_len;		/* of request 0x5b */
	uint8_t scratch[ZERO_SCRATCH];
	struct zero_loop loop;
};

struct usb_ctrlrequest;

/* ---- zero.c; with the lock held ---- */

static inline struct usb_urb *zero_queue_take(struct zero_queue *q)
{
	struct usb_urb *urb = q->first;

	q->first = urb->backend_next;
	if (!q->first)
		q->last = &q->first;
	return urb;
}

/* Takes the head off the endpoint's queue and has it completed. */
void zero_end_head(struct zero *z, struct zero_ep *ep, int status, uint32_t actual);

/* For a new configuration or setting: nothing is queued, halted or looped. */
void zero_renew_eps(struct zero *z);

/* Of that address, in the current setting or not; NULL: there is none. */
struct zero_ep *zero_find_ep(struct zero *z, uint8_t address);

/* Whether configuration and setting have it. */
bool zero_ep_is_active(const struct zero *z, const struct zero_ep *ep);

/* ---- transfer.c; with the lock held ---- */

/* What the endpoint sources and wants to sink; before it is used. */
void zero_make_pattern(struct zero *z, struct zero_ep *ep);

/*
 * When a transfer that is submitted now has its end, in us, for interrupt and
 * isochronous endpoints. Advances what is scheduled.
 */
uint64_t zero_schedule(struct zero *z, struct zero_ep *ep, struct usb_urb *urb,
		       uint64_t now);

/*
 * Does what can be done for the head of the queue, at that time. false: it has to
 * wait, until *ret_due or for something else (unchanged).
 */
bool zero_ep_step(struct zero *z, struct zero_ep *ep, uint64_t now, uint64_t *ret_due);

/* Bytes between the transfer's data, at an offset, and a buffer. */
void zero_copy(const struct usb_urb *urb, uint32_t offset, void *buf, uint32_t len,
	       bool to_urb);

/* ---- control.c; with the lock held ---- */

/* Carries out a request whose URB's data it may use; takes no time. */
void zero_control(struct zero *z, struct usb_urb *urb);

/* ---- descriptors.c ---- */

/* USB 2.0 9.6.6, USB 3.2 9.6.6. */
uint32_t zero_max_packet(const struct zero *z, enum zero_type type);

/* Endpoints of the speed; how many. */
unsigned int zero_ep_infos(enum usb_speed speed, const struct zero_ep_info **ret_infos);

/* GET_DESCRIPTOR, as struct ep0_ops has it. */
int zero_descriptor(void *zero, const struct ep0_request *r, uint8_t *reply);

#endif
