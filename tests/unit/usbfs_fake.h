/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usbfs_fake.h - usbfs as a script: one device with a mass-storage interface, whose
 * transfers end when the test says so, or by themselves.
 *
 * As the real one it takes OUT data at SUBMITURB, writes IN data at REAPURBNDELAY,
 * counts the memory of what is in flight, and after an unplug gives what completed
 * before ENODEV.
 */
#ifndef USBFS_FAKE_H
#define USBFS_FAKE_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/usbdevice_fs.h>

#include "usbfs_backend.h"

#define FAKE_FD		1000
#define FAKE_GIVE_FD	1001
#define FAKE_LOG	4096

/* On threads of the backend, where cmocka's assertions cannot jump. */
#define FAKE_CHECK(ok) ((ok) ? (void)0 : abort())

struct fake_urb {
	struct usbdevfs_urb *kurb;
	uint32_t len;
	int status;
	uint32_t actual;
	uint8_t *out;			/* what SUBMITURB took */
	struct fake_urb *next;
};

struct fake {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int event;			/* readable while poll should look */
	struct fake_urb *flying, *completed;
	bool unplugged;
	size_t used;			/* bytes of flying and completed */
	unsigned int n_submits, n_flying, max_flying;

	/* the script */
	bool by_itself;			/* transfers end at once, filled */
	uint32_t short_after;		/* IN: bytes that the device has left, by_itself */
	size_t memory;			/* bytes that may be in flight */
	unsigned int fail_submits;	/* so many fail first ... */
	int fail_with;			/* ... with this */
	unsigned long fail_request;	/* this other ioctl fails */
	int fail_request_with;
	unsigned int slow_us;		/* RESET, CLEAR_HALT take that long */
	unsigned int unplug_at;		/* the ioctl, counted from 1, that finds it gone */
	unsigned int n_ioctls;
	uint32_t caps;
	int speed;
	uint8_t configuration;
	char driver[32];		/* of interface 0, or empty */
	bool claimed, dropped, connected_back;
	int n_closed;
	uint8_t descriptors[256];
	size_t descriptors_len;

	/* what happened, one letter each: see fake_request */
	char log[FAKE_LOG];
	unsigned int n_log;
	unsigned int n_slow;		/* threads in RESET or the like */
	bool submit_while_slow;
	void *last_buffer;
	unsigned int last_flags, last_stream;
	uint8_t last_stream_eps[30];
	unsigned int n_stream_eps;
	uint8_t last_setup[8], last_out[64];
};

static const uint8_t fake_descriptors[] = {
	18, 1, 0, 2, 0, 0, 0, 64, 0x81, 7, 0x81, 0x55, 0, 1, 1, 2, 3, 2,
	/* configuration 1: mass storage, BOT */
	9, 2, 32, 0, 1, 1, 0, 0x80, 50,
	9, 4, 0, 0, 2, 8, 6, 0x50, 0,
	7, 5, 0x81, 2, 0, 2, 0,
	7, 5, 0x02, 2, 0, 2, 0,
	/* configuration 2: a keyboard, and mass storage on 1 */
	9, 2, 27, 0, 2, 2, 0, 0x80, 50,
	9, 4, 0, 0, 0, 3, 1, 1, 0,
	9, 4, 1, 0, 0, 8, 6, 0x50, 0,
};

/* Bulk-Only, and UAS with streams, as at SuperSpeed. */
static const uint8_t fake_uas_descriptors[] = {
	18, 1, 0, 3, 0, 0, 0, 9, 0x81, 7, 0x81, 0x55, 0, 1, 1, 2, 3, 1,
	9, 2, 117, 0, 1, 1, 0, 0x80, 50,
	9, 4, 0, 0, 2, 8, 6, 0x50, 0,
	7, 5, 0x81, 2, 0, 4, 0,		6, 0x30, 0, 0, 0, 0,
	7, 5, 0x02, 2, 0, 4, 0,		6, 0x30, 0, 0, 0, 0,
	9, 4, 0, 1, 4, 8, 6, 0x62, 0,
	7, 5, 0x04, 2, 0, 4, 0,		6, 0x30, 0, 0, 0, 0,	4, 0x24, 1, 0,
	7, 5, 0x83, 2, 0, 4, 0,		6, 0x30, 0, 4, 0, 0,	4, 0x24, 2, 0,
	7, 5, 0x81, 2, 0, 4, 0,		6, 0x30, 0, 4, 0, 0,	4, 0x24, 3, 0,
};

