// SPDX-License-Identifier: GPL-2.0-only
/* What the host does with a device's disks: mounts, swap space, anything that holds them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <libudev.h>

#include "devices_i.h"

/* Calls with each mount of this process's namespace that has the device number. */
static bool find_mount(dev_t dev, char *ret_dir, size_t size)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[8192], dir[4096];
	unsigned int maj, min;
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*d %*d %u:%u %*s %4095s", &maj, &min, dir) == 3 &&
		    makedev(maj, min) == dev) {
			snprintf(ret_dir, size, "%.*s", (int)size - 1, dir);
			found = true;
		}
	if (f)
		fclose(f);
	return found;
}

static bool is_swap(const char *node)
{
	FILE *f = fopen("/proc/swaps", "re");
	char line[4096], path[4096];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%4095s", path) == 1 && !strcmp(path, node);
	if (f)
		fclose(f);
	return found;
}

/* Mounts of other namespaces, RAID, device mapper: whoever has it, has it for himself. */
static bool is_held(const char *node)
{
	int fd = open(node, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	bool held = fd < 0 && errno == EBUSY;

	if (fd >= 0)
		close(fd);
	return held;
}

static void look_at_block(struct device *d, struct udev_device *block)
{
	const char *node = udev_device_get_devnode(block);
	char dir[100];

	if (!node)
		return;
	if (!*d->block || strlen(node) - 5 < strlen(d->block))
		snprintf(d->block, sizeof(d->block), "%s", node + 5);	/* /dev/ */
	if (*d->used)
		return;
	if (find_mount(udev_device_get_devnum(block), dir, sizeof(dir)))
		snprintf(d->used, sizeof(d->used), "%.40s mounted on %s", node, dir);
	else if (is_swap(node))
		snprintf(d->used, sizeof(d->used), "%.40s is swap space", node);
	else if (is_held(node))
		snprintf(d->used, sizeof(d->used), "%.40s is in use", node);
}

void devices_look_at_blocks(struct device *d, struct udev_device *usb)
{
	struct udev *udev = udev_device_get_udev(usb);
	struct udev_enumerate *list = udev_enumerate_new(udev);
	struct udev_list_entry *entry;
	struct udev_device *block;

	if (!list)
		return;
	udev_enumerate_add_match_parent(list, usb);
	udev_enumerate_add_match_subsystem(list, "block");
	udev_enumerate_scan_devices(list);
	udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(list)) {
		block = udev_device_new_from_syspath(udev, udev_list_entry_get_name(entry));
		if (block)
			look_at_block(d, block);
		udev_device_unref(block);
	}
	udev_enumerate_unref(list);
}
