// SPDX-License-Identifier: GPL-2.0-only
#include "guardian.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/usbdevice_fs.h>

#define TRIES		200
#define TRY_US		50000

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

/*
 * The end of a killed process closes its end of the socket and releases its claim in any
 * order: as long as the claim is there, the host says EBUSY.
 */
void guardian_give_back(void)
{
	struct usbdevfs_ioctl connect = {
		.ifno = guarded.interface, .ioctl_code = USBDEVFS_CONNECT,
	};

	if (guarded.fd < 0)
		return;
	/* It may be the very one with the claim, if that was not released by its end. */
	ioctl(guarded.fd, USBDEVFS_RELEASEINTERFACE, &guarded.interface);
	for (int i = 0; i < TRIES; i++) {
		if (ioctl(guarded.fd, USBDEVFS_IOCTL, &connect) >= 0 || errno != EBUSY)
			break;
		usleep(TRY_US);
	}
	close(guarded.fd);
	guarded.fd = -1;
}
