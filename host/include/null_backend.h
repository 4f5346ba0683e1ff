/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * null_backend.h - a USB device that only keeps the rules of usb_backend.h, for
 * tests and fuzzers: OUT swallows everything, bulk IN gives zeros, control IN
 * stalls, isochronous packets are all full, interrupt IN waits until it is
 * cancelled.
 */
#ifndef NULL_BACKEND_H
#define NULL_BACKEND_H

#include "usb_backend.h"

/* -ENOMEM. */
int null_backend_new(enum usb_speed speed, struct usb_backend **ret_backend);

#endif