static void fake_init(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	f->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->memory = 16 << 20;
	f->short_after = UINT32_MAX;
	f->caps = USBDEVFS_CAP_BULK_SCATTER_GATHER | USBDEVFS_CAP_NO_PACKET_SIZE_LIM;
	f->speed = USB_SPEED_HIGH_;
	f->configuration = 1;
	memcpy(f->descriptors, fake_descriptors, sizeof(fake_descriptors));
	f->descriptors_len = sizeof(fake_descriptors);
}

static void fake_destroy(struct fake *f)
{
	FAKE_CHECK(!f->flying);
	while (f->completed) {
		struct fake_urb *u = f->completed;

		f->completed = u->next;
		free(u->out);
		free(u);
	}
	close(f->event);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
}

/* Byte i of the data that the device sends. */
static inline uint8_t fake_byte(uint32_t i)
{
	return i * 7 + i / 251;
}

static void fake_log(struct fake *f, char letter)
{
	if (f->n_log < FAKE_LOG - 1)
		f->log[f->n_log++] = letter;
}

static void fake_append(struct fake_urb **list, struct fake_urb *u)
{
	while (*list)
		list = &(*list)->next;
	u->next = NULL;
	*list = u;
}

static void fake_remove(struct fake_urb **list, struct fake_urb *u)
{
	while (*list != u)
		list = &(*list)->next;
	*list = u->next;
}

/* With the lock: u ends. */
static void fake_end(struct fake *f, struct fake_urb *u, int status, uint32_t actual)
{
	fake_remove(&f->flying, u);
	f->n_flying--;
	u->status = status;
	u->actual = actual;
	fake_append(&f->completed, u);
	eventfd_write(f->event, 1);
	pthread_cond_broadcast(&f->changed);
}

static void fake_unplug_locked(struct fake *f)
{
	f->unplugged = true;
	while (f->flying)
		fake_end(f, f->flying, -ESHUTDOWN, 0);
	f->claimed = false;
	eventfd_write(f->event, 1);
}

static inline void fake_unplug(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	fake_unplug_locked(f);
	pthread_mutex_unlock(&f->lock);
}

/* Waits until n transfers are in flight, then ends the oldest. */
static inline void fake_end_first(struct fake *f, unsigned int n, int status,
				  uint32_t actual)
{
	pthread_mutex_lock(&f->lock);
	while (f->n_flying < n)
		pthread_cond_wait(&f->changed, &f->lock);
	fake_end(f, f->flying, status, actual);
	pthread_mutex_unlock(&f->lock);
}

static inline bool fake_was_disturbed(struct fake *f)
{
	bool disturbed;

	pthread_mutex_lock(&f->lock);
	disturbed = f->submit_while_slow;
	pthread_mutex_unlock(&f->lock);
	return disturbed;
}

