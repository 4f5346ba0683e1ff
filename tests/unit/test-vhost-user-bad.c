// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vhost-user back end with front ends and guests that break the rules: they are
 * dropped with one line in the log, and the next one is served.
 */
#include "vhost_user_fixture.h"

struct bad {
	const char *what;
	uint32_t request, flags, len;
	unsigned int n_fds;
	uint32_t payload[100];		/* the rest is 0 */
};

#define HUGE	0xffffffffu
#define R	VU_VERSION

static const struct bad bad_messages[] = {
	{ "version", VU_GET_FEATURES, 0, 0, 0, { 0 } },
	{ "reply flag", VU_GET_FEATURES, R | VU_FLAG_REPLY, 0, 0, { 0 } },
	{ "unknown flag", VU_GET_FEATURES, R | 0x10, 0, 0, { 0 } },
	{ "request 0", 0, R, 0, 0, { 0 } },
	{ "unknown request", 99, R, 0, 0, { 0 } },
	{ "huge request", HUGE, R, 0, 0, { 0 } },
	{ "not offered", 6 /* SET_LOG_BASE */, R, 16, 1, { 0 } },
	{ "payload of none", VU_GET_FEATURES, R, 8, 0, { 0 } },
	{ "short u64", VU_SET_FEATURES, R, 4, 0, { 0 } },
	{ "long u64", VU_SET_FEATURES, R, 12, 0, { 0 } },
	{ "descriptor of none", VU_SET_OWNER, R, 0, 1, { 0 } },
	{ "nine descriptors", VU_SET_OWNER, R, 0, 9, { 0 } },
	{ "fifteen descriptors", VU_SET_MEM_TABLE, R, 8, 15, { 0 } },
	{ "feature not offered", VU_SET_FEATURES, R, 8, 0, { 1 } },
	{ "protocol feature not offered", VU_SET_PROTOCOL_FEATURES, R, 8, 0, { 1 << 14 } },
	{ "ring", VU_SET_VRING_NUM, R, 8, 0, { N_RINGS, 16 } },
	{ "huge ring", VU_SET_VRING_NUM, R, 8, 0, { HUGE, 16 } },
	{ "ring size 0", VU_SET_VRING_NUM, R, 8, 0, { 0, 0 } },
	{ "ring size 3", VU_SET_VRING_NUM, R, 8, 0, { 0, 3 } },
	{ "ring size 512", VU_SET_VRING_NUM, R, 8, 0, { 0, 512 } },
	{ "base", VU_SET_VRING_BASE, R, 8, 0, { 0, 0x10000 } },
	{ "short address", VU_SET_VRING_ADDR, R, 36, 0, { 0 } },
	{ "ring of address", VU_SET_VRING_ADDR, R, 40, 0, { 77 } },
	{ "ring to enable", VU_SET_VRING_ENABLE, R, 8, 0, { 4, 1 } },
	{ "base of no ring", VU_GET_VRING_BASE, R, 8, 0, { 200, 0 } },
	{ "kick without descriptor", VU_SET_VRING_KICK, R, 8, 0, { 0 } },
	{ "kick with two", VU_SET_VRING_KICK, R, 8, 2, { 0 } },
	{ "kick by polling", VU_SET_VRING_KICK, R, 8, 0, { 0x100 } },
	{ "NOFD with a descriptor", VU_SET_VRING_CALL, R, 8, 1, { 0x100 } },
	{ "kick by file", VU_SET_VRING_KICK, R, 8, 1, { 0 } },
	{ "call by file", VU_SET_VRING_CALL, R, 8, 1, { 0 } },
	{ "errors to a file", VU_SET_VRING_ERR, R, 8, 1, { 0 } },
	{ "ring with more bits", VU_SET_VRING_CALL, R, 8, 0, { 0x300 } },
	{ "kick of no ring", VU_SET_VRING_KICK, R, 8, 1, { 9 } },
	{ "no channel", VU_SET_BACKEND_REQ_FD, R, 0, 0, { 0 } },
	{ "file as channel", VU_SET_BACKEND_REQ_FD, R, 0, 1, { 0 } },
	{ "config size", VU_GET_CONFIG, R, 12 + 8, 0, { 0, 9 } },
	{ "config too big", VU_GET_CONFIG, R, 12 + 300, 0, { 0, 300 } },
	{ "config header", VU_GET_CONFIG, R, 8, 0, { 0 } },
	{ "nine regions", VU_SET_MEM_TABLE, R, 8 + 9 * 32, 8, { 9 } },
	{ "fewer regions", VU_SET_MEM_TABLE, R, 8 + 32, 2, { 2 } },
	{ "fewer descriptors", VU_SET_MEM_TABLE, R, 8 + 32, 0, { 1, 0, 0, 0, 4096 } },
	{ "empty region", VU_SET_MEM_TABLE, R, 8 + 32, 1, { 1 } },
	{ "region beyond the file", VU_SET_MEM_TABLE, R, 8 + 32, 1,
	  { 1, 0, 0, 0, 0x200000 } },
	{ "offset beyond the file", VU_SET_MEM_TABLE, R, 8 + 32, 1,
	  { 1, 0, 0, 0, 4096, 0, 0, 0, 0, 1 } },
	{ "region wraps", VU_SET_MEM_TABLE, R, 8 + 32, 1, { 1, 0, HUGE, HUGE, 4096 } },
	{ "offset wraps", VU_SET_MEM_TABLE, R, 8 + 32, 1,
	  { 1, 0, 0, 0, 4096, 0, 0, 0, 0xfffff000, HUGE } },
	{ "regions overlap", VU_SET_MEM_TABLE, R, 8 + 64, 2,
	  { 2, 0, 0, 0, 0x2000, 0, 0, 0, 0, 0, 0x1000, 0, 0x1000, 0, 0x100000 } },
	{ "region to add", VU_ADD_MEM_REG, R, 40, 0, { 0, 0, 0, 0, 4096 } },
	{ "region to remove", VU_REM_MEM_REG, R, 40, 0, { 0, 0, 0, 0, 4096 } },
};

