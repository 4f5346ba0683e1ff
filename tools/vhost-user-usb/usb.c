// SPDX-License-Identifier: GPL-2.0-only
/* Sysfs alone finds a device: this program has no use for libudev. */
#include "usb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host_driver.h"
#include "log.h"
#include "usbfs_backend.h"

#define SYSFS	"/sys/bus/usb/devices"
#define NODES	"/dev/bus/usb/"

bool usb_named_by(const char *name)
{
	return !strncmp(name, "usb:", 4) || !strncmp(name, "fd:", 3) ||
	       !strncmp(name, NODES, strlen(NODES));
}

int usb_fd(const char *name)
{
	char *end;
	unsigned long n;

	if (strncmp(name, "fd:", 3) || name[3] < '0' || name[3] > '9')
		return -1;
	n = strtoul(name + 3, &end, 10);
	return *end || n > INT_MAX ? -1 : (int)n;
}

/* ---- finding ---- */

/* A number in a file of the device's folder, or -1. */
static int attribute(const char *device, const char *file, int base)
{
	char path[PATH_MAX], text[32] = "";
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), SYSFS "/%s/%s", device, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	return n > 0 ? (int)strtol(text, NULL, base) : -1;
}

static int node_of(const char *device, char node[PATH_MAX])
{
	int bus = attribute(device, "busnum", 10), num = attribute(device, "devnum", 10);

	if (bus < 0 || num < 0)
		return -ENODEV;
	snprintf(node, PATH_MAX, NODES "%03d/%03d", bus, num);
	return 0;
}

static int node_by_ids(int vendor, int product, char node[PATH_MAX])
{
	DIR *dir = opendir(SYSFS);
	const struct dirent *d;
	int err = -ENODEV;

	while (dir && err != -ENOTUNIQ && (d = readdir(dir))) {
		if (attribute(d->d_name, "idVendor", 16) != vendor ||
		    attribute(d->d_name, "idProduct", 16) != product)
			continue;
		err = err ? node_of(d->d_name, node) : -ENOTUNIQ;
	}
	if (dir)
		closedir(dir);
	return err;
}

/* A port path must not lead out of sysfs. */
static int find(const char *name, char node[PATH_MAX])
{
	unsigned int vendor, product;
	char rest;

	if (!strncmp(name, "fd:", 3))
		return -EINVAL;
	if (strncmp(name, "usb:", 4)) {
		snprintf(node, PATH_MAX, "%s", name);
		return 0;
	}
	name += 4;
	if (sscanf(name, "%4x:%4x%c", &vendor, &product, &rest) == 2)
		return node_by_ids(vendor, product, node);
	if (!*name || strspn(name, "0123456789-.") != strlen(name) || *name == '.')
		return -EINVAL;
	return node_of(name, node);
}

/* ---- taking ---- */

static int duplicate(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? -errno : copy;
}

static bool is_of_host(const char *driver)
{
	return strcmp(driver, "usbfs");
}

static int open_node(const char *node)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* By a descriptor of its own, since the other one forsakes its rights. */
static int take_node(const char *name, bool detach, struct usb_taken *taken)
{
	char node[PATH_MAX];
	int err = find(name, node), fd;

	if (err)
		return err;
	fd = open_node(node);
	if (fd < 0)
		return fd;
	if (detach) {
		taken->fd = open_node(node);
		taken->interfaces = host_driver_detach(taken->fd, is_of_host);
	}
	host_driver_forsake(fd);
	return fd;
}

/* There may be no node that can be opened once more. */
static int take_fd(int number, bool detach, struct usb_taken *taken)
{
	int fd = duplicate(number);

	if (fd < 0 || !detach)
		return fd;
	taken->fd = duplicate(number);
	taken->interfaces = host_driver_detach(taken->fd, is_of_host);
	return fd;
}

int usb_take(const char *name, bool detach, int *ret_fd, struct usb_taken *ret_taken)
{
	struct usb_taken taken = { .fd = -1 };
	int number = usb_fd(name);
	int fd = number < 0 ? take_node(name, detach, &taken) :
			      take_fd(number, detach, &taken);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	*ret_taken = taken;
	return 0;
}

void usb_give_back(struct usb_taken *taken)
{
	if (taken->fd < 0)
		return;
	host_driver_give_back(taken->fd, taken->interfaces);
	close(taken->fd);
	taken->fd = -1;
}

/* ---- using ---- */

int usb_open(const char *name, bool detach, int fd, struct usb_backend **ret_backend)
{
	struct usbfs_config config = {
		.fd = fd, .give_back_fd = -1, .others_give_back = true,
		.keep_rights = detach && usb_fd(name) >= 0,
	};
	char driver[USBFS_DRIVER_NAME] = "";
	int err = usbfs_backend_new(&config, ret_backend, driver);

	if (err == -EBUSY)
		log_err("vhost-user-usb: %s: %s has it%s", name, driver,
			detach ? "" : " (option detach takes it)");
	if (err)
		close(fd);
	return err;
}
