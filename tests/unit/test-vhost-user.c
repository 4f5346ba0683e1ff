// SPDX-License-Identifier: GPL-2.0-only
/* The vhost-user back end with front ends that behave, and those that die. */
#include "vhost_user_fixture.h"

/* ---- orders of messages ---- */

static void test_uml(void **state)
{
	struct fixture *f = *state;
	struct client *c = client_connect(f->path);
	struct virtio_usbip_config config;

	uml_probe(c);
	get_config(c, &config, 1);
	get_config(c, &config, sizeof(config));
	assert_int_equal(config.usbip_version, VIRTIO_USBIP_VERSION);
	assert_int_equal(config.usb2_ports, 2);
	for (unsigned int i = 0; i < 3; i++) {
		uml_bind(c);
		assert_int_equal(port_devid(c, 1) >> 16, 1);
		assert_int_equal(port_devid(c, 2), 0);
		wait_call(c, 0);
		uml_unbind(c);
	}
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

/* Without protocol features there is no ENABLE: a kick descriptor starts a ring. */
static void test_plain_front_end(void **state)
{
	struct fixture *f = *state;
	struct client *c = client_connect(f->path);
	struct table t = main_table();

	command(c, VU_SET_OWNER, NULL, 0, NULL, 0);
	set_u64(c, VU_SET_FEATURES, FEATURES & ~F(VU_F_PROTOCOL_FEATURES));
	command(c, VU_SET_MEM_TABLE, &t, 40, &c->memfd, 1);
	for (unsigned int i = 0; i < N_RINGS; i++) {
		uml_ring(c, i);
		c->kick[i] = eventfd(0, 0);
		set_ring_fd(c, VU_SET_VRING_KICK, i, c->kick[i]);
	}
	assert_int_equal(port_devid(c, 1) >> 16, 1);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

static void test_two_queues_at_once(void **state)
{
	struct fixture *f = *state;
	struct client *c = bound_client(f);
	uint32_t devid = port_devid(c, 1);

	park(c, INTR, 0, devid);
	for (unsigned int i = 0; i < 300; i++) {
		struct virtio_usbip_cmd_submit cmd = in_command(c, devid, 2, 0x1000);
		struct vring_used_elem *e;

		memset(gpa_ptr(c, PORT_DATA), 0xaa, 0x1000);
		offer_command(c, BULK, i % 16, &cmd, PORT_DATA);
		kick(c, BULK);
		e = wait_used(c, BULK);
		assert_int_equal(e->len, 48 + 0x1000);
		assert_int_equal(*(uint8_t *)gpa_ptr(c, PORT_DATA + 0xfff), 0);
		wait_call(c, BULK);
	}
	assert_null(ring_take_used(&c->rings[INTR]));
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

static void test_message_in_pieces(void **state)
{
	struct fixture *f = *state;
	struct client *c = client_connect(f->path);
	struct table t = main_table();
	struct { struct vu_header h; uint8_t payload[72]; } msg = {
		.h = { VU_SET_MEM_TABLE, VU_VERSION, 72 },
	};

	memcpy(msg.payload, &t, 72);
	for (unsigned int i = 0; i < VU_HEADER_SIZE + 72; i++) {
		send_raw(c, (uint8_t *)&msg + i, 1, &c->memfd, i == 0);
		if (i % 16 == 0)
			usleep(1000);
	}
	uml_probe(c);
	uml_bind(c);
	assert_int_equal(port_devid(c, 1) >> 16, 1);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

/* Both directions by pipe, and a kick before there is anything to kick. */
static void test_pipes(void **state)
{
	struct fixture *f = *state;
	struct client *c = client_connect(f->path);
	int pipes[N_RINGS][2];

	for (unsigned int i = 0; i < N_RINGS; i++)
		assert_int_equal(pipe(pipes[i]), 0);
	uml_probe(c);
	uml_bind(c);
	for (unsigned int i = 0; i < N_RINGS; i++) {
		close(c->kick[i]);
		c->kick[i] = pipes[i][1];
		kick(c, i);
		set_ring_fd(c, VU_SET_VRING_KICK, i, pipes[i][0]);
		close(pipes[i][0]);
	}
	for (unsigned int i = 0; i < 20000; i++)	/* more than a pipe holds, by far */
		kick(c, EVENT);
	assert_int_equal(port_devid(c, 1) >> 16, 1);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

/* An interrupt for which there was no descriptor comes when there is one. */
static void test_late_call(void **state)
{
	struct fixture *f = *state;
	struct client *c = bound_client(f);
	int call = eventfd(0, 0);

	set_ring_fd(c, VU_SET_VRING_CALL, 0, -1);
	port_devid(c, 1);
	close(c->call[0]);
	c->call[0] = call;
	set_ring_fd(c, VU_SET_VRING_CALL, 0, call);
	wait_call(c, 0);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

static void test_hotplug(void **state)
{
	struct fixture *f = *state;
	struct client *c = bound_client(f);
	uint32_t devid = port_devid(c, 1);
	struct ring *r = &c->rings[EVENT];
	struct virtio_usbip_event *ev = gpa_ptr(c, PORT_DATA + 0x200);

	/* The buffers of EVENT do for both: what was connected before and what follows. */
	for (unsigned int i = 0; i < 3; i++) {
		ring_desc(r, i, PORT_DATA + 0x200 + 16 * i, 16, VRING_DESC_F_WRITE, 0);
		ring_offer(r, i);
	}
	kick(c, EVENT);
	park(c, INTR, 0, devid);
	port_devid(c, 1);
	assert_int_equal(usbip_dev_unplug(f->dev, 1), 0);
	wait_used(c, INTR);
	assert_int_equal((int32_t)be32toh(answer(c, INTR, 0)->status), -ESHUTDOWN);
	wait_used(c, EVENT);
	assert_int_equal(ev[0].port, 1);
	assert_int_equal(ev[0].devid, 0);
	plug_null(f);
	wait_used(c, EVENT);
	assert_int_equal(ev[1].devid, devid + 1);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

/* ---- stops ---- */

/* UML's guest has freed its buffers before ENABLE 0: they must not be written. */
static void test_disable_drops(void **state)
{
	struct fixture *f = *state;
	struct client *c = bound_client(f);

	park(c, INTR, 0, port_devid(c, 1));
	port_devid(c, 1);
	uml_unbind(c);
	assert_null(ring_take_used(&c->rings[INTR]));
	assert_int_equal(answer(c, INTR, 0)->command, 0xeeeeeeee);
	uml_bind(c);
	assert_int_equal(port_devid(c, 1) >> 16, 1);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

static void test_reset_device(void **state)
{
	struct fixture *f = *state;
	struct client *c = bound_client(f);

	park(c, INTR, 0, port_devid(c, 1));
	command(c, VU_RESET_DEVICE, NULL, 0, NULL, 0);
	assert_null(ring_take_used(&c->rings[INTR]));
	close_events(c);
	uml_bind(c);
	port_devid(c, 1);
	command(c, VU_RESET_OWNER, NULL, 0, NULL, 0);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

static void test_front_end_dies(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 20; i++) {
		struct client *c = bound_client(f);

		park(c, INTR, 0, port_devid(c, 1));
		client_delete(c);
	}
	assert_serves(f);
	assert_int_equal(n_dropped, 0);
}

static void test_one_after_the_other(void **state)
{
	struct fixture *f = *state;
	struct client *c = bound_client(f), *next = client_connect(f->path);
	struct pollfd p = { .fd = next->sock, .events = POLLIN };

	send_message(next, VU_GET_FEATURES, VU_VERSION, NULL, 0, NULL, 0);
	assert_int_equal(poll(&p, 1, 50), 0);
	port_devid(c, 1);
	client_delete(c);
	assert_int_equal(poll(&p, 1, TIMEOUT), 1);
	client_delete(next);
	assert_serves(f);
}

/* ---- a connected socket ---- */

static void run_connected(struct fixture *f, bool behave)
{
	struct fixture own = { .dev = f->dev };
	struct client *c;
	int pair[2];

	/* The device is the other one's until that ends. */
	vhost_user_stop(f->vu);
	pthread_join(f->thread, NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(vhost_user_new(&usbip_dev_ops, f->dev, pair[0], &own.vu), 0);
	pthread_create(&own.thread, NULL, serve, &own);
	c = client_new(pair[1]);
	uml_probe(c);
	uml_bind(c);
	port_devid(c, 1);
	if (!behave)
		send_message(c, 99, VU_VERSION, NULL, 0, NULL, 0);
	else
		shutdown(c->sock, SHUT_RDWR);
	pthread_join(own.thread, NULL);
	assert_int_equal(own.result, behave ? 0 : -EPROTO);
	client_delete(c);
	vhost_user_free(own.vu);
	close(pair[0]);
	vhost_user_free(f->vu);
	assert_int_equal(vhost_user_new(&usbip_dev_ops, f->dev, f->listen_fd, &f->vu), 0);
	pthread_create(&f->thread, NULL, serve, f);
}

static void test_connected_socket(void **state)
{
	run_connected(*state, true);
	run_connected(*state, false);
	assert_serves(*state);
}

static void test_no_socket(void **state)
{
	struct fixture *f = *state;
	struct vhost_user *vu;
	int fd = memfd_create("x", MFD_CLOEXEC);

	assert_int_equal(vhost_user_new(&usbip_dev_ops, f->dev, fd, &vu), -EINVAL);
	close(fd);
}

/* ---- changes of the configuration space, with a device made here ---- */

static struct virtio_transport *_Atomic toy_transport;

static unsigned int toy_one(void *dev)
{
	return 1;
}

static unsigned int toy_size(void *dev, unsigned int queue)
{
	return RING_SIZE;
}

static uint64_t toy_features(void *dev)
{
	return 0;
}

static int toy_set_features(void *dev, uint64_t features)
{
	return features ? -EINVAL : 0;
}

static uint32_t toy_config_size(void *dev)
{
	return 4;
}

static void toy_config_read(void *dev, uint32_t offset, void *buf, uint32_t len)
{
	memset(buf, 'c', len);
}

static int toy_start(void *dev, struct virtio_transport *transport,
		     struct virtq *const *queues, unsigned int n)
{
	toy_transport = transport;
	return 0;
}

static void toy_nothing(void *dev)
{
}

static void toy_notify(void *dev, unsigned int queue)
{
}

static const struct virtio_device_ops toy_ops = {
	.name = "toy",
	.num_queues = toy_one,
	.queue_size = toy_size,
	.features = toy_features,
	.set_features = toy_set_features,
	.config_size = toy_config_size,
	.config_read = toy_config_read,
	.start = toy_start,
	.notify = toy_notify,
	.reset = toy_nothing,
};

static void test_config_change(void **state)
{
	struct fixture toy = { 0 };
	struct client *c;
	struct table t = main_table();
	struct vu_header h;
	uint8_t config[8];
	int pair[2], req[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, req), 0);
	assert_int_equal(vhost_user_new(&toy_ops, NULL, pair[0], &toy.vu), 0);
	pthread_create(&toy.thread, NULL, serve, &toy);
	c = client_new(pair[1]);
	uml_probe(c);
	get_config(c, config, 8);
	assert_memory_equal(config, "cccc\0\0\0\0", 8);
	command(c, VU_SET_BACKEND_REQ_FD, NULL, 0, &req[1], 1);
	close(req[1]);
	set_u64(c, VU_SET_FEATURES, RING_FEATURES | F(VU_F_PROTOCOL_FEATURES));
	command(c, VU_SET_MEM_TABLE, &t, 40, &c->memfd, 1);
	uml_ring(c, 0);
	c->kick[0] = eventfd(0, 0);
	set_ring_fd(c, VU_SET_VRING_KICK, 0, c->kick[0]);
	set_state(c, VU_SET_VRING_ENABLE, 0, 1);
	toy_transport->ops->config_changed(toy_transport);
	assert_int_equal(read_all(req[0], &h, VU_HEADER_SIZE), VU_HEADER_SIZE);
	assert_int_equal(h.request, VU_BACKEND_CONFIG_CHANGE_MSG);
	assert_int_equal(h.flags, VU_VERSION);
	assert_int_equal(h.size, 0);
	/* Nobody reads any more: nothing waits, nobody dies. */
	for (unsigned int i = 0; i < 100000; i++)
		toy_transport->ops->config_changed(toy_transport);
	close(req[0]);
	toy_transport->ops->config_changed(toy_transport);
	client_delete(c);
	pthread_join(toy.thread, NULL);
	assert_int_equal(toy.result, 0);
	vhost_user_free(toy.vu);
	close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_uml),
		TEST(test_plain_front_end),
		TEST(test_two_queues_at_once),
		TEST(test_message_in_pieces),
		TEST(test_pipes),
		TEST(test_late_call),
		TEST(test_hotplug),
		TEST(test_disable_drops),
		TEST(test_reset_device),
		TEST(test_front_end_dies),
		TEST(test_one_after_the_other),
		TEST(test_connected_socket),
		TEST(test_no_socket),
		cmocka_unit_test(test_config_change),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
