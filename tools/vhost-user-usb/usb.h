/* SPDX-License-Identifier: GPL-2.0-only */
/* usb.h - USB devices of the host, named as for lklusb; of any class. */
#ifndef USB_H
#define USB_H

#include "usb_backend.h"

/* usb:VID:PID, usb:BUS-PORT[.PORT...], a node in /dev/bus/usb, fd:N. */
bool usb_named_by(const char *name);

/*
 * Opens it with all its interfaces. detach: takes them from drivers of the host, too,
 * which get them back at the end; nobody looks whether the host uses what is on it.
 * -ENODEV: no such device; -ENOTUNIQ: several; as open(2) and usbfs_backend_new.
 */
int usb_open(const char *name, bool detach, struct usb_backend **ret_backend);

#endif
