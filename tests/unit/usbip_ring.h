/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usbip_ring.h - the driver's side of the virtio-usbip device, and a USB device
 * that does what a test says.
 *
 * A command has a slot of its ring: eight descriptors and 16 KiB of guest memory
 * for header, answer, isochronous tables and data.
 */
#ifndef TESTS_USBIP_RING_H
#define TESTS_USBIP_RING_H

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/virtio_usbip.h>

#include "log.h"
#include "null_backend.h"
#include "ring.h"
#include "virtio_usbip_dev.h"
#include "virtq_i.h"

#define CTRL		0u
#define EVENT		1u
#define BULK		2u
#define INTR		3u
#define N_RINGS		4u
#define SLOT_DESCS	8u
#define SLOT_SIZE	0x4000u
#define MEM_GPA		0x100000ull
#define MEM_RINGS	0x10000u		/* all rings, 0x4000 each */
#define MEM_SLOTS	(32u * SLOT_SIZE)	/* of one ring */
#define MEM_SIZE	(MEM_RINGS + N_RINGS * MEM_SLOTS)
#define SLOT_RET	0x100u
#define SLOT_ISO_OUT	0x200u
#define SLOT_ISO_IN	0x400u
#define SLOT_DATA	0x1000u
#define SLOT_MAX_DATA	(SLOT_SIZE - SLOT_DATA)
#define N		VRING_DESC_F_NEXT
#define W		VRING_DESC_F_WRITE
#define IND		VRING_DESC_F_INDIRECT

#define FEATURE(name)	(1ull << VIRTIO_USBIP_F_##name)

struct usbip {
	struct virtio_transport transport;	/* first */
	pthread_mutex_t lock;			/* protects n_interrupts */
	pthread_cond_t interrupted;
	unsigned int n_interrupts[N_RINGS];
	struct usbip_dev *dev;
	uint64_t features;
	struct guest_mem_region region;
	struct guest_mem mem;
	struct ring rings[N_RINGS];
	struct virtq *vqs[N_RINGS];
	unsigned int n_events;			/* buffers offered so far */
	uint32_t seq;
};

/* ---- guest memory ---- */

static inline void *mem_ptr(struct usbip *u, uint64_t gpa)
{
	assert(gpa >= MEM_GPA && gpa < MEM_GPA + MEM_SIZE);
	return (char *)u->region.hva + (gpa - MEM_GPA);
}

static inline uint64_t slot_gpa(unsigned int q, unsigned int slot)
{
	assert(slot < 32);
	return MEM_GPA + MEM_RINGS + q * MEM_SLOTS + slot * SLOT_SIZE;
}

static inline struct virtio_usbip_cmd_submit *slot_cmd(struct usbip *u, unsigned int q,
						       unsigned int slot)
{
	return mem_ptr(u, slot_gpa(q, slot));
}

static inline struct virtio_usbip_ret_submit *slot_ret(struct usbip *u, unsigned int q,
						       unsigned int slot)
{
	return mem_ptr(u, slot_gpa(q, slot) + SLOT_RET);
}

static inline uint8_t *slot_data(struct usbip *u, unsigned int q, unsigned int slot)
{
	return mem_ptr(u, slot_gpa(q, slot) + SLOT_DATA);
}

/* ---- transport, start and stop ---- */

static inline void fake_interrupt(struct virtio_transport *t, unsigned int queue)
{
	struct usbip *u = (struct usbip *)t;

	pthread_mutex_lock(&u->lock);
	u->n_interrupts[queue]++;
	pthread_cond_broadcast(&u->interrupted);
	pthread_mutex_unlock(&u->lock);
}

static const struct virtio_transport_ops fake_ops = { .interrupt = fake_interrupt };

