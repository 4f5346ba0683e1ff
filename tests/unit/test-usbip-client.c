// SPDX-License-Identifier: GPL-2.0-only
/* The USB/IP client against a scripted server. */
#include "usbip_peer.h"

#include "usbip_backend.h"

struct done_urb {
	struct usb_urb urb;		/* first */
	struct iovec iov[3];
	uint8_t data[256 << 10];
	struct usb_iso_packet iso[4];
	_Atomic int completions;
};

static struct fixture {
	int peer;
	struct usb_backend *b;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	_Atomic int gone, resets, reset_status;
	struct done_urb urbs[4];
} f;

/* ---- helpers ---- */

static void signal_change(void)
{
	pthread_mutex_lock(&f.lock);
	pthread_cond_broadcast(&f.changed);
	pthread_mutex_unlock(&f.lock);
}

static void wait_until(_Atomic int *n, int value)
{
	pthread_mutex_lock(&f.lock);
	while (*n < value)
		pthread_cond_wait(&f.changed, &f.lock);
	pthread_mutex_unlock(&f.lock);
	assert_int_equal(*n, value);
}

static void on_complete(struct usb_urb *urb)
{
	((struct done_urb *)urb)->completions++;
	signal_change();
}

static void on_gone(void *ctx)
{
	f.gone++;
	signal_change();
}

static void on_reset(void *ctx, int status)
{
	f.reset_status = status;
	f.resets++;
	signal_change();
}

static int setup(void **state)
{
	struct usbip_device device = { .busnum = 3, .devnum = 7, .speed = USB_SPEED_HIGH_ };
	struct usbip_backend_config config = {
		.device = &device, .gone = on_gone,
	};
	int fds[2];

	log_set_callback(no_log, NULL);
	memset(&f, 0, sizeof(f));
	pthread_mutex_init(&f.lock, NULL);
	pthread_cond_init(&f.changed, NULL);
	peer_pair(fds);
	f.peer = fds[0];
	config.fd = fds[1];
	config.patience_ms = *state ? *(int *)*state : 0;
	return usbip_backend_new(&config, &f.b);
}

static int teardown(void **state)
{
	if (f.b)
		f.b->ops->close(f.b);
	for (int i = 0; i < 4; i++)
		assert_true(f.urbs[i].completions <= 1);
	close(f.peer);
	return 0;
}

/* Transfer i: data in three pieces of memory. */
static struct usb_urb *make_urb(int i, uint8_t ep, bool in, uint32_t length)
{
	struct done_urb *d = &f.urbs[i];
	uint32_t a = length / 3, b = length / 2 - length / 3;

	d->iov[0] = (struct iovec) { d->data, a };
	d->iov[1] = (struct iovec) { d->data + a, b };
	d->iov[2] = (struct iovec) { d->data + a + b, length - a - b };
	d->urb = (struct usb_urb) {
		.ep = ep, .in = in, .length = length, .iov = d->iov, .n_iov = 3,
		.complete = on_complete, .status = -EINPROGRESS,
	};
	return &d->urb;
}

static struct usbip_cmd submit(struct usb_urb *urb)
{
	assert_int_equal(f.b->ops->submit(f.b, urb), 0);
	return peer_read_cmd(f.peer);
}

static struct usbip_ret ret_for(const struct usbip_cmd *cmd, int status, uint32_t actual)
{
	return (struct usbip_ret) {
		.command = VIRTIO_USBIP_RET_SUBMIT, .seq = cmd->seq, .status = status,
		.actual = actual,
	};
}

static void answer(const struct usbip_cmd *cmd, int status, uint32_t actual)
{
	struct usbip_ret ret = ret_for(cmd, status, actual);

	peer_write_ret(f.peer, &ret);
}

static void expect_end(int i, int status, uint32_t actual)
{
	wait_until(&f.urbs[i].completions, 1);
	assert_int_equal(f.urbs[i].urb.status, status);
	assert_int_equal(f.urbs[i].urb.actual, actual);
}

/* ---- transfers ---- */

