/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vhost_user_session.h - what one front end and the device agreed on: features,
 * memory, rings, and whether the device runs. Knows no socket, so a fuzzer drives
 * it with messages.
 *
 *   start   when every ring that was set up has an address, a kick descriptor and is
 *           enabled, and the device accepts them (UML never says DRIVER_OK, and
 *           enables one ring after the other)
 *   stop    ENABLE 0 of any ring, RESET_*, the end of the front end: device reset,
 *           what is outstanding is dropped. UML's guest has freed its buffers by then.
 *           GET_VRING_BASE: drained, for the front end wants to go on from there.
 *
 * All of it is used by one thread, but the interrupts that the device raises:
 * session->call_lock protects what they use. It is taken inside the device's lock.
 */
#ifndef VHOST_USER_SESSION_H
#define VHOST_USER_SESSION_H

#include <pthread.h>

#include "vhost_user_mem.h"
#include "vhost_user_msg.h"
#include "virtq_i.h"

#define VU_MAX_QUEUES	256u		/* what a ring's number can say */

/* Where an event goes to or comes from. */
struct vu_event_fd {
	int fd;				/* -1: none */
	bool counter;			/* an eventfd, else a pipe or a socket */
	bool socket;
};

struct vu_ring {
	struct virtq *vq;
	uint32_t size;
	uint16_t base;			/* available index to go on with */
	uint64_t desc, used, avail;	/* addresses in the front end */
	bool has_addr;
	bool fresh;			/* SET_VRING_ADDR came since the last stop */
	bool enabled;
	struct vu_event_fd kick, err;
	struct vu_event_fd call;	/* call_lock */
	bool missed;			/* call_lock: an interrupt without a descriptor */
};

struct vu_session_events {
	/*
	 * A ring's kick descriptor is new, or (watch false) about to be closed. An
	 * error refuses it.
	 */
	int (*kick_changed)(void *ctx, unsigned int queue, const struct vu_event_fd *kick,
			    bool watch);
};

struct vu_session {
	struct virtio_transport transport;	/* first */
	const struct virtio_device_ops *ops;
	void *dev;
	const struct vu_session_events *events;
	void *events_ctx;
	struct vu_mem mem;
	uint64_t features;		/* as SET_FEATURES said */
	uint64_t protocol_features;
	bool started;
	const char *why;		/* of the last failure, for the log */
	pthread_mutex_t call_lock;
	struct vu_event_fd backend;	/* call_lock: our requests to the front end */
	unsigned int n_rings;
	struct vu_ring rings[];
};

/* wake_fd: eventfd that is written to when memory was lost; all stay the caller's. */
int vu_session_new(const struct virtio_device_ops *ops, void *dev,
		   const struct vu_session_events *events, void *events_ctx, int wake_fd,
		   struct vu_session **ret_session);

/*
 * One message: h passed vu_check_header, payload has h->size bytes. The descriptors
 * are the session's from here. Bytes of the reply in `reply` (VU_MAX_MESSAGE), 0 = no
 * reply; negative errno: the front end is to be dropped, session->why says why.
 */
int vu_session_message(struct vu_session *s, const struct vu_header *h,
		       const uint8_t *payload, const int *fds, unsigned int n_fds,
		       uint8_t *reply);

/* The ring was kicked. */
void vu_session_kick(struct vu_session *s, unsigned int queue);

/* 0, or -EFAULT: the front end took memory away. */
int vu_session_check(struct vu_session *s);

/* The front end is gone: as before its first message. */
void vu_session_end(struct vu_session *s);

/* Ends it first. NULL is allowed. */
void vu_session_free(struct vu_session *s);

#endif
