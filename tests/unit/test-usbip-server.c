// SPDX-License-Identifier: GPL-2.0-only
/* The USB/IP server, with a fake device, against a scripted client. */
#include "usbip_peer.h"

#include "usbip_fake.h"
#include "usbip_server.h"

#define DEVID (1u << 16 | 2u)

static struct fixture {
	struct usbip_server *server;
	struct fake device, second;
	_Atomic int empty;
	uint32_t seq;
} f;

static void on_empty(void *ctx)
{
	f.empty++;
}

static int setup(void **state)
{
	struct usbip_server_config config = { .empty = on_empty };

	log_set_callback(no_log, NULL);
	memset(&f, 0, sizeof(f));
	fake_init(&f.device);
	fake_init(&f.second);
	assert_int_equal(usbip_server_new(&config, &f.server), 0);
	assert_int_equal(usbip_server_export(f.server, &f.device.base, "1-1"), 0);
	assert_int_equal(usbip_server_export(f.server, &f.second.base, "1-2"), 0);
	return 0;
}

static int teardown(void **state)
{
	usbip_server_free(f.server);
	assert_int_equal(f.device.n_closed, 1);
	assert_int_equal(f.second.n_closed, 1);
	assert_int_equal(f.device.n_waiting, 0);
	return 0;
}

/* ---- helpers ---- */

static int connect_peer(void)
{
	int fds[2];

	peer_pair(fds);
	assert_int_equal(usbip_server_connect(f.server, fds[1]), 0);
	return fds[0];
}

static void ask_import(int fd, const char *busid)
{
	uint8_t raw[USBIP_OP_SIZE + USBIP_BUSID_SIZE] = { 0 };

	usbip_op_encode(raw, USBIP_OP_REQ_IMPORT, 0);
	strcpy((char *)raw + USBIP_OP_SIZE, busid);
	peer_write(fd, raw, sizeof(raw));
}

static uint32_t import_status(int fd)
{
	uint8_t raw[USBIP_OP_SIZE];
	struct usbip_op op;

	peer_read(fd, raw, sizeof(raw));
	usbip_op_decode(&op, raw);
	assert_int_equal(op.version, USBIP_VERSION);
	assert_int_equal(op.code, USBIP_OP_REP_IMPORT);
	return op.status;
}

static int import(const char *busid)
{
	uint8_t raw[USBIP_DEVICE_SIZE];
	struct usbip_device d;
	int fd = connect_peer();

	ask_import(fd, busid);
	assert_int_equal(import_status(fd), USBIP_OP_OK);
	peer_read(fd, raw, sizeof(raw));
	assert_int_equal(usbip_device_decode(&d, raw), 0);
	assert_string_equal(d.busid, busid);
	assert_int_equal(d.vendor, 0x1234);
	return fd;
}

static struct usbip_cmd make(uint8_t ep, bool in, uint32_t length)
{
	return (struct usbip_cmd) {
		.command = VIRTIO_USBIP_CMD_SUBMIT, .seq = ++f.seq, .devid = DEVID,
		.direction = in, .ep = ep, .length = length,
	};
}

static struct usbip_cmd send_in(int fd, uint8_t ep, uint32_t length)
{
	struct usbip_cmd cmd = make(ep, true, length);

	peer_write_cmd(fd, &cmd);
	return cmd;
}

static uint32_t send_unlink(int fd, uint32_t victim)
{
	struct usbip_cmd cmd = {
		.command = VIRTIO_USBIP_CMD_UNLINK, .seq = ++f.seq, .devid = DEVID,
		.flags = victim,
	};

	peer_write_cmd(fd, &cmd);
	return cmd.seq;
}

static void expect_ret(int fd, uint32_t command, uint32_t seq, int status, uint32_t actual)
{
	struct usbip_ret ret = peer_read_ret(fd);

	assert_int_equal(ret.command, command);
	assert_int_equal(ret.seq, seq);
	assert_int_equal(ret.status, status);
	if (command == VIRTIO_USBIP_RET_SUBMIT)
		assert_int_equal(ret.actual, actual);
}

