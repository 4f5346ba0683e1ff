// SPDX-License-Identifier: GPL-2.0-only
/* The virtio-usbip device: suspend and power of ports (PORT_PM), and its budget. */
#include "usbip_fixture.h"

#define RESUME		0x01, 2
#define SUSPEND		0x03, 2
#define POWER_OFF	0x01, 8
#define POWER_ON	0x03, 8
#define BUDGET		1024u

static int setup_power(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->u = usbip_new(&config, ALL_FEATURES | FEATURE(PORT_PM));
	plug_script(f, USB_SPEED_SUPER_);
	*state = f;
	return 0;
}

static int32_t port_request(struct fixture *f, uint8_t request, uint16_t value)
{
	struct virtio_usbip_cmd_submit cmd =
		control_command(f->u, 0, 0x23, request, value, SS_PORT, 0);

	return run(f->u, CTRL, &cmd, NULL);
}

static int32_t read_some(struct fixture *f)
{
	struct virtio_usbip_cmd_submit cmd = bulk(f, true, 64);

	return run(f->u, BULK, &cmd, NULL);
}

static void offer_events(struct fixture *f, unsigned int n)
{
	while (n--)
		offer_event(f->u);
	notify(f->u, EVENT);
}

static void assert_no_event(struct fixture *f)
{
	assert_null(ring_take_used(&f->u->rings[EVENT]));
}

/* ---- suspend ---- */

/* DEV-31. */
static void suspended_until_resumed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_some(f), 0);
	assert_int_equal(port_request(f, SUSPEND), 0);
	assert_int_equal(port_request(f, SUSPEND), 0);
	assert_true(f->s->suspended);
	assert_int_equal(f->s->n_suspends, 1);
	assert_int_equal(read_some(f), -108);
	assert_int_equal(port_request(f, RESUME), 0);
	assert_false(f->s->suspended);
	assert_int_equal(read_some(f), 0);
	assert_int_equal(f->s->n_submitted, 2);
}

/* DEV-31. */
static void suspend_cancels(void **state)
{
	struct fixture *f = *state;

	fly(f, BULK, 0);
	assert_int_equal(port_request(f, SUSPEND), 0);
	assert_returned(f->u, BULK, 0, -104, 48);
}

/* DEV-31: a reset resumes. */
static void reset_of_a_suspended_port(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd;

	assert_int_equal(port_request(f, SUSPEND), 0);
	cmd = reset_command(f->u, SS_PORT);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), 0);
	assert_int_equal(read_some(f), 0);
}

static void wake(struct fixture *f)
{
	f->s->base.events->wake(f->s->base.events_ctx);
}

/* DEV-32: once, with the port's state, and of a suspended port alone. */
static void remote_wakeup(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_event *ev;
	struct vring_used_elem *e;

	offer_events(f, 2);
	take_event(f->u, SS_PORT, NULL);		/* the connection */
	wake(f);
	assert_no_event(f);
	assert_int_equal(port_request(f, SUSPEND), 0);
	wake(f);
	e = ring_take_used(&f->u->rings[EVENT]);
	assert_non_null(e);
	ev = mem_ptr(f->u, f->u->rings[EVENT].desc[e->id].addr);
	assert_int_equal(ev->type, VIRTIO_USBIP_EV_WAKE);
	assert_int_equal(ev->port, SS_PORT);
	assert_int_equal(ev->devid, f->devid);
	assert_int_equal(read_some(f), -108);	/* the driver has to resume it */
	wake(f);
	assert_int_equal(port_request(f, RESUME), 0);
	offer_events(f, 1);
	assert_no_event(f);			/* resumed meanwhile: of no interest */
}

/* ---- power ---- */

