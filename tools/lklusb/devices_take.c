// SPDX-License-Identifier: GPL-2.0-only
/* Opening a device and taking it, from a driver of the host if that is wanted. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <lkl.h>

#include "broker.h"
#include "devices_i.h"
#include "log.h"
#include "report.h"

#define MASS_STORAGE	8		/* interface class */

static int busy(const struct device *d, const char *driver)
{
	if (*d->used)
		report(REPORT_MOUNT, "device-busy", "%s bound to %s; %s", d->interface, driver,
		       d->used);
	else
		report(REPORT_MOUNT, "device-busy", "%s bound to %s%s%s", d->interface, driver,
		       *d->block ? ", which made /dev/" : "", d->block);
	if (!strcmp(driver, "usbfs"))
		report_hint("another program has it");
	else if (*d->used)
		report_hint("the host has already parsed it; unmount, then add --detach-driver");
	else
		report_hint("--detach-driver takes it from the host, which gets it back at the end");
	return REPORT_MOUNT;
}

static int cannot_open(const struct device *d, int err)
{
	switch (-err) {
	case EACCES:
	case EPERM:
		report(REPORT_MOUNT, "usbfs-access", "%s (%04x:%04x): permission denied", d->node,
		       d->vendor, d->product);
		report_hint("install 70-lklusb.rules, then replug");
		break;
	case ENOENT:
	case ENODEV:
		report(REPORT_MOUNT, "device-missing", "%s (%s) has just gone", d->id, d->node);
		break;
	case ENXIO:
		report(REPORT_MOUNT, "device-type", "%s is no mass-storage device", d->id);
		break;
	case EINVAL:
		report(REPORT_MOUNT, "device-type", "%s: not usbfs, or its descriptors make no sense",
		       d->node);
		break;
	default:
		report(REPORT_MOUNT, "device-open", "%s (%s): %s", d->id, d->node, strerror(-err));
	}
	return REPORT_MOUNT;
}

static int open_fd(const char *source, struct device *d, int *ret_fd)
{
	char *end;
	long n = strtol(source + 3, &end, 10);

	if (end == source + 3 || *end || n < 0 || fcntl(n, F_GETFD) < 0)
		return report(REPORT_USAGE, "usage", "%s: no such open descriptor", source);
	*ret_fd = fcntl(n, F_DUPFD_CLOEXEC, 3);
	if (*ret_fd < 0)
		return cannot_open(d, -errno);
	devices_describe_fd(n, d);
	return 0;
}

static int open_node(const char *source, struct device *d, int *ret_fd)
{
	int status = devices_find(source, d);

	if (status)
		return status;
	*ret_fd = open(d->node, O_RDWR | O_CLOEXEC);
	return *ret_fd < 0 ? cannot_open(d, -errno) : 0;
}

/* Without a node of its own to open (fd:N), our descriptor keeps its rights instead. */
static bool start_guardian(const struct device *d)
{
	const char *number = strrchr(d->interface, '.');
	int fd = open(d->node, O_RDWR | O_CLOEXEC);
	bool guarded = fd >= 0 && number && !broker_guard(fd, strtoul(number + 1, NULL, 10));

	if (fd >= 0)
		close(fd);
	return guarded;
}

/*
 * There was no guardian, and a driver was detached: the broker has our descriptor as well,
 * with its rights, which the sandbox keeps from us.
 */
static void hand_over(struct usb_backend *backend, int fd)
{
	uint32_t detached = usbfs_backend_hand_over(backend);

	if (detached && broker_guard(fd, __builtin_ctz(detached)))
		log_warn("usbfs: the host will not get its driver back");
}

void devices_close(void)
{
	broker_give_back();
}

struct usbfs_config devices_usbfs_config(bool detach, void (*gone)(void *ctx))
{
	return (struct usbfs_config) {
		.fd = -1,
		.give_back_fd = -1,
		.detach = detach,
		.interface_class = MASS_STORAGE,
		.gone = gone,
		.before = lkl_drive_begin,
		.after = lkl_drive_end,
	};
}

int devices_open(const char *source, bool detach, void (*gone)(void *ctx),
		 struct device *ret_device, struct usb_backend **ret_backend)
{
	struct usbfs_config config = devices_usbfs_config(detach, gone);
	char driver[USBFS_DRIVER_NAME];
	struct device d = { 0 };
	int err, status;

	status = !strncmp(source, "fd:", 3) ? open_fd(source, &d, &config.fd) :
					      open_node(source, &d, &config.fd);
	if (status)
		return status;
	/* With a filesystem of the host on it, not even when we are asked to. */
	if (*d.used) {
		close(config.fd);
		return busy(&d, *d.driver ? d.driver : "a driver");
	}
	broker_device(d.id);
	config.others_give_back = detach && *d.driver && start_guardian(&d);
	err = usbfs_backend_new(&config, ret_backend, driver);
	*ret_device = d;
	if (!err) {
		hand_over(*ret_backend, config.fd);
		return 0;
	}
	close(config.fd);
	devices_close();
	return err == -EBUSY ? busy(&d, *driver ? driver : "a driver") : cannot_open(&d, err);
}