static inline void usbip_start(struct usbip *u)
{
	u->region = (struct guest_mem_region){ MEM_GPA, MEM_SIZE,
					       aligned_alloc(4096, MEM_SIZE) };
	memset(u->region.hva, 0, MEM_SIZE);
	u->mem = (struct guest_mem){ 1, &u->region };
	u->n_events = 0;
	assert_int_equal(usbip_dev_ops.set_features(u->dev, u->features), 0);
	for (unsigned int i = 0; i < N_RINGS; i++) {
		uint64_t gpa = MEM_GPA + i * 0x4000;
		unsigned int size = usbip_dev_ops.queue_size(u->dev, i);

		u->rings[i] = (struct ring){
			.size = size,
			.desc = mem_ptr(u, gpa),
			.avail = mem_ptr(u, gpa + 0x1000),
			.used = mem_ptr(u, gpa + 0x2000),
		};
		u->vqs[i] = virtq_new(&u->mem, "test", i);
		assert_int_equal(virtq_enable(u->vqs[i], size, gpa, gpa + 0x1000,
					      gpa + 0x2000), 0);
		virtq_set_features(u->vqs[i], 1ull << VIRTIO_RING_F_INDIRECT_DESC);
	}
	assert_int_equal(usbip_dev_ops.start(u->dev, &u->transport, u->vqs, N_RINGS), 0);
}

/* The guest's memory is gone afterwards: the sanitizer sees who is late. */
static inline void usbip_stop(struct usbip *u)
{
	usbip_dev_ops.reset(u->dev);
	for (unsigned int i = 0; i < N_RINGS; i++)
		virtq_free(u->vqs[i]);
	free(u->region.hva);
}

static inline struct usbip *usbip_new(const struct usbip_dev_config *config,
				      uint64_t features)
{
	struct usbip *u = calloc(1, sizeof(*u));

	u->transport.ops = &fake_ops;
	u->features = features;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->interrupted, NULL);
	assert_int_equal(usbip_dev_new(config, &u->dev), 0);
	usbip_start(u);
	return u;
}

static inline void usbip_delete(struct usbip *u)
{
	usbip_stop(u);
	usbip_dev_free(u->dev);
	free(u);
}

static inline void notify(struct usbip *u, unsigned int q)
{
	usbip_dev_ops.notify(u->dev, q);
}

/* ---- commands ---- */

/* A bulk command with a new seq; the test changes what it wants. */
static inline struct virtio_usbip_cmd_submit command(struct usbip *u, uint32_t devid,
						     unsigned int ep, bool in,
						     uint32_t length)
{
	return (struct virtio_usbip_cmd_submit){
		.command = htobe32(VIRTIO_USBIP_CMD_SUBMIT),
		.seq = htobe32(++u->seq),
		.devid = htobe32(devid),
		.direction = htobe32(in),
		.ep = htobe32(ep),
		.flags = htobe32(in ? VIRTIO_USBIP_DIR_IN_FLAG : 0),
		.length = htobe32(length),
	};
}

static inline struct virtio_usbip_cmd_submit control_command(struct usbip *u,
	uint32_t devid, uint8_t type, uint8_t request, uint16_t value, uint16_t index,
	uint16_t length)
{
	struct virtio_usbip_cmd_submit cmd =
		command(u, devid, 0, length && type & 0x80, length);

	cmd.setup[0] = type;
	cmd.setup[1] = request;
	cmd.setup[2] = value;
	cmd.setup[3] = value >> 8;
	cmd.setup[4] = index;
	cmd.setup[5] = index >> 8;
	cmd.setup[6] = length;
	cmd.setup[7] = length >> 8;
	return cmd;
}

static inline struct virtio_usbip_cmd_submit unlink_command(struct usbip *u,
	uint32_t devid, uint32_t victim)
{
	return (struct virtio_usbip_cmd_submit){
		.command = htobe32(VIRTIO_USBIP_CMD_UNLINK),
		.seq = htobe32(++u->seq),
		.devid = htobe32(devid),
		.flags = htobe32(victim),
	};
}

/* Puts a chain of exactly what cmd says in the ring, without a notification. */
static inline void offer(struct usbip *u, unsigned int q, unsigned int slot,
			 const struct virtio_usbip_cmd_submit *cmd)
{
	struct ring *r = &u->rings[q];
	uint64_t gpa = slot_gpa(q, slot);
	unsigned int first = slot * SLOT_DESCS, i = first, end;
	uint32_t length = be32toh(cmd->length);
	uint32_t n_iso = be32toh(cmd->num_packets) & 0xff;
	bool in = be32toh(cmd->direction);

	if (cmd->command == htobe32(VIRTIO_USBIP_CMD_UNLINK))
		length = n_iso = 0;
	assert(length <= SLOT_MAX_DATA && n_iso <= 32);
	*slot_cmd(u, q, slot) = *cmd;
	memset(slot_ret(u, q, slot), 0xee, 48);
	ring_desc(r, i++, gpa, 48, N, 0);
	if (length && !in)
		ring_desc(r, i++, gpa + SLOT_DATA, length, N, 0);
	if (n_iso)
		ring_desc(r, i++, gpa + SLOT_ISO_OUT, 16 * n_iso, N, 0);
	ring_desc(r, i++, gpa + SLOT_RET, 48, N | W, 0);
	if (n_iso)
		ring_desc(r, i++, gpa + SLOT_ISO_IN, 16 * n_iso, N | W, 0);
	if (length && in)
		ring_desc(r, i++, gpa + SLOT_DATA, length, N | W, 0);
	end = i - 1;
	r->desc[end].flags &= ~N;
	for (i = first; i < end; i++)
		r->desc[i].next = i + 1;
	ring_offer(r, first);
}

