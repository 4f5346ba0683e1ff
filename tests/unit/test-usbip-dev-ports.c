// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtio-usbip device on one thread: control queue, unlink, resets, plugging
 * and unplugging; DEV-n of docs/protocol.md in comments.
 */
#include "usbip_fixture.h"

/* ---- control queue ---- */

/* DEV-20. */
static void control_requests_are_checked(void **state)
{
	struct fixture *f = *state;
	const struct {
		uint8_t type, request;
		uint16_t value, index, length;
		int32_t status;
	} r[] = {
		{ 0xc0, 1, 0, 0, 16, -22 }, { 0xc0, 1, 0, 5, 16, -22 },
		{ 0xc0, 1, 0, 0xff01, 16, -22 }, { 0xc0, 1, 1, 1, 16, -32 },
		{ 0xc0, 2, 0, 1, 16, -32 }, { 0x23, 3, 4, 0, 0, -22 },
		{ 0x23, 3, 4, 1, 0, -19 }, { 0x23, 1, 1, 5, 0, -22 },
		{ 0x23, 1, 1, 1, 0, 0 },	/* an empty port may be disabled */
		{ 0x23, 3, 2, SS_PORT, 0, -32 }, { 0x23, 1, 2, SS_PORT, 0, -32 },
		{ 0x23, 3, 8, SS_PORT, 0, -32 }, { 0x23, 1, 8, SS_PORT, 0, -32 },
		{ 0x23, 1, 4, SS_PORT, 0, -32 }, { 0x23, 3, 4, SS_PORT, 4, -32 },
		{ 0x40, 2, 4, 1, 2, -19 }, { 0x40, 2, 4, 9, 2, -22 },
		{ 0x40, 2, 0, SS_PORT, 2, -22 }, { 0x40, 2, 4, SS_PORT, 0, -22 },
		{ 0x40, 2, 4, SS_PORT, 31, -22 }, { 0x40, 3, 1, SS_PORT, 2, -32 },
		{ 0x00, 5, 1, 0, 0, -32 }, { 0x80, 6, 0x100, 0, 18, -32 },
		{ 0, 0, 0, 0, 0, -32 },
	};
	struct virtio_usbip_cmd_submit cmd;

	for (unsigned int i = 0; i < sizeof(r) / sizeof(r[0]); i++) {
		cmd = control_command(f->u, 0, r[i].type, r[i].request, r[i].value,
				      r[i].index, r[i].length);
		assert_int_equal(run(f->u, CTRL, &cmd, NULL), r[i].status);
	}
	cmd = control_command(f->u, f->devid, 0xc0, 1, 0, 1, 16);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), -19);
	cmd = control_command(f->u, 0, 0xc0, 1, 0, 1, 16);
	cmd.ep = htobe32(1);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), -2);
	assert_int_equal(f->s->n_submitted + f->s->n_resets, 0);
}

/* DEV-21. */
static void streams(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd =
		control_command(f->u, 0, 0x40, 2, 10, SS_PORT, 2);
	uint8_t *eps = slot_data(f->u, CTRL, 0);
	uint32_t len;

	eps[0] = 0x81;
	eps[1] = 0x02;
	assert_int_equal(run(f->u, CTRL, &cmd, &len), 0);
	assert_int_equal(len, 48);
	assert_int_equal(slot_ret(f->u, CTRL, 0)->start_frame, htobe32(5));
	cmd = control_command(f->u, 0, 0x40, 2, 1000, SS_PORT, 2);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), 0);
	assert_int_equal(slot_ret(f->u, CTRL, 0)->start_frame, htobe32(8));
	cmd = control_command(f->u, 0, 0x40, 2, 1, SS_PORT, 2);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), -12);	/* none is an error */
	cmd = control_command(f->u, 0, 0x40, 3, 0, SS_PORT, 2);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), 0);
	assert_int_equal(slot_ret(f->u, CTRL, 0)->start_frame, 0);

	cmd = bulk(f, false, 64);
	cmd.start_frame = htobe32(3);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), 0);
	assert_int_equal(f->s->log[0].stream_id, 3);

	f->s->status = -ENOMEM;
	cmd = control_command(f->u, 0, 0x40, 2, 10, SS_PORT, 2);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), -12);
	eps[0] = 0x80;
	cmd = control_command(f->u, 0, 0x40, 2, 10, SS_PORT, 2);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), -2);
}