static void expect_submit(int fd, const struct usbip_cmd *cmd, int status, uint32_t actual)
{
	expect_ret(fd, VIRTIO_USBIP_RET_SUBMIT, cmd->seq, status, actual);
}

static void wait_for(_Atomic int *n, int value)
{
	for (int i = 0; *n != value; i++) {
		assert_true(i < 20000);
		usleep(1000);
	}
}

/* As soon as the server has noticed that the last importer is gone. */
static int import_when_free(void)
{
	uint32_t status;
	int fd;

	for (;;) {
		fd = connect_peer();
		ask_import(fd, "1-1");
		status = import_status(fd);
		if (status == USBIP_OP_OK)
			break;
		assert_int_equal(status, USBIP_OP_BUSY);
		close(fd);
		usleep(1000);
	}
	peer_read(fd, (uint8_t[USBIP_DEVICE_SIZE]){ 0 }, USBIP_DEVICE_SIZE);
	return fd;
}

/* The device is offered again, and works. */
static void expect_usable(void)
{
	int fd = import_when_free();
	struct usbip_cmd cmd = send_in(fd, 1, 3);
	char data[3];

	expect_submit(fd, &cmd, 0, 3);
	peer_read(fd, data, 3);
	close(fd);
}

/* ---- before the first URB ---- */

static void devices_are_listed_with_their_interfaces(void **state)
{
	uint8_t raw[12 + 2 * (312 + 8)];
	int fd = connect_peer();

	peer_dribble(fd, "\x01\x11\x80\x05\0\0\0\0", 8);
	peer_read(fd, raw, sizeof(raw));
	assert_memory_equal(raw, "\x01\x11\0\x05\0\0\0\0\0\0\0\x02", 12);
	assert_string_equal((char *)raw + 12 + 256, "1-1");
	/* busnum, devnum, speed, ids, classes, configuration 7 of 1, two interfaces */
	assert_memory_equal(raw + 12 + 288, "\0\0\0\x01\0\0\0\x02\0\0\0\x03\x12\x34\x56\x78"
			    "\x01\x03\0\0\0\x07\x01\x02", 24);
	assert_memory_equal(raw + 12 + 312, "\x08\x06\x50\0\x03\x01\x02\0", 8);
	assert_string_equal((char *)raw + 12 + 320 + 256, "1-2");
	peer_wait_closed(fd);
	close(fd);
}

static void a_device_has_one_importer(void **state)
{
	int fd = import("1-1"), other = connect_peer();
	uint8_t raw[12 + 320];

	ask_import(other, "1-1");
	assert_int_equal(import_status(other), USBIP_OP_BUSY);
	peer_wait_closed(other);
	close(other);
	other = connect_peer();
	ask_import(other, "1-9");
	assert_int_equal(import_status(other), USBIP_OP_NODEV);
	close(other);
	/* What cannot be imported is not listed. */
	other = connect_peer();
	peer_write(other, "\x01\x11\x80\x05\0\0\0\0", 8);
	peer_read(other, raw, sizeof(raw));
	assert_int_equal(raw[11], 1);
	peer_wait_closed(other);
	close(other);
	close(fd);
	expect_usable();
}

static void every_import_resets_the_device(void **state)
{
	int n = f.device.n_resets;

	close(import("1-1"));
	assert_int_equal(f.device.n_resets, n + 1);
	expect_usable();
	assert_int_equal(f.device.n_resets, n + 2);
}

static void a_wrong_beginning_ends_the_connection(void **state)
{
	static const uint8_t wrong[][40] = {
		{ 1, 6, 0x80, 5 }, { 1, 0x11, 0x80, 4 }, { 1, 0x11, 0, 5 },
		{ 1, 0x11, 0x80, 3, 0, 0, 0, 0, [8 ... 39] = 'x' },
	};

	for (int i = 0; i < 4; i++) {
		int fd = connect_peer();

		peer_write(fd, wrong[i], sizeof(wrong[i]));
		peer_wait_closed(fd);
		close(fd);
	}
	expect_usable();
}