/* The slot of the next chain that came back and used.len; -1: there is none. */
static inline int reap(struct usbip *u, unsigned int q, uint32_t *ret_len)
{
	struct vring_used_elem *e = ring_take_used(&u->rings[q]);

	if (!e)
		return -1;
	assert_int_equal(e->id % SLOT_DESCS, 0);
	*ret_len = e->len;
	return e->id / SLOT_DESCS;
}

static inline int32_t slot_status(struct usbip *u, unsigned int q, unsigned int slot)
{
	return (int32_t)be32toh(slot_ret(u, q, slot)->status);
}

static inline uint32_t slot_actual(struct usbip *u, unsigned int q, unsigned int slot)
{
	return be32toh(slot_ret(u, q, slot)->actual);
}

/* One chain came back from that slot, with that status and answer to cmd. */
static inline void assert_returned(struct usbip *u, unsigned int q, unsigned int slot,
				   int32_t status, uint32_t len)
{
	struct virtio_usbip_ret_submit *ret = slot_ret(u, q, slot);
	uint32_t got_len = 0;

	assert_int_equal(reap(u, q, &got_len), slot);
	assert_int_equal(slot_status(u, q, slot), status);
	assert_int_equal(got_len, len);
	assert_int_equal(be32toh(ret->command),
			 be32toh(slot_cmd(u, q, slot)->command) + 2);
	assert_int_equal(ret->seq, slot_cmd(u, q, slot)->seq);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(ret->zero[i], 0);
}

static inline void assert_none(struct usbip *u, unsigned int q)
{
	uint32_t len;

	assert_int_equal(reap(u, q, &len), -1);
}

/* A command that is answered inside its notification: its status. */
static inline int32_t run(struct usbip *u, unsigned int q,
			  const struct virtio_usbip_cmd_submit *cmd, uint32_t *ret_len)
{
	uint32_t len = UINT32_MAX;

	offer(u, q, 0, cmd);
	notify(u, q);
	assert_int_equal(reap(u, q, &len), 0);
	assert_none(u, q);
	if (ret_len)
		*ret_len = len;
	return len >= 48 ? slot_status(u, q, 0) : INT32_MIN;
}

static inline int32_t run_unlink(struct usbip *u, uint32_t devid, uint32_t victim)
{
	struct virtio_usbip_cmd_submit cmd = unlink_command(u, devid, victim);

	return run(u, CTRL, &cmd, NULL);
}

static inline struct virtio_usbip_cmd_submit reset_command(struct usbip *u,
							   unsigned int port)
{
	return control_command(u, 0, 0x23, 0x03, 4, port, 0);
}

/* ---- events ---- */

static inline void offer_event(struct usbip *u)
{
	struct ring *r = &u->rings[EVENT];
	unsigned int i = u->n_events++ % 32;

	ring_desc(r, i * SLOT_DESCS % r->size, slot_gpa(EVENT, i), 16, W, 0);
	ring_offer(r, i * SLOT_DESCS % r->size);
}

/* The next event is about that port. Returns its devid. */
static inline uint32_t take_event(struct usbip *u, unsigned int port,
				  struct virtio_usbip_event *ret_event)
{
	struct ring *r = &u->rings[EVENT];
	struct vring_used_elem *e = ring_take_used(r);
	struct virtio_usbip_event *ev;

	assert_non_null(e);
	assert_int_equal(e->len, 16);
	ev = mem_ptr(u, r->desc[e->id].addr);
	assert_int_equal(ev->type, VIRTIO_USBIP_EV_PORT);
	assert_int_equal(ev->port, port);
	if (ret_event)
		*ret_event = *ev;
	return ev->devid;
}