static void streams_need_feature_and_backend(void **state)
{
	struct fixture *f = *state;
	struct usb_backend_ops no_streams = script_ops;
	struct virtio_usbip_cmd_submit cmd;
	uint8_t *eps = slot_data(f->u, CTRL, 0);

	no_streams.alloc_streams = NULL;
	f->s->base.ops = &no_streams;
	eps[0] = 0x81;
	cmd = control_command(f->u, 0, 0x40, 2, 10, SS_PORT, 1);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), -32);
	f->s->base.ops = &script_ops;
	usbip_stop(f->u);
	f->u->features = FEATURE(USBIP_PDU);
	usbip_start(f->u);
	cmd = control_command(f->u, 0, 0x40, 2, 10, SS_PORT, 1);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), -32);
}

/* ---- unlink ---- */

/* DEV-22, 23 and the race table. */
static void unlink_in_flight(void **state)
{
	struct fixture *f = *state;
	uint32_t seq = fly(f, BULK, 0);
	uint32_t other = fly(f, BULK, 1);

	assert_int_equal(run_unlink(f->u, f->devid + 1, seq), 0);
	assert_int_equal(run_unlink(f->u, 0, seq), 0);
	assert_int_equal(run_unlink(f->u, f->devid, 0), 0);
	assert_int_equal(run_unlink(f->u, f->devid, 0x80000000), 0);
	assert_none(f->u, BULK);
	assert_int_equal(f->s->n_cancelled, 0);
	assert_int_equal(run_unlink(f->u, f->devid, seq), -104);
	assert_returned(f->u, BULK, 0, -104, 48);
	assert_none(f->u, BULK);
	assert_int_equal(run_unlink(f->u, f->devid, seq), 0);
	assert_int_equal(f->s->n_cancelled, 1);
	assert_true(script_complete(f->s));
	assert_returned(f->u, BULK, 1, 0, 48 + 64);
	assert_int_equal(run_unlink(f->u, f->devid, other), 0);
}

static void unlink_does_not_wait(void **state)
{
	struct fixture *f = *state;
	uint32_t seq = fly(f, BULK, 0);

	f->s->deaf = true;
	assert_int_equal(run_unlink(f->u, f->devid, seq), -104);
	assert_int_equal(run_unlink(f->u, f->devid, seq), -104);
	assert_none(f->u, BULK);
	assert_true(script_complete(f->s));
	assert_returned(f->u, BULK, 0, 0, 48 + 64);	/* its own status, all its data */
}

/* The victim is in its ring, but its notification is still to come. */
static void unlink_does_not_overtake_its_victim(void **state)
{
	struct fixture *f = *state;

	for (unsigned int q = BULK; q <= INTR; q++) {
		struct virtio_usbip_cmd_submit cmd[3];

		f->s->mode = SCRIPT_LATER;
		for (unsigned int i = 0; i < 3; i++) {
			cmd[i] = bulk(f, true, 64);
			offer(f->u, q, i, &cmd[i]);
		}
		assert_int_equal(run_unlink(f->u, f->devid, be32toh(cmd[1].seq)), -104);
		assert_returned(f->u, q, 1, -104, 48);
		assert_none(f->u, q);
		notify(f->u, q);
		while (script_complete(f->s))
			;
		assert_returned(f->u, q, 0, 0, 48 + 64);
		assert_returned(f->u, q, 2, 0, 48 + 64);
		assert_none(f->u, q);
	}
}

