// SPDX-License-Identifier: GPL-2.0-only
/* Transfers: data, statuses, and pieces where the host's limits need them. */
#include "usbfs_fixture.h"

/* ---- data ---- */

static void contiguous_data_is_not_copied(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = malloc(MIB);
	struct xfer x;

	f->fake.by_itself = true;
	init_xfer(&x, EP_IN, true, buf, MIB);
	/* Pieces that touch are one. */
	x.iov[0].iov_len = 4096;
	x.iov[1] = (struct iovec) { buf + 4096, 0 };
	x.iov[2] = (struct iovec) { buf + 4096, MIB };
	x.urb.n_iov = 3;
	assert_int_equal(run(f, &x), 0);
	assert_int_equal(x.urb.actual, MIB);
	assert_ptr_equal(f->fake.last_buffer, buf);
	assert_int_equal(f->fake.n_submits, 1);
	for (uint32_t i = 0; i < MIB; i++)
		assert_int_equal(buf[i], fake_byte(i));
	free(buf);
}

static void scattered_data_is_gathered(void **state)
{
	struct fixture *f = *state;
	uint8_t a[3] = { 1, 2, 3 }, b[40], c[5] = { 6, 7, 8, 9, 10 };
	struct xfer x;

	f->fake.by_itself = true;
	init_xfer(&x, EP_OUT, false, a, 8);
	x.iov[0].iov_len = 3;
	x.iov[1] = (struct iovec) { c, 5 };
	x.urb.n_iov = 2;
	assert_int_equal(run(f, &x), 0);
	assert_memory_equal(f->fake.last_out, "\1\2\3\6\7\10\11\12", 8);

	memset(b, 0xee, sizeof(b));
	f->fake.short_after = 6;
	init_xfer(&x, EP_IN, true, a, 8);
	x.iov[0].iov_len = 3;
	x.iov[1] = (struct iovec) { b, 40 };
	x.urb.n_iov = 2;
	assert_int_equal(run(f, &x), 0);
	assert_int_equal(x.urb.actual, 6);
	for (int i = 0; i < 3; i++)
		assert_int_equal(a[i], fake_byte(i));
	for (int i = 0; i < 3; i++)
		assert_int_equal(b[i], fake_byte(3 + i));
	assert_int_equal(b[3], 0xee);
}

static void empty_transfers(void **state)
{
	struct fixture *f = *state;
	struct xfer x;

	f->fake.by_itself = true;
	init_xfer(&x, EP_OUT, false, NULL, 0);
	x.urb.n_iov = 0;
	assert_int_equal(run(f, &x), 0);
	init_xfer(&x, EP_IN, true, NULL, 0);
	assert_int_equal(run(f, &x), 0);
	init_xfer(&x, EP_IN, true, NULL, 0);
	x.urb.n_iso = 1;
	assert_int_equal(f->b->ops->submit(f->b, &x.urb), -EINVAL);
	assert_int_equal(x.n_done, 0);
}

static void control_transfers(void **state)
{
	struct fixture *f = *state;
	static const uint8_t get[8] = { 0x80, 6, 0, 1, 0, 0, 18, 0 };
	static const uint8_t set[8] = { 0x21, 9, 0, 2, 0, 0, 4, 0 };
	uint8_t buf[18];
	struct xfer x;

	f->fake.by_itself = true;
	f->fake.short_after = 8;
	init_control(&x, get, buf);
	assert_int_equal(run(f, &x), 0);
	assert_int_equal(x.urb.actual, 8);
	assert_memory_equal(f->fake.last_setup, get, 8);
	assert_int_equal(buf[7], fake_byte(7));
	memcpy(buf, "wxyz", 4);
	assert_int_equal(run_control(f, set, buf), 0);
	assert_memory_equal(f->fake.last_out, "wxyz", 4);
}