static inline struct virtio_usbip_event get_port(struct usbip *u, unsigned int port)
{
	struct virtio_usbip_cmd_submit cmd =
		control_command(u, 0, 0xc0, 1, 0, port, 16);
	struct virtio_usbip_event ev;
	uint32_t len;

	assert_int_equal(run(u, CTRL, &cmd, &len), 0);
	assert_int_equal(len, 64);
	memcpy(&ev, slot_data(u, CTRL, 0), sizeof(ev));
	return ev;
}

/* ---- a USB device that does what it is told ---- */

enum script_mode {
	SCRIPT_SYNC,		/* done inside submit, data and all */
	SCRIPT_FLUSH,		/* likewise, and first all that is in flight */
	SCRIPT_LATER,		/* when script_complete is called */
	SCRIPT_THREAD,		/* on the device's thread, soon */
	SCRIPT_REFUSE,		/* submit fails with `status` */
};

#define SCRIPT_LOG	4096u

struct script {
	struct usb_backend base;	/* first */
	pthread_mutex_t lock;
	pthread_cond_t work;
	enum script_mode mode;
	int status;			/* to end with */
	uint32_t actual;		/* at most, if not 0 */
	bool hold_reset;		/* script_reset_done ends it */
	/* Once each, on a thread of their own: inside submit, before and after it works */
	void (*before)(void *ctx);
	void (*after)(void *ctx);
	void *hook_ctx;
	bool deaf;			/* cancel does nothing */
	struct usb_urb *first, **last;	/* in flight, through backend_next */
	void (*reset_done)(void *ctx, int status);
	void *reset_ctx;
	unsigned int n_submitted, n_cancelled, n_resets, n_closed, n_suspends;
	bool suspended;
	struct usb_urb log[SCRIPT_LOG];	/* copies, as submitted */
	unsigned int *closed;		/* counts up when closed */
	pthread_t thread;
	bool running, stop;
};

/* Byte i of data of whatever IN transfer. */
static inline uint8_t script_byte(unsigned int i)
{
	return i * 7 + i / 256 + 1;
}

static inline void script_fill(const struct usb_urb *urb, uint32_t actual)
{
	unsigned int i = 0;

	for (unsigned int k = 0; k < urb->n_iov; k++) {
		uint8_t *p = urb->iov[k].iov_base;

		for (size_t b = 0; b < urb->iov[k].iov_len && i < actual; b++)
			p[b] = script_byte(i++);
	}
}

static inline void script_end(struct usb_urb *urb, int status, uint32_t actual)
{
	urb->status = status;
	urb->actual = actual < urb->length ? actual : urb->length;
	if (urb->in && !urb->n_iso)
		script_fill(urb, urb->actual);
	/* A backend may use the iovs up as it goes. */
	for (unsigned int k = 0; k < urb->n_iov; k++)
		urb->iov[k] = (struct iovec){ NULL, 0 };
	urb->complete(urb);
}

static inline void script_end_well(struct script *s, struct usb_urb *urb)
{
	script_end(urb, s->status, s->actual ? s->actual : urb->length);
}

static inline struct usb_urb *script_take(struct script *s, struct usb_urb **p)
{
	struct usb_urb *urb = *p;

	*p = urb->backend_next;
	if (!*p)
		s->last = p;
	return urb;
}

/* Ends the oldest one in flight as the script says. false: there is none. */
static inline bool script_complete(struct script *s)
{
	struct usb_urb *urb = NULL;

	pthread_mutex_lock(&s->lock);
	if (s->first)
		urb = script_take(s, &s->first);
	pthread_mutex_unlock(&s->lock);
	if (urb)
		script_end_well(s, urb);
	return urb;
}

