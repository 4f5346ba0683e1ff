// SPDX-License-Identifier: GPL-2.0-only
/*
 * The usbfs backend on a real usbfs, without a library kernel: what mounting does
 * rarely. usage: usbfs-exercise NODE IMAGE, the gadget's medium.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "readonly_filter.h"
#include "usbfs_backend.h"

#define CBW_LEN		31
#define CSW_LEN		13
#define BIG		(1u << 20)

#define CHECK(ok) \
	((ok) ? (void)0 : (printf("%s:%d: %s\n", __FILE__, __LINE__, #ok), exit(1)))

struct xfer {
	struct usb_urb urb;	/* first */
	struct iovec iov[4];
	_Atomic int n_done;
};

static struct usb_backend *b;
static uint8_t ep_in, ep_out;

static void complete(struct usb_urb *urb)
{
	((struct xfer *)urb)->n_done++;
}

static void wait_for(_Atomic int *n)
{
	for (int i = 0; i < 100000 && !*n; i++)
		usleep(100);
	CHECK(*n == 1);
}

static void start(struct xfer *x, uint8_t ep, bool in, void *buf, uint32_t len)
{
	memset(x, 0, sizeof(*x));
	x->iov[0] = (struct iovec) { buf, len };
	x->urb = (struct usb_urb) {
		.ep = ep, .in = in, .length = len, .iov = x->iov, .n_iov = 1,
		.complete = complete,
	};
	CHECK(!b->ops->submit(b, &x->urb));
}

static int run(uint8_t ep, bool in, void *buf, uint32_t len)
{
	struct xfer x;

	start(&x, ep, in, buf, len);
	wait_for(&x.n_done);
	return x.urb.status ? x.urb.status : (int)x.urb.actual;
}

static int control(const uint8_t setup[8], void *buf)
{
	struct xfer x = {
		.urb = {
			.in = setup[0] & 0x80, .length = setup[6] | setup[7] << 8,
			.iov = x.iov, .n_iov = 1, .complete = complete,
		},
	};

	memcpy(x.urb.setup, setup, 8);
	x.iov[0] = (struct iovec) { buf, x.urb.length };
	CHECK(!b->ops->submit(b, &x.urb));
	wait_for(&x.n_done);
	return x.urb.status ? x.urb.status : (int)x.urb.actual;
}

/* A command with data to us; the CSW's status. */
static int command(const uint8_t *cdb, uint8_t cdb_len, void *buf, uint32_t len)
{
	uint8_t cbw[CBW_LEN] = "USBCtag!", csw[CSW_LEN];

	cbw[8] = len, cbw[9] = len >> 8, cbw[10] = len >> 16, cbw[11] = len >> 24;
	cbw[12] = 0x80;
	cbw[14] = cdb_len;
	memcpy(cbw + 15, cdb, cdb_len);
	CHECK(run(ep_out, false, cbw, CBW_LEN) == CBW_LEN);
	CHECK(run(ep_in, true, buf, len) == (int)len);
	CHECK(run(ep_in, true, csw, CSW_LEN) == CSW_LEN);
	CHECK(!memcmp(csw, "USBStag!", 8));
	return csw[12];
}

static void inquiry(void)
{
	static const uint8_t cdb[6] = { 0x12, 0, 0, 0, 36 };
	uint8_t buf[36];

	CHECK(command(cdb, 6, buf, sizeof(buf)) == 0);
	CHECK(!memcmp(buf + 8, "Linux", 5));
}

/* After a reset the next command but INQUIRY fails: TEST UNIT READY may. */
static void take_unit_attention(void)
{
	uint8_t cbw[CBW_LEN] = "USBCtag!", csw[CSW_LEN];

	cbw[14] = 6;
	CHECK(run(ep_out, false, cbw, CBW_LEN) == CBW_LEN);
	CHECK(run(ep_in, true, csw, CSW_LEN) == CSW_LEN);
}

static void requests(void)
{
	static const uint8_t get_descriptor[8] = { 0x80, 6, 0, 1, 0, 0, 18, 0 };
	static const uint8_t set_configuration[8] = { 0, 9, 1 };
	static const uint8_t set_interface[8] = { 1, 11, 0 };
	const uint8_t clear_in[8] = { 2, 1, 0, 0, 0x80 | ep_in };
	const uint8_t clear_out[8] = { 2, 1, 0, 0, ep_out };
	static const uint8_t clear_none[8] = { 2, 1, 0, 0, 0x8f };
	static const uint8_t nonsense[8] = { 0xc0, 0x77, 0, 0, 0, 0, 4, 0 };
	uint8_t buf[18];

	CHECK(control(get_descriptor, buf) == 18 && buf[8] == 0x25 && buf[9] == 0x05);
	CHECK(control(set_configuration, NULL) == 0);
	inquiry();
	CHECK(control(set_interface, NULL) == 0);
	inquiry();
	CHECK(control(clear_in, NULL) == 0);
	CHECK(control(clear_out, NULL) == 0);
	CHECK(control(clear_none, NULL) == -EPIPE);
	CHECK(control(nonsense, buf) == -EPIPE);
	CHECK(run(9, true, buf, 18) == -ENOENT);
	inquiry();
}

static void cancels(void)
{
	uint8_t buf[512];
	struct xfer x[4];

	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 4; i++)
			start(&x[i], ep_in, true, buf, sizeof(buf));
		for (int i = 0; i < 4; i++)
			b->ops->cancel(b, &x[(i + round) % 4].urb);
		for (int i = 0; i < 4; i++) {
			wait_for(&x[i].n_done);
			CHECK(x[i].urb.status == -ECONNRESET && !x[i].urb.actual);
		}
		inquiry();
	}
}

