// SPDX-License-Identifier: GPL-2.0-only
/* The stick as a USB device: endpoint 0 and Bulk-Only Transport. */
#include "stick_host.h"

/* ---- life ---- */

static void bad_configs(void **state)
{
	struct fixture *f = *state;
	static const struct stick_config bad[] = {
		{ .speed = USB_SPEED_FULL_ },
		{ .speed = USB_SPEED_SUPER_PLUS_ },
		{ .speed = USB_SPEED_HIGH_, .sector_size = 1024 },
		{ .speed = USB_SPEED_HIGH_, .serial = "0123456789A" },
		{ .speed = USB_SPEED_HIGH_, .serial = "0123456789ABC-" },
		{ .speed = USB_SPEED_HIGH_,
		  .serial = "0123456789ABCDEF0123456789ABCDEF0" },
		{ .speed = USB_SPEED_HIGH_, .sector_size = 4096 },
	};
	struct image *small;
	struct usb_backend *b;

	close_stick(f);
	assert_int_equal(truncate(f->path, 512), 0);
	assert_int_equal(image_open(f->path, 0, &small), 0);
	for (unsigned int i = 0; i < 7; i++) {
		struct stick_config config = bad[i];

		config.image = small;
		assert_int_equal(stick_new(&config, &b), -EINVAL);
	}
	assert_int_equal(stick_new(&(struct stick_config){
			.image = small, .speed = USB_SPEED_HIGH_ }, &b), 0);
	b->ops->close(b);
}

/* ---- endpoint 0 ---- */

static int get_descriptor(struct fixture *f, uint8_t type, uint8_t index, void *buf,
			  uint16_t len)
{
	return control(f, USB_DIR_IN, USB_REQ_GET_DESCRIPTOR, type << 8 | index,
		       type == USB_DT_STRING && index ? 0x0409 : 0, buf, len);
}

/* Descriptors behind each other fill the whole exactly. */
static void walk(const uint8_t *d, unsigned int total, unsigned int *count)
{
	unsigned int at;

	memset(count, 0, 256 * sizeof(*count));
	for (at = 0; at < total; at += d[at]) {
		assert_true(d[at] >= 2 && d[at] <= total - at);
		count[d[at + 1]]++;
	}
	assert_int_equal(at, total);
}

static void check_endpoints(const uint8_t *d, unsigned int total, unsigned int max)
{
	for (unsigned int at = 0; at < total; at += d[at]) {
		if (d[at + 1] == USB_DT_ENDPOINT) {
			assert_true(d[at + 2] == 0x81 || d[at + 2] == 0x02);
			assert_int_equal(d[at + 3], USB_ENDPOINT_XFER_BULK);
			assert_int_equal(d[at + 4] | d[at + 5] << 8, max);
		}
		if (d[at + 1] == USB_DT_SS_ENDPOINT_COMP)
			assert_int_equal(d[at + 2], 15);
	}
}

static void check_configuration(struct fixture *f, uint8_t type, unsigned int max)
{
	bool super = max == 1024;
	unsigned int count[256];
	uint8_t d[256];

	assert_int_equal(get_descriptor(f, type, 0, d, 255), 0);
	assert_int_equal(d[0], 9);
	assert_int_equal(d[1], type);
	assert_int_equal(d[2] | d[3] << 8, f->actual);
	assert_int_equal(d[5], 1);
	count[type] = 0;
	walk(d, f->actual, count);
	assert_int_equal(count[type], 1);
	assert_int_equal(count[USB_DT_INTERFACE], 1);
	assert_int_equal(count[USB_DT_ENDPOINT], 2);
	assert_int_equal(count[USB_DT_SS_ENDPOINT_COMP], super ? 2 : 0);
	assert_memory_equal(d + 9 + 5, "\x08\x06\x50", 3);
	check_endpoints(d, f->actual, max);
	assert_int_equal(get_descriptor(f, type, 0, d, 9), 0);	/* the head only */
	assert_int_equal(f->actual, 9);
}

static void check_bos(struct fixture *f)
{
	unsigned int count[256];
	uint8_t d[256];

	assert_int_equal(get_descriptor(f, USB_DT_BOS, 0, d, 5), 0);
	assert_int_equal(f->actual, 5);
	assert_int_equal(get_descriptor(f, USB_DT_BOS, 0, d, 255), 0);
	assert_int_equal(d[2] | d[3] << 8, f->actual);
	walk(d, f->actual, count);
	assert_int_equal(count[USB_DT_DEVICE_CAPABILITY], d[4]);
}

