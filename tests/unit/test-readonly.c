// SPDX-License-Identifier: GPL-2.0-only
/* The read-only filter over the emulated stick, whose image may be written to. */
#include "uas_host.h"

#include "readonly_filter.h"

#define WRITE_PROTECTED	0x072700
#define SECTOR		512u

static const uint8_t ones[SECTOR] = { 1, 1, 1 };

static void filter(struct fixture *f)
{
	assert_int_equal(readonly_filter_new(f->b, &f->b), 0);
}

static int setup_bot(void **state)
{
	setup(state);
	filter(*state);
	return 0;
}

static int setup_super(void **state)
{
	setup_uas_super(state);
	filter(*state);
	return 0;
}

static int setup_high_uas(void **state)
{
	setup_uas_high(state);
	filter(*state);
	return 0;
}

/* ---- Bulk-Only ---- */

static void reads_pass(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		assert_good(f, true, f->buf, 64 * SECTOR, READ10(8, 64));
		assert_memory_equal(f->buf, f->data + 8 * SECTOR, 64 * SECTOR);
		assert_good(f, false, NULL, 0, TUR);
		assert_good(f, false, NULL, 0, SYNC10);
	}
}

static void writes_are_refused(void **state)
{
	struct fixture *f = *state;

	memcpy(f->buf, ones, SECTOR);
	assert_fails(f, false, f->buf, SECTOR, WRITE10(0, 1), WRITE_PROTECTED);
	assert_int_equal(f->residue, 0);	/* of the REQUEST SENSE */
	assert_int_equal(command(f, false, f->buf, SECTOR, WRITE10(0, 1)), 1);
	assert_int_equal(f->data_status, -EPIPE);
	assert_int_equal(f->residue, SECTOR);
	/* Not asked for, the sense is gone with the next command. */
	assert_good(f, true, f->buf, SECTOR, READ10(0, 1));
	assert_int_equal(sense(f), 0);
	/* Without data, and with data that would come in. */
	assert_fails(f, false, NULL, 0, CDB(0x04, 0, 0, 0, 0, 0), WRITE_PROTECTED);
	assert_fails(f, true, f->buf, SECTOR, CDB(0xa1, 8, 0), WRITE_PROTECTED);
	/* A reading command is not a way to send data. */
	assert_fails(f, false, f->buf, SECTOR, READ10(0, 1), WRITE_PROTECTED);
	assert_good(f, true, f->buf, SECTOR, READ10(0, 1));
	assert_file(f, 0, f->data, SIZE);
}

/* Every command there is, with and without data. */
static void nothing_writes(void **state)
{
	struct fixture *f = *state;

	for (unsigned int op = 0; op < 256; op++)
		for (uint32_t len = 0; len <= SECTOR; len += SECTOR) {
			uint8_t cdb[16] = { op, [8] = 1, [13] = 1 };

			memcpy(f->buf, ones, SECTOR);
			if (op == 0x1b || op == 0x1e)
				continue;	/* eject */
			command(f, false, len ? f->buf : NULL, len, cdb, sizeof(cdb));
			assert_true(len == 0 || f->data_status == -EPIPE);
		}
	assert_file(f, 0, f->data, SIZE);
}

static void write_protection_is_shown(void **state)
{
	struct fixture *f = *state;

	assert_good(f, true, f->buf, 192, CDB(0x1a, 0, 0x3f, 0, 192, 0));
	assert_int_equal(f->buf[2] & 0x80, 0x80);
	assert_good(f, true, f->buf, 192, CDB(0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 192, 0));
	assert_int_equal(f->buf[3] & 0x80, 0x80);
	assert_good(f, true, f->buf, SECTOR, READ10(0, 1));
	assert_memory_equal(f->buf, f->data, SECTOR);
}

static void what_is_no_command_goes_nowhere(void **state)
{
	struct fixture *f = *state;
	uint8_t cbw[CBW + 1];

	put_cbw(f, cbw, true, SECTOR, READ10(0, 1));
	assert_int_equal(bulk(f, false, cbw, CBW - 1), -EPIPE);
	assert_int_equal(bulk(f, false, cbw, CBW + 1), -EPIPE);
	assert_int_equal(bulk(f, false, f->data, SECTOR), -EPIPE);
	assert_int_equal(bulk(f, false, NULL, 0), -EPIPE);
	cbw[0] = 'u';
	assert_int_equal(bulk(f, false, cbw, CBW), -EPIPE);
	/* The stick saw nothing of it. */
	assert_good(f, true, f->buf, SECTOR, READ10(0, 1));
}