static void what_has_no_descriptors_is_not_exported(void **state)
{
	struct fake broken;

	fake_init(&broken);
	broken.broken = true;
	assert_int_equal(usbip_server_export(f.server, &broken.base, "1-3"), -EPIPE);
	broken.broken = false;
	assert_int_equal(usbip_server_export(f.server, &broken.base, "1-1"), -EEXIST);
	assert_int_equal(usbip_server_export(f.server, &broken.base, ""), -EINVAL);
	assert_int_equal(broken.n_closed, 0);
}

/* ---- transfers ---- */

static void transfers_of_every_kind(void **state)
{
	int fd = import("1-1");
	struct usbip_cmd cmd = make(0, true, 18);
	uint8_t data[18];

	memcpy(cmd.setup, "\x80\x06\0\x01\0\0\x12\0", 8);
	peer_write_cmd(fd, &cmd);
	expect_submit(fd, &cmd, 0, 18);
	peer_read(fd, data, 18);
	assert_memory_equal(data, fake_device_desc, 18);

	cmd = make(2, false, 5);
	cmd.num_packets = UINT32_MAX;	/* as some clients have it */
	peer_write_cmd(fd, &cmd);
	peer_dribble(fd, "hello", 5);
	expect_submit(fd, &cmd, 0, 5);
	assert_memory_equal(f.device.out, "hello", 5);

	cmd = send_in(fd, 1, 0);
	expect_submit(fd, &cmd, 0, 0);
	close(fd);
}

static void isochronous_data_is_packed(void **state)
{
	int fd = import("1-1");
	struct usbip_cmd cmd = make(4, true, 20);
	struct virtio_usbip_iso_packet raw[2];
	struct usb_iso_packet p[2] = { { 0, 8, 0, 0 }, { 10, 6, 0, 0 } };
	char data[7];

	cmd.num_packets = 2;
	peer_write_cmd(fd, &cmd);
	for (int i = 0; i < 2; i++)
		usbip_iso_encode(&raw[i], &p[i]);
	peer_write(fd, raw, sizeof(raw));
	expect_submit(fd, &cmd, 0, 7);
	peer_read(fd, data, 7);
	assert_memory_equal(data, "aaaabbb", 7);
	peer_read(fd, raw, sizeof(raw));
	usbip_iso_decode(&p[1], &raw[1]);
	assert_int_equal(p[1].offset, 10);
	assert_int_equal(p[1].actual, 3);
	close(fd);
}

static void wrong_requests_are_answered(void **state)
{
	static const struct {
		uint8_t setup[8];
		uint32_t ep, length;
		int status;
	} wrong[] = {
		{ { 0 }, 16, 5, -ENOENT },
		{ { 0 }, 9, 5, -ENOENT },
		{ { 0x80, 6, 0, 1, 0, 0, 6, 0 }, 0, 5, -EINVAL },	/* wLength > length */
		{ { 0x00, 7, 0, 1, 0, 0, 5, 0 }, 0, 5, -EINVAL },	/* other direction */
	};
	int fd = import("1-1");

	for (int i = 0; i < 4; i++) {
		struct usbip_cmd cmd = make(wrong[i].ep, true, wrong[i].length);

		memcpy(cmd.setup, wrong[i].setup, 8);
		peer_write_cmd(fd, &cmd);
		expect_submit(fd, &cmd, wrong[i].status, 0);
	}
	close(fd);
	expect_usable();
}

static void a_port_reset_is_one_of_the_device(void **state)
{
	int fd = import("1-1"), n = f.device.n_resets;
	struct usbip_cmd waiting = send_in(fd, 3, 8), cmd = make(0, false, 0);

	memcpy(cmd.setup, "\x23\x03\x04\0\x01\0\0\0", 8);
	peer_write_cmd(fd, &cmd);
	expect_submit(fd, &waiting, -ECONNRESET, 0);
	expect_submit(fd, &cmd, 0, 0);
	assert_int_equal(f.device.n_resets, n + 1);
	close(fd);
}

/* ---- unlinking ---- */

