/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * device_i.h - inside the virtio-usbip device. DEV-n and DR-n in comments are
 * requirements of docs/protocol.md.
 *
 *   pdu.c      bytes of a chain <-> command, URB, answer; all checks of them
 *   urbs.c     requests: slots, order, submission, completion, cancellation
 *   ports.c    what is plugged in, port resets, events
 *   control.c  commands of the control queue
 *   stats.c    what is counted
 *   device.c   virtio device operations, life
 *
 * One lock, dev->lock, protects everything here but what says otherwise. It is
 * dropped around each operation of a backend, because that may complete requests
 * (complete takes the lock), and kept around the transport's interrupt.
 */
#ifndef DEVICE_I_H
#define DEVICE_I_H

#include <pthread.h>
#include <stdatomic.h>
#include <linux/virtio_usbip.h>

#include "usbip_wire.h"
#include "virtio_usbip_dev.h"

#define USBIP_MAX_REQUEST_QUEUES	8u
#define USBIP_MAX_QUEUES	(VIRTIO_USBIP_VQ_REQUEST + USBIP_MAX_REQUEST_QUEUES)
#define USBIP_REQUEST_SIZE	256u	/* entries of a request queue */
#define USBIP_CONTROL_SIZE	256u	/* UML's rings have one size, this */
#define USBIP_EVENT_SIZE	256u

#define USBIP_SEG_MAX		254u
/* Header, answer and both isochronous tables, in more than one piece each. */
#define USBIP_MAX_IOV		(USBIP_SEG_MAX + 34u)
#define USBIP_MAX_TRANSFER	(4u << 20)
#define USBIP_MAX_ISO		128u	/* as many as Linux's usbfs takes */
#define USBIP_MAX_STREAMS	65533u	/* USB 3.2, 8.12.1.4 */
#define USBIP_MAX_PORTS		(VIRTIO_USBIP_MAX_USB2_PORTS + \
				 VIRTIO_USBIP_MAX_USB3_PORTS)
#define USBIP_SEQ_BUCKETS	256u	/* a power of two */

struct usbip_port;
struct usbip_req;

/*
 * Where a request is. QUEUED to SUBMITTING to FLYING, or returned right away;
 * control commands are WAITING.
 */
enum usbip_req_state {
	USBIP_REQ_WAITING,	/* command being executed, or reset that is not done */
	USBIP_REQ_QUEUED,	/* on its queue's list, not seen by the backend yet */
	USBIP_REQ_SUBMITTING,	/* a thread is in submit: no cancel before it is back */
	USBIP_REQ_FLYING,	/* the backend has it */
};

/* A chain that was taken and not returned. */
struct usbip_req {
	struct usb_urb urb;		/* results of commands are in it, too */
	/*
	 * Who still needs the request: the backend until complete, and each thread
	 * inside submit or cancel. Whoever ends the last one returns the chain, so
	 * that a completion inside submit costs no lock. Not protected by the lock.
	 */
	_Atomic unsigned int holds;
	enum usbip_req_state state;
	bool cancel_wanted;		/* while SUBMITTING: cancel right after it */
	bool cancelled;			/* by reset of the virtio device: once is enough */
	bool entered;			/* in the table of seqs */
	bool counted;			/* stats.c knows that it is under way */
	uint64_t started;		/* ns, CLOCK_MONOTONIC; 0: its time is not taken */
	uint16_t head;
	uint32_t charge;		/* bytes of the budget that it has */
	struct usbip_dev *dev;
	struct usbip_queue *queue;
	struct usbip_port *port;	/* counted in n_chains; NULL: control, or refused */
	struct usbip_req *next;		/* free, a queue's list, a port's waiters */
	struct usbip_req *seq_next;	/* in its bucket */
	struct usbip_cmd cmd;		/* our copy of the header (DEV-11) */
	unsigned int n_out, n_in;	/* entries of iov: R, then W */
	size_t out_len, in_len;
	unsigned int n_iso;		/* entries of iso[] to return */
	struct iovec iov[USBIP_MAX_IOV + 1];	/* one for what pdu.c splits */
	struct usb_iso_packet iso[USBIP_MAX_ISO];
};