static void check_string(struct fixture *f, uint8_t index, const char *want)
{
	uint8_t d[256];

	assert_true(index != 0);
	assert_int_equal(get_descriptor(f, USB_DT_STRING, index, d, 255), 0);
	assert_int_equal(f->actual, 2 + 2 * strlen(want));
	assert_int_equal(d[0], f->actual);
	for (unsigned int i = 0; want[i]; i++)
		assert_int_equal(d[2 + 2 * i] | d[3 + 2 * i] << 8, want[i]);
}

static void descriptors(void **state)
{
	struct fixture *f = *state;
	bool super = f->b->speed == USB_SPEED_SUPER_;
	uint8_t d[256];

	assert_int_equal(get_descriptor(f, USB_DT_DEVICE, 0, d, 64), 0);
	assert_int_equal(f->actual, 18);
	assert_memory_equal(d, super ? "\x12\x01\x20\x03" : "\x12\x01\x10\x02", 4);
	assert_int_equal(d[7], super ? 9 : 64);
	assert_memory_equal(d + 8, "\x09\x12\x01\x00", 4);
	check_string(f, d[14], "lklusb");
	check_string(f, d[15], "Emulated stick");
	check_string(f, d[16], SERIAL);
	check_configuration(f, USB_DT_CONFIG, super ? 1024 : 512);
	check_bos(f);
	assert_int_equal(get_descriptor(f, USB_DT_STRING, 0, d, 255), 0);
	assert_memory_equal(d, "\x04\x03\x09\x04", 4);
	assert_int_equal(get_descriptor(f, USB_DT_DEVICE_QUALIFIER, 0, d, 10),
			 super ? -EPIPE : 0);
	if (super) {
		assert_int_equal(get_descriptor(f, USB_DT_OTHER_SPEED_CONFIG, 0, d,
						255), -EPIPE);
	} else {
		assert_memory_equal(d, "\x0a\x06\x10\x02", 4);
		check_configuration(f, USB_DT_OTHER_SPEED_CONFIG, 64);
	}
}

static void descriptors_that_are_not_there(void **state)
{
	struct fixture *f = *state;
	uint8_t d[8];

	assert_int_equal(get_descriptor(f, USB_DT_CONFIG, 1, d, 8), -EPIPE);
	assert_int_equal(get_descriptor(f, USB_DT_STRING, 4, d, 8), -EPIPE);
	assert_int_equal(get_descriptor(f, USB_DT_STRING, 0xee, d, 8), -EPIPE);
	assert_int_equal(get_descriptor(f, USB_DT_INTERFACE, 0, d, 8), -EPIPE);
	assert_int_equal(get_descriptor(f, 0x22, 0, d, 8), -EPIPE);
	assert_int_equal(control(f, USB_DIR_IN, USB_REQ_GET_DESCRIPTOR,
				 USB_DT_STRING << 8 | 1, 0x0407, d, 8), -EPIPE);
}

static void standard_requests(void **state)
{
	struct fixture *f = *state;
	uint8_t d[6] = { 9 };

	assert_int_equal(control(f, 0, USB_REQ_SET_ADDRESS, 5, 0, NULL, 0), 0);
	assert_int_equal(control(f, 0x80, USB_REQ_GET_CONFIGURATION, 0, 0, d, 1), 0);
	assert_int_equal(d[0], 1);
	assert_int_equal(control(f, 0x81, USB_REQ_GET_INTERFACE, 0, 0, d, 1), 0);
	assert_int_equal(d[0], 0);
	assert_int_equal(control(f, 0x81, USB_REQ_GET_INTERFACE, 0, 1, d, 1), -EPIPE);
	assert_int_equal(control(f, 1, USB_REQ_SET_INTERFACE, 0, 0, NULL, 0), 0);
	assert_int_equal(control(f, 1, USB_REQ_SET_INTERFACE, 1, 0, NULL, 0), -EPIPE);
	assert_int_equal(control(f, 0, USB_REQ_SET_CONFIGURATION, 2, 0, NULL, 0),
			 -EPIPE);
	assert_int_equal(get_status(f, USB_RECIP_DEVICE, 0), 0);
	assert_int_equal(get_status(f, USB_RECIP_INTERFACE, 0), 0);
	assert_int_equal(get_status(f, USB_RECIP_INTERFACE, 1), -1);
	assert_int_equal(get_status(f, USB_RECIP_ENDPOINT, 0), 0);
	assert_int_equal(get_status(f, USB_RECIP_ENDPOINT, 0x81), 0);
	assert_int_equal(get_status(f, USB_RECIP_ENDPOINT, 0x01), -1);
	assert_int_equal(control(f, 0, USB_REQ_SET_SEL, 0, 0, d, 6), 0);
	assert_int_equal(control(f, 0, USB_REQ_SET_SEL, 0, 0, d, 5), -EPIPE);
	assert_int_equal(control(f, 0, USB_REQ_SET_ISOCH_DELAY, 40, 0, NULL, 0), 0);
	assert_int_equal(control(f, 0, USB_REQ_SET_DESCRIPTOR, 1 << 8, 0, d, 6),
			 -EPIPE);
	assert_int_equal(control(f, 0x82, USB_REQ_SYNCH_FRAME, 0, 0x81, d, 2), -EPIPE);
	assert_int_equal(control(f, 0xc0, 0x55, 0, 0, d, 6), -EPIPE);
}

