/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stick_host.h - a USB host for tests of the stick, and the file system under its
 * image. Included once a program, as it defines functions of the C library.
 */
#ifndef TESTS_STICK_HOST_H
#define TESTS_STICK_HOST_H

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/usb/ch9.h>

#include "log.h"
#include "stick.h"

#define SIZE		(1u << 20)
#define SERIAL		"0123456789ABCDEF"
#define EP_IN		1u
#define EP_OUT		2u
#define CBW		31u
#define CSW		13u

static bool offer_uas;		/* sticks that are opened do */

/* ---- the disk under the file ---- */

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static bool gate_closed;	/* what waits for the disk waits */
static unsigned int n_at_gate, n_syncs;
static bool cold;		/* the page cache has nothing */
static off_t gate_from;		/* I/O before that offset passes the gate always */
static int write_errno, sync_errno, discard_errno;

static inline void gate_set(bool closed)
{
	pthread_mutex_lock(&gate_lock);
	gate_closed = closed;
	pthread_cond_broadcast(&gate_moved);
	pthread_mutex_unlock(&gate_lock);
}

static inline void gate_pass(void)
{
	pthread_mutex_lock(&gate_lock);
	n_at_gate++;
	pthread_cond_broadcast(&gate_moved);
	while (gate_closed)
		pthread_cond_wait(&gate_moved, &gate_lock);
	n_at_gate--;
	pthread_mutex_unlock(&gate_lock);
}

static inline void gate_wait_for(unsigned int n)
{
	pthread_mutex_lock(&gate_lock);
	while (n_at_gate < n)
		pthread_cond_wait(&gate_moved, &gate_lock);
	pthread_mutex_unlock(&gate_lock);
}

static inline void gate_wait_for_somebody(void)
{
	gate_wait_for(1);
}

static inline void *gate_open_later(void *arg)
{
	usleep(20000);
	gate_set(false);
	return NULL;
}

/* Instead of the C library's. */
int fdatasync(int fd)
{
	gate_pass();
	pthread_mutex_lock(&gate_lock);
	n_syncs++;
	errno = sync_errno;
	pthread_mutex_unlock(&gate_lock);
	return errno ? -1 : fsync(fd);
}

ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	if (cold && (flags & RWF_NOWAIT)) {
		errno = EAGAIN;
		return -1;
	}
	if (cold && off >= gate_from)
		gate_pass();
	return syscall(SYS_preadv2, fd, iov, n, off, 0, flags);
}

ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	if (cold && (flags & RWF_NOWAIT)) {
		errno = EAGAIN;
		return -1;
	}
	if (cold && off >= gate_from)
		gate_pass();
	errno = write_errno;
	return errno ? -1 : syscall(SYS_pwritev2, fd, iov, n, off, 0, flags);
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
	errno = discard_errno;
	return errno ? -1 : syscall(SYS_fallocate, fd, mode, off, len);
}

/* ---- fixture ---- */

struct fixture {
	pthread_mutex_t lock;	/* protects n_done of all transfers, n_resets */
	pthread_cond_t done;
	unsigned int n_resets;
	int reset_status;
	char path[64];
	uint8_t *data;		/* what the file holds at first */
	uint8_t *buf;
	struct usb_backend *b;
	unsigned int sector;
	uint32_t tag;
	uint32_t residue;	/* of the last CSW */
	int data_status;	/* of the last data phase */
	uint32_t actual;	/* of it, or of the last transfer */
};

struct xfer {
	struct usb_urb urb;	/* first */
	struct iovec iov[4];
	struct fixture *f;
	unsigned int n_done;
	pthread_t thread;	/* that completed it */
};

static inline void fill(uint8_t *p, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = seed + i * 31 + i / 509;
}

static inline void open_image(struct fixture *f, unsigned int flags, enum usb_speed speed,
		       unsigned int sector)
{
	struct stick_config config = { .speed = speed, .sector_size = sector,
				       .serial = SERIAL, .uas = offer_uas };

	f->sector = sector;
	assert_int_equal(image_open(f->path, flags, &config.image), 0);
	assert_int_equal(stick_new(&config, &f->b), 0);
	assert_int_equal(f->b->speed, speed);
}

static inline void new_file(struct fixture *f)
{
	int fd;

	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->done, NULL);
	f->data = malloc(SIZE);
	f->buf = malloc(SIZE);
	fill(f->data, SIZE, 1);
	strcpy(f->path, "/tmp/test-stick.XXXXXX");
	fd = mkstemp(f->path);
	assert_int_equal(write(fd, f->data, SIZE), SIZE);
	close(fd);
	cold = false;
	gate_from = 0;
	write_errno = sync_errno = discard_errno = 0;
	n_syncs = 0;
}

static inline void close_stick(struct fixture *f)
{
	if (f->b)
		f->b->ops->close(f->b);
	f->b = NULL;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	gate_set(false);
	close_stick(f);
	unlink(f->path);
	free(f->data);
	free(f->buf);
	free(f);
	return 0;
}

/* ---- transfers ---- */

