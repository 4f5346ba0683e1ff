/* SPDX-License-Identifier: GPL-2.0-only */
/* devices.h - USB mass-storage devices of the host: which there are, opening one. */
#ifndef DEVICES_H
#define DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "usb_backend.h"

struct device {
	char id[64];			/* path of ports: 1-1.3 */
	char node[64];			/* /dev/bus/usb/001/007 */
	uint16_t vendor, product;
	char serial[128], name[128];	/* as the device says, or empty */
	char driver[32];		/* of the host, or empty */
	char interface[72];		/* the one with the driver, or the first: 1-1.3:1.0 */
	char block[32];			/* the host's first block device of it, or empty */
	char used[160];			/* what the host uses it for, or empty */
	int access;			/* 0, or why it may not be opened: -errno */
};

/* Whether source names a USB device: usb:..., /dev/bus/usb/..., fd:N. */
bool devices_named_by(const char *source);

/*
 * What all call the device that source names: the port that it is on. False: there is
 * none, or not just one.
 */
bool devices_identity(const char *source, char *ret, size_t size);

/* Calls fn for each; stops at the first result that is not 0. -ENOMEM. */
int devices_each(int (*fn)(void *ctx, const struct device *device), void *ctx);

/* The one on this path of ports; false: there is none. */
bool devices_by_id(const char *id, struct device *ret);

/* Prints them all. An exit status. */
int devices_print(bool json);

/*
 * Takes the device. detach: from a driver of the host, too, but never while the host
 * uses what is on it. gone is called once if it is pulled, on another thread.
 * Reports; 0 or an exit status.
 */
int devices_open(const char *source, bool detach, void (*gone)(void *ctx),
		 struct device *ret_device, struct usb_backend **ret_backend);

/*
 * The device left by itself, as some do after a reset, and may come back: waits for the
 * same one on the same port, and takes it as devices_open did. False if it does not come,
 * or another one does, or it cannot be taken; that is logged.
 */
bool devices_reopen(const struct device *device, void (*gone)(void *ctx),
		    struct usb_backend **ret_backend);

/*
 * In the broker: its node, once, without the right to attach and detach drivers; those of
 * the host were detached if that is wanted, and will get it back. -EEXIST: there is
 * another one (ids, serial number) on its port now.
 */
int devices_take_again(const struct device *device, bool detach, int *ret_fd);

/* After the backend was closed: the host has its driver back when this returns. */
void devices_close(void);

#endif
