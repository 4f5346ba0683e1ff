// SPDX-License-Identifier: GPL-2.0-only
#include "ep0.h"

int ep0_put_bos(uint16_t speeds, uint8_t functionality, uint8_t *reply)
{
	struct usb_bos_descriptor head = {
		.bLength = USB_DT_BOS_SIZE,
		.bDescriptorType = USB_DT_BOS,
		.bNumDeviceCaps = 2,
	};
	const struct usb_ext_cap_descriptor usb2 = {
		.bLength = USB_DT_USB_EXT_CAP_SIZE,
		.bDescriptorType = USB_DT_DEVICE_CAPABILITY,
		.bDevCapabilityType = USB_CAP_TYPE_EXT,
		.bmAttributes = htole32(USB_LPM_SUPPORT),
	};
	const struct usb_ss_cap_descriptor super = {
		.bLength = USB_DT_USB_SS_CAP_SIZE,
		.bDescriptorType = USB_DT_DEVICE_CAPABILITY,
		.bDevCapabilityType = USB_SS_CAP_TYPE,
		.wSpeedSupported = htole16(speeds),
		.bFunctionalitySupport = functionality,
	};
	uint8_t *end = ep0_put(reply + head.bLength, &usb2, usb2.bLength);

	end = ep0_put(end, &super, super.bLength);
	head.wTotalLength = htole16(end - reply);
	ep0_put(reply, &head, head.bLength);
	return end - reply;
}

int ep0_put_qualifier(uint16_t bcd, uint8_t class, uint8_t n_configs, uint8_t *reply)
{
	const struct usb_qualifier_descriptor d = {
		.bLength = sizeof(d),
		.bDescriptorType = USB_DT_DEVICE_QUALIFIER,
		.bcdUSB = htole16(bcd),
		.bDeviceClass = class,
		.bMaxPacketSize0 = 64,
		.bNumConfigurations = n_configs,
	};

	return ep0_put(reply, &d, sizeof(d)) - reply;
}

int ep0_put_string(const char *const *texts, unsigned int n, const struct ep0_request *r,
		   uint8_t *reply)
{
	uint8_t index = r->value;
	unsigned int len = 2;

	if (index >= n || (index && r->index != EP0_LANGUAGE))
		return -EPIPE;
	if (!index) {
		reply[len++] = EP0_LANGUAGE & 0xff;
		reply[len++] = EP0_LANGUAGE >> 8;
	} else {
		for (const char *p = texts[index]; *p; p++) {
			reply[len++] = *p;	/* ASCII, so UTF-16 is it and a zero */
			reply[len++] = 0;
		}
	}
	reply[0] = len;
	reply[1] = USB_DT_STRING;
	return len;
}