static void an_unlinked_transfer_has_no_other_answer(void **state)
{
	int fd = import("1-1");
	struct usbip_cmd a = send_in(fd, 3, 8), b = send_in(fd, 3, 8);
	uint32_t unlink = send_unlink(fd, a.seq);

	expect_ret(fd, VIRTIO_USBIP_RET_UNLINK, unlink, -ECONNRESET, 0);
	/* Again: it is not there any more. */
	unlink = send_unlink(fd, a.seq);
	expect_ret(fd, VIRTIO_USBIP_RET_UNLINK, unlink, 0, 0);
	peer_quiet(fd);
	assert_true(fake_take(&f.device, NULL, 0));
	expect_submit(fd, &b, 0, 8);
	close(fd);
}

/* The device was done: its data counts, and the unlink found nothing. */
static void data_beats_an_unlink(void **state)
{
	static char data[4];
	int fd = import("1-1");
	struct usbip_cmd cmd = send_in(fd, 3, 4);
	uint32_t unlink;

	wait_for(&f.device.n_waiting, 1);
	assert_true(fake_take(&f.device, NULL, 0));
	unlink = send_unlink(fd, cmd.seq);
	expect_submit(fd, &cmd, 0, 4);
	peer_read(fd, data, 4);
	expect_ret(fd, VIRTIO_USBIP_RET_UNLINK, unlink, 0, 0);
	close(fd);
}

static void a_closed_connection_cancels_everything(void **state)
{
	int fd = import("1-1");

	for (int i = 0; i < 5; i++)
		send_in(fd, 3, 8);
	wait_for(&f.device.n_waiting, 5);
	close(fd);
	wait_for(&f.device.n_waiting, 0);
	expect_usable();
}

static void the_server_ends_with_transfers_in_flight(void **state)
{
	int fd = import("1-1"), half = connect_peer();

	send_in(fd, 3, 8);
	wait_for(&f.device.n_waiting, 1);
	peer_write(half, "\x01", 1);
	teardown(NULL);
	peer_wait_closed(fd);
	peer_wait_closed(half);
	close(fd);
	close(half);
	setup(NULL);
}

static void a_device_that_leaves_ends_its_connection(void **state)
{
	int fd = import("1-1"), other = import("1-2");
	struct usbip_cmd cmd;

	f.device.base.events->gone(f.device.base.events_ctx);
	peer_wait_closed(fd);
	close(fd);
	assert_int_equal(f.empty, 0);
	cmd = make(2, false, 1);
	cmd.devid++;
	peer_write_cmd(other, &cmd);
	peer_write(other, "x", 1);
	expect_submit(other, &cmd, 0, 1);
	fd = connect_peer();
	ask_import(fd, "1-1");
	assert_int_equal(import_status(fd), USBIP_OP_NODEV);
	close(fd);
	f.second.base.events->gone(f.second.base.events_ctx);
	assert_int_equal(f.empty, 1);
	peer_wait_closed(other);
	close(other);
}

/* ---- hostile peers ---- */

enum hostile {
	WRONG_DEVID, WRONG_DIRECTION, TOO_LONG, TOO_MANY_PACKETS, NO_COMMAND, AN_ANSWER,
	SEQ_TWICE, PACKET_OUTSIDE, PACKETS_OVERLAP, HALF_A_COMMAND, N_HOSTILE
};

static void be_hostile(int fd, enum hostile kind)
{
	struct usbip_cmd cmd = make(1, true, 16);
	struct usb_iso_packet p[2] = { { 0, 16, 0, 0 }, { 0, 16, 0, 0 } };
	struct virtio_usbip_iso_packet raw[2];

	switch (kind) {
	case WRONG_DEVID: cmd.devid++; break;
	case WRONG_DIRECTION: cmd.direction = 2; break;
	case TOO_LONG: cmd.length = (4 << 20) + 1; break;
	case TOO_MANY_PACKETS: cmd.num_packets = 1025; break;
	case NO_COMMAND: cmd.command = 0; break;
	case AN_ANSWER: cmd.command = VIRTIO_USBIP_RET_SUBMIT; break;
	case SEQ_TWICE: cmd = send_in(fd, 3, 8); break;
	case PACKET_OUTSIDE: cmd.num_packets = 2; p[1].offset = 1; break;
	case PACKETS_OVERLAP: cmd.num_packets = 2; break;
	case HALF_A_COMMAND:
		peer_write(fd, &cmd, 20);
		shutdown(fd, SHUT_WR);
		return;
	default: break;
	}
	peer_write_cmd(fd, &cmd);
	for (int i = 0; i < 2; i++)
		usbip_iso_encode(&raw[i], &p[i]);
	if (cmd.num_packets == 2)
		peer_write(fd, raw, sizeof(raw));
}