/* DEV-33. */
static void power_off_and_on(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_event before, after;
	uint32_t old = f->devid;

	offer_events(f, 3);
	take_event(f->u, SS_PORT, &before);
	fly(f, BULK, 0);
	assert_int_equal(port_request(f, POWER_OFF), 0);
	assert_returned(f->u, BULK, 0, -108, 48);
	assert_int_equal(take_event(f->u, SS_PORT, &after), 0);
	assert_int_equal(after.change_count, before.change_count + 1);
	assert_int_equal(port_request(f, POWER_OFF), 0);
	assert_int_equal(read_some(f), -19);
	assert_int_equal(port_request(f, SUSPEND), -19);
	assert_no_event(f);

	f->s->mode = SCRIPT_SYNC;
	assert_int_equal(port_request(f, POWER_ON), 0);
	f->devid = take_event(f->u, SS_PORT, &after);
	assert_int_equal(after.change_count, before.change_count + 2);
	assert_int_not_equal(f->devid, old);
	assert_int_equal(read_some(f), 0);
	assert_int_equal(port_request(f, POWER_ON), 0);
	assert_no_event(f);
}

/* DEV-24: neither empty nor connected before the last chain is back. */
static void power_waits_for_chains(void **state)
{
	struct fixture *f = *state;

	offer_events(f, 3);
	take_event(f->u, SS_PORT, NULL);
	fly(f, BULK, 0);
	f->s->deaf = true;
	assert_int_equal(port_request(f, POWER_OFF), 0);
	assert_int_equal(port_request(f, POWER_ON), 0);
	assert_no_event(f);
	assert_int_equal(get_port(f->u, SS_PORT).devid, 0);
	assert_true(script_complete(f->s));
	assert_returned(f->u, BULK, 0, 0, 48 + 64);
	assert_int_not_equal(take_event(f->u, SS_PORT, NULL), 0);
	assert_no_event(f);
}

/* DEV-33: who comes or goes without power is seen when there is power. */
static void plugged_without_power(void **state)
{
	struct fixture *f = *state;

	offer_events(f, 4);
	take_event(f->u, SS_PORT, NULL);
	assert_int_equal(port_request(f, POWER_OFF), 0);
	take_event(f->u, SS_PORT, NULL);
	assert_int_equal(usbip_dev_unplug(f->u->dev, SS_PORT), -ENODEV);
	assert_int_equal(f->n_closed, 1);
	f->s = script_new(USB_SPEED_SUPER_, SCRIPT_SYNC);
	f->s->closed = &f->n_closed;
	assert_int_equal(plug(f->u, &f->s->base), SS_PORT);
	assert_no_event(f);
	assert_int_equal(port_request(f, POWER_ON), 0);
	f->devid = take_event(f->u, SS_PORT, NULL);
	assert_int_equal(read_some(f), 0);
}

/* DEV-33: reset of the virtio device gives power. */
static void virtio_reset_gives_power(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(port_request(f, POWER_OFF), 0);
	usbip_stop(f->u);
	usbip_start(f->u);
	f->devid = get_port(f->u, SS_PORT).devid;
	assert_int_not_equal(f->devid, 0);
	assert_int_equal(read_some(f), 0);
}

/* DEV-20. */
static void power_needs_its_feature(void **state)
{
	struct fixture *f = *state;

	f->u->features = ALL_FEATURES;
	usbip_stop(f->u);
	usbip_start(f->u);
	assert_int_equal(port_request(f, SUSPEND), -32);
	assert_int_equal(port_request(f, RESUME), -32);
	assert_int_equal(port_request(f, POWER_ON), -32);
	assert_int_equal(port_request(f, POWER_OFF), -32);
	assert_int_equal(read_some(f), 0);
}

/* ---- budget, DEV-6 ---- */

static int setup_budget(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct usbip_dev_config with_budget = config;

	with_budget.budget_bytes = BUDGET;
	f->u = usbip_new(&with_budget, ALL_FEATURES);
	plug_script(f, USB_SPEED_SUPER_);
	f->s->mode = SCRIPT_LATER;
	*state = f;
	return 0;
}

static uint32_t offer_bulk(struct fixture *f, unsigned int q, unsigned int slot,
			   uint32_t length)
{
	struct virtio_usbip_cmd_submit cmd = bulk(f, true, length);

	offer(f->u, q, slot, &cmd);
	notify(f->u, q);
	return be32toh(cmd.seq);
}

