// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors: USB 3.2 9.6, USB 2.0 9.6. Linux's usbtest and testusb know the device by
 * its IDs and find the endpoints by themselves, but at low speed, where usbtest takes
 * interrupt endpoints 2 of another firmware.
 */
#include "zero_i.h"

#define GADGET_VENDOR	0x0525
#define GADGET_PRODUCT	0xa4a0
#define FIRMWARE_ID	0xfff0	/* vendor and product */
#define N_CONFIGS	2

enum { STRING_MANUFACTURER = 1, STRING_PRODUCT, STRING_SERIAL };

static const struct zero_ep_info gadget_eps[] = {
	{ USB_DIR_IN | 1, ZERO_BULK }, { USB_DIR_OUT | 2, ZERO_BULK },
	{ USB_DIR_IN | 3, ZERO_ISO }, { USB_DIR_OUT | 4, ZERO_ISO },
	{ USB_DIR_IN | 5, ZERO_INTERRUPT }, { USB_DIR_OUT | 6, ZERO_INTERRUPT },
};

static const struct zero_ep_info low_eps[] = {
	{ USB_DIR_IN | 2, ZERO_INTERRUPT }, { USB_DIR_OUT | 2, ZERO_INTERRUPT },
};

unsigned int zero_ep_infos(enum usb_speed speed, const struct zero_ep_info **ret_infos)
{
	bool low = speed == USB_SPEED_LOW_;

	_Static_assert(sizeof(gadget_eps) / sizeof(gadget_eps[0]) == ZERO_MAX_EPS, "table");
	*ret_infos = low ? low_eps : gadget_eps;
	return low ? sizeof(low_eps) / sizeof(low_eps[0]) : ZERO_MAX_EPS;
}

static uint32_t desc_max_packet(enum usb_speed speed, enum zero_type type)
{
	switch (speed) {
	case USB_SPEED_LOW_:
		return 8;
	case USB_SPEED_FULL_:
		return type == ZERO_ISO ? 1023 : 64;
	case USB_SPEED_HIGH_:
		return type == ZERO_BULK ? 512 : 1024;
	default:
		return 1024;
	}
}

uint32_t zero_max_packet(const struct zero *z, enum zero_type type)
{
	return desc_max_packet(z->backend.speed, type);
}

static bool desc_is_super(enum usb_speed speed)
{
	return speed >= USB_SPEED_SUPER_;
}

static int desc_device(const struct zero *z, uint8_t *reply)
{
	enum usb_speed speed = z->backend.speed;
	bool low = speed == USB_SPEED_LOW_;
	struct usb_device_descriptor d = {
		.bLength = USB_DT_DEVICE_SIZE,
		.bDescriptorType = USB_DT_DEVICE,
		/* 2.0 says that there is a qualifier at high speed, and no BOS */
		.bcdUSB = htole16(desc_is_super(speed) ? 0x0320 : 0x0200),
		.bDeviceClass = USB_CLASS_VENDOR_SPEC,
		.bMaxPacketSize0 = desc_is_super(speed) ? 9 : low ? 8 : 64,	/* 2^9; bytes */
		.idVendor = htole16(low ? FIRMWARE_ID : GADGET_VENDOR),
		.idProduct = htole16(low ? FIRMWARE_ID : GADGET_PRODUCT),
		.bcdDevice = htole16(1),
		.iManufacturer = STRING_MANUFACTURER,
		.iProduct = STRING_PRODUCT,
		.iSerialNumber = STRING_SERIAL,
		.bNumConfigurations = N_CONFIGS,
	};

	return ep0_put(reply, &d, d.bLength) - reply;
}

/* A packet a millisecond. */
static uint8_t desc_interval(enum usb_speed speed, enum zero_type type)
{
	if (type == ZERO_BULK)
		return 0;
	if (speed == USB_SPEED_LOW_)
		return 10;
	return speed == USB_SPEED_FULL_ ? 1 : 4;	/* frames; 2^(4-1) microframes */
}