static void requests(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[18];

	assert_int_equal(control(f, 0x80, USB_REQ_GET_DESCRIPTOR, 0x100, 0, buf, 18), 0);
	assert_int_equal(control(f, 0xa1, 0xfe, 0, 0, buf, 1), 0);
	assert_int_equal(control(f, 0x00, 0x07, 0x100, 0, buf, 18), -EPIPE);
	assert_int_equal(control(f, 0x40, 0x01, 0, 0, NULL, 0), -EPIPE);
	assert_int_equal(control(f, 0xc0, 0x01, 0, 0, buf, 1), -EPIPE);
	assert_int_equal(control(f, 0x22, 0xff, 0, 0, NULL, 0), -EPIPE);
	/* In the middle of a refused command. */
	send_cbw(f, true, SECTOR, CDB(0xa1, 8, 0));
	assert_int_equal(bot_reset(f), 0);
	assert_int_equal(clear_halt(f, true), 0);
	assert_int_equal(clear_halt(f, false), 0);
	assert_good(f, true, f->buf, SECTOR, READ10(0, 1));
}

/* ---- UAS ---- */

static void uas_writes_are_refused(void **state)
{
	struct fixture *f = *state;
	struct task t;

	for (unsigned int i = 0; i < 600; i++) {
		memcpy(f->buf, ones, SECTOR);
		uas_fails(f, false, f->buf, SECTOR, WRITE10(0, 1), WRITE_PROTECTED);
		uas_good(f, true, f->buf, 8 * SECTOR, READ10(8, 8));
		assert_memory_equal(f->buf, f->data + 8 * SECTOR, 8 * SECTOR);
	}
	assert_int_equal(uas_tag(f, &t, 9, false, NULL, 0, CDB(0x04, 0, 0, 0, 0, 0)),
			 CHECK_CONDITION);
	assert_file(f, 0, f->data, SIZE);
}

static void uas_commands_side_by_side(void **state)
{
	struct fixture *f = *state;
	struct task t[8];

	for (unsigned int i = 0; i < 8; i++)
		start_task(f, &t[i], i + 1, false, NULL, 0,
			   (const uint8_t[16]){ i & 1 ? 0x04 : 0x00 }, 6);
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(get_status_iu(&t[i]), i & 1 ? CHECK_CONDITION : GOOD);
		assert_int_equal(t[i].sense, i & 1 ? WRITE_PROTECTED : 0);
		wait_xfer(&t[i].command);
	}
}

static void uas_what_is_no_command_goes_nowhere(void **state)
{
	struct fixture *f = *state;
	struct task t;
	struct xfer x;

	xfer_init(f, &x, EP_OUT, false, f->data, SECTOR);
	x.urb.stream_id = streams ? 1 : 0;
	submit(&x);
	assert_int_equal(wait_xfer(&x), -EPIPE);
	/* A CDB that is longer than the IU that is looked at. */
	task_init(&t, 1);
	t.iu[0] = 1;
	t.iu[3] = 1;
	t.iu[6] = 4 << 2;
	t.iu[16] = 0x28;
	post_iu(f, &t, 32);
	assert_int_equal(wait_xfer(&t.command), -EPIPE);
	post_iu(f, &t, 36);
	assert_int_equal(wait_xfer(&t.command), -EPIPE);
	uas_good(f, true, f->buf, SECTOR, READ10(0, 1));
}

/* ---- the URBs ---- */

static void cancels_reach_the_device(void **state)
{
	struct fixture *f = *state;
	uint8_t csw[CSW];
	struct xfer x;

	for (int i = 0; i < 50; i++) {
		xfer_init(f, &x, EP_IN, true, csw, sizeof(csw));
		submit(&x);
		f->b->ops->cancel(f->b, &x.urb);
		assert_int_equal(wait_xfer(&x), -ECONNRESET);
		f->b->ops->cancel(f->b, &x.urb);
		assert_int_equal(n_done(&x), 1);
	}
	assert_good(f, true, f->buf, SECTOR, READ10(0, 1));
}

/* What goes out is a copy, in the URB for so long. */
static void urbs_come_back_as_they_were(void **state)
{
	struct fixture *f = *state;
	uint8_t cbw[CBW];
	struct xfer x;

	put_cbw(f, cbw, false, 0, TUR);
	xfer_init(f, &x, EP_OUT, false, cbw, sizeof(cbw));
	submit(&x);
	assert_int_equal(wait_xfer(&x), 0);
	assert_ptr_equal(x.urb.iov, x.iov);
	assert_int_equal(x.urb.n_iov, 1);
	assert_ptr_equal(x.iov[0].iov_base, cbw);
	assert_int_equal(x.urb.actual, sizeof(cbw));
}

#define BOT(name) cmocka_unit_test_setup_teardown(name, setup_bot, teardown)
#define UAS(name) cmocka_unit_test_setup_teardown(name, setup_super, teardown), \
		  cmocka_unit_test_setup_teardown(name, setup_high_uas, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOT(reads_pass),
		BOT(writes_are_refused),
		BOT(nothing_writes),
		BOT(write_protection_is_shown),
		BOT(what_is_no_command_goes_nowhere),
		BOT(requests),
		UAS(uas_writes_are_refused),
		UAS(uas_commands_side_by_side),
		UAS(uas_what_is_no_command_goes_nowhere),
		BOT(cancels_reach_the_device),
		BOT(urbs_come_back_as_they_were),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
