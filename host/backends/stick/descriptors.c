// SPDX-License-Identifier: GPL-2.0-only
/* Descriptors: USB 3.2 9.6; what a high-speed device has besides: USB 2.0 9.6. */
#include "stick_i.h"

#define VENDOR_ID	0x1209	/* pid.codes */
#define PRODUCT_ID	0x0001	/* its first one for tests */
#define DEVICE_RELEASE	0x0001
#define SUBCLASS_SCSI	0x06	/* transparent command set */
#define PROTOCOL_BOT	0x50
#define PROTOCOL_UAS	0x62
#define FULL_MAX_PACKET	64
#define SUPER_MAX_PACKET 1024

enum { STRING_MANUFACTURER = 1, STRING_PRODUCT, STRING_SERIAL };

static bool desc_is_super(const struct stick *s)
{
	return s->backend.speed == USB_SPEED_SUPER_;
}

static int desc_device(const struct stick *s, uint8_t *reply)
{
	/* 2.1 rather than 2.0 says that there is a BOS descriptor. */
	struct usb_device_descriptor d = {
		.bLength = USB_DT_DEVICE_SIZE,
		.bDescriptorType = USB_DT_DEVICE,
		.bcdUSB = htole16(desc_is_super(s) ? 0x0320 : 0x0210),
		.bMaxPacketSize0 = desc_is_super(s) ? 9 : 64,	/* 2^9; bytes */
		.idVendor = htole16(VENDOR_ID),
		.idProduct = htole16(PRODUCT_ID),
		.bcdDevice = htole16(DEVICE_RELEASE),
		.iManufacturer = STRING_MANUFACTURER,
		.iProduct = STRING_PRODUCT,
		.iSerialNumber = STRING_SERIAL,
		.bNumConfigurations = 1,
	};

	return ep0_put(reply, &d, d.bLength) - reply;
}

static uint8_t *desc_put_endpoint(uint8_t *to, uint8_t address, uint16_t max_packet,
				  uint8_t log2_streams)
{
	struct usb_endpoint_descriptor ep = {
		.bLength = USB_DT_ENDPOINT_SIZE,
		.bDescriptorType = USB_DT_ENDPOINT,
		.bEndpointAddress = address,
		.bmAttributes = USB_ENDPOINT_XFER_BULK,
		.wMaxPacketSize = htole16(max_packet),
	};
	struct usb_ss_ep_comp_descriptor companion = {
		.bLength = USB_DT_SS_EP_COMP_SIZE,
		.bDescriptorType = USB_DT_SS_ENDPOINT_COMP,
		.bMaxBurst = 15,
		.bmAttributes = log2_streams,
	};

	to = ep0_put(to, &ep, ep.bLength);
	if (max_packet != SUPER_MAX_PACKET)
		return to;
	return ep0_put(to, &companion, companion.bLength);
}

static uint8_t *desc_put_interface(uint8_t *to, uint8_t setting, uint8_t protocol,
				   uint8_t n_endpoints)
{
	struct usb_interface_descriptor interface = {
		.bLength = USB_DT_INTERFACE_SIZE,
		.bDescriptorType = USB_DT_INTERFACE,
		.bAlternateSetting = setting,
		.bNumEndpoints = n_endpoints,
		.bInterfaceClass = USB_CLASS_MASS_STORAGE,
		.bInterfaceSubClass = SUBCLASS_SCSI,
		.bInterfaceProtocol = protocol,
	};

	return ep0_put(to, &interface, interface.bLength);
}

static uint8_t *desc_put_bot(uint8_t *to, uint16_t max_packet)
{
	to = desc_put_interface(to, 0, PROTOCOL_BOT, 2);
	to = desc_put_endpoint(to, USB_DIR_IN | STICK_EP_IN, max_packet, 0);
	return desc_put_endpoint(to, USB_DIR_OUT | STICK_EP_OUT, max_packet, 0);
}

