// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile host: the input is a script of URBs for a stick over a small image,
 * with cancels and resets among them. URBs on the bulk endpoints stay in flight
 * while the script goes on, so they overlap with what image workers do. Every URB
 * has to complete exactly once.
 *
 * Input: a byte of options, then steps: a byte that says what, its parameters. With
 * option 64 the host has chosen UAS, with 128 it has streams if there are any.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <stdio.h>
#include <unistd.h>

#include "log.h"
#include "stick.h"

#define IMAGE_BYTES	(64u << 10)
#define MAX_URBS	64u
#define MAX_BYTES	8192u	/* of one URB */
#define CBW_LEN		31u
#define COMMAND_IU_LEN	32u
#define MANAGEMENT_IU_LEN 16u

struct fuzz_urb {
	struct usb_urb urb;	/* first */
	struct fuzz *f;
	struct iovec iov[2];
	uint8_t *data;		/* exactly as long as the URB: ASan guards it */
	unsigned int n_done;
};

struct fuzz {
	const uint8_t *in;
	size_t left;
	bool uas, streams;
	struct usb_backend *b;
	pthread_mutex_t lock;	/* protects n_done of all URBs, n_resets_done */
	unsigned int n_urbs, n_resets, n_resets_done;
	struct fuzz_urb urbs[MAX_URBS];
};

static int image_fd = -1;

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void no_log(void *ctx, enum log_level level, const char *line)
{
}

/* ---- input; zeros behind its end ---- */

static void take(struct fuzz *f, void *to, size_t n)
{
	size_t have = n < f->left ? n : f->left;

	memset(to, 0, n);
	memcpy(to, f->in, have);
	f->in += have;
	f->left -= have;
}

static uint8_t take_u8(struct fuzz *f)
{
	uint8_t v;

	take(f, &v, 1);
	return v;
}

static uint16_t take_u16(struct fuzz *f)
{
	uint16_t v;

	take(f, &v, sizeof(v));
	return v;
}

/* ---- URBs ---- */

static void urb_done(struct usb_urb *urb)
{
	struct fuzz_urb *u = (struct fuzz_urb *)urb;

	check(urb->actual <= urb->length && urb->status <= 0);
	pthread_mutex_lock(&u->f->lock);
	check(!u->n_done++);
	pthread_mutex_unlock(&u->f->lock);
}

static void reset_done(void *ctx, int status)
{
	struct fuzz *f = ctx;

	pthread_mutex_lock(&f->lock);
	f->n_resets_done++;
	pthread_mutex_unlock(&f->lock);
}

static struct fuzz_urb *new_urb(struct fuzz *f, uint8_t ep, bool in, uint32_t len)
{
	struct fuzz_urb *u = &f->urbs[f->n_urbs++];
	uint32_t cut = len / 3;

	u->f = f;
	u->data = calloc(1, len ? len : 1);
	u->iov[0] = (struct iovec){ u->data, cut };
	u->iov[1] = (struct iovec){ u->data + cut, len - cut };
	u->urb = (struct usb_urb){
		.ep = ep, .in = in, .length = len, .iov = u->iov, .n_iov = 2,
		.complete = urb_done,
	};
	return u;
}

/* Refused URBs do not complete; for the invariant they have. */
static void submit(struct fuzz_urb *u)
{
	if (!u->f->b->ops->submit(u->f->b, &u->urb))
		return;
	check(!u->n_done);
	u->n_done = 1;
}

static void control(struct fuzz *f)
{
	uint8_t setup[8];
	struct fuzz_urb *u;

	take(f, setup, 8);
	u = new_urb(f, 0, setup[0] & 0x80, (setup[6] | setup[7] << 8) % MAX_BYTES);
	memcpy(u->urb.setup, setup, 8);
	u->urb.flags = setup[7] & 0x80 ? USB_URB_SHORT_NOT_OK : 0;
	submit(u);
}

static void request(struct fuzz *f, uint8_t type, uint8_t what, uint8_t value)
{
	const uint8_t setup[8] = { type, what, value };
	struct fuzz_urb *u = new_urb(f, 0, false, 0);

	memcpy(u->urb.setup, setup, 8);
	submit(u);
}

static void alloc_streams(struct fuzz *f)
{
	static const uint8_t eps[] = { 0x83, 0x81, 0x02 };

	f->b->ops->alloc_streams(f->b, eps, 3, 32);
}

/* Takes up to two URBs. */
static void configure(struct fuzz *f)
{
	request(f, 0, 9, 1);
	if (f->uas && f->n_urbs < MAX_URBS)
		request(f, 1, 11, 1);
	if (f->streams)
		alloc_streams(f);
}

/* The parts that every CBW has are right; otherwise few would pass. */
static void command(struct fuzz *f)
{
	struct fuzz_urb *u = new_urb(f, 2, false, CBW_LEN);
	uint16_t len = take_u16(f);

	memcpy(u->data, "USBC", 4);
	memcpy(u->data + 8, &len, 2);
	u->data[12] = take_u8(f) & 0x80;
	u->data[14] = 16;
	take(f, u->data + 15, 16);
	submit(u);
}

