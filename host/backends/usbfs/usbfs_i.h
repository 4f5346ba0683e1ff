/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usbfs_i.h - the parts of the usbfs backend.
 *
 *   usbfs.c        claiming, giving back, operations, life
 *   xfer.c         transfers: queues, SUBMITURB, what was reaped, ends
 *   reaper.c       the thread that polls and reaps; unplug
 *   slow.c         what blocks, on the worker: discard, reset, SETINTERFACE, ...
 *   streams.c      bulk streams, and whether the host can do them at all
 *   descriptors.c  which configurations and interfaces there are
 *
 * Every ioctl takes the host's lock of the device, which RESET and control requests
 * keep for seconds. So that submit and cancel never wait for those, a slow operation
 * closes a gate first: while n_slow is not 0 transfers only queue. What is slow runs in
 * the order in which it closed the gate.
 *
 * A transfer belongs to its endpoint's list from submit until it ends:
 *
 *   WAITING --> ISSUING --> FLYING --> (reaped) --> ended, or WAITING: next piece
 *      |           `-- reaped already: as reaped
 *      `------> SLOW, a request that the host wants as an ioctl of its own
 *
 * Whoever ends a transfer puts it on b->ended; complete is called without the lock
 * by usbfs_complete_ended, which each entry point calls before it unlocks.
 */
#ifndef USBFS_I_H
#define USBFS_I_H

#include <pthread.h>
#include <sys/ioctl.h>
#include <linux/usbdevice_fs.h>

#include "usbfs_backend.h"
#include "worker.h"

#define USBFS_EPS		32u	/* number + 16 for IN; 0 is the control endpoint */
#define USBFS_MAX_CONFIGS	16u
#define USBFS_STREAM_EPS	30u	/* endpoints that a device can have, without 0 */

enum usbfs_xfer_state {
	XFER_WAITING,		/* the host does not have it */
	XFER_ISSUING,		/* a thread is in SUBMITURB */
	XFER_FLYING,		/* the host has it */
	XFER_SLOW,		/* the worker has it */
};

struct usbfs_xfer {
	struct usbfs *b;
	struct usb_urb *urb;
	struct usbfs_xfer *prev, *next;	/* of the endpoint's list; next: of ended */
	enum usbfs_xfer_state state;
	uint8_t *data;			/* contiguous: the guest's, or bounce */
	uint8_t *bounce;		/* NULL: the host reads and writes guest memory */
	uint32_t done;			/* bytes of pieces before this one */
	uint32_t piece;			/* bytes of the piece that the host has */
	int wanted;			/* status of an early end that was asked for */
	bool reaped;			/* while ISSUING */
	bool discarded;			/* by usbfs_discard_all */
	bool over;			/* completed; whoever drops the last hold frees */
	unsigned int holds;		/* threads inside, or work queued for, DISCARDURB */
	struct work work;
	struct usbdevfs_urb kurb;	/* the host knows it by its address */
};

struct usbfs_ep {
	struct usbfs_xfer *first, *last;	/* in the order of submit */
	bool issuing;			/* a thread issues from the list: keeps the order */
};

/* A setting of an interface, and its bulk endpoints that want streams. */
struct usbfs_stream_setting {
	uint8_t interface, setting;
	unsigned int n_eps;		/* 0: there is no such setting */
	uint8_t eps[USBFS_STREAM_EPS];
};

/* Of each configuration: interfaces of the class that we want. */
struct usbfs_configuration {
	uint8_t value;
	uint32_t interfaces;		/* bits */
	struct usbfs_stream_setting streams;
};

struct usbfs {
	struct usb_backend base;	/* first */
	struct usbfs_config config;	/* constant, like all up to lock */
	const struct usbfs_host_ops *host;
	uint32_t max_piece;		/* bytes of a bulk URB */
	struct usbfs_configuration configs[USBFS_MAX_CONFIGS];
	unsigned int n_configs;
	unsigned int n_streams;		/* that the host granted when it was asked; 0: none */
	struct worker_pool *worker;	/* one thread */
	struct work first_work;		/* makes it start where failing is no harm */
	int wake;			/* eventfd: the reaper looks around */

	uint32_t claimed, detached;	/* the worker's, once it runs; bits of interfaces */