static inline void *script_thread(void *arg)
{
	struct script *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		if (!s->first) {
			pthread_cond_wait(&s->work, &s->lock);
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		script_complete(s);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

struct script_hook {
	void (*fn)(void *ctx);
	void *ctx;
};

static inline void *script_hook_thread(void *arg)
{
	struct script_hook *h = arg;

	h->fn(h->ctx);
	return NULL;
}

static inline void script_run_hook(struct script *s, void (**fn)(void *ctx))
{
	struct script_hook h = { *fn, s->hook_ctx };
	pthread_t thread;

	if (!h.fn)
		return;
	*fn = NULL;
	pthread_create(&thread, NULL, script_hook_thread, &h);
	pthread_join(thread, NULL);
}

static inline int script_submit(struct usb_backend *b, struct usb_urb *urb)
{
	struct script *s = (struct script *)b;

	script_run_hook(s, &s->before);
	pthread_mutex_lock(&s->lock);
	s->log[s->n_submitted++ % SCRIPT_LOG] = *urb;
	if (s->mode == SCRIPT_LATER || s->mode == SCRIPT_THREAD) {
		urb->backend_next = NULL;
		*s->last = urb;
		s->last = &urb->backend_next;
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->lock);
		script_run_hook(s, &s->after);
		return 0;
	}
	pthread_mutex_unlock(&s->lock);
	if (s->mode == SCRIPT_REFUSE)
		return s->status;
	while (s->mode == SCRIPT_FLUSH && script_complete(s))
		;
	script_end_well(s, urb);
	return 0;
}

static inline void script_cancel(struct usb_backend *b, struct usb_urb *urb)
{
	struct script *s = (struct script *)b;
	struct usb_urb **p, *found = NULL;

	pthread_mutex_lock(&s->lock);
	s->n_cancelled++;
	for (p = &s->first; *p && *p != urb; p = &(*p)->backend_next)
		;
	if (*p && !s->deaf)
		found = script_take(s, p);
	pthread_mutex_unlock(&s->lock);
	if (found)
		script_end(found, -ECONNRESET, 0);
}

static inline void script_end_all(struct script *s, int status)
{
	struct usb_urb *urb, *next;

	pthread_mutex_lock(&s->lock);
	urb = s->first;
	s->first = NULL;
	s->last = &s->first;
	pthread_mutex_unlock(&s->lock);
	for (; urb; urb = next) {
		next = urb->backend_next;
		script_end(urb, status, 0);
	}
}

static inline void script_reset(struct usb_backend *b,
				void (*done)(void *ctx, int status), void *ctx)
{
	struct script *s = (struct script *)b;

	s->n_resets++;
	script_end_all(s, -ECONNRESET);
	if (!s->hold_reset) {
		done(ctx, s->status);
		return;
	}
	s->reset_done = done;
	s->reset_ctx = ctx;
}

static inline void script_reset_done(struct script *s, int status)
{
	s->reset_done(s->reset_ctx, status);
}

static inline void script_suspend(struct usb_backend *b, bool suspended)
{
	struct script *s = (struct script *)b;

	s->n_suspends++;
	s->suspended = suspended;
}

static inline int script_alloc_streams(struct usb_backend *b, const uint8_t *eps,
				       unsigned int n_eps, unsigned int n_streams)
{
	struct script *s = (struct script *)b;

	assert_int_equal(n_eps, 2);
	assert_int_equal(eps[0], 0x81);
	assert_int_equal(eps[1], 0x02);
	return s->status ? s->status : (int)n_streams / 2;
}

static inline int script_free_streams(struct usb_backend *b, const uint8_t *eps,
				      unsigned int n_eps)
{
	return ((struct script *)b)->status;
}

static inline void script_close(struct usb_backend *b)
{
	struct script *s = (struct script *)b;

	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	if (s->running)
		pthread_join(s->thread, NULL);
	script_end_all(s, -ESHUTDOWN);
	if (s->closed)
		++*s->closed;
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->work);
	free(s);
}

static const struct usb_backend_ops script_ops = {
	.name = "script",
	.submit = script_submit,
	.cancel = script_cancel,
	.reset = script_reset,
	.suspend = script_suspend,
	.alloc_streams = script_alloc_streams,
	.free_streams = script_free_streams,
	.close = script_close,
};

static inline struct script *script_new(enum usb_speed speed, enum script_mode mode)
{
	struct script *s = calloc(1, sizeof(*s));

	s->base.ops = &script_ops;
	s->base.speed = speed;
	s->mode = mode;
	s->last = &s->first;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	if (mode == SCRIPT_THREAD) {
		s->running = true;
		pthread_create(&s->thread, NULL, script_thread, s);
	}
	return s;
}

static inline unsigned int plug(struct usbip *u, struct usb_backend *b)
{
	unsigned int port = 0;

	assert_int_equal(usbip_dev_plug(u->dev, b, &port), 0);
	return port;
}

static inline void no_log(void *ctx, enum log_level level, const char *line)
{
}

#endif