static void features(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(control(f, 0, USB_REQ_SET_FEATURE,
					 USB_DEVICE_U1_ENABLE + i, 0, NULL, 0), 0);
		assert_int_equal(get_status(f, USB_RECIP_DEVICE, 0), 4 << i);
		assert_int_equal(control(f, 0, USB_REQ_CLEAR_FEATURE,
					 USB_DEVICE_U1_ENABLE + i, 0, NULL, 0), 0);
		assert_int_equal(get_status(f, USB_RECIP_DEVICE, 0), 0);
	}
	assert_int_equal(control(f, 0, USB_REQ_SET_FEATURE, USB_DEVICE_LTM_ENABLE, 0,
				 NULL, 0), -EPIPE);
	assert_int_equal(control(f, 0, USB_REQ_SET_FEATURE, USB_DEVICE_REMOTE_WAKEUP,
				 0, NULL, 0), -EPIPE);
	assert_int_equal(control(f, 1, USB_REQ_SET_FEATURE, USB_INTRF_FUNC_SUSPEND, 0,
				 NULL, 0), 0);
	assert_int_equal(control(f, 2, USB_REQ_SET_FEATURE, USB_ENDPOINT_HALT, 0x81,
				 NULL, 0), 0);
	assert_int_equal(get_status(f, USB_RECIP_ENDPOINT, 0x81), 1);
	assert_int_equal(get_status(f, USB_RECIP_ENDPOINT, 0x02), 0);
	assert_int_equal(bulk(f, true, f->buf, CSW), -EPIPE);
	assert_int_equal(clear_halt(f, true), 0);
	assert_int_equal(control(f, 2, USB_REQ_SET_FEATURE, USB_ENDPOINT_HALT, 0x03,
				 NULL, 0), -EPIPE);
	assert_int_equal(control(f, 2, USB_REQ_CLEAR_FEATURE, 7, 0x81, NULL, 0),
			 -EPIPE);
	assert_good(f, false, NULL, 0, TUR);
}

static void class_requests(void **state)
{
	struct fixture *f = *state;
	uint8_t lun = 9;

	assert_int_equal(control(f, 0xa1, 0xfe, 0, 0, &lun, 1), 0);
	assert_int_equal(lun, 0);
	assert_int_equal(control(f, 0xa1, 0xfe, 0, 1, &lun, 1), -EPIPE);
	assert_int_equal(control(f, 0x21, 0xff, 0, 1, NULL, 0), -EPIPE);
	assert_int_equal(bot_reset(f), 0);
	assert_good(f, false, NULL, 0, TUR);
}

static void unconfigured(void **state)
{
	struct fixture *f = *state;
	uint8_t d[2];

	assert_int_equal(control(f, 0, USB_REQ_SET_CONFIGURATION, 0, 0, NULL, 0), 0);
	assert_int_equal(control(f, 0x80, USB_REQ_GET_CONFIGURATION, 0, 0, d, 1), 0);
	assert_int_equal(d[0], 0);
	assert_int_equal(bulk(f, true, f->buf, CSW), -ENOENT);
	assert_int_equal(bulk(f, false, f->buf, CBW), -ENOENT);
	assert_int_equal(control(f, 0x81, USB_REQ_GET_INTERFACE, 0, 0, d, 1), -EPIPE);
	assert_int_equal(control(f, 0xa1, 0xfe, 0, 0, d, 1), -EPIPE);
	assert_int_equal(bot_reset(f), -EPIPE);
	assert_int_equal(clear_halt(f, true), -EPIPE);
	configure(f);
	assert_good(f, false, NULL, 0, TUR);
}

