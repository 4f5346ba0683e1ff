// SPDX-License-Identifier: GPL-2.0-only
/*
 * The usbfs backend under a host and a device that say anything: the input is the
 * descriptors, what the host can do, and answers of transfers.
 */
#include "../tests/unit/usbfs_fake.h"

#include <stdatomic.h>

#include "log.h"

#define DATA_MAX	40000u
#define URBS_MAX	12u

struct xfer {
	struct usb_urb urb;		/* first */
	struct iovec iov[2];
	_Atomic int n_done;
};

static struct {
	const uint8_t *p;
	size_t left;
} input;

static uint8_t next_byte(void)
{
	if (!input.left)
		return 0;
	input.left--;
	return *input.p++;
}

static uint32_t next_word(void)
{
	return next_byte() | next_byte() << 8;
}

static void complete(struct usb_urb *urb)
{
	FAKE_CHECK(urb->actual <= urb->length);
	((struct xfer *)urb)->n_done++;
}

static void reset_done(void *ctx, int status)
{
	++*(_Atomic int *)ctx;
}

/* One of two good devices, some bytes of it damaged, perhaps cut. */
static void make_host(struct fake *f)
{
	uint8_t what = next_byte();
	size_t len = next_byte() % sizeof(f->descriptors);

	fake_init(f);
	f->caps = what & 1 ? 0 : USBDEVFS_CAP_BULK_SCATTER_GATHER;
	f->speed = what & 2 ? USB_SPEED_SUPER_ : next_byte();
	if (what & 4)
		memcpy(f->descriptors, fake_uas_descriptors, sizeof(fake_uas_descriptors));
	f->descriptors_len = what & 4 ? sizeof(fake_uas_descriptors) : f->descriptors_len;
	if (what & 8)
		f->descriptors_len = len;
	for (unsigned int i = what >> 4; i; i--)
		f->descriptors[next_byte()] = next_byte();
	f->memory = 20000 + next_word();
}

static bool submit(struct usb_backend *b, struct xfer *x, uint8_t what, uint8_t *data)
{
	*x = (struct xfer) {
		.urb = {
			.ep = what & 3, .in = what & 4, .stream_id = what >> 6,
			.length = next_word() % DATA_MAX, .iov = x->iov, .n_iov = 2,
			.complete = complete,
		},
	};
	x->iov[0] = (struct iovec) { data, x->urb.length / 2 };
	x->iov[1] = (struct iovec) { data + x->urb.length / 2 + (what >> 3 & 1),
				     x->urb.length - x->urb.length / 2 };
	for (unsigned int i = 0; !x->urb.ep && i < 8; i++)
		x->urb.setup[i] = next_byte();
	return !b->ops->submit(b, &x->urb);
}

/* The oldest transfer ends as the input says. */
static void answer(struct fake *f)
{
	int status = -(int)(next_byte() % 130);
	uint32_t actual = next_word() * 3 - 10;

	pthread_mutex_lock(&f->lock);
	if (f->flying)
		fake_end(f, f->flying, status, actual > f->flying->len ? f->flying->len : actual);
	pthread_mutex_unlock(&f->lock);
}

static void exercise(struct fake *f, struct usb_backend *b)
{
	static uint8_t data[DATA_MAX + 1];
	struct xfer x[URBS_MAX];
	bool taken[URBS_MAX];
	_Atomic int n_resets = 0;
	int wanted_resets = 0;
	unsigned int n = 0;

	while (input.left && n < URBS_MAX) {
		uint8_t what = next_byte();

		taken[n] = submit(b, &x[n], what, data);
		n++;
		if (what & 0x10)
			answer(f);
		if (what & 0x20 && taken[n - 1])
			b->ops->cancel(b, &x[n - 1].urb);
		if (what == 0xff) {
			wanted_resets++;
			b->ops->reset(b, reset_done, &n_resets);
		}
	}
	if (next_byte() & 1)
		fake_unplug(f);
	b->ops->close(b);
	for (unsigned int i = 0; i < n; i++)
		FAKE_CHECK(x[i].n_done == taken[i]);
	FAKE_CHECK(n_resets == wanted_resets);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct fake f;
	struct usbfs_config config = {
		.fd = FAKE_FD, .give_back_fd = -1, .interface_class = 8, .host = &fake_ops,
		.host_ctx = &f,
	};
	char driver[USBFS_DRIVER_NAME];
	struct usb_backend *b;

	log_set_level(LOG_LEVEL_ERR);
	input.p = bytes;
	input.left = size;
	make_host(&f);
	if (!usbfs_backend_new(&config, &b, driver))
		exercise(&f, b);
	fake_destroy(&f);
	return 0;
}