struct usbip_queue {
	struct virtq *vq;		/* NULL: not set up, or the device is stopped */
	unsigned int index;
	struct usbip_req *first, **last;	/* QUEUED, in the ring's order (DEV-3) */
	bool running;			/* a thread submits from the list; one at a time */
	bool touched;			/* pushed since interrupts were last decided */
	bool parked;			/* the head waits for budget (DEV-6) */
};

/*
 * A port and what is plugged into it. A device that left (devid 0, leaving)
 * keeps its backend until a thread that may block has closed it.
 */
struct usbip_port {
	struct usbip_dev *dev;
	unsigned int num;		/* from 1 */
	uint16_t generation;		/* of the newest connection */
	uint32_t devid;			/* 0 = empty for the guest */
	uint32_t change_count;
	bool changed;			/* an event is due (DEV-17) */

	struct usb_backend *backend;	/* NULL = free */
	unsigned int users;		/* threads inside an op of backend but close */
	unsigned int n_chains;		/* requests that are not returned */
	bool leaving;
	bool announced;			/* leaving, and all chains were returned (DEV-24) */
	bool closing;			/* a thread is in close: no op may begin */
	bool disabled;			/* until reset */
	bool off;			/* without power: empty for the guest */
	bool want_power;		/* on again as soon as no chains are missing */
	bool suspended;
	bool waking;			/* the event that is due is a WAKE */
	bool resetting, reset_done;	/* the backend's done came, chains are missing */
	int reset_status;
	struct usbip_req *waiters;	/* resets to be answered together (DEV-27) */
};

struct usbip_dev {
	struct virtio_usbip_config config;	/* constant */
	uint64_t offered;			/* constant */
	uint32_t budget;			/* constant; 0 = no limit */
	unsigned int n_ports, n_usb2, n_queues;	/* constant */

	pthread_mutex_t lock;		/* innermost, but for what interrupt takes */
	pthread_cond_t idle;		/* n_reqs, or users or n_chains of a port, fell to 0 */
	struct virtio_transport *transport;
	uint64_t features;		/* negotiated */
	bool complained;		/* of the guest, once per start */
	bool said_parked;		/* likewise, that it asks for more than there is */
	struct usbip_queue queues[USBIP_MAX_QUEUES];
	struct usbip_port ports[USBIP_MAX_PORTS];

	struct usbip_req *buckets[USBIP_SEQ_BUCKETS];
	struct usbip_req *free;
	unsigned int n_reqs;		/* taken, not returned */
	uint64_t charged;		/* bytes of the budget in use */
	struct usbip_dev_stats stats;
	unsigned int n_fresh;		/* from here on never used: untouched memory */
	struct usbip_req reqs[];
};

static inline bool usbip_has_feature(const struct usbip_dev *dev, unsigned int bit)
{
	return dev->features >> bit & 1;
}

/* ---- pdu.c: no locks, no state but the request's ---- */

/* Copies the header. -EINVAL: R is too short, the command is all zeros. */
int pdu_decode(struct usbip_req *req, const struct virtq_chain *chain);

/*
 * Checks CMD_SUBMIT but for command, seq, devid and fills the URB, whose iovs are
 * the chain's. -errno is the answer's status.
 */
int pdu_decode_submit(struct usbip_req *req);

/* Writes the answer from the URB's results; what to put into used.len. */
uint32_t pdu_write_ret(struct usbip_req *req);

uint16_t pdu_setup_value(const uint8_t *setup);
uint16_t pdu_setup_index(const uint8_t *setup);
uint16_t pdu_setup_length(const uint8_t *setup);

