// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vhost-user back end with QEMU's order of messages: a virtual machine that is
 * paused, and goes on or starts anew.
 */
#include "vhost_user_fixture.h"

static struct client *qemu_client(struct fixture *f)
{
	struct client *c = client_connect(f->path);
	uint64_t features;
	struct virtio_usbip_config config;

	features = ask(c, VU_GET_FEATURES);
	features = ask(c, VU_GET_PROTOCOL_FEATURES);
	assert_true(features & F(VU_PROTOCOL_F_MQ));
	set_u64(c, VU_SET_PROTOCOL_FEATURES, features);
	assert_int_equal(ask(c, VU_GET_QUEUE_NUM), N_RINGS);
	assert_true(ask(c, VU_GET_MAX_MEM_SLOTS) >= 8);
	command(c, VU_SET_OWNER, NULL, 0, NULL, 0);
	for (unsigned int i = 0; i < N_RINGS; i++) {
		int call = eventfd(0, EFD_NONBLOCK);

		set_ring_fd(c, VU_SET_VRING_CALL, i, call);
		close(call);
	}
	get_config(c, &config, sizeof(config));
	return c;
}

static void qemu_start(struct client *c, const uint16_t *bases)
{
	struct table t = main_table();
	uint64_t ack = 99;

	/* NEED_REPLY on the table only, as QEMU does. */
	set_u64(c, VU_SET_FEATURES, FEATURES | F(VIRTIO_RING_F_EVENT_IDX) |
				    F(VIRTIO_USBIP_F_PORT_PM));
	send_message(c, VU_SET_MEM_TABLE, VU_VERSION | VU_FLAG_NEED_REPLY, &t, 40,
		     &c->memfd, 1);
	get_reply(c, VU_SET_MEM_TABLE, &ack, sizeof(ack));
	assert_int_equal(ack, 0);
	for (unsigned int i = 0; i < N_RINGS; i++) {
		uint64_t base = MEM_UADDR + ring_gpa(i) - MEM_GPA;
		uint64_t addr[5] = { i, base, base + 0x4000, base + 0x2000, 0 };
		int err = eventfd(0, EFD_NONBLOCK);

		set_state(c, VU_SET_VRING_NUM, i, RING_SIZE);
		set_state(c, VU_SET_VRING_BASE, i, bases ? bases[i] : 0);
		command(c, VU_SET_VRING_ADDR, addr, sizeof(addr), NULL, 0);
		c->kick[i] = eventfd(0, EFD_NONBLOCK);
		c->call[i] = eventfd(0, EFD_NONBLOCK);
		set_ring_fd(c, VU_SET_VRING_KICK, i, c->kick[i]);
		set_ring_fd(c, VU_SET_VRING_ERR, i, err);
		set_ring_fd(c, VU_SET_VRING_CALL, i, c->call[i]);
		close(err);
	}
	for (unsigned int i = 0; i < N_RINGS; i++)
		set_state(c, VU_SET_VRING_ENABLE, i, 1);
}

static void start_anew(struct client *c)
{
	for (unsigned int i = 0; i < N_RINGS; i++)
		new_ring(c, i);
	qemu_start(c, NULL);
}

static void pause_vm(struct client *c, uint16_t *ret_bases)
{
	for (unsigned int i = 0; i < N_RINGS; i++)
		ret_bases[i] = get_base(c, i);
	close_events(c);
}

