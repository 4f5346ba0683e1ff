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

#include "log.h"
#include "usbfs_backend.h"

#define SYSFS	"/sys/bus/usb/devices"
#define NODES	"/dev/bus/usb/"

bool usb_named_by(const char *name)
{
	return !strncmp(name, "usb:", 4) || !strncmp(name, "fd:", 3) ||
	       !strncmp(name, NODES, strlen(NODES));
}

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

static int open_fd(const char *text, struct usbfs_config *config)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n > INT_MAX)
		return -EINVAL;
	config->fd = fcntl(n, F_DUPFD_CLOEXEC, 3);
	return config->fd < 0 ? -errno : 0;
}

static int open_node(const char *name, struct usbfs_config *config)
{
	char node[PATH_MAX];
	int err = find(name, node);

	if (err)
		return err;
	config->fd = open(node, O_RDWR | O_CLOEXEC);
	if (config->fd < 0)
		return -errno;
	if (config->detach)
		config->give_back_fd = open(node, O_RDWR | O_CLOEXEC);
	return 0;
}

int usb_open(const char *name, bool detach, struct usb_backend **ret_backend)
{
	struct usbfs_config config = { .fd = -1, .give_back_fd = -1, .detach = detach };
	char driver[USBFS_DRIVER_NAME] = "";
	int err = strncmp(name, "fd:", 3) ? open_node(name, &config) :
					    open_fd(name + 3, &config);

	if (err)
		return err;
	err = usbfs_backend_new(&config, ret_backend, driver);
	if (!err)
		return 0;
	if (err == -EBUSY)
		log_err("vhost-user-usb: %s: %s has it%s", name, driver,
			detach ? "" : " (option detach takes it)");
	close(config.fd);
	if (config.give_back_fd >= 0)
		close(config.give_back_fd);
	return err;
}
