/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stick.h - an emulated USB stick over an image: mass storage, SCSI transparent
 * command set, Bulk-Only Transport 1.0 and, as an alternate setting that a host may
 * choose, USB Attached SCSI 1.0.
 */
#ifndef STICK_H
#define STICK_H

#include "image.h"
#include "usb_backend.h"

struct stick_config {
	struct image *image;		/* the stick's from success on: it closes it */
	enum usb_speed speed;		/* USB_SPEED_HIGH_ or USB_SPEED_SUPER_ */
	unsigned int sector_size;	/* logical block, 512 or 4096 bytes; 0 = 512 */
	const char *serial;		/* 12..32 characters 0-9 A-F; NULL = a constant one */
	bool uas;			/* offer UAS as well as Bulk-Only */
};

/*
 * The medium is write-protected if the image is read-only. Starts no thread.
 * -EINVAL: a value out of range, or an image of less than one sector; -ENOMEM.
 */
int stick_new(const struct stick_config *config, struct usb_backend **ret_backend);

#endif