/* Bytes of the URB's data; from has to be no longer than that. */
void pdu_put_data(const struct usb_urb *urb, const void *from, size_t len);
void pdu_get_data(const struct usb_urb *urb, void *to, size_t len);
void pdu_zero_data(const struct usb_urb *urb);

/* ---- stats.c: with the lock held ---- */

void stats_submit(struct usbip_req *req);
/* Of any request, with its results. */
void stats_return(struct usbip_req *req);

/* ---- urbs.c: with the lock held; [drops] = drops it for a while ---- */

/* The next well-formed command of a queue, or NULL. Answers the others. */
struct usbip_req *urbs_next(struct usbip_dev *dev, struct usbip_queue *q);
struct usbip_req *urbs_find(struct usbip_dev *dev, uint32_t seq);

/* Gives the chain back with the URB's results; req is free then. */
void urbs_return(struct usbip_req *req);
/* Likewise with status err and nothing else. */
void urbs_fail(struct usbip_req *req, int err);

/* Takes all that a request queue has, without submitting it yet (DEV-22). */
void urbs_take(struct usbip_dev *dev, struct usbip_queue *q);
/* Takes and submits, until the queue is empty. [drops] */
void urbs_service(struct usbip_dev *dev, struct usbip_queue *q);

/* Goes on with queues that waited for budget, if there is some now. [drops] */
void urbs_unpark(struct usbip_dev *dev);

/* Asks for an early end. [drops] */
void urbs_unlink(struct usbip_req *req);
/*
 * What the backend does not have yet: QUEUED ones of the port fail with err,
 * SUBMITTING ones are cancelled when they are FLYING.
 */
void urbs_stop_port(struct usbip_port *port, int err);
/* Cancels what the backend has: of one port, or of all (NULL). [drops] */
void urbs_cancel_all(struct usbip_dev *dev, const struct usbip_port *port);
/* Drops QUEUED ones of all queues, which are stopped. */
void urbs_drop_queued(struct usbip_dev *dev);

/* ---- ports.c: likewise ---- */

void ports_init(struct usbip_dev *dev);
/* By number on the wire, or NULL. */
struct usbip_port *ports_get(struct usbip_dev *dev, uint32_t num);
/* The port in which devid is plugged, or NULL. */
struct usbip_port *ports_find(struct usbip_dev *dev, uint32_t devid);
/* Why the port takes no transfer now: -errno, 0 = it does. */
int ports_refuse(const struct usbip_port *port);

/* Around the use of the backend without the lock. false: it is being closed. */
bool ports_use(struct usbip_port *port);
void ports_unuse(struct usbip_port *port);

/* A request of the port was returned. */
void ports_chain_returned(struct usbip_port *port);
/* Starts a reset or joins the one that runs; req is answered later. [drops] */
void ports_reset(struct usbip_port *port, struct usbip_req *req);
void ports_disable(struct usbip_port *port);
/* What is in flight is cancelled. [drops] */
void ports_suspend(struct usbip_port *port, bool suspended);
/* Without power the guest sees no device; with it again, a new connection. [drops] */
void ports_power(struct usbip_port *port, bool on);
/* Closes the backend, if there is one, after making the port empty. [drops] */
void ports_close(struct usbip_port *port);
/* Resets that run go on, the commands end: the queues are about to stop, or did. */
void ports_drop_resets(struct usbip_dev *dev);
/* The next driver is a new one: power for all, events are forgotten. */
void ports_forget(struct usbip_dev *dev);
/* It is the same one, which may have missed events: DR-14 makes others harmless. */
void ports_remind(struct usbip_dev *dev);

struct virtio_usbip_event ports_record(const struct usbip_port *port);
/* Writes due events into the event queue's buffers. */
void ports_send_events(struct usbip_dev *dev);

/* ---- control.c ---- */

/* Executes what the control queue has. [drops] */
void control_service(struct usbip_dev *dev);

/* ---- device.c ---- */

/* Tells the guest of what was pushed. */
void usbip_dev_interrupt(struct usbip_dev *dev);

#endif
