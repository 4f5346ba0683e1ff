/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host_driver.h - the host's drivers of a USB device's interfaces, taken off and given back
 * by whoever has an open usbfs node with all its rights.
 */
#ifndef HOST_DRIVER_H
#define HOST_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

/* Off whatever has such a driver; "usbfs" is the claim of a program. Which: one bit each. */
uint32_t host_driver_detach(int fd, bool (*wanted)(const char *driver));

/*
 * Back to these interfaces. Nothing of them is claimed any more, or soon not, or only
 * with this very descriptor.
 */
void host_driver_give_back(int fd, uint32_t interfaces);

/* For good: the descriptor claims interfaces that are free, and no others. */
void host_driver_forsake(int fd);

#endif
