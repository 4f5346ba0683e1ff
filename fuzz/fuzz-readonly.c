// SPDX-License-Identifier: GPL-2.0-only
/*
 * The read-only filter between a hostile guest and a hostile device. The input is a list
 * of URBs, each with what goes out or, for IN, what the device answers. Nothing but
 * complete commands of a list of its own may get out, in memory that is not the guest's.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "readonly_filter.h"

#define DATA_MAX	600u

#define CHECK(ok) ((ok) ? (void)0 : abort())

static struct {
	const uint8_t *p;
	size_t left;
} input;

static uint8_t guest_data[DATA_MAX];
static unsigned int n_completed;

static uint8_t next_byte(void)
{
	if (!input.left)
		return 0;
	input.left--;
	return *input.p++;
}

/* ---- the device ---- */

static void check_cdb(const uint8_t *cdb)
{
	static const uint8_t fine[] = {
		0x00, 0x03, 0x08, 0x12, 0x1a, 0x1b, 0x1e, 0x23, 0x25, 0x28, 0x35, 0x43, 0x46,
		0x4a, 0x5a, 0x88, 0x91, 0x9e, 0xa0, 0xa3, 0xa8,
	};

	CHECK(memchr(fine, cdb[0], sizeof(fine)));
	CHECK(cdb[0] != 0x9e || (cdb[1] & 0x1f) == 0x10 || (cdb[1] & 0x1f) == 0x12);
	CHECK(cdb[0] != 0xa3 || (cdb[1] & 0x1f) == 0x0c);
}

static void check_out(const struct usb_urb *urb)
{
	const uint8_t *d = urb->iov[0].iov_base;

	CHECK(urb->n_iov == 1 && urb->iov[0].iov_len == urb->length);
	CHECK(d < guest_data || d >= guest_data + DATA_MAX);
	if (urb->length == 31) {
		CHECK(!memcmp(d, "USBC", 4));
		CHECK(d[12] & 0x80 || !(d[8] | d[9] | d[10] | d[11]));
		check_cdb(d + 15);
	} else if (urb->length == 32) {
		CHECK(d[0] == 1 && !(d[6] >> 2));
		check_cdb(d + 16);
	} else {
		CHECK(urb->length == 16 && d[0] == 5);
	}
}

static void check_control(const struct usb_urb *urb)
{
	uint8_t type = urb->setup[0], request = urb->setup[1];

	if (type & 0x60)
		CHECK((type == 0xa1 && request == 0xfe) || (type == 0x21 && request == 0xff));
	else
		CHECK(request != 7);
}

static int device_submit(struct usb_backend *b, struct usb_urb *urb)
{
	uint32_t n;

	if (!urb->ep)
		check_control(urb);
	else if (!urb->in)
		check_out(urb);
	n = next_byte() | next_byte() << 8;
	urb->actual = n < urb->length ? n : urb->length;
	urb->status = next_byte() & 1 ? -32 : 0;
	if (urb->in)
		for (uint32_t i = 0; i < urb->actual; i++)
			((uint8_t *)urb->iov[0].iov_base)[i] = next_byte();
	urb->complete(urb);
	return 0;
}

static void device_cancel(struct usb_backend *b, struct usb_urb *urb)
{
}

static void device_reset(struct usb_backend *b, void (*done)(void *ctx, int status),
			 void *ctx)
{
	done(ctx, 0);
}

static void device_close(struct usb_backend *b)
{
}

static const struct usb_backend_ops device_ops = {
	.name = "fuzz", .submit = device_submit, .cancel = device_cancel,
	.reset = device_reset, .close = device_close,
};

/* ---- the guest ---- */

static void complete(struct usb_urb *urb)
{
	CHECK(urb->actual <= urb->length);
	n_completed++;
}

static void reset_done(void *ctx, int status)
{
}

/* OUT data is split in two at a place of the input's choice. */
static void guest_urb(struct usb_backend *b, uint8_t what)
{
	struct iovec iov[2];
	struct usb_urb urb = {
		.ep = what & 3, .in = what & 4, .iov = iov, .n_iov = 2, .complete = complete,
	};
	uint32_t cut;

	urb.length = (next_byte() | next_byte() << 8) % DATA_MAX;
	cut = urb.in ? urb.length : next_byte() % (urb.length + 1);
	iov[0] = (struct iovec) { guest_data, cut };
	iov[1] = (struct iovec) { guest_data + cut, urb.length - cut };
	for (unsigned int i = 0; !urb.ep && i < 8; i++)
		urb.setup[i] = next_byte();
	for (uint32_t i = 0; !urb.in && i < urb.length; i++)
		guest_data[i] = next_byte();
	n_completed = 0;
	CHECK(!b->ops->submit(b, &urb) && n_completed == 1);
	b->ops->cancel(b, &urb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct usb_backend device = { .ops = &device_ops, .speed = USB_SPEED_SUPER_ }, *b;

	log_set_level(LOG_LEVEL_ERR);
	input.p = data;
	input.left = size;
	CHECK(!readonly_filter_new(&device, &b));
	while (input.left) {
		uint8_t what = next_byte();

		if (what == 0xff)
			b->ops->reset(b, reset_done, NULL);
		else
			guest_urb(b, what);
	}
	b->ops->close(b);
	return 0;
}