static void refused_urbs(void **state)
{
	struct fixture *f = *state;
	struct xfer x;

	xfer_init(f, &x, EP_IN, false, f->buf, 8);
	assert_int_equal(f->b->ops->submit(f->b, &x.urb), -ENOENT);
	xfer_init(f, &x, EP_OUT, true, f->buf, 8);
	assert_int_equal(f->b->ops->submit(f->b, &x.urb), -ENOENT);
	xfer_init(f, &x, 15, true, f->buf, 8);
	assert_int_equal(f->b->ops->submit(f->b, &x.urb), -ENOENT);
	xfer_init(f, &x, EP_IN, true, f->buf, 8);
	x.urb.stream_id = 1;
	assert_int_equal(f->b->ops->submit(f->b, &x.urb), -EINVAL);
	assert_int_equal(n_done(&x), 0);
}

static void short_control_is_an_error_when_asked(void **state)
{
	struct fixture *f = *state;
	struct usb_ctrlrequest req = { 0x80, USB_REQ_GET_DESCRIPTOR, htole16(0x100), 0,
				       htole16(64) };
	struct xfer x;

	xfer_init(f, &x, 0, true, f->buf, 64);
	memcpy(x.urb.setup, &req, sizeof(req));
	x.urb.flags = USB_URB_SHORT_NOT_OK;
	submit(&x);
	assert_int_equal(wait_xfer(&x), -EREMOTEIO);
	assert_int_equal(f->actual, 18);
}

/* ---- Bulk-Only Transport ---- */

/* 6.7, the table in bot.c; D: none, in, or out. */
static void thirteen_cases(void **state)
{
	struct fixture *f = *state;
	/* 512 bytes are a short packet at SuperSpeed only */
	const int half = f->b->speed == USB_SPEED_SUPER_ ? 0 : -EPIPE;
	const struct {
		int number;
		bool in;
		unsigned int host;		/* sectors */
		uint8_t opcode;
		unsigned int device;		/* sectors */
		int data, status;
		unsigned int residue;		/* sectors */
	} t[] = {
		{ 1, false, 0, 0x00, 0, 0, 0, 0 },
		{ 2, true, 0, 0x28, 1, 0, 2, 0 },
		{ 3, false, 0, 0x2a, 1, 0, 2, 0 },
		{ 4, true, 2, 0x00, 0, -EPIPE, 0, 2 },
		{ 5, true, 2, 0x28, 1, half, 0, 1 },
		{ 5, true, 4, 0x28, 2, -EPIPE, 0, 2 },
		{ 6, true, 2, 0x28, 2, 0, 0, 0 },
		{ 7, true, 1, 0x28, 2, -EPIPE, 2, 1 },
		{ 8, true, 2, 0x2a, 2, -EPIPE, 2, 2 },
		{ 9, false, 2, 0x00, 0, -EPIPE, 0, 2 },
		{ 10, false, 2, 0x28, 2, -EPIPE, 2, 2 },
		{ 11, false, 2, 0x2a, 1, -EPIPE, 0, 1 },
		{ 12, false, 2, 0x2a, 2, 0, 0, 0 },
		{ 13, false, 1, 0x2a, 2, -EPIPE, 2, 1 },
	};

	memcpy(f->buf, f->data, 4 * 512);
	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		bool rw = t[i].opcode;

		assert_int_equal(command(f, t[i].in, f->buf, t[i].host * 512,
				 CDB(t[i].opcode, 0, 0, 0, 0, 0, 0, 0, t[i].device, 0)),
				 t[i].status);
		assert_int_equal(f->residue, t[i].residue * 512);
		assert_int_equal(f->data_status, t[i].data);
		assert_int_equal(f->actual, (t[i].host - t[i].residue) * 512);
		if (rw && t[i].status == 2)
			assert_file(f, 0, f->data, SIZE);
	}
	assert_good(f, false, NULL, 0, TUR);
}