static void test_malformed(void **state)
{
	struct fixture *f = *state;
	unsigned int n = sizeof(bad_messages) / sizeof(bad_messages[0]);

	for (unsigned int i = 0; i < n; i++) {
		const struct bad *b = &bad_messages[i];
		struct client *c = client_connect(f->path);
		int fds[16];

		/* Fit as memory, not as an event. */
		for (unsigned int k = 0; k < b->n_fds; k++)
			fds[k] = c->memfd;
		uml_probe(c);
		send_message(c, b->request, b->flags, b->payload, b->len, fds, b->n_fds);
		assert_dropped(c);
		if (n_dropped != i + 1)
			fail_msg("%s: %u drops in the log", b->what, n_dropped);
		client_delete(c);
	}
	assert_serves(f);
}

/* What the protocol's text says of each request that is offered. */
static const struct shape {
	uint32_t request, min, max;	/* bytes */
	unsigned int min_fds, max_fds;
} shapes[] = {
	{ VU_GET_FEATURES, 0, 0, 0, 0 },
	{ VU_SET_FEATURES, 8, 8, 0, 0 },
	{ VU_SET_OWNER, 0, 0, 0, 0 },
	{ VU_RESET_OWNER, 0, 0, 0, 0 },
	{ VU_SET_MEM_TABLE, 8, 264, 0, 8 },
	{ VU_SET_VRING_NUM, 8, 8, 0, 0 },
	{ VU_SET_VRING_ADDR, 40, 40, 0, 0 },
	{ VU_SET_VRING_BASE, 8, 8, 0, 0 },
	{ VU_GET_VRING_BASE, 8, 8, 0, 0 },
	{ VU_SET_VRING_KICK, 8, 8, 0, 1 },
	{ VU_SET_VRING_CALL, 8, 8, 0, 1 },
	{ VU_SET_VRING_ERR, 8, 8, 0, 1 },
	{ VU_GET_PROTOCOL_FEATURES, 0, 0, 0, 0 },
	{ VU_SET_PROTOCOL_FEATURES, 8, 8, 0, 0 },
	{ VU_GET_QUEUE_NUM, 0, 0, 0, 0 },
	{ VU_SET_VRING_ENABLE, 8, 8, 0, 0 },
	{ VU_SET_BACKEND_REQ_FD, 0, 0, 1, 1 },
	{ VU_GET_CONFIG, 12, 268, 0, 0 },
	{ VU_SET_CONFIG, 12, 268, 0, 0 },
	{ VU_RESET_DEVICE, 0, 0, 0, 0 },
	{ VU_GET_MAX_MEM_SLOTS, 0, 0, 0, 0 },
	{ VU_ADD_MEM_REG, 40, 40, 1, 1 },
	{ VU_REM_MEM_REG, 40, 40, 0, 1 },
};