static void control_requests_have_their_bytes(void **state)
{
	static const uint8_t wire[48] = {
		0, 0, 0, 1, 0, 0, 0, 1, 0, 3, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0,
		0, 0, 2, 0, 0, 0, 0, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0x80, 6, 0, 1, 0, 0, 18, 0,
	};
	static const uint8_t reply[48 + 3] = {
		0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0xaa, 0xbb, 0xcc,
	};
	struct usb_urb *urb = make_urb(0, 0, true, 18);
	uint8_t raw[48];

	memcpy(urb->setup, wire + 40, 8);
	assert_int_equal(f.b->ops->submit(f.b, urb), 0);
	peer_read(f.peer, raw, sizeof(raw));
	assert_memory_equal(raw, wire, sizeof(wire));
	peer_dribble(f.peer, reply, sizeof(reply));
	expect_end(0, 0, 3);
	assert_memory_equal(f.urbs[0].data, "\xaa\xbb\xcc", 4);
}

/* Linux's server looks at the pipe's direction, and warns if it is not that. */
static void control_without_data_goes_out(void **state)
{
	struct usb_urb *urb = make_urb(0, 0, true, 0);
	struct usbip_cmd cmd;

	urb->setup[0] = 0x80;
	cmd = submit(urb);
	assert_int_equal(cmd.direction, VIRTIO_USBIP_DIR_OUT);
	assert_int_equal(cmd.flags & USB_URB_DIR_IN, 0);
	answer(&cmd, 0, 0);
	expect_end(0, 0, 0);
}

static void data_goes_behind_the_command(void **state)
{
	struct usb_urb *urb = make_urb(0, 2, false, 100000);
	static uint8_t got[100000];
	struct usbip_cmd cmd;

	for (int i = 0; i < 100000; i++)
		f.urbs[0].data[i] = i * 7;
	assert_int_equal(f.b->ops->submit(f.b, urb), 0);
	cmd = peer_read_cmd(f.peer);
	assert_int_equal(cmd.length, 100000);
	assert_int_equal(cmd.ep, 2);
	peer_read(f.peer, got, sizeof(got));
	assert_memory_equal(got, f.urbs[0].data, sizeof(got));
	answer(&cmd, -EPIPE, 512);
	expect_end(0, -EPIPE, 512);
}

static void answers_come_in_any_order_and_together(void **state)
{
	struct usbip_cmd cmds[3];
	uint8_t raw[2 * 48 + 5];
	struct usbip_ret ret;

	for (int i = 0; i < 3; i++)
		cmds[i] = submit(make_urb(i, 1, true, 5));
	ret = ret_for(&cmds[2], 0, 5);
	usbip_ret_encode((void *)raw, &ret);
	memcpy(raw + 48, "hello", 5);
	ret = ret_for(&cmds[0], -EPIPE, 0);
	usbip_ret_encode((void *)(raw + 53), &ret);
	peer_write(f.peer, raw, sizeof(raw));
	expect_end(2, 0, 5);
	assert_memory_equal(f.urbs[2].data, "hello", 5);
	expect_end(0, -EPIPE, 0);
	answer(&cmds[1], 0, 0);
	expect_end(1, 0, 0);
}

/* The peer does not read: submit and cancel return nevertheless. */
static void a_slow_peer_blocks_nobody(void **state)
{
	static uint8_t got[256 << 10];
	struct usbip_cmd cmd;

	for (int i = 0; i < 4; i++)
		assert_int_equal(f.b->ops->submit(f.b, make_urb(i, 2, false, 256 << 10)), 0);
	/* Not a byte of the last one can have gone. */
	f.b->ops->cancel(f.b, &f.urbs[3].urb);
	expect_end(3, -ECONNRESET, 0);
	for (int i = 0; i < 3; i++) {
		cmd = peer_read_cmd(f.peer);
		assert_int_equal(cmd.seq, i + 1);
		peer_read(f.peer, got, sizeof(got));
		answer(&cmd, 0, sizeof(got));
		expect_end(i, 0, sizeof(got));
	}
	peer_quiet(f.peer);
}

static void requests_of_the_path_are_not_sent(void **state)
{
	struct usb_urb *urb = make_urb(0, 0, false, 0);
	struct usb_urb *sel = make_urb(1, 0, false, 6);

	urb->setup[1] = 5;
	sel->setup[1] = 0x30;
	assert_int_equal(f.b->ops->submit(f.b, urb), 0);
	assert_int_equal(f.b->ops->submit(f.b, sel), 0);
	expect_end(0, 0, 0);
	expect_end(1, 0, 6);
	peer_quiet(f.peer);
}

