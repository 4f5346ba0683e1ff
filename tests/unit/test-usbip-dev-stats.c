// SPDX-License-Identifier: GPL-2.0-only
/* What the virtio-usbip device counts. */
#include "usbip_fixture.h"

/* Also of those that are refused, which the backend never had. */
static void transfers_are_counted(void **state)
{
	struct virtio_usbip_cmd_submit cmd;
	struct usbip_dev_stats s;
	struct fixture *f = *state;
	uint64_t sampled = 0;
	uint32_t len;

	for (unsigned int i = 0; i < 32; i++) {
		cmd = bulk(f, i & 1, 512);
		assert_int_equal(run(f->u, BULK, &cmd, NULL), 0);
	}
	fly(f, BULK, 0);
	fly(f, BULK, 1);
	usbip_dev_stats(f->u->dev, &s);
	assert_int_equal(s.urbs, 34);
	assert_int_equal(s.in_flight, 2);
	assert_int_equal(s.most_in_flight, 2);
	assert_int_equal(s.failed, 0);
	assert_int_equal(s.bytes_in, 16 * 512);
	assert_int_equal(s.bytes_out, 16 * 512);
	assert_true(script_complete(f->s) && script_complete(f->s));
	f->s->mode = SCRIPT_REFUSE;
	f->s->status = -EPIPE;
	cmd = bulk(f, true, 512);
	assert_int_equal(reap(f->u, BULK, &len), 0);
	assert_int_equal(reap(f->u, BULK, &len), 1);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), -EPIPE);
	cmd = command(f->u, f->devid + 1, 1, true, 512);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), -ENODEV);
	usbip_dev_stats(f->u->dev, &s);
	assert_int_equal(s.urbs, 35);
	assert_int_equal(s.in_flight, 0);
	assert_int_equal(s.failed, 1);
	assert_int_equal(s.bytes_in, 16 * 512 + 2 * 64);
	for (unsigned int i = 0; i < USBIP_DEV_LATENCIES; i++)
		sampled += s.latency[i];
	assert_int_equal(sampled, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(transfers_are_counted, setup, teardown),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
