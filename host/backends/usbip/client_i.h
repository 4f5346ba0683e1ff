/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * client_i.h - the parts of the USB/IP client.
 *
 *   import.c   before the first URB: which device
 *   client.c   operations, life
 *   xfer.c     transfers: table, sending, unlinking, ends
 *   rx.c       the thread that receives; the end of the connection
 *
 * A transfer is in the table from submit until it ends. Whoever ends it puts it on
 * b->ended; complete is called without the lock by client_complete_ended, which each
 * entry point calls before it unlocks.
 *
 *   not a byte was sent      cancel ends it, or the end of the connection
 *   sent, perhaps in part    the receiving thread ends it: with RET_SUBMIT, with the
 *                            RET_UNLINK that says it was cancelled, or when the
 *                            connection has ended
 *
 * Sending never blocks: what the socket does not take waits for the receiving thread.
 */
#ifndef CLIENT_I_H
#define CLIENT_I_H

#include <pthread.h>

#include "usbip_backend.h"
#include "usbip_msg.h"
#include "usbip_wire.h"

struct client_xfer {
	struct client_xfer *prev, *next;	/* of the table; next: of ended */
	struct usb_urb *urb;
	uint32_t seq;
	int wanted;			/* status of an early end that was asked for */
	struct usbip_msg msg;
	struct virtio_usbip_iso_packet iso[];	/* sent behind the data */
};

/* Lives until RET_UNLINK, which may come after its victim has ended. */
struct client_unlink {
	struct client_unlink *next;
	uint32_t seq, victim;
	int64_t deadline;
	struct usbip_msg msg;
};

struct client_reset {
	struct client_reset *next;
	void (*done)(void *ctx, int status);
	void *ctx;
};

/* The receiving thread's alone: what it waits for. */
struct client_rx {
	enum { RX_HEAD, RX_DATA, RX_ISO } state;
	struct usbip_piece piece;
	struct iovec iov;		/* where piece is not the URB's own data */
	struct virtio_usbip_ret_submit head;
	struct usbip_ret ret;
	struct client_xfer *xfer;	/* RX_DATA, RX_ISO: which nobody else ends */
	uint8_t *bounce;		/* isochronous data, without gaps */
	struct virtio_usbip_iso_packet *iso;
};

struct client {
	struct usb_backend base;	/* first */
	struct usbip_backend_config config;	/* constant, like all up to lock */
	uint32_t devid;
	int wake;			/* eventfd: the thread looks around */
	struct client_rx rx;

	pthread_mutex_t lock;		/* protects everything below */
	pthread_cond_t changed;		/* n_completing fell */
	bool started;
	pthread_t thread;
	bool stop;			/* the thread ends */
	bool closing;
	int lost;			/* why the connection is of no use, or 0 */
	bool gone;			/* and everything has ended */
	uint32_t seq;			/* of the newest message */
	struct client_xfer *first, *last;	/* the table, in the order of submit */
	struct usbip_msg_queue out;
	struct client_unlink *unlinks, **last_unlink;	/* oldest first */
	struct client_reset *resets;
	struct client_xfer *ended, **ended_last;
	unsigned int n_completing;	/* ended, complete has not returned */
};

static inline struct client *client_from_base(struct usb_backend *b)
{
	return (struct client *)b;
}

/* ---- xfer.c; with the lock held; [drops] = drops it for a while ---- */

/* Without the lock. NULL: no memory. */
struct client_xfer *client_xfer_new(struct usb_urb *urb);
/* Puts it into the table and sends what the socket takes. */
void client_xfer_start(struct client *b, struct client_xfer *x);
struct client_xfer *client_find(struct client *b, uint32_t seq);
struct client_xfer *client_find_urb(struct client *b, const struct usb_urb *urb);
/* Ends x now or asks the peer to; not again if it was asked already. */
void client_xfer_cancel(struct client *b, struct client_xfer *x, int status);
void client_end(struct client *b, struct client_xfer *x, int status, uint32_t actual);
/* The peer answered an unlink. -EPROTO: there is none. */
int client_unlinked(struct client *b, uint32_t seq);
/* Sends what waits. */
void client_send(struct client *b);
/* The connection is of no use: the thread ends everything. */
void client_lose(struct client *b, int err);
/* Everything: nothing is sent any more. The thread is not there, or calls this. */
void client_end_all(struct client *b, int status);
/* Calls complete for all that ended, then resets that waited for it. [drops] */
void client_complete_ended(struct client *b);

/* ---- rx.c ---- */

void *client_main(void *backend);
void client_wake(struct client *b);

#endif