static void malformed_unlink(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd = unlink_command(f->u, f->devid, 1);
	struct ring *r = &f->u->rings[CTRL];
	uint32_t len;

	offer(f->u, CTRL, 0, &cmd);
	r->desc[0].len = 50;
	notify(f->u, CTRL);
	assert_returned(f->u, CTRL, 0, -22, 48);	/* a RET_UNLINK */
	cmd = unlink_command(f->u, f->devid, be32toh(cmd.seq) + 1);
	assert_int_equal(run(f->u, CTRL, &cmd, &len), 0);	/* itself */
	assert_int_equal(len, 48);
}

/* ---- full queues ---- */

/* A whole ring of interrupt IN transfers through indirect tables of one each. */
static void fill_interrupt_queue(struct fixture *f)
{
	struct ring *r = &f->u->rings[INTR];

	for (unsigned int i = 0; i < r->size; i++) {
		uint64_t gpa = slot_gpa(INTR, 0) + i * 0x100;
		struct virtio_usbip_cmd_submit cmd = command(f->u, f->devid, 1, true, 8);
		struct vring_desc *table = mem_ptr(f->u, gpa + 0x80);

		cmd.interval = htobe32(8);
		cmd.seq = htobe32(0x1000 + i);
		memcpy(mem_ptr(f->u, gpa), &cmd, 48);
		table[0] = (struct vring_desc){ gpa, 48, N, 1 };
		table[1] = (struct vring_desc){ gpa + 0x30, 48, N | W, 2 };
		table[2] = (struct vring_desc){ gpa + 0xc0, 8, W, 0 };
		ring_desc(r, i, gpa + 0x80, 48, IND, 0);
		ring_offer(r, i);
	}
	notify(f->u, INTR);
}

static int32_t interrupt_status(struct fixture *f, unsigned int i)
{
	struct virtio_usbip_ret_submit *ret =
		mem_ptr(f->u, slot_gpa(INTR, 0) + i * 0x100 + 0x30);

	assert_int_equal(be32toh(ret->seq), 0x1000 + i);
	return (int32_t)be32toh(ret->status);
}

/* Parked interrupt transfers hold up nobody; unlink and unplug find them all. */
static void full_interrupt_queue(void **state)
{
	struct fixture *f = *state;
	struct ring *r = &f->u->rings[INTR];
	struct virtio_usbip_cmd_submit cmd;
	bool seen[256] = { false };
	struct vring_used_elem *e;

	plug_null(f);
	fill_interrupt_queue(f);
	assert_null(ring_take_used(r));
	for (unsigned int i = 0; i < 300; i++) {
		cmd = bulk(f, true, 512);
		assert_int_equal(run(f->u, BULK, &cmd, NULL), 0);
	}
	for (unsigned int i = 5; i < 256; i += 50) {
		assert_int_equal(run_unlink(f->u, f->devid, 0x1000 + i), -104);
		e = ring_take_used(r);
		assert_int_equal(e->id, i);
		assert_int_equal(interrupt_status(f, i), -104);
		seen[i] = true;
	}
	offer_event(f->u);
	assert_int_equal(usbip_dev_unplug(f->u->dev, 1), 0);
	while ((e = ring_take_used(r))) {
		assert_false(seen[e->id]);
		assert_int_equal(e->len, 48);
		assert_int_equal(interrupt_status(f, e->id), -108);
		seen[e->id] = true;
	}
	for (unsigned int i = 0; i < 256; i++)
		assert_true(seen[i]);
	cmd = bulk(f, true, 512);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), -19);
}

/* ---- reset of a port ---- */

