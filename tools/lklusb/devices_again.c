// SPDX-License-Identifier: GPL-2.0-only
/* A device that left and came back, on both sides of the sandbox. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker.h"
#include "devices_i.h"
#include "guardian.h"
#include "host_driver.h"
#include "log.h"

#define REOPEN_TRIES	100
#define REOPEN_TRY_US	50000

/* ---- in the broker ---- */

static bool is_same(const struct device *a, const struct device *b)
{
	return a->vendor == b->vendor && a->product == b->product &&
	       !strcmp(a->serial, b->serial);
}

static bool is_of_storage(const char *driver)
{
	return !strcmp(driver, "usb-storage") || !strcmp(driver, "uas");
}

static void detach_drivers(const struct device *d, int fd)
{
	const char *number = strrchr(d->interface, '.');

	if (host_driver_detach(fd, is_of_storage) && number)
		guardian_guard(open(d->node, O_RDWR | O_CLOEXEC),
			       strtoul(number + 1, NULL, 10));
}

int devices_take_again(const struct device *device, bool detach, int *ret_fd)
{
	struct device now;
	int fd;

	if (!devices_by_id(device->id, &now))
		return -ENODEV;
	if (!is_same(device, &now))
		return -EEXIST;
	if (*now.used)
		return -EBUSY;
	fd = open(now.node, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (detach)
		detach_drivers(&now, fd);
	/* Which interfaces will be claimed the backend finds out. */
	host_driver_forsake(fd);
	*ret_fd = fd;
	return 0;
}

/* ---- in the sandbox ---- */

static int take(void (*gone)(void *ctx), struct usb_backend **ret_backend)
{
	struct usbfs_config config = devices_usbfs_config(false, gone);
	char driver[USBFS_DRIVER_NAME];
	int err = broker_reopen(&config.fd);

	if (!err)
		err = usbfs_backend_new(&config, ret_backend, driver);
	if (err && config.fd >= 0)
		close(config.fd);
	return err;
}

/*
 * The node may still be the old one, whose rights udev has yet to set on the new; the
 * host's drivers may be busy with it for a moment.
 */
bool devices_reopen(const struct device *device, void (*gone)(void *ctx),
		    struct usb_backend **ret_backend)
{
	int err = -ENODEV;

	for (int i = 0; i < REOPEN_TRIES; i++) {
		err = take(gone, ret_backend);
		if (!err)
			return true;
		if (err == -EEXIST) {
			log_warn("%s: another device came", device->id);
			return false;
		}
		usleep(REOPEN_TRY_US);
	}
	log_warn("%s does not come back: %s", device->id, strerror(-err));
	return false;
}