static bool fits(uint32_t request, uint32_t len, unsigned int n_fds)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (shapes[i].request == request)
			return len >= shapes[i].min && len <= shapes[i].max &&
			       n_fds >= shapes[i].min_fds && n_fds <= shapes[i].max_fds;
	return false;
}

/* Every request there is, and more, of every shape that it does not have. */
static void test_every_wrong_shape(void **state)
{
	static const uint32_t lens[] = { 0, 4, 7, 8, 9, 12, 16, 39, 40, 41, 264, 265, 269, 512 };
	static const uint8_t payload[512];
	struct fixture *f = *state;
	unsigned int n = 0;

	for (uint32_t request = 0; request < 64; request++) {
		for (unsigned int i = 0; i < 3 * sizeof(lens) / sizeof(lens[0]); i++) {
			uint32_t len = lens[i / 3];
			unsigned int n_fds = i % 3;
			struct client *c;

			if (fits(request, len, n_fds))
				continue;
			c = client_connect(f->path);
			send_message(c, request, R, payload, len, (int[]){ c->memfd, c->memfd },
				     n_fds);
			assert_dropped(c);
			client_delete(c);
			if (n_dropped != ++n)
				fail_msg("request %u, %u bytes, %u descriptors", request, len,
					 n_fds);
		}
	}
	assert_true(n > 2000);
	assert_serves(f);
}

/* The same while the device runs, and something is in flight. */
static void test_malformed_while_running(void **state)
{
	struct fixture *f = *state;
	static const struct bad messages[] = {
		{ "size", VU_SET_VRING_NUM, R, 8, 0, { 0, 16 } },
		{ "base", VU_SET_VRING_BASE, R, 8, 0, { 0, 1 } },
		{ "address", VU_SET_VRING_ADDR, R, 40, 0, { 0 } },
		{ "features", VU_SET_FEATURES, R, 8, 0, { 0, 1 } },
		{ "no memory", VU_SET_MEM_TABLE, R, 8, 0, { 0 } },
		{ "garbage", 0x12345678, 0x87654321, 400, 3, { 1, 2, 3 } },
	};

	for (unsigned int i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		const struct bad *b = &messages[i];
		struct client *c = bound_client(f);
		int fds[3] = { c->memfd, c->memfd, c->memfd };

		park(c, INTR, 0, port_devid(c, 1));
		send_message(c, b->request, b->flags, b->payload, b->len, fds, b->n_fds);
		assert_dropped(c);
		client_delete(c);
		assert_int_equal(n_dropped, i + 1);
	}
	assert_serves(f);
}

