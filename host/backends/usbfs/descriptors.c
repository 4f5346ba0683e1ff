// SPDX-License-Identifier: GPL-2.0-only
/*
 * As much of the descriptors as claiming needs. The host's kernel has looked at them
 * before, but passes on what the device said.
 */
#include <errno.h>
#include <string.h>
#include <linux/usb/ch9.h>

#include "usbfs_i.h"

#define INTERFACE_MAX	31u		/* usbfs has one bit for each */

/* The interfaces of the class among a configuration's descriptors. */
static uint32_t parse_interfaces(const uint8_t *d, size_t len, uint8_t class)
{
	uint32_t bits = 0;

	while (len >= 2 && d[0] >= 2 && d[0] <= len) {
		const struct usb_interface_descriptor *i = (const void *)d;

		if (d[1] == USB_DT_INTERFACE && d[0] >= USB_DT_INTERFACE_SIZE &&
		    i->bInterfaceNumber <= INTERFACE_MAX &&
		    (!class || i->bInterfaceClass == class))
			bits |= 1u << i->bInterfaceNumber;
		len -= d[0];
		d += d[0];
	}
	return bits;
}

int usbfs_parse(const uint8_t *desc, size_t len, uint8_t interface_class,
		struct usbfs_configuration configs[USBFS_MAX_CONFIGS],
		unsigned int *ret_n)
{
	unsigned int n = 0;
	size_t pos = USB_DT_DEVICE_SIZE;

	if (len < USB_DT_DEVICE_SIZE || desc[0] < USB_DT_DEVICE_SIZE ||
	    desc[1] != USB_DT_DEVICE)
		return -EINVAL;
	while (n < USBFS_MAX_CONFIGS && len - pos >= USB_DT_CONFIG_SIZE) {
		const uint8_t *d = desc + pos;
		size_t total = d[2] | d[3] << 8;

		if (d[0] < USB_DT_CONFIG_SIZE || d[1] != USB_DT_CONFIG || total < d[0])
			return -EINVAL;
		if (total > len - pos)
			total = len - pos;	/* usbfs cuts as the device did */
		if (d[0] > total)
			return -EINVAL;
		configs[n].value = d[5];
		configs[n].interfaces = parse_interfaces(d + d[0], total - d[0],
							 interface_class);
		n++;
		pos += total;
	}
	if (!n)
		return -EINVAL;
	*ret_n = n;
	return 0;
}
