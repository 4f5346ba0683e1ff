/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fault_filter.h - a device that lies or breaks, for tests: a named fault is done to
 * what next answers. It knows Bulk-Only Transport and UAS as far as a fault needs.
 */
#ifndef FAULT_FILTER_H
#define FAULT_FILTER_H

#include "usb_backend.h"

struct fault {
	const struct fault_kind *kind;
	unsigned int from, to;	/* which of the transfers that fit, counted from 1 */
};

/*
 * NAME: to all transfers that fit; NAME@N: to the N-th; NAME@N+: to it and all after
 * it. -EINVAL.
 */
int fault_parse(const char *text, struct fault *ret_fault);

/* Names one after another, for a message; NULL after the last. */
const char *fault_name(unsigned int i);

/* next is the filter's from success on. -ENOMEM. */
int fault_filter_new(const struct fault *fault, struct usb_backend *next,
		     struct usb_backend **ret_backend);

#endif