	pthread_mutex_t lock;		/* protects everything below; taken before the pool's */
	uint8_t configuration;		/* that the host has set */
	uint32_t alts;			/* interfaces whose setting is not 0 */
	pthread_cond_t changed;		/* n_issuing, n_held or n_completing fell */
	bool worker_runs, started;	/* started: the reaper, too */
	pthread_t reaper;
	unsigned int n_slow;		/* operations for which the gate is closed */
	bool starved;			/* something waits for the host's memory */
	bool dirty;			/* there was traffic since the last reset */
	bool lost;			/* an ioctl said so: the reaper ends everything */
	bool gone;			/* everything ended, nothing is reaped any more */
	bool closing, stop;
	unsigned int n_failed;		/* in a row, and not by us: cut off if it is gone */
	bool in_after;			/* the reaper is inside config.after */
	unsigned int n_issuing;
	unsigned int n_held;		/* ISSUING, FLYING or SLOW */
	unsigned int n_completing;	/* ended, complete has not returned */
	struct usbfs_ep eps[USBFS_EPS];
	struct usbfs_xfer *ended, **ended_last;
};

static inline struct usbfs *usbfs_from_base(struct usb_backend *b)
{
	return (struct usbfs *)b;
}

static inline int usbfs_ioctl(struct usbfs *b, unsigned long request, void *arg)
{
	return b->host->ioctl(b->config.host_ctx, b->config.fd, request, arg);
}

/* ---- descriptors.c ---- */

/*
 * Reads what usbfs gives: the device descriptor and every configuration's. All of it
 * comes from the device. -EINVAL: makes no sense.
 */
int usbfs_parse(const uint8_t *desc, size_t len, uint8_t interface_class,
		struct usbfs_configuration configs[USBFS_MAX_CONFIGS],
		unsigned int *ret_n);

/* ---- usbfs.c ---- */

uint32_t usbfs_interfaces_of(const struct usbfs *b, uint8_t configuration);
/* Claims bits; without detach, once privileges are dropped. What it got is claimed. */
int usbfs_claim(struct usbfs *b, uint32_t interfaces, char *driver);
void usbfs_release(struct usbfs *b);

/* ---- streams.c ---- */

/* Tries it: nothing else tells. The interfaces are claimed; no thread runs yet. */
unsigned int usbfs_streams_probe(struct usbfs *b);
int usbfs_alloc_streams(struct usb_backend *base, const uint8_t *eps, unsigned int n_eps,
			unsigned int n_streams);
int usbfs_free_streams(struct usb_backend *base, const uint8_t *eps, unsigned int n_eps);

/* ---- xfer.c; with the lock held; [drops] = drops it for a while ---- */

/* Contiguous data and the control request. Without the lock. */
int usbfs_xfer_new(struct usbfs *b, struct usb_urb *urb, struct usbfs_xfer **ret_xfer);
void usbfs_xfer_free(struct usbfs_xfer *x);
void usbfs_xfer_put(struct usbfs_xfer *x);	/* drops a hold */

struct usbfs_ep *usbfs_ep_of(struct usbfs *b, const struct usb_urb *urb);
void usbfs_append(struct usbfs_ep *ep, struct usbfs_xfer *x);
/* Hands what may go to the host. [drops] */
void usbfs_issue(struct usbfs *b, struct usbfs_ep *ep);
void usbfs_issue_all(struct usbfs *b);
/* The host gave x back. */
void usbfs_landed(struct usbfs *b, struct usbfs_xfer *x);
void usbfs_end(struct usbfs *b, struct usbfs_xfer *x, int status);
/* All: what the host does not have now, the rest as soon as it is back. */
void usbfs_end_all(struct usbfs *b, int status);
/* Calls complete for all that ended. [drops] */
void usbfs_complete_ended(struct usbfs *b);

/* ---- reaper.c ---- */

void *usbfs_reaper_main(void *backend);
void usbfs_wake_reaper(struct usbfs *b);
/* Whether this is the reaper, in config.after: what waits here, waits in vain. */
bool usbfs_is_reaper(const struct usbfs *b);
/* Reaps what is there; with the lock held, which it drops. */
void usbfs_reap_here(struct usbfs *b);

/* ---- slow.c ---- */

enum usbfs_request {
	USBFS_PASS,		/* to the device */
	USBFS_SWALLOW,		/* has been done already: succeeds */
	USBFS_SLOW,		/* the host wants an ioctl of its own */
};

/* All with the lock held. */
enum usbfs_request usbfs_request_kind(const struct usbfs *b, const struct usb_urb *urb);
/* Closes the gate and has the worker carry x out, which is SLOW. */
void usbfs_slow_start(struct usbfs_xfer *x);
/* Asks the worker to DISCARDURB. */
void usbfs_discard_start(struct usbfs_xfer *x);
/* Discards at once, and reaps. [drops] */
void usbfs_discard_here(struct usbfs_xfer *x);
/*
 * After usbfs_end_all: discards what the host has, and waits until all is back and
 * completed. The gate is closed. [drops]
 */
void usbfs_discard_all(struct usbfs *b);
/* Closes the gate and resets. -ENOMEM: done is not called. */
int usbfs_reset_start(struct usbfs *b, void (*done)(void *ctx, int status), void *ctx);

#endif