static void reset_returns_chains_first(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd;

	fly(f, BULK, 0);
	fly(f, BULK, 1);
	f->s->hold_reset = true;
	cmd = reset_command(f->u, SS_PORT);
	offer(f->u, CTRL, 1, &cmd);
	notify(f->u, CTRL);
	assert_returned(f->u, BULK, 0, -104, 48);
	assert_returned(f->u, BULK, 1, -104, 48);
	assert_none(f->u, CTRL);
	/* What is submitted meanwhile, and a second reset (DEV-27). */
	cmd = bulk(f, true, 64);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), -104);
	cmd = reset_command(f->u, SS_PORT);
	offer(f->u, CTRL, 2, &cmd);
	notify(f->u, CTRL);
	assert_none(f->u, CTRL);
	assert_int_equal(f->s->n_resets, 1);
	f->u->n_interrupts[CTRL] = 0;
	script_reset_done(f->s, 0);
	assert_int_equal(f->u->n_interrupts[CTRL], 1);
	assert_returned(f->u, CTRL, 2, 0, 48);
	assert_returned(f->u, CTRL, 1, 0, 48);
	f->s->mode = SCRIPT_SYNC;
	f->s->hold_reset = false;
	cmd = bulk(f, true, 64);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), 0);
	assert_int_equal(get_port(f->u, SS_PORT).devid, f->devid);	/* DEV-14 */
	cmd = reset_command(f->u, SS_PORT);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), 0);
	assert_int_equal(f->s->n_resets, 2);
	f->s->status = -EIO;
	cmd = reset_command(f->u, SS_PORT);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), -71);
	assert_int_equal(get_port(f->u, SS_PORT).devid, f->devid);
}

/* Queued before the reset, its notification comes after it. */
static void reset_of_an_endless_queue(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd = reset_command(f->u, SS_PORT);
	uint32_t seq = fly(f, INTR, 0);

	f->s->hold_reset = true;
	offer(f->u, CTRL, 1, &cmd);
	notify(f->u, CTRL);
	assert_returned(f->u, INTR, 0, -104, 48);
	/* A reset cannot be cancelled, and says so with its own answer. */
	assert_int_equal(run_unlink(f->u, 0, be32toh(cmd.seq)), -104);
	assert_int_equal(run_unlink(f->u, f->devid, seq), 0);
	script_reset_done(f->s, 0);
	assert_returned(f->u, CTRL, 1, 0, 48);
}

/* DEV-26. */
static void reset_finds_the_device_gone(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd = reset_command(f->u, SS_PORT);
	struct virtio_usbip_event before = get_port(f->u, SS_PORT), after;

	offer_event(f->u);
	offer_event(f->u);
	notify(f->u, EVENT);
	take_event(f->u, SS_PORT, NULL);
	f->s->status = -ENODEV;
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), -19);
	assert_int_equal(take_event(f->u, SS_PORT, &after), 0);
	assert_int_equal(after.change_count, before.change_count + 1);
	cmd = bulk(f, true, 64);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), -19);
	assert_int_equal(f->n_closed, 0);
	assert_int_equal(usbip_dev_unplug(f->u->dev, SS_PORT), -ENODEV);
	assert_int_equal(f->n_closed, 1);
}

static void unplug_ends_a_reset(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd = reset_command(f->u, SS_PORT);

	f->s->hold_reset = true;
	offer(f->u, CTRL, 1, &cmd);
	notify(f->u, CTRL);
	assert_none(f->u, CTRL);
	assert_int_equal(usbip_dev_unplug(f->u->dev, SS_PORT), 0);
	assert_returned(f->u, CTRL, 1, -19, 48);
	assert_int_equal(f->n_closed, 1);
	plug_script(f, USB_SPEED_SUPER_);
	cmd = bulk(f, true, 64);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), 0);
}

static void nothing_but_a_reset_reaches_a_disabled_port(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd;

	fly(f, BULK, 1);
	cmd = control_command(f->u, 0, 0x23, 1, 1, SS_PORT, 0);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), 0);
	assert_returned(f->u, BULK, 1, -104, 48);
	f->s->mode = SCRIPT_SYNC;
	cmd = bulk(f, true, 64);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), -108);
	cmd = reset_command(f->u, SS_PORT);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), 0);
	cmd = bulk(f, true, 64);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), 0);
}