static void bulk(struct fuzz *f, bool in)
{
	struct fuzz_urb *u = new_urb(f, in ? 1 : 2, in, take_u16(f) % MAX_BYTES);

	if (f->streams)
		u->urb.stream_id = take_u8(f) % 4 + 1;
	if (!in)
		take(f, u->data, u->urb.length);
	submit(u);
}

/* A few tags only, so that they meet. */
static void iu(struct fuzz *f, uint8_t id, uint32_t len)
{
	struct fuzz_urb *u = new_urb(f, 4, false, len);

	take(f, u->data, len);
	u->data[0] = id;
	u->data[2] = 0;
	u->data[3] = u->data[3] % 4 + 1;
	if (id == 0x01) {
		u->data[4] &= u->data[1] & 0x80 ? 0x07 : 0;
		u->data[6] = 0;
		memset(u->data + 8, 0, 7);
	} else {
		u->data[6] = 0;
		u->data[7] = u->data[7] % 4 + 1;
	}
	submit(u);
}

static void status(struct fuzz *f)
{
	struct fuzz_urb *u = new_urb(f, 3, true, 32 + take_u8(f));

	if (f->streams)
		u->urb.stream_id = u->urb.length % 4 + 1;
	submit(u);
}

static void uas_step(struct fuzz *f)
{
	switch (take_u8(f) % 8) {
	case 0:
		iu(f, 0x05, MANAGEMENT_IU_LEN);
		break;
	case 1: case 2: case 3:
		iu(f, 0x01, COMMAND_IU_LEN);
		break;
	default:
		status(f);
		break;
	}
}

static void streams(struct fuzz *f)
{
	static const uint8_t eps[] = { 0x83, 0x81, 0x02 };

	if (take_u8(f) & 1)
		alloc_streams(f);
	else
		f->b->ops->free_streams(f->b, eps, 3);
}

static void anything(struct fuzz *f)
{
	uint8_t ep = take_u8(f);
	struct fuzz_urb *u = new_urb(f, ep & 0x0f, ep & 0x80, take_u16(f) % MAX_BYTES);

	take(f, u->urb.setup, 8);
	u->urb.stream_id = ep >> 4 & 7;
	u->urb.flags = take_u8(f);
	submit(u);
}

static void cancel(struct fuzz *f)
{
	uint8_t which = take_u8(f);

	if (f->n_urbs)
		f->b->ops->cancel(f->b, &f->urbs[which % f->n_urbs].urb);
}

static void step(struct fuzz *f)
{
	uint8_t what = take_u8(f);

	if (f->uas && what & 0x80) {
		uas_step(f);
		return;
	}
	switch (what % 16) {
	case 0:
		control(f);
		break;
	case 1:
		configure(f);
		break;
	case 2:
		anything(f);
		break;
	case 3:
		cancel(f);
		break;
	case 4:
		f->n_resets++;
		f->b->ops->reset(f->b, reset_done, f);
		break;
	case 5:
		streams(f);
		break;
	case 6: case 7: case 8:
		command(f);
		break;
	case 9: case 10: case 11:
		bulk(f, false);
		break;
	default:
		bulk(f, true);
		break;
	}
}

/* ---- a stick ---- */

/* The file is made anew for each input, so that an input repeats. */
static void open_stick(struct fuzz *f, uint8_t options)
{
	struct stick_config config = {
		.speed = options & 1 ? USB_SPEED_SUPER_ : USB_SPEED_HIGH_,
		.sector_size = options & 2 ? 4096 : 512,
		.uas = options & 64,
	};
	unsigned int flags = (options & 4 ? IMAGE_READONLY : 0) |
			     (options & 8 ? IMAGE_POWERCUT : 0);
	char path[32];

	if (image_fd < 0)
		image_fd = memfd_create("fuzz-stick", MFD_CLOEXEC);
	check(image_fd >= 0);
	check(!ftruncate(image_fd, 0) && !ftruncate(image_fd, IMAGE_BYTES));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", image_fd);
	check(!image_open(path, flags, &config.image));
	check(!stick_new(&config, &f->b));
	if (options & 16)	/* somebody shortened it */
		check(!ftruncate(image_fd, IMAGE_BYTES / 2 + 100));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fuzz f;
	uint8_t options;

	log_set_callback(no_log, NULL);
	memset(&f, 0, sizeof(f));
	f.in = data;
	f.left = len;
	pthread_mutex_init(&f.lock, NULL);
	options = take_u8(&f);
	f.uas = options & 64;
	f.streams = f.uas && options & 1 && options & 128;
	open_stick(&f, options);
	if (!(options & 32))
		configure(&f);
	while (f.left && f.n_urbs < MAX_URBS)
		step(&f);
	f.b->ops->close(f.b);
	for (unsigned int i = 0; i < f.n_urbs; i++) {
		check(f.urbs[i].n_done == 1);
		free(f.urbs[i].data);
	}
	check(f.n_resets == f.n_resets_done);
	pthread_mutex_destroy(&f.lock);
	return 0;
}