/* Parked, not failed; in order; each that ends makes room. */
static void over_budget_is_parked(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 4; i++)
		offer_bulk(f, BULK, i, BUDGET / 2 + i);
	assert_int_equal(f->s->n_submitted, 1);
	assert_none(f->u, BULK);
	for (unsigned int i = 0; i < 4; i++) {
		assert_true(script_complete(f->s));
		assert_returned(f->u, BULK, i, 0, 48 + BUDGET / 2 + i);
		assert_int_equal(f->s->n_submitted, i < 3 ? i + 2 : 4);
	}
}

/* One alone may be larger than the budget. */
static void larger_than_the_budget(void **state)
{
	struct fixture *f = *state;

	offer_bulk(f, BULK, 0, 2 * BUDGET);
	offer_bulk(f, BULK, 1, 0);
	assert_int_equal(f->s->n_submitted, 1);
	assert_true(script_complete(f->s));
	assert_returned(f->u, BULK, 0, 0, 48 + 2 * BUDGET);
	assert_true(script_complete(f->s));
	assert_returned(f->u, BULK, 1, 0, 48);
}

/* What may wait for ever neither uses the budget nor waits for it. */
static void interrupts_need_no_budget(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 8; i++)
		offer_bulk(f, INTR, i, BUDGET);
	offer_bulk(f, BULK, 0, BUDGET);
	assert_int_equal(f->s->n_submitted, 9);
}

static void unlink_of_a_parked_one(void **state)
{
	struct fixture *f = *state;
	uint32_t parked;

	offer_bulk(f, BULK, 0, BUDGET);
	parked = offer_bulk(f, BULK, 1, BUDGET);
	assert_int_equal(run_unlink(f->u, f->devid, parked), -104);
	assert_returned(f->u, BULK, 1, -104, 48);
	assert_true(script_complete(f->s));
	assert_returned(f->u, BULK, 0, 0, 48 + BUDGET);
	assert_int_equal(f->s->n_submitted, 1);
}

static void unlink_makes_room(void **state)
{
	struct fixture *f = *state;
	uint32_t first = offer_bulk(f, BULK, 0, BUDGET);

	offer_bulk(f, BULK, 1, BUDGET);
	assert_int_equal(run_unlink(f->u, f->devid, first), -104);
	assert_returned(f->u, BULK, 0, -104, 48);
	assert_int_equal(f->s->n_submitted, 2);
	assert_true(script_complete(f->s));
	assert_returned(f->u, BULK, 1, 0, 48 + BUDGET);
}

static void refusal_makes_room(void **state)
{
	struct fixture *f = *state;

	f->s->mode = SCRIPT_REFUSE;
	f->s->status = -ENOENT;
	for (unsigned int i = 0; i < 4; i++) {
		offer_bulk(f, BULK, i, BUDGET);
		assert_returned(f->u, BULK, i, -2, 48);
	}
}

static void unplug_ends_parked_ones(void **state)
{
	struct fixture *f = *state;

	offer_bulk(f, BULK, 0, BUDGET);
	offer_bulk(f, BULK, 1, BUDGET);
	assert_int_equal(usbip_dev_unplug(f->u->dev, SS_PORT), 0);
	assert_returned(f->u, BULK, 1, -108, 48);
	assert_returned(f->u, BULK, 0, -108, 48);
}

#define POWER(name)	cmocka_unit_test_setup_teardown(name, setup_power, teardown)
#define IN_BUDGET(name)	cmocka_unit_test_setup_teardown(name, setup_budget, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		POWER(suspended_until_resumed),
		POWER(suspend_cancels),
		POWER(reset_of_a_suspended_port),
		POWER(remote_wakeup),
		POWER(power_off_and_on),
		POWER(power_waits_for_chains),
		POWER(plugged_without_power),
		POWER(virtio_reset_gives_power),
		POWER(power_needs_its_feature),
		IN_BUDGET(over_budget_is_parked),
		IN_BUDGET(larger_than_the_budget),
		IN_BUDGET(interrupts_need_no_budget),
		IN_BUDGET(unlink_of_a_parked_one),
		IN_BUDGET(unlink_makes_room),
		IN_BUDGET(refusal_makes_room),
		IN_BUDGET(unplug_ends_parked_ones),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