static inline void fake_wait_flying(struct fake *f, unsigned int n)
{
	pthread_mutex_lock(&f->lock);
	while (f->n_flying < n)
		pthread_cond_wait(&f->changed, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

static int fake_submit(struct fake *f, struct usbdevfs_urb *kurb)
{
	uint32_t len = kurb->buffer_length;
	struct fake_urb *u;

	f->n_submits++;
	if (f->n_slow)
		f->submit_while_slow = true;
	if (f->fail_submits) {
		f->fail_submits--;
		return f->fail_with;
	}
	if (kurb->type == USBDEVFS_URB_TYPE_CONTROL)
		len -= 8;
	else if (!f->claimed)
		return -EACCES;
	if (f->used + len > f->memory)
		return -ENOMEM;
	u = calloc(1, sizeof(*u));
	u->kurb = kurb;
	u->len = len;
	f->last_buffer = kurb->buffer;
	f->last_flags = kurb->flags;
	f->last_stream = kurb->stream_id;
	if (kurb->type == USBDEVFS_URB_TYPE_CONTROL)
		memcpy(f->last_setup, kurb->buffer, 8);
	if (!(kurb->endpoint & 0x80) && len) {
		u->out = malloc(len);
		memcpy(u->out, (uint8_t *)kurb->buffer + (kurb->buffer_length - len), len);
		memcpy(f->last_out, u->out, len < sizeof(f->last_out) ? len : sizeof(f->last_out));
	}
	f->used += len;
	f->n_flying++;
	if (f->n_flying > f->max_flying)
		f->max_flying = f->n_flying;
	fake_append(&f->flying, u);
	pthread_cond_broadcast(&f->changed);
	if (f->by_itself) {
		uint32_t actual = kurb->endpoint & 0x80 && f->short_after < len ?
				  f->short_after : len;

		if (kurb->endpoint & 0x80)
			f->short_after -= actual;
		fake_end(f, u, 0, actual);
	}
	return 0;
}

static int fake_reap(struct fake *f, struct usbdevfs_urb **ret)
{
	struct fake_urb *u = f->completed;

	if (!u)
		return f->unplugged ? -ENODEV : -EAGAIN;
	f->completed = u->next;
	f->used -= u->len;
	if (u->kurb->endpoint & 0x80) {
		uint8_t *to = u->kurb->buffer;

		if (u->kurb->type == USBDEVFS_URB_TYPE_CONTROL)
			to += 8;
		for (uint32_t i = 0; i < u->actual; i++)
			to[i] = fake_byte(i);
	}
	u->kurb->status = u->status;
	u->kurb->actual_length = u->actual;
	*ret = u->kurb;
	free(u->out);
	free(u);
	return 0;
}

static int fake_discard(struct fake *f, void *kurb)
{
	for (struct fake_urb *u = f->flying; u; u = u->next)
		if (u->kurb == kurb) {
			fake_end(f, u, -ENOENT, 0);
			return 0;
		}
	return -EINVAL;
}

static void fake_kill(struct fake *f)
{
	struct fake_urb *u = f->flying, *next;

	for (; u; u = next) {
		next = u->next;
		if (u->kurb->type != USBDEVFS_URB_TYPE_CONTROL)
			fake_end(f, u, -ENOENT, 0);
	}
}

/* With the lock, which it drops. */
static void fake_take_time(struct fake *f)
{
	f->n_slow++;
	pthread_mutex_unlock(&f->lock);
	usleep(f->slow_us);
	pthread_mutex_lock(&f->lock);
	f->n_slow--;
}

static int fake_claim(struct fake *f, bool detach)
{
	if (*f->driver && !detach)
		return -EBUSY;
	if (*f->driver && !strcmp(f->driver, "usbfs"))
		return -EBUSY;
	if (*f->driver && f->dropped)
		return -EACCES;
	*f->driver = 0;
	f->claimed = true;
	return 0;
}

static int fake_control(struct fake *f, struct usbdevfs_ctrltransfer *c)
{
	*(uint8_t *)c->data = f->configuration;
	return 1;
}

static int fake_alloc_streams(struct fake *f, const struct usbdevfs_streams *s)
{
	FAKE_CHECK(s->num_eps <= sizeof(f->last_stream_eps));
	f->n_stream_eps = s->num_eps;
	memcpy(f->last_stream_eps, s->eps, s->num_eps);
	return s->num_streams;
}

static int fake_request(struct fake *f, int fd, unsigned long request, void *arg)
{
	switch (request) {
	case USBDEVFS_SUBMITURB:
		return fake_submit(f, arg);
	case USBDEVFS_DISCARDURB:
		fake_log(f, 'd');
		return fake_discard(f, arg);
	case USBDEVFS_GET_CAPABILITIES:
		*(uint32_t *)arg = f->caps;
		return 0;
	case USBDEVFS_GET_SPEED:
		return f->speed;
	case USBDEVFS_CONTROL:
		return fake_control(f, arg);
	case USBDEVFS_GETDRIVER:
		if (!*f->driver)
			return -ENODATA;
		strcpy(((struct usbdevfs_getdriver *)arg)->driver, f->driver);
		return 0;
	case USBDEVFS_CLAIMINTERFACE:
		fake_log(f, 'C');
		return fake_claim(f, false);
	case USBDEVFS_DISCONNECT_CLAIM:
		fake_log(f, 'D');
		return fake_claim(f, true);
	case USBDEVFS_RELEASEINTERFACE:
		fake_log(f, 'R');
		fake_kill(f);
		f->claimed = false;
		return 0;
	case USBDEVFS_DROP_PRIVILEGES:
		fake_log(f, 'P');
		f->dropped = true;
		return 0;
	case USBDEVFS_IOCTL:
		fake_log(f, 'G');
		if (f->dropped && fd == FAKE_FD)
			return -EACCES;
		f->connected_back = true;
		return 1;
	case USBDEVFS_RESET:
		fake_log(f, 'X');
		FAKE_CHECK(!f->claimed);
		fake_take_time(f);
		return 0;
	case USBDEVFS_CLEAR_HALT:
		fake_log(f, 'H');
		fake_take_time(f);
		return 0;
	case USBDEVFS_SETINTERFACE:
		fake_log(f, 'I');
		return 0;
	case USBDEVFS_SETCONFIGURATION:
		fake_log(f, 'S');
		if (f->claimed)
			return -EBUSY;
		f->configuration = *(unsigned int *)arg;
		return 0;
	case USBDEVFS_ALLOC_STREAMS:
		fake_log(f, 'A');
		fake_kill(f);
		return fake_alloc_streams(f, arg);
	case USBDEVFS_FREE_STREAMS:
		fake_log(f, 'F');
		fake_kill(f);
		return 0;
	}
	return -ENOTTY;
}

static int fake_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	struct fake *f = ctx;
	int ret;

	FAKE_CHECK(fd == FAKE_FD || fd == FAKE_GIVE_FD);
	pthread_mutex_lock(&f->lock);
	if (++f->n_ioctls == f->unplug_at)
		fake_unplug_locked(f);
	if (request == USBDEVFS_REAPURBNDELAY)
		ret = fake_reap(f, arg);
	else if (f->unplugged)
		ret = -ENODEV;
	else if (request == f->fail_request)
		ret = f->fail_request_with;
	else
		ret = fake_request(f, fd, request, arg);
	pthread_mutex_unlock(&f->lock);
	return ret;
}

static int fake_poll(void *ctx, struct pollfd *fds, unsigned int n, int timeout_ms)
{
	struct pollfd real[2] = { { .events = POLLIN }, fds[1] };
	struct fake *f = ctx;
	eventfd_t value;
	bool ready;

	FAKE_CHECK(n == 2);
	real[0].fd = f->event;
	pthread_mutex_lock(&f->lock);
	ready = f->completed || f->unplugged;
	pthread_mutex_unlock(&f->lock);
	if (poll(real, 2, ready ? 0 : timeout_ms) < 0)
		return -errno;
	eventfd_read(f->event, &value);
	pthread_mutex_lock(&f->lock);
	fds[0].revents = (f->completed ? POLLOUT : 0) | (f->unplugged ? POLLHUP : 0);
	pthread_mutex_unlock(&f->lock);
	fds[1].revents = real[1].revents;
	return !!fds[0].revents + !!fds[1].revents;
}

static ssize_t fake_pread(void *ctx, int fd, void *buf, size_t len, off_t off)
{
	struct fake *f = ctx;

	FAKE_CHECK(off == 0);
	len = len < f->descriptors_len ? len : f->descriptors_len;
	memcpy(buf, f->descriptors, len);
	return len;
}

static int fake_close(void *ctx, int fd)
{
	((struct fake *)ctx)->n_closed++;
	return 0;
}

static const struct usbfs_host_ops fake_ops = {
	.ioctl = fake_ioctl,
	.poll = fake_poll,
	.pread = fake_pread,
	.close = fake_close,
};

#endif