static inline void xfer_done(struct usb_urb *urb)
{
	struct xfer *x = (struct xfer *)urb;

	pthread_mutex_lock(&x->f->lock);
	x->n_done++;
	x->thread = pthread_self();
	pthread_cond_broadcast(&x->f->done);
	pthread_mutex_unlock(&x->f->lock);
}

static inline void xfer_init(struct fixture *f, struct xfer *x, unsigned int ep, bool in,
		      void *buf, uint32_t len)
{
	*x = (struct xfer){
		.urb = { .ep = ep, .in = in, .length = len, .iov = x->iov,
			 .n_iov = 1, .complete = xfer_done },
		.iov = { { buf, len } },
		.f = f,
	};
}

static inline void submit(struct xfer *x)
{
	assert_int_equal(x->f->b->ops->submit(x->f->b, &x->urb), 0);
}

static inline unsigned int n_done(struct xfer *x)
{
	unsigned int n;

	pthread_mutex_lock(&x->f->lock);
	n = x->n_done;
	pthread_mutex_unlock(&x->f->lock);
	return n;
}

/* Up to so many ms. */
static inline void wait_xfer_for(struct xfer *x, unsigned int ms)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += ms * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&x->f->lock);
	while (!x->n_done &&
	       !pthread_cond_timedwait(&x->f->done, &x->f->lock, &end))
		;
	pthread_mutex_unlock(&x->f->lock);
}

static inline int wait_xfer(struct xfer *x)
{
	struct timespec end;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	pthread_mutex_lock(&x->f->lock);
	while (!x->n_done && !err)
		err = pthread_cond_timedwait(&x->f->done, &x->f->lock, &end);
	pthread_mutex_unlock(&x->f->lock);
	assert_int_equal(err, 0);
	assert_int_equal(x->n_done, 1);
	assert_true(x->urb.actual <= x->urb.length);
	x->f->actual = x->urb.actual;
	return x->urb.status;
}

static inline int bulk(struct fixture *f, bool in, void *buf, uint32_t len)
{
	struct xfer x;

	xfer_init(f, &x, in ? EP_IN : EP_OUT, in, buf, len);
	submit(&x);
	return wait_xfer(&x);
}

static inline int control(struct fixture *f, uint8_t type, uint8_t request, uint16_t value,
		   uint16_t index, void *buf, uint16_t len)
{
	struct usb_ctrlrequest req = {
		type, request, htole16(value), htole16(index), htole16(len),
	};
	struct xfer x;

	xfer_init(f, &x, 0, type & USB_DIR_IN, buf, len);
	memcpy(x.urb.setup, &req, sizeof(req));
	submit(&x);
	return wait_xfer(&x);
}

static inline int get_status(struct fixture *f, uint8_t recipient, uint16_t index)
{
	uint8_t d[2];

	if (control(f, USB_DIR_IN | recipient, USB_REQ_GET_STATUS, 0, index, d, 2))
		return -1;
	assert_int_equal(f->actual, 2);
	return d[0] | d[1] << 8;
}

static inline int clear_halt(struct fixture *f, bool in)
{
	return control(f, USB_RECIP_ENDPOINT, USB_REQ_CLEAR_FEATURE, 0,
		       in ? 0x80 | EP_IN : EP_OUT, NULL, 0);
}

static inline int bot_reset(struct fixture *f)
{
	return control(f, USB_TYPE_CLASS | USB_RECIP_INTERFACE, 0xff, 0, 0, NULL, 0);
}

static inline void configure(struct fixture *f)
{
	assert_int_equal(control(f, 0, USB_REQ_SET_CONFIGURATION, 1, 0, NULL, 0), 0);
}

/* ---- commands ---- */

static inline void put_cbw(struct fixture *f, uint8_t *cbw, bool in, uint32_t len,
		    const uint8_t *cdb, unsigned int cdb_len)
{
	uint32_t tag = ++f->tag, le = htole32(len);

	memset(cbw, 0, CBW);
	memcpy(cbw, "USBC", 4);
	memcpy(cbw + 4, &tag, 4);
	memcpy(cbw + 8, &le, 4);
	cbw[12] = in ? 0x80 : 0;
	cbw[14] = cdb_len;
	memcpy(cbw + 15, cdb, cdb_len);
}

static inline void send_cbw_lun(struct fixture *f, unsigned int lun, bool in, uint32_t len,
			 const uint8_t *cdb, unsigned int cdb_len)
{
	uint8_t cbw[CBW];

	put_cbw(f, cbw, in, len, cdb, cdb_len);
	cbw[13] = lun;
	assert_int_equal(bulk(f, false, cbw, CBW), 0);
	assert_int_equal(f->actual, CBW);
}

static inline void send_cbw(struct fixture *f, bool in, uint32_t len, const uint8_t *cdb,
		     unsigned int cdb_len)
{
	send_cbw_lun(f, 0, in, len, cdb, cdb_len);
}

static inline int check_csw(struct fixture *f, const uint8_t *csw)
{
	assert_memory_equal(csw, "USBS", 4);
	assert_memory_equal(csw + 4, &f->tag, 4);
	memcpy(&f->residue, csw + 8, 4);
	f->residue = le32toh(f->residue);
	return csw[12];
}