/* Rings where no memory is, or where they may not be. */
static void test_bad_rings(void **state)
{
	static const uint64_t bad[][3] = {	/* desc, used, avail in ring 3 */
		{ 0, 0, 0 },
		{ MEM_UADDR + 8, MEM_UADDR + 0x4000, MEM_UADDR + 0x2000 },
		{ MEM_UADDR, MEM_UADDR + 0x4002, MEM_UADDR + 0x2000 },
		{ MEM_UADDR, MEM_UADDR + 0x4000, MEM_UADDR + 0x2001 },
		{ MEM_UADDR + MEM_SIZE - 16, MEM_UADDR + 0x4000, MEM_UADDR + 0x2000 },
		{ MEM_UADDR, MEM_UADDR + MEM_SIZE, MEM_UADDR + 0x2000 },
		{ UINT64_MAX - 15, UINT64_MAX - 15, UINT64_MAX - 15 },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fixture *f = *state;
		struct client *c = client_connect(f->path);
		uint64_t addr[5] = { 3, bad[i][0], bad[i][1], bad[i][2], 0 };

		uml_probe(c);
		uml_bind(c);
		uml_unbind(c);
		command(c, VU_SET_VRING_ADDR, addr, sizeof(addr), NULL, 0);
		c->acks = false;
		for (unsigned int k = 0; k < N_RINGS; k++) {
			c->kick[k] = eventfd(0, 0);
			set_ring_fd(c, VU_SET_VRING_KICK, k, c->kick[k]);
			set_state(c, VU_SET_VRING_ENABLE, k, 1);
		}
		assert_dropped(c);
		client_delete(c);
		assert_int_equal(n_dropped, i + 1);
	}
	assert_serves(*state);
}