/* An endpoint and what UAS uses it for: a pipe usage descriptor, UAS 5.3.3.3. */
static uint8_t *desc_put_uas_pipe(uint8_t *to, uint8_t address, uint16_t max_packet,
				  uint8_t pipe_id)
{
	const uint8_t usage[] = { 4, USB_DT_PIPE_USAGE, pipe_id, 0 };
	bool streams = address != STICK_EP_COMMAND;

	to = desc_put_endpoint(to, address, max_packet,
			       streams ? STICK_LOG2_STREAMS : 0);
	return ep0_put(to, usage, sizeof(usage));
}

static uint8_t *desc_put_uas(uint8_t *to, uint16_t max_packet)
{
	to = desc_put_interface(to, 1, PROTOCOL_UAS, 4);
	to = desc_put_uas_pipe(to, USB_DIR_OUT | STICK_EP_COMMAND, max_packet, 1);
	to = desc_put_uas_pipe(to, USB_DIR_IN | STICK_EP_STATUS, max_packet, 2);
	to = desc_put_uas_pipe(to, USB_DIR_IN | STICK_EP_IN, max_packet, 3);
	return desc_put_uas_pipe(to, USB_DIR_OUT | STICK_EP_OUT, max_packet, 4);
}

/*
 * One interface. BOT comes first, for hosts that do not look further; UAS is not for
 * full speed.
 */
static int desc_configuration(const struct stick *s, uint8_t type, uint16_t max_packet,
			      uint8_t *reply)
{
	struct usb_config_descriptor config = {
		.bLength = USB_DT_CONFIG_SIZE,
		.bDescriptorType = type,
		.bNumInterfaces = 1,
		.bConfigurationValue = 1,
		.bmAttributes = USB_CONFIG_ATT_ONE,
		.bMaxPower = max_packet == SUPER_MAX_PACKET ? 12 : 50,	/* about 100 mA */
	};
	uint8_t *end = desc_put_bot(reply + config.bLength, max_packet);

	if (s->uas && max_packet != FULL_MAX_PACKET)
		end = desc_put_uas(end, max_packet);
	config.wTotalLength = htole16(end - reply);
	ep0_put(reply, &config, config.bLength);
	return end - reply;
}

static int desc_string(const struct stick *s, const struct ep0_request *r, uint8_t *reply)
{
	const char *const texts[] = {
		[STRING_MANUFACTURER] = "lklusb",
		[STRING_PRODUCT] = "Emulated stick",
		[STRING_SERIAL] = s->disk.serial,
	};

	return ep0_put_string(texts, sizeof(texts) / sizeof(texts[0]), r, reply);
}

/* Only what works at another speed of USB 2.0 (USB 2.0 9.6.2, USB 3.2 9.6.1). */
static int desc_other_speed(const struct stick *s, uint8_t type, uint8_t *reply)
{
	if (desc_is_super(s))
		return -EPIPE;
	if (type == USB_DT_DEVICE_QUALIFIER)
		return ep0_put_qualifier(0x0210, 0, 1, reply);
	return desc_configuration(s, USB_DT_OTHER_SPEED_CONFIG, FULL_MAX_PACKET, reply);
}

int stick_descriptor(void *stick, const struct ep0_request *r, uint8_t *reply)
{
	const struct stick *s = stick;
	uint8_t type = r->value >> 8;

	if (type == USB_DT_STRING)
		return desc_string(s, r, reply);
	if (r->value & 0xff)
		return -EPIPE;
	switch (type) {
	case USB_DT_DEVICE:
		return desc_device(s, reply);
	case USB_DT_CONFIG:
		return desc_configuration(s, USB_DT_CONFIG, stick_max_packet(s), reply);
	case USB_DT_BOS:
		return ep0_put_bos(USB_HIGH_SPEED_OPERATION | USB_5GBPS_OPERATION, 2, reply);
	case USB_DT_DEVICE_QUALIFIER:
	case USB_DT_OTHER_SPEED_CONFIG:
		return desc_other_speed(s, type, reply);
	default:
		return -EPIPE;
	}
}