static uint8_t *desc_put_endpoint(uint8_t *to, enum usb_speed speed,
				  const struct zero_ep_info *info)
{
	uint16_t max_packet = desc_max_packet(speed, info->type);
	struct usb_endpoint_descriptor ep = {
		.bLength = USB_DT_ENDPOINT_SIZE,
		.bDescriptorType = USB_DT_ENDPOINT,
		.bEndpointAddress = info->address,
		.bmAttributes = info->type,
		.wMaxPacketSize = htole16(max_packet),
		.bInterval = desc_interval(speed, info->type),
	};
	struct usb_ss_ep_comp_descriptor companion = {
		.bLength = USB_DT_SS_EP_COMP_SIZE,
		.bDescriptorType = USB_DT_SS_ENDPOINT_COMP,
		.wBytesPerInterval = htole16(info->type == ZERO_BULK ? 0 : max_packet),
	};

	to = ep0_put(to, &ep, ep.bLength);
	return desc_is_super(speed) ? ep0_put(to, &companion, companion.bLength) : to;
}

static uint8_t *desc_put_setting(uint8_t *to, enum usb_speed speed, uint8_t setting)
{
	struct usb_interface_descriptor interface = {
		.bLength = USB_DT_INTERFACE_SIZE,
		.bDescriptorType = USB_DT_INTERFACE,
		.bAlternateSetting = setting,
		.bInterfaceClass = USB_CLASS_VENDOR_SPEC,
	};
	const struct zero_ep_info *infos;
	unsigned int n = zero_ep_infos(speed, &infos);
	uint8_t *end = to + interface.bLength;

	for (unsigned int i = 0; i < n; i++) {
		if (!setting && infos[i].type != ZERO_BULK)
			continue;
		end = desc_put_endpoint(end, speed, &infos[i]);
		interface.bNumEndpoints++;
	}
	ep0_put(to, &interface, interface.bLength);
	return end;
}

/* Source and sink come first: hosts take the first one. */
static int desc_configuration(enum usb_speed speed, uint8_t type, uint8_t index,
			      uint8_t *reply)
{
	struct usb_config_descriptor config = {
		.bLength = USB_DT_CONFIG_SIZE,
		.bDescriptorType = type,
		.bNumInterfaces = 1,
		.bConfigurationValue = index ? ZERO_CONFIG_LOOP : ZERO_CONFIG_SOURCE,
		.bmAttributes = USB_CONFIG_ATT_ONE | USB_CONFIG_ATT_SELFPOWER,
		.bMaxPower = 1,
	};
	uint8_t *end = reply + config.bLength;

	if (index >= N_CONFIGS)
		return -EPIPE;
	end = desc_put_setting(end, speed, 0);
	if (!index)
		end = desc_put_setting(end, speed, 1);
	config.wTotalLength = htole16(end - reply);
	ep0_put(reply, &config, config.bLength);
	return end - reply;
}

int zero_descriptor(void *zero, const struct ep0_request *r, uint8_t *reply)
{
	static const char *const texts[] = {
		[STRING_MANUFACTURER] = "lklusb",
		[STRING_PRODUCT] = "Zero",
		[STRING_SERIAL] = "0123456789.0123456789.0123456789",
	};
	const struct zero *z = zero;
	enum usb_speed speed = z->backend.speed;
	uint8_t type = r->value >> 8, index = r->value;

	if (type == USB_DT_STRING)
		return ep0_put_string(texts, sizeof(texts) / sizeof(texts[0]), r, reply);
	if (type == USB_DT_CONFIG)
		return desc_configuration(speed, type, index, reply);
	/* How it would look at full speed: of a high-speed device only (USB 2.0 9.6.2). */
	if (type == USB_DT_OTHER_SPEED_CONFIG && speed == USB_SPEED_HIGH_)
		return desc_configuration(USB_SPEED_FULL_, type, index, reply);
	if (index)
		return -EPIPE;
	if (type == USB_DT_DEVICE)
		return desc_device(z, reply);
	if (type == USB_DT_BOS && desc_is_super(speed))
		return ep0_put_bos(USB_FULL_SPEED_OPERATION | USB_HIGH_SPEED_OPERATION |
				   USB_5GBPS_OPERATION, 1, reply);
	if (type == USB_DT_DEVICE_QUALIFIER && speed == USB_SPEED_HIGH_)
		return ep0_put_qualifier(0x0200, USB_CLASS_VENDOR_SPEC, N_CONFIGS, reply);
	return -EPIPE;
}