static void streams_are_refused(void **state)
{
	struct usb_urb *urb = make_urb(0, 1, true, 5);

	urb->stream_id = 1;
	assert_int_equal(f.b->ops->submit(f.b, urb), -EINVAL);
	assert_null(f.b->ops->alloc_streams);
}

/* ---- unlinking ---- */

static struct usbip_cmd cancel(int i)
{
	f.b->ops->cancel(f.b, &f.urbs[i].urb);
	return peer_read_cmd(f.peer);
}

static void ret_unlink(const struct usbip_cmd *unlink, int status)
{
	struct usbip_ret ret = {
		.command = VIRTIO_USBIP_RET_UNLINK, .seq = unlink->seq, .status = status,
	};

	peer_write_ret(f.peer, &ret);
}

static void a_cancelled_transfer_ends_with_ret_unlink(void **state)
{
	struct usbip_cmd cmd = submit(make_urb(0, 1, true, 512)), unlink = cancel(0);

	assert_int_equal(unlink.command, VIRTIO_USBIP_CMD_UNLINK);
	assert_int_equal(usbip_cmd_victim(&unlink), cmd.seq);
	assert_int_equal(unlink.devid, 3 << 16 | 7);
	f.b->ops->cancel(f.b, &f.urbs[0].urb);	/* again: nothing more */
	assert_int_equal(f.urbs[0].completions, 0);
	ret_unlink(&unlink, -ECONNRESET);
	expect_end(0, -ECONNRESET, 0);
	peer_quiet(f.peer);
}

/* Linux's server drops the data of a transfer that ends while it is unlinked. */
static void an_unlink_without_a_result_is_no_success(void **state)
{
	struct usbip_cmd unlink;

	submit(make_urb(0, 1, true, 512));
	unlink = cancel(0);
	ret_unlink(&unlink, 0);
	expect_end(0, -ECONNRESET, 0);
}

static void a_cancel_that_comes_too_late_changes_nothing(void **state)
{
	struct usbip_cmd cmd = submit(make_urb(0, 1, true, 512)), unlink = cancel(0);
	struct usbip_cmd next;

	answer(&cmd, 0, 2);
	peer_write(f.peer, "ok", 2);
	expect_end(0, 0, 2);
	ret_unlink(&unlink, 0);
	next = submit(make_urb(1, 1, true, 512));
	answer(&next, 0, 0);
	expect_end(1, 0, 0);
	assert_int_equal(f.gone, 0);
}

static void reset_ends_all_and_then_says_so(void **state)
{
	struct usbip_cmd unlinks[2];

	submit(make_urb(0, 1, true, 512));
	submit(make_urb(1, 1, true, 512));
	f.b->ops->reset(f.b, on_reset, NULL);
	unlinks[0] = peer_read_cmd(f.peer);
	unlinks[1] = peer_read_cmd(f.peer);
	ret_unlink(&unlinks[1], -ECONNRESET);
	expect_end(1, -ECONNRESET, 0);
	assert_int_equal(f.resets, 0);
	ret_unlink(&unlinks[0], -ECONNRESET);
	wait_until(&f.resets, 1);
	expect_end(0, -ECONNRESET, 0);
	assert_int_equal(f.reset_status, 0);
	f.b->ops->reset(f.b, on_reset, NULL);
	wait_until(&f.resets, 2);
	peer_quiet(f.peer);
}

static int short_patience = 50;

static void an_unlink_that_nobody_answers_ends_the_connection(void **state)
{
	submit(make_urb(0, 1, true, 512));
	cancel(0);
	wait_until(&f.gone, 1);
	expect_end(0, -ESHUTDOWN, 0);
}

/* ---- isochronous ---- */

static struct usb_urb *make_iso(int i, bool in)
{
	struct usb_urb *urb = make_urb(i, 3, in, 100);
	static const uint32_t places[4][2] = { { 0, 30 }, { 30, 20 }, { 60, 10 }, { 70, 30 } };

	for (int k = 0; k < 4; k++)
		f.urbs[i].iso[k] = (struct usb_iso_packet) { places[k][0], places[k][1], 0, 0 };
	urb->n_iso = 4;
	urb->iso = f.urbs[i].iso;
	return urb;
}