/* A failing command has no data; the endpoint of the host's direction stalls. */
static void failing_commands_stall(void **state)
{
	struct fixture *f = *state;

	for (unsigned int in = 0; in < 2; in++) {
		assert_int_equal(command(f, in, f->buf, 100, CDB(0xff)), 1);
		assert_int_equal(f->data_status, -EPIPE);
		assert_int_equal(f->actual, 0);
		assert_int_equal(f->residue, 100);
	}
}

/* Less than asked for: short packet, then a stall before the CSW. */
static void short_data(void **state)
{
	struct fixture *f = *state;
	uint8_t csw[CSW];

	send_cbw(f, true, 255, CDB(0x12, 0, 0, 0, 255, 0));
	assert_int_equal(bulk(f, true, f->buf, 255), 0);
	assert_int_equal(f->actual, 36);
	assert_int_equal(bulk(f, true, csw, CSW), -EPIPE);
	assert_int_equal(bulk(f, true, csw, CSW), -EPIPE);
	assert_int_equal(get_status(f, USB_RECIP_ENDPOINT, 0x81), 1);
	assert_int_equal(clear_halt(f, true), 0);
	assert_int_equal(bulk(f, true, csw, CSW), 0);
	assert_int_equal(check_csw(f, csw), 0);
	assert_int_equal(f->residue, 255 - 36);
}

static void short_is_an_error_when_asked(void **state)
{
	struct fixture *f = *state;
	struct xfer x;

	send_cbw(f, true, 255, CDB(0x12, 0, 0, 0, 255, 0));
	xfer_init(f, &x, EP_IN, true, f->buf, 255);
	x.urb.flags = USB_URB_SHORT_NOT_OK;
	submit(&x);
	assert_int_equal(wait_xfer(&x), -EREMOTEIO);
	assert_int_equal(f->actual, 36);
	assert_int_equal(get_csw(f), 0);
	send_cbw(f, false, 0, TUR);
	xfer_init(f, &x, EP_IN, true, f->buf, 64);
	x.urb.flags = USB_URB_SHORT_NOT_OK;
	submit(&x);
	assert_int_equal(wait_xfer(&x), -EREMOTEIO);
	assert_int_equal(f->actual, CSW);
}

/* More in the URB than the CBW announced. */
static void urbs_longer_than_announced(void **state)
{
	struct fixture *f = *state;

	send_cbw(f, true, 512, READ10(0, 1));
	assert_int_equal(bulk(f, true, f->buf, 2048), 0);
	assert_int_equal(f->actual, 512);
	assert_int_equal(get_csw(f), 0);
	send_cbw(f, false, 512, WRITE10(0, 1));
	assert_int_equal(bulk(f, false, f->data, 2048), -EPIPE);
	assert_int_equal(f->actual, 512);
	assert_int_equal(get_csw(f), 0);
	assert_int_equal(f->residue, 0);
	assert_int_equal(clear_halt(f, false), 0);
	assert_file(f, 0, f->data, SIZE);
}

static void csw_needs_room(void **state)
{
	struct fixture *f = *state;

	send_cbw(f, false, 0, TUR);
	assert_int_equal(bulk(f, true, f->buf, 12), -EOVERFLOW);
	assert_int_equal(bulk(f, true, NULL, 0), -EOVERFLOW);
	assert_int_equal(get_csw(f), 0);
}

static void send_bad_cbw(struct fixture *f, unsigned int what)
{
	uint8_t cbw[64] = { 0 };
	unsigned int len = CBW;

	put_cbw(f, cbw, false, 0, TUR);
	switch (what) {
	case 0: cbw[0] ^= 1; break;
	case 1: len = 30; break;
	case 2: len = 32; break;
	case 3: len = 0; break;
	case 4: cbw[12] = 0x40; break;
	case 5: cbw[13] = 0x10; break;
	case 6: cbw[14] = 0; break;
	case 7: cbw[14] = 17; break;
	case 8: cbw[14] = 0x26; break;
	}
	assert_int_equal(bulk(f, false, cbw, len), 0);
}