static void statuses(void **state)
{
	struct fixture *f = *state;
	static const int same[] = { -EPIPE, -EPROTO, -EILSEQ, -EOVERFLOW, -ETIME, -ESHUTDOWN };
	static const int refusals[] = { -ENOENT, -EBUSY, -ENOSPC, -EINVAL, -ESHUTDOWN };
	uint8_t buf[64];
	struct xfer x;

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		init_xfer(&x, EP_IN, true, buf, 64);
		submit(f, &x);
		fake_end_first(&f->fake, 1, same[i], 13);
		assert_int_equal(wait_xfer(&x), same[i]);
		assert_int_equal(x.urb.actual, 13);
	}
	/* Killed by the host, not by us. */
	init_xfer(&x, EP_IN, true, buf, 64);
	submit(f, &x);
	fake_end_first(&f->fake, 1, -ENOENT, 0);
	assert_int_equal(wait_xfer(&x), -ECONNRESET);
	/* A host that lies about lengths. */
	init_xfer(&x, EP_OUT, false, buf, 64);
	submit(f, &x);
	fake_end_first(&f->fake, 1, 0, 1000);
	assert_int_equal(wait_xfer(&x), 0);
	assert_int_equal(x.urb.actual, 64);
	/* What the host does not take; the next goes on. */
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		f->fake.fail_submits = 1;
		f->fake.fail_with = refusals[i];
		init_xfer(&x, EP_IN, true, buf, 64);
		assert_int_equal(run(f, &x), refusals[i]);
		assert_int_equal(x.urb.actual, 0);
		init_xfer(&x, EP_OUT, false, buf, 64);
		submit(f, &x);
		fake_end_first(&f->fake, 1, 0, 64);
		assert_int_equal(wait_xfer(&x), 0);
	}
}

static void flags(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[512];
	struct xfer x;

	f->fake.by_itself = true;
	f->fake.short_after = 100;
	init_xfer(&x, EP_IN, true, buf, 512);
	x.urb.flags = USB_URB_SHORT_NOT_OK | USB_URB_DIR_IN | USB_URB_NO_INTERRUPT;
	assert_int_equal(run(f, &x), -EREMOTEIO);
	assert_int_equal(x.urb.actual, 100);
	assert_int_equal(f->fake.last_flags, USBDEVFS_URB_SHORT_NOT_OK);
	init_xfer(&x, EP_OUT, false, buf, 512);
	x.urb.flags = USB_URB_ZERO_PACKET;
	x.urb.stream_id = 5;
	assert_int_equal(run(f, &x), 0);
	assert_int_equal(f->fake.last_flags, USBDEVFS_URB_ZERO_PACKET);
	assert_int_equal(f->fake.last_stream, 5);
}

static void streams(void **state)
{
	struct fixture *f = *state;
	static const uint8_t eps[] = { 0x81, 0x02 };

	assert_int_equal(f->b->ops->alloc_streams(f->b, eps, 2, 16), 16);
	assert_int_equal(f->b->ops->free_streams(f->b, eps, 2), 0);
	assert_string_equal(events(f), "CPAF");
}

/* ---- pieces ---- */

static void without_scatter_lists_there_are_pieces(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = calloc(1, MIB);
	struct xfer x[2];

	f->fake.caps = USBDEVFS_CAP_NO_PACKET_SIZE_LIM;
	assert_int_equal(try_open(f), 0);
	f->fake.by_itself = true;
	init_xfer(&x[0], EP_OUT, false, buf, MIB);
	x[0].urb.flags = USB_URB_ZERO_PACKET;
	assert_int_equal(run(f, &x[0]), 0);
	assert_int_equal(x[0].urb.actual, MIB);
	assert_int_equal(f->fake.n_submits, 16);
	assert_int_equal(f->fake.last_flags, USBDEVFS_URB_ZERO_PACKET);

	/* A short packet ends it, and what follows it gets nothing of it. */
	f->fake.by_itself = false;
	init_xfer(&x[0], EP_IN, true, buf, MIB);
	init_xfer(&x[1], EP_IN, true, buf, 13);
	submit(f, &x[0]);
	submit(f, &x[1]);
	fake_end_first(&f->fake, 1, 0, 64 << 10);
	fake_end_first(&f->fake, 1, 0, 1000);
	assert_int_equal(wait_xfer(&x[0]), 0);
	assert_int_equal(x[0].urb.actual, (64 << 10) + 1000);
	fake_end_first(&f->fake, 1, 0, 13);
	assert_int_equal(wait_xfer(&x[1]), 0);
	assert_int_equal(x[1].urb.actual, 13);
	assert_int_equal(f->fake.max_flying, 1);
	free(buf);
}

