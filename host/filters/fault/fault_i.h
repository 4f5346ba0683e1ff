/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fault_i.h - inside of the fault filter.
 *
 *   fault.c   the filter: which transfers, and those that never end
 *   kinds.c   what a transfer is, and what each fault does to it
 */
#ifndef FAULT_I_H
#define FAULT_I_H

#include "../filter.h"
#include "fault_filter.h"

/* What a transfer is for; of a storage device, as far as one can see from outside. */
enum fault_place {
	FAULT_NOWHERE,
	FAULT_COMMAND,		/* CBW or command IU */
	FAULT_DATA_IN,
	FAULT_DATA_OUT,
	FAULT_STATUS,		/* CSW or sense IU */
	FAULT_CAPACITY,		/* data of READ CAPACITY */
	FAULT_CONFIGURATION,	/* a configuration's descriptors */
	FAULT_DEVICE,		/* a device descriptor */
};

/* What was seen go by. */
struct fault_eye {
	bool uas;
	uint8_t opcode;		/* of the newest command */
};

struct fault_kind {
	const char *name;
	enum fault_place place;
	bool silent;		/* the transfer never ends by itself */
	/* Changes data, status or actual of a transfer that ended well; NULL: nothing. */
	void (*spoil)(struct usb_urb *urb);
};

/* Before a transfer is submitted: remembers its command. */
void fault_watch(struct fault_eye *eye, const struct usb_urb *urb);

/* Whether a transfer that ended well is one for place. */
bool fault_fits(const struct fault_eye *eye, const struct usb_urb *urb,
		enum fault_place place);

#endif