/* 6.6.1 and 5.3.4: nothing but reset recovery helps, in its order. */
static void invalid_cbw(void **state)
{
	struct fixture *f = *state;

	for (unsigned int what = 0; what < 9; what++) {
		send_bad_cbw(f, what);
		assert_int_equal(bulk(f, true, f->buf, CSW), -EPIPE);
		assert_int_equal(bulk(f, false, f->buf, CBW), -EPIPE);
		assert_int_equal(clear_halt(f, true), 0);
		assert_int_equal(clear_halt(f, false), 0);
		assert_int_equal(bulk(f, true, f->buf, CSW), -EPIPE);
		assert_int_equal(bulk(f, false, f->buf, CBW), -EPIPE);
		assert_int_equal(bot_reset(f), 0);
		assert_int_equal(bulk(f, false, f->buf, CBW), -EPIPE);
		assert_int_equal(clear_halt(f, true), 0);
		assert_int_equal(clear_halt(f, false), 0);
		assert_good(f, false, NULL, 0, TUR);
	}
	send_bad_cbw(f, 0);
	configure(f);
	assert_good(f, false, NULL, 0, TUR);
	memset(f->buf, 0, 5000);
	assert_int_equal(bulk(f, false, f->buf, 5000), -EPIPE);
	assert_int_equal(f->actual, f->b->speed == USB_SPEED_SUPER_ ? 1024 : 512);
}

/* In the middle of data and before the CSW. */
static void class_reset_ends_a_command(void **state)
{
	struct fixture *f = *state;

	send_cbw(f, true, 4096, READ10(0, 8));
	assert_int_equal(bulk(f, true, f->buf, 512), 0);
	assert_int_equal(bot_reset(f), 0);
	assert_good(f, true, f->buf, 512, READ10(3, 1));
	assert_memory_equal(f->buf, f->data + 3 * 512, 512);
	send_cbw(f, false, 4096, WRITE10(0, 8));
	assert_int_equal(bulk(f, false, f->data, 100), 0);
	assert_int_equal(bot_reset(f), 0);
	assert_good(f, false, NULL, 0, TUR);
	send_cbw(f, false, 0, CDB(0xff));
	assert_int_equal(bot_reset(f), 0);
	assert_good(f, false, NULL, 0, TUR);
	assert_file(f, 0, f->data, SIZE);
}

/* The IN URBs of a command before its CBW. */
static void urbs_that_come_early(void **state)
{
	struct fixture *f = *state;
	uint8_t cbw[CBW], csw[CSW];
	struct xfer data, status;

	xfer_init(f, &data, EP_IN, true, f->buf, 4096);
	xfer_init(f, &status, EP_IN, true, csw, CSW);
	submit(&data);
	submit(&status);
	assert_int_equal(n_done(&data), 0);
	put_cbw(f, cbw, true, 4096, READ10(16, 8));
	assert_int_equal(bulk(f, false, cbw, CBW), 0);
	assert_int_equal(wait_xfer(&data), 0);
	assert_memory_equal(f->buf, f->data + 16 * 512, 4096);
	assert_int_equal(wait_xfer(&status), 0);
	assert_int_equal(check_csw(f, csw), 0);
}

/* Commands with their data behind each other, all before the first CSW is read. */
static void out_urbs_wait_for_their_turn(void **state)
{
	struct fixture *f = *state;
	uint8_t cbw[2][CBW];
	struct xfer x[4];

	fill(f->buf, 1024, 200);
	for (unsigned int i = 0; i < 2; i++) {
		put_cbw(f, cbw[i], false, 512, WRITE10(30 + i, 1));
		xfer_init(f, &x[2 * i], EP_OUT, false, cbw[i], CBW);
		xfer_init(f, &x[2 * i + 1], EP_OUT, false, f->buf + i * 512, 512);
	}
	for (unsigned int i = 0; i < 4; i++)
		submit(&x[i]);
	assert_int_equal(n_done(&x[1]), 1);
	assert_int_equal(n_done(&x[2]), 0);
	f->tag--;
	assert_int_equal(get_csw(f), 0);
	f->tag++;
	assert_int_equal(get_csw(f), 0);
	assert_int_equal(n_done(&x[3]), 1);
	assert_file(f, 30 * 512, f->buf, 1024);
}

/* A data phase in pieces of any length, each of several buffers. */
static void move_in_pieces(struct fixture *f, bool in, uint8_t *buf, uint32_t len,
			   unsigned int *seed)
{
	for (uint32_t pos = 0, n; pos < len; pos += n) {
		static const uint32_t sizes[] = {
			0, 1, 13, 511, 512, 513, 700, 1024, 4096, 4097, 5000, 20000,
		};
		struct xfer x;
		uint32_t cut;

		n = sizes[rand_r(seed) % 12];
		if (n > len - pos)
			n = len - pos;
		cut = n ? rand_r(seed) % n : 0;
		xfer_init(f, &x, in ? EP_IN : EP_OUT, in, buf + pos, cut);
		x.iov[1] = (struct iovec){ buf + pos + cut, 0 };
		x.iov[2] = (struct iovec){ buf + pos + cut, n - cut };
		x.urb.n_iov = 3;
		x.urb.length = n;
		submit(&x);
		assert_int_equal(wait_xfer(&x), 0);
		assert_int_equal(x.urb.actual, n);
	}
}

