// SPDX-License-Identifier: GPL-2.0-only
/* Claiming a device and giving it back. */
#include "usbfs_fixture.h"

/* ---- claiming and giving back ---- */

static void claims_then_drops_its_rights(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(try_open(f), 0);
	assert_int_equal(f->b->speed, USB_SPEED_HIGH_);
	assert_string_equal(events(f), "CP");
	close_backend(f);
	assert_string_equal(events(f), "CPR");
	assert_int_equal(f->fake.n_closed, 1);
	assert_false(f->fake.connected_back);
}

static void a_driver_of_the_host_is_not_touched(void **state)
{
	struct fixture *f = *state;
	char driver[USBFS_DRIVER_NAME];

	strcpy(f->fake.driver, "usb-storage");
	assert_int_equal(usbfs_backend_new(&f->config, &f->b, driver), -EBUSY);
	assert_string_equal(driver, "usb-storage");
	assert_string_equal(events(f), "C");
	assert_string_equal(f->fake.driver, "usb-storage");
	assert_int_equal(f->fake.n_closed, 0);
}

static void another_program_keeps_it(void **state)
{
	struct fixture *f = *state;
	char driver[USBFS_DRIVER_NAME];

	f->config.detach = true;
	strcpy(f->fake.driver, "usbfs");
	assert_int_equal(usbfs_backend_new(&f->config, &f->b, driver), -EBUSY);
	assert_string_equal(driver, "usbfs");
	assert_string_equal(events(f), "C");
}

static void a_detached_driver_comes_back(void **state)
{
	struct fixture *f = *state;

	f->config.detach = true;
	f->config.give_back_fd = FAKE_GIVE_FD;
	strcpy(f->fake.driver, "usb-storage");
	assert_int_equal(try_open(f), 0);
	assert_string_equal(events(f), "CDP");
	close_backend(f);
	assert_string_equal(events(f), "CDPRG");
	assert_true(f->fake.connected_back);
	assert_int_equal(f->fake.n_closed, 2);
}

/* Without a second descriptor the rights are needed to give the driver back. */
static void rights_are_kept_for_giving_back(void **state)
{
	struct fixture *f = *state;

	f->config.detach = true;
	strcpy(f->fake.driver, "uas");
	assert_int_equal(try_open(f), 0);
	close_backend(f);
	assert_string_equal(events(f), "CDRG");
	assert_true(f->fake.connected_back);
}

static void others_may_give_back(void **state)
{
	struct fixture *f = *state;

	f->config.detach = true;
	f->config.others_give_back = true;
	strcpy(f->fake.driver, "uas");
	assert_int_equal(try_open(f), 0);
	close_backend(f);
	assert_string_equal(events(f), "CDPR");
}

static void refused_devices(void **state)
{
	struct fixture *f = *state;

	f->config.interface_class = 7;
	assert_int_equal(try_open(f), -ENXIO);
	f->config.interface_class = 8;
	f->fake.fail_request = USBDEVFS_GET_CAPABILITIES;
	f->fake.fail_request_with = -ENOTTY;
	assert_int_equal(try_open(f), -EINVAL);
	f->fake.fail_request_with = -EPERM;
	assert_int_equal(try_open(f), -EACCES);
	f->fake.fail_request = USBDEVFS_DISCONNECT_CLAIM;
	f->fake.fail_request_with = -ENODEV;
	f->config.detach = true;
	strcpy(f->fake.driver, "uas");
	assert_int_equal(try_open(f), -ENODEV);
	f->fake.fail_request = 0;
	f->fake.unplugged = true;
	assert_int_equal(try_open(f), -ENODEV);
	assert_int_equal(f->fake.n_closed, 0);
}

/* Only the host's answer tells; the setting is what it was afterwards. */
static void streams_are_tried_at_the_start(void **state)
{
	struct fixture *f = *state;

	memcpy(f->fake.descriptors, fake_uas_descriptors, sizeof(fake_uas_descriptors));
	f->fake.descriptors_len = sizeof(fake_uas_descriptors);
	f->fake.speed = USB_SPEED_SUPER_;
	assert_int_equal(try_open(f), 0);
	assert_int_equal(usbfs_backend_streams(f->b), 256);
	assert_string_equal(events(f), "CIAFIP");
	assert_memory_equal(f->fake.last_stream_eps, "\x83\x81", 2);
	assert_int_equal(f->fake.n_stream_eps, 2);
	close_backend(f);

	f->fake.fail_request = USBDEVFS_ALLOC_STREAMS;
	f->fake.fail_request_with = -EINVAL;
	assert_int_equal(try_open(f), 0);
	assert_int_equal(usbfs_backend_streams(f->b), 0);
	close_backend(f);
	f->fake.fail_request = USBDEVFS_SETINTERFACE;
	assert_int_equal(try_open(f), 0);
	assert_int_equal(usbfs_backend_streams(f->b), 0);
	close_backend(f);
	f->fake.fail_request = 0;
	f->fake.speed = USB_SPEED_HIGH_;
	assert_int_equal(try_open(f), 0);
	assert_int_equal(usbfs_backend_streams(f->b), 0);
}

/* Of every length, and with every byte wrong: refused or not, but not misread. */
static int open_damaged(struct fixture *f, const uint8_t *desc, size_t size)
{
	static const uint8_t bytes[] = { 0, 1, 2, 8, 255 };
	int opened = 0;

	memcpy(f->fake.descriptors, desc, size);
	for (size_t len = 0; len <= size; len++) {
		f->fake.descriptors_len = len;
		opened += !try_open(f);
		close_backend(f);
	}
	f->fake.descriptors_len = size;
	for (size_t i = 0; i < size; i++)
		for (size_t v = 0; v < sizeof(bytes); v++) {
			f->fake.descriptors[i] = bytes[v];
			opened += !try_open(f);
			close_backend(f);
			f->fake.descriptors[i] = desc[i];
		}
	return opened;
}

static void hostile_descriptors(void **state)
{
	struct fixture *f = *state;
	int opened;

	opened = open_damaged(f, fake_descriptors, sizeof(fake_descriptors));
	assert_in_range(opened, 30, 1000);
	f->fake.speed = USB_SPEED_SUPER_;
	opened = open_damaged(f, fake_uas_descriptors, sizeof(fake_uas_descriptors));
	assert_in_range(opened, 30, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(claims_then_drops_its_rights),
		TEST(a_driver_of_the_host_is_not_touched),
		TEST(another_program_keeps_it),
		TEST(a_detached_driver_comes_back),
		TEST(rights_are_kept_for_giving_back),
		TEST(others_may_give_back),
		TEST(refused_devices),
		TEST(streams_are_tried_at_the_start),
		TEST(hostile_descriptors),
	};

	log_set_level(LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
