/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usbip.h - devices that USB/IP servers export: listing, importing one, with reports.
 * usbip_source.h has their names.
 */
#ifndef USBIP_H
#define USBIP_H

#include <stdbool.h>
#include <stddef.h>

#include "usb_backend.h"

/* Whether such a source is written correctly. */
bool usbip_is_valid(const char *source);

/* Whether it is a correct one, but without a BUSID: all that the peer exports. */
bool usbip_is_peer(const char *source);

/* What all call the device that source names; false: it is a descriptor of ours. */
bool usbip_identity(const char *source, char *ret, size_t size);

/* Prints what the peer exports. An exit status. */
int usbip_print(const char *source, bool json);

/*
 * Connects and imports. gone is called once if the connection is lost, on another
 * thread. Reports; 0 or an exit status.
 */
int usbip_open(const char *source, void (*gone)(void *ctx),
	       struct usb_backend **ret_backend);

/*
 * Imports a device again that usbip_open opened and that was lost: whatever has that BUSID
 * within some seconds, or half a minute if the server is slow.
 */
bool usbip_reopen(const char *source, void (*gone)(void *ctx),
		  struct usb_backend **ret_backend);

#endif
