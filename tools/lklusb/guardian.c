// SPDX-License-Identifier: GPL-2.0-only
#include "guardian.h"

#include <unistd.h>

#include "host_driver.h"

static struct {
	int fd;
	unsigned int interface;
} guarded = { .fd = -1 };

void guardian_guard(int fd, unsigned int interface)
{
	if (guarded.fd >= 0)
		close(guarded.fd);	/* the device has left */
	guarded.fd = fd;
	guarded.interface = interface;
}

void guardian_give_back(void)
{
	if (guarded.fd < 0)
		return;
	host_driver_give_back(guarded.fd, 1u << guarded.interface);
	close(guarded.fd);
	guarded.fd = -1;
}
