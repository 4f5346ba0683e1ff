/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace_i.h - inside of the trace.
 *
 *   trace.c    the filter: one record at submission, one at completion
 *   usbmon.c   usbip.c    the two forms of a record
 *   pcapng.c   blocks in memory
 *   writer.c   the thread that writes them, and the limit of the file's size
 */
#ifndef TRACE_I_H
#define TRACE_I_H

#include <pthread.h>

#include "../filter.h"
#include "trace.h"

/* One half is filled while the other is written. A transfer of 4 MiB fits. */
#define TRACE_BUFFER	(8u << 20)
#define TRACE_KEPT	(32u << 10)	/* enumeration of some devices */
#define TRACE_STATS	128u		/* an Interface Statistics Block, at most */

struct trace_buffer {
	uint8_t *data;			/* TRACE_BUFFER + TRACE_STATS bytes */
	size_t len;
};

struct trace {
	enum trace_form form;
	uint32_t snaplen;
	pthread_mutex_t lock;		/* protects what follows */
	pthread_cond_t filled;		/* for the writer; CLOCK_MONOTONIC */
	struct trace_buffer *active;	/* gets new blocks */
	uint64_t n_records, n_dropped;
	unsigned int n_devices;
	uint64_t next_id;
	uint8_t kept[TRACE_KEPT];	/* blocks that stay at the file's beginning */
	size_t kept_len;
	bool started, stopping;

	/* the writer's, without the lock */
	pthread_t thread;
	struct trace_buffer buffers[2];
	int fd;
	uint64_t max_size;
	uint64_t pos;			/* end of the last whole batch */
	uint64_t middle;		/* first batch of the newer half, 0 = not there yet */
	uint64_t told_dropped;
	bool failed;			/* the disk is full: nothing more is written */
};

/* A device in the trace. */
struct trace_filter {
	struct filter filter;		/* first */
	struct trace *trace;
	uint16_t bus;
	uint8_t device;
	/* usbip: next bytes of the conversation, out and in; under the trace's lock */
	uint32_t tcp_seq[2];
};

/* A record that is about to be written. */
struct trace_record {
	struct trace_filter *filter;
	const struct usb_urb *urb;
	uint64_t id;			/* the same at submission and completion */
	uint64_t ns;			/* since 1970 */
	char type;			/* 'S'ubmission, 'C'ompletion, 'E'rror of submit */
	int status;			/* of an 'E' */
};

/* ---- writer.c; the first with the lock ---- */

/* Room for len bytes in memory, or NULL: dropped and counted. */
uint8_t *writer_reserve(struct trace *t, size_t len);

/* Empties the file and begins it; before the first record. */
int writer_first(struct trace *t);

/* ---- pcapng.c; lengths in bytes ---- */

size_t pcapng_packet_size(uint32_t cap_len);	/* of the whole block */
/* An Enhanced Packet Block at p; returns where the packet's cap_len bytes belong. */
uint8_t *pcapng_packet(uint8_t *p, uint64_t ns, uint32_t cap_len, uint32_t orig_len);
/* Section Header and Interface Description; at most 128 bytes; returns how many. */
size_t pcapng_header(uint8_t *p, enum trace_form form);
/* Interface Statistics; at most TRACE_STATS bytes. */
size_t pcapng_stats(uint8_t *p, uint64_t ns, uint64_t received, uint64_t dropped);

/* ---- the forms; with the lock. Whether there was room. ---- */

bool usbmon_record(struct trace *t, const struct trace_record *r);
bool usbip_record(struct trace *t, const struct trace_record *r);

/* ---- trace.c ---- */

/* Bytes of data that the record has: OUT at submission, IN at completion. */
uint32_t trace_data_len(const struct trace_record *r);
uint64_t trace_now(void);		/* ns since 1970 */

#endif