static void answer_iso(const struct usbip_cmd *cmd, const uint32_t actual[4], const char *data,
		       uint32_t len, uint32_t n)
{
	struct usbip_ret ret = ret_for(cmd, 0, len);

	ret.num_packets = n;
	ret.error_count = 1;
	peer_write_ret(f.peer, &ret);
	peer_write(f.peer, data, len);
	for (int i = 0; i < 4; i++) {
		struct usb_iso_packet p = { 0, 0, actual[i], i == 2 ? -EXDEV : 0 };
		struct virtio_usbip_iso_packet raw;

		usbip_iso_encode(&raw, &p);
		peer_write(f.peer, &raw, sizeof(raw));
	}
}

static struct usbip_cmd submit_iso(struct usb_urb *urb)
{
	struct usbip_cmd cmd = submit(urb);
	struct virtio_usbip_iso_packet raw[4];
	static uint8_t data[100];

	assert_int_equal(cmd.num_packets, 4);
	if (!urb->in)
		peer_read(f.peer, data, sizeof(data));
	peer_read(f.peer, raw, sizeof(raw));
	for (int i = 0; i < 4; i++) {
		struct usb_iso_packet p;

		usbip_iso_decode(&p, &raw[i]);
		assert_int_equal(p.offset, urb->iso[i].offset);
		assert_int_equal(p.length, urb->iso[i].length);
	}
	return cmd;
}

static void isochronous_data_is_unpacked(void **state)
{
	static const uint32_t actual[4] = { 2, 0, 3, 1 };
	struct usbip_cmd cmd = submit_iso(make_iso(0, true));

	answer_iso(&cmd, actual, "abcdef", 6, 4);
	expect_end(0, 0, 6);
	assert_memory_equal(f.urbs[0].data, "ab", 3);
	assert_memory_equal(f.urbs[0].data + 60, "cde", 4);
	assert_memory_equal(f.urbs[0].data + 70, "f", 2);
	assert_int_equal(f.urbs[0].iso[2].actual, 3);
	assert_int_equal(f.urbs[0].iso[2].status, -EXDEV);
	assert_int_equal(f.urbs[0].urb.error_count, 1);
}

static void isochronous_data_goes_out_with_its_packets(void **state)
{
	static const uint32_t actual[4] = { 30, 20, 10, 30 };
	struct usbip_cmd cmd = submit_iso(make_iso(0, false));

	answer_iso(&cmd, actual, "", 0, 4);
	expect_end(0, 0, 0);
	assert_int_equal(f.urbs[0].iso[3].actual, 30);
}

/* ---- hostile peers ---- */

static void expect_lost(int i)
{
	wait_until(&f.gone, 1);
	expect_end(i, -ESHUTDOWN, 0);
	assert_int_equal(f.b->ops->submit(f.b, make_urb(3, 1, true, 1)), -ESHUTDOWN);
	f.b->ops->reset(f.b, on_reset, NULL);
	wait_until(&f.resets, 1);
	assert_int_equal(f.reset_status, -ENODEV);
}

static void a_closed_connection_is_a_device_that_left(void **state)
{
	submit(make_urb(0, 1, true, 512));
	shutdown(f.peer, SHUT_RDWR);
	expect_lost(0);
}

static void half_an_answer_is_a_lost_connection(void **state)
{
	struct usbip_cmd cmd = submit(make_urb(0, 1, true, 512));

	answer(&cmd, 0, 512);
	peer_write(f.peer, "half", 4);
	shutdown(f.peer, SHUT_RDWR);
	expect_lost(0);
}

static void an_unknown_answer_ends_the_connection(void **state)
{
	struct usbip_cmd cmd = submit(make_urb(0, 1, true, 512));

	cmd.seq++;
	answer(&cmd, 0, 0);
	expect_lost(0);
}

static void an_answer_twice_ends_the_connection(void **state)
{
	struct usbip_cmd cmd = submit(make_urb(0, 1, true, 512));

	submit(make_urb(1, 1, true, 512));
	answer(&cmd, 0, 0);
	answer(&cmd, 0, 0);
	wait_until(&f.gone, 1);
	expect_end(0, 0, 0);
	expect_end(1, -ESHUTDOWN, 0);
}