/* A virtual machine that is stopped and goes on: nothing is lost, nothing twice. */
static void test_qemu(void **state)
{
	struct fixture *f = *state;
	struct client *c = qemu_client(f);
	uint16_t bases[N_RINGS];
	uint32_t devid;

	start_anew(c);
	devid = port_devid(c, 1);
	park(c, INTR, 0, devid);
	port_devid(c, 1);	/* behind it on the one thread: it is parked now */
	for (unsigned int i = 0; i < N_RINGS; i++)
		bases[i] = get_base(c, i);
	assert_int_equal(bases[0], 2);
	assert_int_equal(bases[INTR], 1);
	assert_non_null(ring_take_used(&c->rings[INTR]));
	assert_int_equal((int32_t)be32toh(answer(c, INTR, 0)->status), -ECONNRESET);
	close_events(c);

	/* Offered while nobody serves. */
	offer_parked(c, INTR, 1, devid);
	qemu_start(c, bases);
	assert_int_equal(port_devid(c, 1), devid);
	assert_null(ring_take_used(&c->rings[INTR]));
	assert_int_equal(get_base(c, INTR), 2);
	assert_non_null(ring_take_used(&c->rings[INTR]));
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

static void offer_event(struct client *c)
{
	ring_desc(&c->rings[EVENT], 0, PORT_DATA + 0x200, 16, VRING_DESC_F_WRITE, 0);
	ring_offer(&c->rings[EVENT], 0);
	kick(c, EVENT);
}

/* The devid of port 1 in the event that comes. */
static uint32_t event_devid(struct client *c)
{
	struct virtio_usbip_event ev;

	assert_int_equal(wait_used(c, EVENT)->len, sizeof(ev));
	memcpy(&ev, gpa_ptr(c, PORT_DATA + 0x200), sizeof(ev));
	assert_int_equal(ev.type, VIRTIO_USBIP_EV_PORT);
	assert_int_equal(ev.port, 1);
	return ev.devid;
}

/* SET_FEATURE (3) or CLEAR_FEATURE (1) of port 1. */
static void port_feature(struct client *c, uint8_t request, uint8_t feature)
{
	struct virtio_usbip_cmd_submit cmd = in_command(c, 0, 0, 0);
	const uint8_t setup[8] = { 0x23, request, feature, 0, 1 };

	cmd.direction = 0;
	memcpy(cmd.setup, setup, sizeof(setup));
	offer_command(c, 0, 0, &cmd, 0);
	kick(c, 0);
	wait_used(c, 0);
	assert_int_equal(answer(c, 0, 0)->status, 0);
}

/* DEV-36: pulled before the pause, when the driver had no buffer for the event. */
static void test_event_due_at_pause(void **state)
{
	struct fixture *f = *state;
	struct client *c = qemu_client(f);
	uint16_t bases[N_RINGS];

	start_anew(c);
	assert_int_not_equal(port_devid(c, 1), 0);
	assert_int_equal(usbip_dev_unplug(f->dev, 1), 0);
	pause_vm(c, bases);
	qemu_start(c, bases);
	offer_event(c);
	assert_int_equal(event_devid(c), 0);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

/* DEV-36: pulled and plugged during the pause, with a buffer that waits. */
static void test_plugged_during_pause(void **state)
{
	struct fixture *f = *state;
	struct client *c = qemu_client(f);
	uint16_t bases[N_RINGS];
	uint32_t devid;

	start_anew(c);
	devid = port_devid(c, 1);
	offer_event(c);
	pause_vm(c, bases);
	assert_int_equal(usbip_dev_unplug(f->dev, 1), 0);
	plug_null(f);
	qemu_start(c, bases);
	assert_int_equal(event_devid(c), devid + 1);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

/* The front end lost its connection; its guest knows nothing of that. */
static void test_plugged_while_disconnected(void **state)
{
	struct fixture *f = *state;
	struct client *c = qemu_client(f);
	uint16_t bases[N_RINGS];
	uint32_t devid;

	start_anew(c);
	devid = port_devid(c, 1);
	offer_event(c);
	for (unsigned int i = 0; i < N_RINGS; i++)
		bases[i] = c->rings[i].used->idx;
	close(c->sock);
	close_events(c);
	c->sock = client_socket(f->path);	/* waits for the end of the other one: */
	ask(c, VU_GET_FEATURES);
	assert_int_equal(usbip_dev_unplug(f->dev, 1), 0);
	plug_null(f);
	set_u64(c, VU_SET_PROTOCOL_FEATURES, ask(c, VU_GET_PROTOCOL_FEATURES));
	qemu_start(c, bases);
	assert_int_equal(event_devid(c), devid + 1);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

/* DEV-36: what the driver did to a port is still so. */
static void test_port_stays_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct client *c = qemu_client(f);
	uint16_t bases[N_RINGS];

	start_anew(c);
	port_feature(c, 1, 8);		/* no power */
	assert_int_equal(port_devid(c, 1), 0);
	pause_vm(c, bases);
	qemu_start(c, bases);
	assert_int_equal(port_devid(c, 1), 0);
	port_feature(c, 3, 8);
	assert_int_not_equal(port_devid(c, 1), 0);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

/* QEMU stops the rings for a reset of the guest, too: its next driver is a new one. */
static void test_new_driver_after_pause(void **state)
{
	struct fixture *f = *state;
	struct client *c = qemu_client(f);
	uint16_t bases[N_RINGS];

	start_anew(c);
	port_feature(c, 1, 8);
	assert_int_equal(port_devid(c, 1), 0);
	pause_vm(c, bases);
	start_anew(c);
	assert_int_not_equal(port_devid(c, 1), 0);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_qemu),
		TEST(test_event_due_at_pause),
		TEST(test_plugged_during_pause),
		TEST(test_plugged_while_disconnected),
		TEST(test_port_stays_as_it_was),
		TEST(test_new_driver_after_pause),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
