/* SPDX-License-Identifier: GPL-2.0-only */
/* sticks.h - what the command line names, plugged into the device's ports and pulled again. */
#ifndef STICKS_H
#define STICKS_H

#include <pthread.h>

#include "options.h"

struct usbip_dev;

struct sticks {
	struct options *options;
	struct usbip_dev *dev;
	pthread_mutex_t lock;		/* protects the sticks' ports; held over plug and pull */
	bool closing;			/* likewise: nothing is plugged in any more */
};

/* Starts threads for those that may be lost. -ENOMEM, -EAGAIN. */
int sticks_prepare(struct sticks *s);

/* All that are not; logs what is wrong, and returns the first -errno. */
int sticks_plug(struct sticks *s);
void sticks_pull(struct sticks *s);

/* None is plugged in from now on; when the device has been freed, what is left is. */
void sticks_close(struct sticks *s);
void sticks_free(struct sticks *s);

#endif
