/* SPDX-License-Identifier: GPL-2.0-only */
/* devices_i.h - what the parts of devices.h share. */
#ifndef DEVICES_I_H
#define DEVICES_I_H

#include "devices.h"
#include "usbfs_backend.h"

/* Without a descriptor. */
struct usbfs_config devices_usbfs_config(bool detach, void (*gone)(void *ctx));

#endif