static void splits(void **state)
{
	struct fixture *f = *state;
	unsigned int seed = 4711, s = f->sector, max = 65536 / s;

	for (unsigned int i = 0; i < 300; i++) {
		unsigned int n = 1 + rand_r(&seed) % max;
		unsigned int lba = rand_r(&seed) % (SIZE / s - n);
		bool in = rand_r(&seed) & 1;

		cold = i % 4 == 3;
		send_cbw(f, in, n * s, CDB(in ? 0x28 : 0x2a, 0, BE32(lba), 0, BE16(n),
					   0));
		if (!in)
			fill(f->buf, n * s, i);
		move_in_pieces(f, in, f->buf, n * s, &seed);
		assert_int_equal(get_csw(f), 0);
		assert_int_equal(f->residue, 0);
		if (in)
			assert_memory_equal(f->buf, f->data + lba * s, n * s);
		else
			memcpy(f->data + lba * s, f->buf, n * s);
	}
	cold = false;
	assert_file(f, 0, f->data, SIZE);
}

/* Replies and parameter lists, too. */
static void split_replies(void **state)
{
	struct fixture *f = *state;

	send_cbw(f, true, 36, CDB(0x12, 0, 0, 0, 36, 0));
	assert_int_equal(bulk(f, true, f->buf, 7), 0);
	assert_int_equal(bulk(f, true, f->buf + 7, 29), 0);
	assert_int_equal(get_csw(f), 0);
	assert_memory_equal(f->buf + 8, "lklusb  emulated stick  ", 24);
	assert_good(f, true, f->buf, 56, CDB(0x1a, 0, 0x3f, 0, 56, 0));
	send_cbw(f, false, 56, CDB(0x15, 0x10, 0, 0, 56, 0));
	assert_int_equal(bulk(f, false, f->buf, 3), 0);
	assert_int_equal(bulk(f, false, f->buf + 3, 53), 0);
	assert_int_equal(get_csw(f), 0);
}

/* The file ends in the middle: what was before it is moved and told. */
static void error_in_the_middle(void **state)
{
	struct fixture *f = *state;
	static const uint32_t pieces[] = { 4096, 1000, 3096 };

	assert_int_equal(truncate(f->path, 8192), 0);
	for (unsigned int i = 0; i < 3; i++) {
		send_cbw(f, true, 8192, READ10(8, 16));
		assert_int_equal(bulk(f, true, f->buf, pieces[i]), 0);
		assert_int_equal(f->actual, pieces[i]);
		assert_memory_equal(f->buf, f->data + 4096, pieces[i]);
		if (bulk(f, true, f->buf, 8192 - pieces[i]) == 0)	/* short */
			assert_int_equal(bulk(f, true, f->buf, 1), -EPIPE);
		assert_true(f->actual <= 4096 - pieces[i]);
		assert_int_equal(clear_halt(f, true), 0);
		assert_int_equal(get_csw(f), 1);
		assert_true(f->residue >= 4096 && f->residue <= 8192 - pieces[i]);
		assert_int_equal(sense(f), 0x031100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bad_configs),
		TEST(descriptors), HIGH(descriptors),
		TEST(descriptors_that_are_not_there),
		TEST(standard_requests),
		TEST(features),
		TEST(class_requests),
		TEST(unconfigured),
		TEST(refused_urbs),
		TEST(short_control_is_an_error_when_asked),
		TEST(thirteen_cases), HIGH(thirteen_cases),
		TEST(failing_commands_stall), HIGH(failing_commands_stall),
		TEST(short_data),
		TEST(short_is_an_error_when_asked),
		TEST(urbs_longer_than_announced),
		TEST(csw_needs_room),
		TEST(invalid_cbw), HIGH(invalid_cbw),
		TEST(class_reset_ends_a_command),
		TEST(urbs_that_come_early),
		TEST(out_urbs_wait_for_their_turn),
		TEST(splits), BIG(splits),
		TEST(split_replies),
		TEST(error_in_the_middle),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
