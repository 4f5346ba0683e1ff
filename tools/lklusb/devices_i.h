/* SPDX-License-Identifier: GPL-2.0-only */
/* devices_i.h - what the parts of devices.h share. */
#ifndef DEVICES_I_H
#define DEVICES_I_H

#include "devices.h"
#include "usbfs_backend.h"

struct udev_device;

/* Sets what is known of its disks, and what the host uses them for. */
void devices_look_at_blocks(struct device *device, struct udev_device *usb);

/* The one that source names, but for fd:N. Reports; 0 or an exit status. */
int devices_find(const char *source, struct device *ret_device);

/* Of an open descriptor, as much as can be known. */
void devices_describe_fd(int fd, struct device *ret_device);

/* Without a descriptor. */
struct usbfs_config devices_usbfs_config(bool detach, void (*gone)(void *ctx));

#endif