static void little_memory_means_pieces(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = malloc(4 * MIB);
	struct xfer x;

	f->fake.by_itself = true;
	f->fake.memory = MIB;
	init_xfer(&x, EP_IN, true, buf, 4 * MIB);
	assert_int_equal(run(f, &x), 0);
	assert_int_equal(x.urb.actual, 4 * MIB);
	f->fake.memory = 20000;
	init_xfer(&x, EP_OUT, false, buf, MIB);
	assert_int_equal(run(f, &x), 0);
	assert_int_equal(x.urb.actual, MIB);
	free(buf);
}

/* Queue depth 32 of 1 MiB over 1 MiB of the host's: slow, but no errors. */
static void deep_queues_over_little_memory(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = malloc(MIB);
	struct xfer x[32];

	f->fake.by_itself = true;
	f->fake.memory = MIB;
	for (int i = 0; i < 32; i++) {
		init_xfer(&x[i], i & 1 ? EP_IN : EP_OUT, i & 1, buf, MIB);
		submit(f, &x[i]);
	}
	for (int i = 0; i < 32; i++) {
		assert_int_equal(wait_xfer(&x[i]), 0);
		assert_int_equal(x[i].urb.actual, MIB);
	}
	free(buf);
}

/* Others use it up: nothing of ours is in flight whose end would free some. */
static void no_memory_is_waited_for(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[512];
	struct xfer x, y;

	f->fake.by_itself = true;
	f->fake.fail_submits = 5;
	f->fake.fail_with = -ENOMEM;
	init_xfer(&x, EP_OUT, false, buf, 31);
	init_xfer(&y, EP_OUT, false, buf, 512);
	submit(f, &x);
	submit(f, &y);
	assert_int_equal(wait_xfer(&x), 0);
	assert_int_equal(wait_xfer(&y), 0);
	/* One that waits can be cancelled. */
	f->fake.fail_submits = 1000000;
	init_xfer(&x, EP_OUT, false, buf, 31);
	submit(f, &x);
	f->b->ops->cancel(f->b, &x.urb);
	assert_int_equal(wait_xfer(&x), -ECONNRESET);
	init_xfer(&x, EP_OUT, false, buf, 31);
	submit(f, &x);
	close_backend(f);
	assert_int_equal(wait_xfer(&x), -ESHUTDOWN);
}

static void a_cancel_between_pieces(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = malloc(MIB);
	struct xfer x;

	f->fake.caps = 0;
	assert_int_equal(try_open(f), 0);
	init_xfer(&x, EP_IN, true, buf, MIB);
	submit(f, &x);
	fake_end_first(&f->fake, 1, 0, 16 << 10);
	fake_wait_flying(&f->fake, 1);
	f->b->ops->cancel(f->b, &x.urb);
	assert_int_equal(wait_xfer(&x), -ECONNRESET);
	assert_int_equal(x.urb.actual, 16 << 10);
	free(buf);
}

static void streams_do_not_wait_for_each_other(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = malloc(MIB);
	struct xfer x, y;

	f->fake.caps = 0;
	assert_int_equal(try_open(f), 0);
	init_xfer(&x, EP_IN, true, buf, MIB);
	x.urb.stream_id = 1;
	init_xfer(&y, EP_IN, true, buf, 512);
	y.urb.stream_id = 2;
	submit(f, &x);
	submit(f, &y);
	fake_wait_flying(&f->fake, 2);
	close_backend(f);
	assert_int_equal(wait_xfer(&x), -ESHUTDOWN);
	assert_int_equal(wait_xfer(&y), -ESHUTDOWN);
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_OPEN(contiguous_data_is_not_copied),
		TEST_OPEN(scattered_data_is_gathered),
		TEST_OPEN(empty_transfers),
		TEST_OPEN(control_transfers),
		TEST_OPEN(statuses),
		TEST_OPEN(flags),
		TEST_OPEN(streams),
		TEST(without_scatter_lists_there_are_pieces),
		TEST_OPEN(little_memory_means_pieces),
		TEST_OPEN(deep_queues_over_little_memory),
		TEST_OPEN(no_memory_is_waited_for),
		TEST(a_cancel_between_pieces),
		TEST(streams_do_not_wait_for_each_other),
	};

	log_set_level(LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