/* ---- plug and unplug ---- */

/* DEV-14, 15, 17, 24 and -19 for what comes late. */
static void unplug_and_plug(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_event ev, next;
	struct virtio_usbip_cmd_submit cmd;
	uint32_t old = f->devid;

	offer_event(f->u);
	notify(f->u, EVENT);
	assert_int_equal(take_event(f->u, SS_PORT, &ev), f->devid);
	assert_int_equal(ev.speed, USB_SPEED_SUPER_);
	assert_int_equal(ev.flags | ev.reserved, 0);
	offer_event(f->u);
	offer_event(f->u);
	notify(f->u, EVENT);
	assert_null(ring_take_used(&f->u->rings[EVENT]));
	fly(f, BULK, 0);
	f->u->n_interrupts[EVENT] = 0;
	assert_int_equal(usbip_dev_unplug(f->u->dev, SS_PORT), 0);
	assert_int_equal(f->n_closed, 1);
	assert_int_equal(f->u->n_interrupts[EVENT], 1);
	assert_returned(f->u, BULK, 0, -108, 48);
	assert_int_equal(take_event(f->u, SS_PORT, &next), 0);
	assert_int_equal(next.change_count, ev.change_count + 1);
	assert_int_equal(next.speed, 0);
	cmd = bulk(f, true, 64);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), -19);
	assert_int_equal(usbip_dev_unplug(f->u->dev, SS_PORT), -ENODEV);
	assert_int_equal(usbip_dev_unplug(f->u->dev, 0), -EINVAL);
	assert_int_equal(usbip_dev_unplug(f->u->dev, 5), -EINVAL);

	plug_script(f, USB_SPEED_SUPER_);
	assert_int_not_equal(f->devid, old);
	assert_int_equal(take_event(f->u, SS_PORT, &next), f->devid);
	assert_int_equal(next.change_count, ev.change_count + 2);
	cmd = command(f->u, old, 1, true, 64);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), -19);
}

static void ports_by_speed(void **state)
{
	struct fixture *f = *state;
	struct script *s;
	unsigned int port;

	assert_int_equal(plug(f->u, &script_new(USB_SPEED_HIGH_, 0)->base), 1);
	assert_int_equal(plug(f->u, &script_new(USB_SPEED_LOW_, 0)->base), 2);
	assert_int_equal(get_port(f->u, 2).speed, USB_SPEED_LOW_);
	assert_int_equal(plug(f->u, &script_new(USB_SPEED_SUPER_PLUS_, 0)->base), 4);
	assert_int_equal(get_port(f->u, 4).speed, USB_SPEED_SUPER_);	/* no SSP */
	s = script_new(USB_SPEED_FULL_, 0);
	s->closed = &f->n_closed;
	assert_int_equal(usbip_dev_plug(f->u->dev, &s->base, &port), -ENOSPC);
	s->base.speed = USB_SPEED_UNKNOWN_;
	assert_int_equal(usbip_dev_plug(f->u->dev, &s->base, &port), -EINVAL);
	s->base.speed = 4;
	assert_int_equal(usbip_dev_plug(f->u->dev, &s->base, &port), -EINVAL);
	s->base.speed = USB_SPEED_FULL_;
	assert_int_equal(f->n_closed, 0);
	assert_int_equal(usbip_dev_unplug(f->u->dev, 1), 0);
	assert_int_equal(plug(f->u, &s->base), 1);
	usbip_stop(f->u);
	f->u->features |= FEATURE(SSP);
	usbip_start(f->u);
	assert_int_equal(get_port(f->u, 4).speed, USB_SPEED_SUPER_PLUS_);
}