static void hostile_peers_lose_their_connection(void **state)
{
	for (int i = 0; i < N_HOSTILE; i++) {
		int fd = import_when_free();

		be_hostile(fd, i);
		peer_wait_closed(fd);
		close(fd);
		expect_usable();
	}
}

/* Nothing is received while the answers that wait are too many, or too large. */
static void a_peer_that_does_not_read_stops_itself(void **state)
{
	static uint8_t data[1 << 20];
	struct usbip_cmd cmds[64];
	int fd = import("1-1"), before = f.device.n_submits;

	for (int i = 0; i < 64; i++)
		cmds[i] = send_in(fd, 1, sizeof(data));
	/* Another device is served meanwhile; there is time to take too much. */
	close(import("1-2"));
	usleep(200000);
	assert_true(f.device.n_submits - before <= 17);
	for (int i = 0; i < 64; i++) {
		expect_submit(fd, &cmds[i], 0, sizeof(data));
		peer_read(fd, data, sizeof(data));
	}
	assert_int_equal(f.device.n_submits - before, 64);
	close(fd);
}

static void answers_to_nothing_are_bounded_too(void **state)
{
	int fd = import("1-1");
	unsigned int n = 0;
	struct virtio_usbip_cmd_submit raw;
	struct usbip_cmd cmd = {
		.command = VIRTIO_USBIP_CMD_UNLINK, .devid = DEVID, .flags = 99,
	};

	/* Until neither side's buffers take any more. */
	for (int quiet = 0; quiet < 50; ) {
		cmd.seq = n + 1;
		usbip_cmd_encode(&raw, &cmd);
		if (send(fd, &raw, sizeof(raw), MSG_DONTWAIT) == sizeof(raw)) {
			n++;
			quiet = 0;
		} else {
			quiet++;
			usleep(2000);
		}
		assert_true(n < 100000);
	}
	for (unsigned int i = 1; i <= n; i++)
		expect_ret(fd, VIRTIO_USBIP_RET_UNLINK, i, 0, 0);
	close(fd);
}

static void too_many_who_only_ask_are_turned_away(void **state)
{
	int fds[17], pair[2];

	for (int i = 0; i < 16; i++)
		fds[i] = connect_peer();
	peer_pair(pair);
	assert_int_equal(usbip_server_connect(f.server, pair[1]), -EUSERS);
	peer_wait_closed(pair[0]);
	close(pair[0]);
	for (int i = 0; i < 16; i++)
		close(fds[i]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(devices_are_listed_with_their_interfaces),
		T(a_device_has_one_importer),
		T(every_import_resets_the_device),
		T(a_wrong_beginning_ends_the_connection),
		T(what_has_no_descriptors_is_not_exported),
		T(transfers_of_every_kind),
		T(isochronous_data_is_packed),
		T(wrong_requests_are_answered),
		T(a_port_reset_is_one_of_the_device),
		T(an_unlinked_transfer_has_no_other_answer),
		T(data_beats_an_unlink),
		T(a_closed_connection_cancels_everything),
		T(the_server_ends_with_transfers_in_flight),
		T(a_device_that_leaves_ends_its_connection),
		T(hostile_peers_lose_their_connection),
		T(a_peer_that_does_not_read_stops_itself),
		T(answers_to_nothing_are_bounded_too),
		T(too_many_who_only_ask_are_turned_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
