// SPDX-License-Identifier: GPL-2.0-only
#include "host_driver.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/usbdevice_fs.h>

#include "log.h"

#define INTERFACES	32u
#define TRIES		200
#define TRY_US		50000

static bool detach_one(int fd, unsigned int interface, bool (*wanted)(const char *driver))
{
	struct usbdevfs_getdriver get = { .interface = interface };
	struct usbdevfs_ioctl disconnect = {
		.ifno = interface, .ioctl_code = USBDEVFS_DISCONNECT,
	};

	if (ioctl(fd, USBDEVFS_GETDRIVER, &get))
		return false;
	get.driver[USBDEVFS_MAXDRIVERNAME] = 0;
	return wanted(get.driver) && ioctl(fd, USBDEVFS_IOCTL, &disconnect) >= 0;
}

uint32_t host_driver_detach(int fd, bool (*wanted)(const char *driver))
{
	uint32_t detached = 0;

	for (unsigned int i = 0; i < INTERFACES; i++)
		if (detach_one(fd, i, wanted))
			detached |= 1u << i;
	return detached;
}

/*
 * The end of a killed process closes its end of the socket and releases its claim in any
 * order: as long as the claim is there, the host says EBUSY.
 */
void host_driver_give_back(int fd, uint32_t interfaces)
{
	int tries = TRIES;

	for (unsigned int i = 0; i < INTERFACES; i++) {
		struct usbdevfs_ioctl connect = {
			.ifno = i, .ioctl_code = USBDEVFS_CONNECT,
		};

		if (!(interfaces >> i & 1))
			continue;
		ioctl(fd, USBDEVFS_RELEASEINTERFACE, &i);
		while (ioctl(fd, USBDEVFS_IOCTL, &connect) < 0 && errno == EBUSY && tries-- > 0)
			usleep(TRY_US);
	}
}

void host_driver_forsake(int fd)
{
	uint32_t all = ~0u;

	if (ioctl(fd, USBDEVFS_DROP_PRIVILEGES, &all))
		log_info("usbfs: the descriptor keeps its rights");
}