/* DEV-17: a storm without buffers leaves one event a port, the newest state. */
static void storm_without_event_buffers(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_event first = get_port(f->u, SS_PORT), ev;

	for (unsigned int i = 0; i < 50; i++) {
		assert_int_equal(usbip_dev_unplug(f->u->dev, SS_PORT), 0);
		plug_script(f, USB_SPEED_SUPER_);
	}
	assert_int_equal(usbip_dev_unplug(f->u->dev, SS_PORT), 0);
	assert_int_equal(plug(f->u, &script_new(USB_SPEED_HIGH_, 0)->base), 1);
	assert_null(ring_take_used(&f->u->rings[EVENT]));
	offer_event(f->u);
	notify(f->u, EVENT);
	assert_int_equal(take_event(f->u, 1, NULL) >> 16, 1);
	assert_null(ring_take_used(&f->u->rings[EVENT]));
	offer_event(f->u);
	offer_event(f->u);
	notify(f->u, EVENT);
	assert_int_equal(take_event(f->u, SS_PORT, &ev), 0);
	assert_int_equal(ev.change_count, first.change_count + 101);
	assert_null(ring_take_used(&f->u->rings[EVENT]));
	/* The buffer that is left is used without another notification. */
	plug_script(f, USB_SPEED_SUPER_);
	assert_int_equal(take_event(f->u, SS_PORT, NULL), f->devid);
}

static void small_event_buffers_go_back_empty(void **state)
{
	struct fixture *f = *state;
	struct ring *r = &f->u->rings[EVENT];

	ring_desc(r, 60, slot_gpa(EVENT, 20), 15, W, 0);
	ring_offer(r, 60);
	ring_desc(r, 61, slot_gpa(EVENT, 20), 16, 0, 0);
	ring_offer(r, 61);
	ring_desc(r, 62, slot_gpa(EVENT, 20), 5, N | W, 63);	/* 16 in two pieces */
	ring_desc(r, 63, slot_gpa(EVENT, 20) + 5, 11, W, 0);
	ring_offer(r, 62);
	notify(f->u, EVENT);
	assert_int_equal(ring_take_used(r)->len, 0);
	assert_int_equal(ring_take_used(r)->len, 0);
	assert_int_equal(take_event(f->u, SS_PORT, NULL), f->devid);
}

static void gone(struct fixture *f)
{
	f->s->base.events->gone(f->s->base.events_ctx);
}

/* An older event of the port is due when the device leaves: DEV-24 all the same. */
static void no_event_while_chains_are_missing(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd;

	fly(f, BULK, 1);
	gone(f);
	gone(f);
	offer_event(f->u);
	notify(f->u, EVENT);
	assert_null(ring_take_used(&f->u->rings[EVENT]));
	assert_int_equal(get_port(f->u, SS_PORT).devid, 0);
	cmd = bulk(f, true, 64);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), -19);
	f->s->status = -ESHUTDOWN;
	assert_true(script_complete(f->s));
	assert_returned(f->u, BULK, 1, -108, 48 + 64);
	assert_int_equal(take_event(f->u, SS_PORT, NULL), 0);
	assert_int_equal(f->n_closed, 0);
}

/* The backend of a device that left is closed when its port is needed. */
static void gone_then_plugged(void **state)
{
	struct fixture *f = *state;
	uint32_t old = f->devid;

	fly(f, BULK, 0);
	gone(f);
	assert_int_equal(f->n_closed, 0);
	plug_script(f, USB_SPEED_SUPER_);
	assert_int_equal(f->n_closed, 1);
	assert_int_equal(f->devid >> 16, SS_PORT);
	assert_int_not_equal(f->devid, old);
	assert_returned(f->u, BULK, 0, -108, 48);
	gone(f);			/* and free closes the last one */
}

/* DEV-14: no generation comes again before all others were there. */
static void generations_wrap(void **state)
{
	struct fixture *f = *state;
	static bool seen[65536];
	uint32_t first = 0;
	unsigned int port;

	for (unsigned int i = 0; i < 65535; i++) {
		struct usb_backend *null;
		uint32_t devid;

		assert_int_equal(null_backend_new(USB_SPEED_HIGH_, &null), 0);
		port = plug(f->u, null);
		devid = get_port(f->u, port).devid;
		first = first ? first : devid;
		assert_int_not_equal(devid & 0xffff, 0);
		assert_false(seen[devid & 0xffff]);
		seen[devid & 0xffff] = true;
		assert_int_equal(usbip_dev_unplug(f->u->dev, port), 0);
	}
	plug_null(f);
	assert_int_equal(f->devid, first);
}

