/* SPDX-License-Identifier: GPL-2.0-only */
/* usbip_fixture.h - a device with two ports of each kind and something plugged in. */
#ifndef TESTS_USBIP_FIXTURE_H
#define TESTS_USBIP_FIXTURE_H

#include "usbip_ring.h"

#define USB2_PORTS	2u
#define USB3_PORTS	2u
#define SS_PORT		(USB2_PORTS + 1)
#define ALL_FEATURES	(FEATURE(USBIP_PDU) | FEATURE(STREAMS) | FEATURE(ISO))

static const struct usbip_dev_config config = {
	.usb2_ports = USB2_PORTS, .usb3_ports = USB3_PORTS, .max_streams = 16,
};

/* What most tests start with: one SuperSpeed device, ready at once. */
struct fixture {
	struct usbip *u;
	struct script *s;
	uint32_t devid;
	unsigned int n_closed;
};

static inline void plug_script(struct fixture *f, enum usb_speed speed)
{
	unsigned int port;

	f->s = script_new(speed, SCRIPT_SYNC);
	f->s->closed = &f->n_closed;
	port = plug(f->u, &f->s->base);
	f->devid = get_port(f->u, port).devid;
	assert_int_equal(f->devid >> 16, port);
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->u = usbip_new(&config, ALL_FEATURES);
	plug_script(f, USB_SPEED_SUPER_);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	usbip_delete(f->u);
	free(f);
	return 0;
}

static inline struct virtio_usbip_cmd_submit bulk(struct fixture *f, bool in,
						  uint32_t length)
{
	return command(f->u, f->devid, in ? 1 : 2, in, length);
}

/* Instead, a null device at high speed in port 1. */
static inline void plug_null(struct fixture *f)
{
	struct usb_backend *null;
	unsigned int port;

	assert_int_equal(null_backend_new(USB_SPEED_HIGH_, &null), 0);
	port = plug(f->u, null);
	f->devid = get_port(f->u, port).devid;
}

/* Leaves one in flight in that slot; its seq. */
static inline uint32_t fly(struct fixture *f, unsigned int q, unsigned int slot)
{
	struct virtio_usbip_cmd_submit cmd = bulk(f, true, 64);

	f->s->mode = SCRIPT_LATER;
	offer(f->u, q, slot, &cmd);
	notify(f->u, q);
	assert_none(f->u, q);
	return be32toh(cmd.seq);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