/* The socket has room for one of them only. */
static void an_answer_to_what_was_not_sent_ends_the_connection(void **state)
{
	struct usbip_cmd cmd = { .seq = 3 };

	for (int i = 0; i < 3; i++)
		assert_int_equal(f.b->ops->submit(f.b, make_urb(i, 2, false, 256 << 10)), 0);
	answer(&cmd, 0, 0);
	expect_lost(2);
	expect_end(0, -ESHUTDOWN, 0);
}

static void more_data_than_asked_for_ends_the_connection(void **state)
{
	struct usbip_cmd cmd = submit(make_urb(0, 1, true, 512));

	answer(&cmd, 0, 513);
	expect_lost(0);
}

static void a_strange_command_ends_the_connection(void **state)
{
	struct usbip_cmd cmd = submit(make_urb(0, 1, true, 512));
	struct usbip_ret ret = ret_for(&cmd, 0, 0);

	ret.command = VIRTIO_USBIP_CMD_SUBMIT;
	peer_write_ret(f.peer, &ret);
	expect_lost(0);
}

static void an_unlink_that_was_not_asked_for_ends_the_connection(void **state)
{
	struct usbip_cmd cmd = submit(make_urb(0, 1, true, 512));

	ret_unlink(&cmd, -ECONNRESET);
	expect_lost(0);
}

static void wrong_packets_end_the_connection(void **state)
{
	static const uint32_t too_long[4] = { 31, 0, 0, 0 };
	static const uint32_t sum[4] = { 1, 0, 0, 0 };
	static const char data[31];
	struct usbip_cmd cmd = submit_iso(make_iso(0, true));

	switch (*(int *)*state) {
	case 0:
		answer_iso(&cmd, too_long, data, 31, 4);
		break;
	case 1:
		answer_iso(&cmd, sum, data, 2, 4);
		break;
	default:
		answer_iso(&cmd, sum, data, 1, 5);
	}
	expect_lost(0);
}

static int packet_case[3] = { 0, 1, 2 };

/* A peer's number is no errno of ours before it was looked up. */
static void a_strange_status_is_a_protocol_error(void **state)
{
	struct usbip_cmd cmd = submit(make_urb(0, 1, true, 512));
	uint8_t raw[48];
	struct usbip_ret ret = ret_for(&cmd, 0, 0);

	usbip_ret_encode((void *)raw, &ret);
	raw[23] = 77;
	peer_write(f.peer, raw, sizeof(raw));
	expect_end(0, -EPROTO, 0);
}

static void close_ends_what_is_in_flight(void **state)
{
	struct usb_backend *b = f.b;

	submit(make_urb(0, 1, true, 512));
	f.b = NULL;
	b->ops->close(b);
	assert_int_equal(f.urbs[0].completions, 1);
	assert_int_equal(f.urbs[0].urb.status, -ESHUTDOWN);
	assert_int_equal(f.gone, 0);
	peer_wait_closed(f.peer);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TS(name, arg) \
	cmocka_unit_test_prestate_setup_teardown(name, setup, teardown, arg)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(control_requests_have_their_bytes),
		T(control_without_data_goes_out),
		T(data_goes_behind_the_command),
		T(answers_come_in_any_order_and_together),
		T(a_slow_peer_blocks_nobody),
		T(requests_of_the_path_are_not_sent),
		T(streams_are_refused),
		T(a_cancelled_transfer_ends_with_ret_unlink),
		T(an_unlink_without_a_result_is_no_success),
		T(a_cancel_that_comes_too_late_changes_nothing),
		T(reset_ends_all_and_then_says_so),
		TS(an_unlink_that_nobody_answers_ends_the_connection, &short_patience),
		T(isochronous_data_is_unpacked),
		T(isochronous_data_goes_out_with_its_packets),
		T(a_closed_connection_is_a_device_that_left),
		T(half_an_answer_is_a_lost_connection),
		T(an_unknown_answer_ends_the_connection),
		T(an_answer_twice_ends_the_connection),
		T(an_answer_to_what_was_not_sent_ends_the_connection),
		T(more_data_than_asked_for_ends_the_connection),
		T(a_strange_command_ends_the_connection),
		T(an_unlink_that_was_not_asked_for_ends_the_connection),
		TS(wrong_packets_end_the_connection, &packet_case[0]),
		TS(wrong_packets_end_the_connection, &packet_case[1]),
		TS(wrong_packets_end_the_connection, &packet_case[2]),
		T(a_strange_status_is_a_protocol_error),
		T(close_ends_what_is_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
