// SPDX-License-Identifier: GPL-2.0-only
/* What is said before the first URB, on the importing side, against a scripted server. */
#include "usbip_peer.h"

#include "usbip_backend.h"

#define BUSID "1-1.2"

static uint8_t import_reply[USBIP_OP_SIZE + USBIP_DEVICE_SIZE];

static void make_reply(uint16_t code, uint32_t status)
{
	struct usbip_device d = {
		.busid = BUSID, .busnum = 1, .devnum = 2, .speed = USB_SPEED_SUPER_,
		.vendor = 0x1234, .product = 0x5678,
	};

	usbip_op_encode(import_reply, code, status);
	usbip_device_encode(import_reply + USBIP_OP_SIZE, &d);
}

static int import(size_t len, struct usbip_device *device)
{
	int fds[2], err;
	uint8_t request[40];

	peer_pair(fds);
	peer_write(fds[0], import_reply, len);
	shutdown(fds[0], SHUT_WR);
	err = usbip_import(fds[1], BUSID, 5000, device);
	peer_read(fds[0], request, sizeof(request));
	assert_memory_equal(request, "\x01\x11\x80\x03\0\0\0\0" BUSID "\0\0", 15);
	close(fds[0]);
	close(fds[1]);
	return err;
}

static void a_device_is_imported(void **state)
{
	struct usbip_device d;

	make_reply(USBIP_OP_REP_IMPORT, USBIP_OP_OK);
	assert_int_equal(import(sizeof(import_reply), &d), 0);
	assert_int_equal(d.vendor, 0x1234);
	assert_int_equal(d.product, 0x5678);
	assert_int_equal(d.speed, USB_SPEED_SUPER_);
	assert_int_equal(d.devnum, 2);
}

static void a_server_says_why_not(void **state)
{
	static const int errs[] = { 0, -EIO, -EBUSY, -EIO, -ENODEV, -EIO };
	struct usbip_device d;

	for (unsigned int i = 1; i < 6; i++) {
		make_reply(USBIP_OP_REP_IMPORT, i);
		assert_int_equal(import(USBIP_OP_SIZE, &d), errs[i]);
	}
}

static void a_wrong_reply_is_refused(void **state)
{
	struct usbip_device d;

	make_reply(USBIP_OP_REP_DEVLIST, USBIP_OP_OK);
	assert_int_equal(import(sizeof(import_reply), &d), -EPROTO);
	make_reply(USBIP_OP_REP_IMPORT, USBIP_OP_OK);
	import_reply[1] = 0x06;
	assert_int_equal(import(sizeof(import_reply), &d), -EPROTONOSUPPORT);
	make_reply(USBIP_OP_REP_IMPORT, USBIP_OP_OK);
	import_reply[USBIP_OP_SIZE + 256] = '2';
	assert_int_equal(import(sizeof(import_reply), &d), -EPROTO);
	make_reply(USBIP_OP_REP_IMPORT, USBIP_OP_OK);
	memset(import_reply + USBIP_OP_SIZE + 256, 'x', 32);
	assert_int_equal(import(sizeof(import_reply), &d), -EPROTO);
	make_reply(USBIP_OP_REP_IMPORT, USBIP_OP_OK);
	import_reply[USBIP_OP_SIZE + 299] = 4;
	assert_int_equal(import(sizeof(import_reply), &d), -EPROTO);
	make_reply(USBIP_OP_REP_IMPORT, USBIP_OP_OK);
	assert_int_equal(import(sizeof(import_reply) - 1, &d), -EPIPE);
}

static void a_silent_server_is_given_up(void **state)
{
	struct usbip_device d;
	int fds[2];

	peer_pair(fds);
	assert_int_equal(usbip_import(fds[1], BUSID, 20, &d), -ETIMEDOUT);
	assert_int_equal(usbip_import(fds[1], "a name that is longer than thirty-one", 20, &d),
			 -EINVAL);
	close(fds[0]);
	close(fds[1]);
}

struct listed {
	unsigned int n;
	uint8_t class;
};

static int on_listed(void *ctx, const struct usbip_device *d,
		     const struct usbip_interface *interfaces, unsigned int n)
{
	struct listed *l = ctx;

	l->n++;
	assert_string_equal(d->busid, BUSID);
	assert_true(n <= USBIP_MAX_INTERFACES);
	l->class = interfaces[n - 1].class;
	return 0;
}

static int list(uint32_t count, uint8_t n_interfaces, struct listed *l)
{
	struct usbip_device d = {
		.busid = BUSID, .speed = USB_SPEED_HIGH_, .n_interfaces = n_interfaces,
	};
	uint8_t raw[USBIP_DEVICE_SIZE], interfaces[4 * 255];
	uint8_t head[12];
	int fds[2], err;

	memset(interfaces, 8, sizeof(interfaces));
	usbip_op_encode(head, USBIP_OP_REP_DEVLIST, 0);
	memcpy(head + 8, (uint8_t[]){ count >> 24, count >> 16, count >> 8, count }, 4);
	usbip_device_encode(raw, &d);
	peer_pair(fds);
	peer_write(fds[0], head, sizeof(head));
	for (int i = 0; i < 2; i++) {
		peer_write(fds[0], raw, sizeof(raw));
		peer_write(fds[0], interfaces, 4 * n_interfaces);
	}
	shutdown(fds[0], SHUT_WR);
	err = usbip_list(fds[1], 5000, on_listed, l);
	close(fds[0]);
	close(fds[1]);
	return err;
}

static void devices_are_listed(void **state)
{
	struct listed l = { 0 };

	assert_int_equal(list(2, 1, &l), 0);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.class, 8);
	assert_int_equal(list(2, 255, &l), 0);
	assert_int_equal(l.n, 4);
	assert_int_equal(list(3, 1, &l), -EPIPE);
	assert_int_equal(list(UINT32_MAX, 1, &l), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_imported),
		cmocka_unit_test(a_server_says_why_not),
		cmocka_unit_test(a_wrong_reply_is_refused),
		cmocka_unit_test(a_silent_server_is_given_up),
		cmocka_unit_test(devices_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