struct reset {
	_Atomic int n_done;
	int status;
};

static void reset_done(void *ctx, int status)
{
	struct reset *r = ctx;

	r->status = status;
	r->n_done++;
}

static void resets(void)
{
	uint8_t buf[512];
	struct xfer x[4];

	for (int round = 0; round < 3; round++) {
		struct reset r = { 0 };

		for (int i = 0; i < 4; i++)
			start(&x[i], ep_in, true, buf, sizeof(buf));
		b->ops->reset(b, reset_done, &r);
		wait_for(&r.n_done);
		CHECK(r.status == 0);
		for (int i = 0; i < 4; i++)
			CHECK(x[i].n_done == 1 && x[i].urb.status == -ECONNRESET);
		inquiry();
	}
}

/* 1 MiB each from the start of the medium; scattered every other time. */
static void reads(const char *image)
{
	static uint8_t want[BIG], data[BIG + 3 * 4096];
	int fd = open(image, O_RDONLY);

	take_unit_attention();
	for (unsigned int n = 0; n < 16; n++) {
		uint32_t lba = n * (BIG / 512);
		uint8_t cdb[10] = { 0x28, 0, 0, lba >> 16, lba >> 8, lba, 0, 8, 0 };
		uint8_t cbw[CBW_LEN] = "USBCtag!", csw[CSW_LEN];
		struct xfer x = {
			.urb = { .ep = ep_in, .in = true, .length = BIG, .iov = x.iov,
				 .n_iov = n & 1 ? 3 : 1, .complete = complete },
			.iov = { { data, n & 1 ? 4096 : BIG }, { data + 8192, 100000 },
				 { data + 12288 + 100000, BIG - 104096 } },
		};

		cbw[10] = BIG >> 16;
		cbw[12] = 0x80;
		cbw[14] = 10;
		memcpy(cbw + 15, cdb, 10);
		CHECK(run(ep_out, false, cbw, CBW_LEN) == CBW_LEN);
		CHECK(!b->ops->submit(b, &x.urb));
		wait_for(&x.n_done);
		CHECK(!x.urb.status && x.urb.actual == BIG);
		CHECK(run(ep_in, true, csw, CSW_LEN) == CSW_LEN && !csw[12]);
		CHECK(pread(fd, want, BIG, (off_t)n * BIG) == BIG);
		for (unsigned int i = 0, at = 0; i < x.urb.n_iov; at += x.iov[i++].iov_len)
			CHECK(!memcmp(want + at, x.iov[i].iov_base, x.iov[i].iov_len));
	}
	close(fd);
}

/* Behind the filter of --ro: WRITE(10) of the first sector, then what went wrong. */
static void writes_are_refused(const char *image)
{
	static const uint8_t write_10[10] = { 0x2a, [8] = 1 };
	static const uint8_t request_sense[6] = { 0x03, 0, 0, 0, 18 };
	static const uint8_t read_10[10] = { 0x28, [8] = 1 };
	const uint8_t clear_out[8] = { 2, 1, 0, 0, ep_out };
	uint8_t cbw[CBW_LEN] = "USBCtag!", csw[CSW_LEN], before[512], data[512] = { 1 };
	int fd = open(image, O_RDONLY);

	CHECK(!readonly_filter_new(b, &b));
	CHECK(pread(fd, before, 512, 0) == 512);
	cbw[9] = 512 >> 8;
	cbw[14] = 10;
	memcpy(cbw + 15, write_10, 10);
	CHECK(run(ep_out, false, cbw, CBW_LEN) == CBW_LEN);
	CHECK(run(ep_out, false, data, 512) == -EPIPE);
	CHECK(control(clear_out, NULL) == 0);
	CHECK(run(ep_in, true, csw, CSW_LEN) == CSW_LEN && csw[12] == 1);
	CHECK(command(request_sense, 6, data, 18) == 0);
	CHECK((data[2] & 0x0f) == 7 && data[12] == 0x27);
	CHECK(command(read_10, 10, data, 512) == 0);
	CHECK(!memcmp(data, before, 512));
	CHECK(pread(fd, data, 512, 0) == 512);
	CHECK(!memcmp(data, before, 512));
	close(fd);
}

/* The gadget's bulk endpoints are where its controller has room. */
static void find_endpoints(int fd)
{
	uint8_t desc[256];
	ssize_t n = pread(fd, desc, sizeof(desc), 0);

	for (ssize_t i = 0; i + 7 <= n && desc[i]; i += desc[i])
		if (desc[i + 1] == 5)
			*(desc[i + 2] & 0x80 ? &ep_in : &ep_out) = desc[i + 2] & 0x0f;
	CHECK(ep_in && ep_out);
}

int main(int argc, char **argv)
{
	struct usbfs_config config = {
		.give_back_fd = -1, .detach = true, .interface_class = 8,
	};
	char driver[USBFS_DRIVER_NAME];

	CHECK(argc == 3);
	log_set_level(LOG_LEVEL_INFO);
	config.fd = open(argv[1], O_RDWR | O_CLOEXEC);
	config.give_back_fd = open(argv[1], O_RDWR | O_CLOEXEC);
	CHECK(config.fd >= 0 && config.give_back_fd >= 0);
	find_endpoints(config.fd);
	CHECK(!usbfs_backend_new(&config, &b, driver));
	requests();
	cancels();
	resets();
	reads(argv[2]);
	writes_are_refused(argv[2]);
	b->ops->close(b);
	puts("all good");
	return 0;
}