/* ---- reset of the virtio device ---- */

/* DEV-28: afterwards guest memory is freed, and the sanitizer watches. */
static void reset_drops_what_is_in_flight(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd;
	uint32_t seq = 0, devid = f->devid;

	for (unsigned int i = 0; i < 8; i++)
		seq = fly(f, i & 1 ? BULK : INTR, i);
	usbip_dev_ops.reset(f->u->dev);
	assert_int_equal(f->s->n_cancelled, 8);
	assert_none(f->u, BULK);
	assert_none(f->u, INTR);
	usbip_stop(f->u);
	assert_int_equal(usbip_dev_unplug(f->u->dev, 1), -ENODEV);
	assert_int_equal(plug(f->u, &script_new(USB_SPEED_HIGH_, 0)->base), 1);
	usbip_start(f->u);
	assert_int_equal(f->n_closed, 0);
	assert_int_equal(get_port(f->u, SS_PORT).devid, devid);
	f->s->mode = SCRIPT_SYNC;
	cmd = bulk(f, true, 64);
	cmd.seq = htobe32(seq);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), 0);
}

/* The port's reset goes on, its command is forgotten. */
static void reset_during_a_port_reset(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd = reset_command(f->u, SS_PORT);

	f->s->hold_reset = true;
	offer(f->u, CTRL, 0, &cmd);
	notify(f->u, CTRL);
	usbip_stop(f->u);
	usbip_start(f->u);
	cmd = bulk(f, true, 64);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), -104);
	cmd = reset_command(f->u, SS_PORT);
	offer(f->u, CTRL, 1, &cmd);
	notify(f->u, CTRL);
	assert_none(f->u, CTRL);
	script_reset_done(f->s, 0);
	assert_returned(f->u, CTRL, 1, 0, 48);
	assert_int_equal(f->s->n_resets, 1);
	cmd = bulk(f, true, 64);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), 0);
}

static void broken_ring_needs_reset(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd;
	uint32_t seq = fly(f, BULK, 0);

	ring_desc(&f->u->rings[BULK], 200, 0, 16, 0, 0);
	ring_offer(&f->u->rings[BULK], 200);
	notify(f->u, BULK);
	notify(f->u, BULK);
	assert_none(f->u, BULK);
	assert_int_equal(run_unlink(f->u, f->devid, seq), -104);
	assert_returned(f->u, BULK, 0, -104, 48);
	usbip_stop(f->u);
	usbip_start(f->u);
	f->s->mode = SCRIPT_SYNC;
	cmd = bulk(f, true, 64);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(control_requests_are_checked),
		TEST(streams),
		TEST(streams_need_feature_and_backend),
		TEST(unlink_in_flight),
		TEST(unlink_does_not_wait),
		TEST(unlink_does_not_overtake_its_victim),
		TEST(malformed_unlink),
		TEST(full_interrupt_queue),
		TEST(reset_returns_chains_first),
		TEST(reset_of_an_endless_queue),
		TEST(reset_finds_the_device_gone),
		TEST(unplug_ends_a_reset),
		TEST(nothing_but_a_reset_reaches_a_disabled_port),
		TEST(unplug_and_plug),
		TEST(ports_by_speed),
		TEST(storm_without_event_buffers),
		TEST(small_event_buffers_go_back_empty),
		TEST(no_event_while_chains_are_missing),
		TEST(gone_then_plugged),
		TEST(generations_wrap),
		TEST(reset_drops_what_is_in_flight),
		TEST(reset_during_a_port_reset),
		TEST(broken_ring_needs_reset),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
