/* SPDX-License-Identifier: GPL-2.0-only */
/* probe.h - what probe shows, for other commands. */
#ifndef PROBE_H
#define PROBE_H

#include <json-c/json.h>

/* What probe_usb() returned, on stdout. */
void probe_print_usb(struct json_object *usb);

#endif
