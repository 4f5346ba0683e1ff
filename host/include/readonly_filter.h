/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * readonly_filter.h - a USB backend that lets only reading SCSI commands through to the
 * one below it, whatever the guest sends: Bulk-Only and UAS.
 */
#ifndef READONLY_FILTER_H
#define READONLY_FILTER_H

#include "usb_backend.h"

/* next is the filter's from success on, and closed with it. -ENOMEM. */
int readonly_filter_new(struct usb_backend *next, struct usb_backend **ret_backend);

#endif