/* A stall in place of the CSW is cleared once, BOT figure 2. */
static inline int get_csw(struct fixture *f)
{
	uint8_t csw[CSW];
	int err = bulk(f, true, csw, CSW);

	if (err == -EPIPE) {
		assert_int_equal(clear_halt(f, true), 0);
		err = bulk(f, true, csw, CSW);
	}
	assert_int_equal(err, 0);
	assert_int_equal(f->actual, CSW);
	return check_csw(f, csw);
}

/* Returns the CSW's status; f->data_status, actual: what the data did. */
static inline int command_lun(struct fixture *f, unsigned int lun, bool in, void *buf,
		       uint32_t len, const uint8_t *cdb, unsigned int cdb_len)
{
	uint32_t actual = 0;
	int status;

	send_cbw_lun(f, lun, in, len, cdb, cdb_len);
	f->data_status = 0;
	if (len) {
		f->data_status = bulk(f, in, buf, len);
		actual = f->actual;
		if (f->data_status == -EPIPE)
			assert_int_equal(clear_halt(f, in), 0);
	}
	status = get_csw(f);
	f->actual = actual;
	return status;
}

static inline int command(struct fixture *f, bool in, void *buf, uint32_t len,
		   const uint8_t *cdb, unsigned int cdb_len)
{
	return command_lun(f, 0, in, buf, len, cdb, cdb_len);
}

#define CDB(...) (const uint8_t[16]){ __VA_ARGS__ }, \
		 sizeof((uint8_t[]){ __VA_ARGS__ })
#define BE16(v) (uint8_t)((v) >> 8), (uint8_t)(v)
#define BE32(v) BE16((v) >> 16), BE16(v)
#define BE64(v) BE32((uint64_t)(v) >> 32), BE32(v)
#define READ10(lba, n) CDB(0x28, 0, BE32(lba), 0, BE16(n), 0)
#define WRITE10(lba, n) CDB(0x2a, 0, BE32(lba), 0, BE16(n), 0)
#define TUR CDB(0, 0, 0, 0, 0, 0)
#define SYNC10 CDB(0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0)
#define EJECT CDB(0x1b, 0, 0, 0, 2, 0)

/* REQUEST SENSE: key, code, qualifier as 0xKKAAQQ. */
static inline unsigned int sense(struct fixture *f)
{
	uint8_t *s = f->buf + SIZE - 18;

	assert_int_equal(command(f, true, s, 18, CDB(0x03, 0, 0, 0, 18, 0)), 0);
	assert_int_equal(f->actual, 18);
	assert_int_equal(s[0] & 0x7f, 0x70);
	assert_int_equal(s[7], 10);
	return s[2] << 16 | s[12] << 8 | s[13];
}

#define assert_fails(f, in, buf, len, cdb, want) do {			\
	assert_int_equal(command(f, in, buf, len, cdb), 1);		\
	assert_int_equal(sense(f), want);				\
} while (0)
#define assert_good(f, in, buf, len, cdb) \
	assert_int_equal(command(f, in, buf, len, cdb), 0)

static inline void assert_file(struct fixture *f, uint64_t off, const void *want, size_t len)
{
	char *got = malloc(len);
	int fd = open(f->path, O_RDONLY);

	assert_int_equal(pread(fd, got, len, off), len);
	assert_memory_equal(got, want, len);
	close(fd);
	free(got);
}

static inline unsigned int be32(const uint8_t *p)
{
	return (unsigned int)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* ---- setups ---- */

static inline int setup_as(void **state, unsigned int flags, enum usb_speed speed,
		    unsigned int sector)
{
	struct fixture *f = calloc(1, sizeof(*f));

	new_file(f);
	open_image(f, flags, speed, sector);
	configure(f);
	assert_fails(f, false, NULL, 0, TUR, 0x062900);	/* power on */
	assert_good(f, false, NULL, 0, TUR);
	*state = f;
	return 0;
}

static inline int setup(void **state)
{
	return setup_as(state, 0, USB_SPEED_SUPER_, 512);
}

static inline int setup_high(void **state)
{
	return setup_as(state, 0, USB_SPEED_HIGH_, 512);
}

static inline int setup_4k(void **state)
{
	return setup_as(state, 0, USB_SPEED_SUPER_, 4096);
}

static inline int setup_readonly(void **state)
{
	return setup_as(state, IMAGE_READONLY, USB_SPEED_SUPER_, 512);
}

static inline int setup_powercut(void **state)
{
	return setup_as(state, IMAGE_POWERCUT, USB_SPEED_SUPER_, 512);
}

static inline void no_log(void *ctx, enum log_level level, const char *line)
{
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define HIGH(name) cmocka_unit_test_setup_teardown(name, setup_high, teardown)
#define BIG(name) cmocka_unit_test_setup_teardown(name, setup_4k, teardown)
#define RO(name) cmocka_unit_test_setup_teardown(name, setup_readonly, teardown)
#define CUT(name) cmocka_unit_test_setup_teardown(name, setup_powercut, teardown)

#endif
