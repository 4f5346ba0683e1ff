/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe_usb.h - the library kernel's USB devices and SCSI disk, as its sysfs shows them.
 * All text is the device's: for output_json() and output_row() only.
 */
#ifndef PROBE_USB_H
#define PROBE_USB_H

#include <json-c/json.h>

/* An array of what is plugged in, root hubs left out. */
struct json_object *probe_usb(void);

/* What the disk says of itself; NULL: there is none. */
struct json_object *probe_disk(void);

#endif
