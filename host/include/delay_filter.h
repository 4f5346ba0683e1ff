/* SPDX-License-Identifier: GPL-2.0-only */
/* delay_filter.h - a slow device: every transfer is completed a while later. */
#ifndef DELAY_FILTER_H
#define DELAY_FILTER_H

#include "usb_backend.h"

/*
 * Completes on a thread of its own, in order, at least us microseconds after next did.
 * next is the filter's from success on. Starts no thread: the first completion does.
 * -ENOMEM.
 */
int delay_filter_new(unsigned int us, struct usb_backend *next,
		     struct usb_backend **ret_backend);

#endif