/* The guest, not the front end, is bad: its queue is broken, the connection stays. */
static void test_bad_chain(void **state)
{
	struct fixture *f = *state;
	struct client *c = bound_client(f);
	struct ring *r = &c->rings[BULK];

	ring_desc(r, 0, PORT_DATA, 48, VRING_DESC_F_NEXT, 1);
	ring_desc(r, 1, PORT_DATA, 48, VRING_DESC_F_NEXT, 0);	/* a loop */
	ring_offer(r, 0);
	kick(c, BULK);
	assert_int_equal(port_devid(c, 1) >> 16, 1);
	assert_null(ring_take_used(r));
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

/* A good front end but for one step that it leaves out. */
static void test_left_out(void **state)
{
	static const struct {
		uint32_t what;
		bool dropped;		/* or it just does not start */
	} steps[] = {
		{ VU_SET_FEATURES, true }, { VU_SET_MEM_TABLE, true }, { VU_SET_VRING_NUM, true },
		{ VU_SET_VRING_ADDR, false }, { VU_SET_VRING_KICK, false },
		{ VU_SET_VRING_ENABLE, false },
	};
	struct fixture *f = *state;
	unsigned int n = 0;

	for (unsigned int i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct client *c = client_connect(f->path);

		c->left_out = steps[i].what;
		uml_probe(c);
		c->acks = false;
		uml_bind(c);
		for (unsigned int k = 0; k < N_RINGS; k++)
			kick(c, k);
		if (steps[i].dropped)
			assert_dropped(c);
		else
			ask(c, VU_GET_FEATURES);
		client_delete(c);
		n += steps[i].dropped;
		assert_int_equal(n_dropped, n);
	}
	assert_serves(f);
}

/* Of a device with one ring more than the driver has set up. */
static void test_ring_added_while_running(void **state)
{
	static const struct usbip_dev_config config = { .usb2_ports = 1, .request_queues = 3 };
	uint64_t addr[5] = { N_RINGS, MEM_UADDR + 0x70000, MEM_UADDR + 0x74000,
			     MEM_UADDR + 0x72000, 0 };
	struct fixture own = { 0 };
	struct client *c;
	int pair[2], kick = eventfd(0, 0);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(usbip_dev_new(&config, &own.dev), 0);
	assert_int_equal(vhost_user_new(&usbip_dev_ops, own.dev, pair[0], &own.vu), 0);
	pthread_create(&own.thread, NULL, serve, &own);
	c = client_new(pair[1]);
	uml_probe(c);
	uml_bind(c);
	assert_int_equal(port_devid(c, 1), 0);
	set_state(c, VU_SET_VRING_NUM, N_RINGS, RING_SIZE);
	command(c, VU_SET_VRING_ADDR, addr, sizeof(addr), NULL, 0);
	set_ring_fd(c, VU_SET_VRING_KICK, N_RINGS, kick);
	c->acks = false;
	set_state(c, VU_SET_VRING_ENABLE, N_RINGS, 1);
	pthread_join(own.thread, NULL);
	assert_int_equal(own.result, -EPROTO);
	client_delete(c);
	close(kick);
	vhost_user_free(own.vu);
	usbip_dev_free(own.dev);
	close(pair[0]);
	assert_int_equal(n_dropped, 1);
}

/* Questions and ends of what was never begun. */
static void test_ends_before_beginnings(void **state)
{
	struct fixture *f = *state;
	struct client *c = client_connect(f->path);

	uml_probe(c);
	for (unsigned int i = 0; i < N_RINGS; i++) {
		assert_int_equal(get_base(c, i), 0);
		set_state(c, VU_SET_VRING_ENABLE, i, 0);
		set_ring_fd(c, VU_SET_VRING_CALL, i, -1);
	}
	command(c, VU_RESET_DEVICE, NULL, 0, NULL, 0);
	command(c, VU_RESET_OWNER, NULL, 0, NULL, 0);
	uml_bind(c);
	assert_int_equal(port_devid(c, 1) >> 16, 1);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

static void test_features_that_the_device_needs(void **state)
{
	static const uint64_t missing[] = { F(VIRTIO_F_VERSION_1), F(VIRTIO_USBIP_F_USBIP_PDU) };

	for (unsigned int i = 0; i < 2; i++) {
		struct fixture *f = *state;
		struct client *c = client_connect(f->path);

		uml_probe(c);
		uml_bind(c);
		uml_unbind(c);
		set_u64(c, VU_SET_FEATURES, FEATURES & ~missing[i]);
		c->acks = false;
		for (unsigned int k = 0; k < N_RINGS; k++) {
			uml_ring(c, k);
			close(c->call[k]);
			c->call[k] = -1;
		}
		for (unsigned int k = 0; k < N_RINGS; k++) {
			c->kick[k] = eventfd(0, 0);
			set_ring_fd(c, VU_SET_VRING_KICK, k, c->kick[k]);
			set_state(c, VU_SET_VRING_ENABLE, k, 1);
		}
		assert_dropped(c);
		client_delete(c);
		assert_int_equal(n_dropped, i + 1);
	}
	assert_serves(*state);
}

static void test_answers_not_taken(void **state)
{
	struct fixture *f = *state;
	struct client *c = client_connect(f->path);
	struct vu_header h = { VU_GET_FEATURES, VU_VERSION, 0 };
	unsigned int i;

	for (i = 0; i < 100000; i++)
		if (send(c->sock, &h, VU_HEADER_SIZE, MSG_NOSIGNAL) != VU_HEADER_SIZE)
			break;
	assert_true(i < 100000);
	client_delete(c);
	assert_serves(f);
	assert_int_equal(n_dropped, 1);
}

static void test_half_a_message(void **state)
{
	struct fixture *f = *state;
	struct client *c = client_connect(f->path);
	struct vu_header h = { VU_SET_MEM_TABLE, VU_VERSION, 40 };

	send_raw(c, &h, VU_HEADER_SIZE, &c->memfd, 1);
	client_delete(c);
	assert_serves(f);
	assert_int_equal(n_dropped, 1);
}

static void test_refused_config(void **state)
{
	struct fixture *f = *state;
	struct client *c = client_connect(f->path);
	uint32_t payload[4] = { 0, 4 };
	uint64_t ack = 0;

	uml_probe(c);
	send_message(c, VU_SET_CONFIG, VU_VERSION | VU_FLAG_NEED_REPLY, payload,
		     sizeof(payload), NULL, 0);
	get_reply(c, VU_SET_CONFIG, &ack, sizeof(ack));
	assert_int_equal(ack, 1);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_malformed),
		TEST(test_every_wrong_shape),
		TEST(test_malformed_while_running),
		TEST(test_bad_rings),
		TEST(test_bad_chain),
		TEST(test_left_out),
		TEST(test_ring_added_while_running),
		TEST(test_ends_before_beginnings),
		TEST(test_features_that_the_device_needs),
		TEST(test_answers_not_taken),
		TEST(test_half_a_message),
		TEST(test_refused_config),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
