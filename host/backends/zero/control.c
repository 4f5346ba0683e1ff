// SPDX-License-Identifier: GPL-2.0-only
/* Requests on endpoint 0: USB 3.2 9.4, and the two vendor requests of the gadget. */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <linux/usb/ch9.h>

#include "zero_i.h"

#define FILL_SCRATCH	0x5b
#define READ_SCRATCH	0x5c

/* The request type and the request, as one number to switch over. */
#define REQ(type, request) ((type) << 8 | (request))
#define DEVICE_IN	(USB_DIR_IN | USB_RECIP_DEVICE)
#define DEVICE_OUT	(USB_DIR_OUT | USB_RECIP_DEVICE)
#define INTERFACE_IN	(USB_DIR_IN | USB_RECIP_INTERFACE)
#define INTERFACE_OUT	(USB_DIR_OUT | USB_RECIP_INTERFACE)
#define ENDPOINT_IN	(USB_DIR_IN | USB_RECIP_ENDPOINT)
#define ENDPOINT_OUT	(USB_DIR_OUT | USB_RECIP_ENDPOINT)
#define VENDOR_IN	(USB_DIR_IN | USB_TYPE_VENDOR)
#define VENDOR_OUT	(USB_DIR_OUT | USB_TYPE_VENDOR)

/* The request as numbers. */
struct control {
	unsigned int what;	/* REQ() */
	uint16_t value, index, length;
};

static int control_stall_unless(bool ok)
{
	return ok ? 0 : -EPIPE;
}

static bool control_is_super(const struct zero *z)
{
	return z->backend.speed >= USB_SPEED_SUPER_;
}

/* Interface 0; there is one only when a configuration is set. */
static bool control_has_interface(const struct zero *z, const struct control *c)
{
	return z->configuration && c->index == 0;
}

/* ---- status and features ---- */

static int control_put_status(uint8_t *reply, uint16_t status)
{
	reply[0] = status;
	reply[1] = status >> 8;
	return 2;
}

static int control_device_status(const struct zero *z, uint8_t *reply)
{
	return control_put_status(reply, 1 << USB_DEVICE_SELF_POWERED |
				  z->u1_enabled << USB_DEV_STAT_U1_ENABLED |
				  z->u2_enabled << USB_DEV_STAT_U2_ENABLED);
}

static bool control_is_endpoint_0(const struct control *c)
{
	return (c->index & ~USB_DIR_IN) == 0;
}

static struct zero_ep *control_ep(struct zero *z, const struct control *c)
{
	struct zero_ep *ep = zero_find_ep(z, c->index);

	return ep && zero_ep_is_active(z, ep) ? ep : NULL;
}

static int control_endpoint_status(struct zero *z, const struct control *c, uint8_t *reply)
{
	const struct zero_ep *ep = control_ep(z, c);

	if (control_is_endpoint_0(c))
		return control_put_status(reply, 0);
	return ep ? control_put_status(reply, ep->halted) : -EPIPE;
}

/* Endpoint 0 forgets a stall at the next request, so its halt is never set. */
static int control_endpoint_feature(struct zero *z, const struct control *c, bool set)
{
	struct zero_ep *ep = control_ep(z, c);

	if (c->value != USB_ENDPOINT_HALT)
		return -EPIPE;
	if (control_is_endpoint_0(c))
		return control_stall_unless(!set);
	if (!ep || ep->info->type == ZERO_ISO)
		return -EPIPE;
	ep->halted = set;
	return 0;
}

static int control_device_feature(struct zero *z, const struct control *c, bool set)
{
	if (!control_is_super(z) || !z->configuration || c->index)
		return -EPIPE;
	if (c->value == USB_DEVICE_U1_ENABLE)
		z->u1_enabled = set;
	else if (c->value == USB_DEVICE_U2_ENABLE)
		z->u2_enabled = set;
	else
		return -EPIPE;
	return 0;
}

static int control_interface_feature(const struct zero *z, const struct control *c)
{
	return control_stall_unless(control_is_super(z) && z->configuration &&
				    (c->index & 0xff) == 0 &&
				    c->value == USB_INTRF_FUNC_SUSPEND);
}

/* ---- configuration ---- */

static int control_set_configuration(struct zero *z, const struct control *c)
{
	uint8_t value = c->value;	/* the high byte is reserved */

	if (value && value != ZERO_CONFIG_SOURCE && value != ZERO_CONFIG_LOOP)
		return -EPIPE;
	zero_configure(z, value, 0);
	z->u1_enabled = z->u2_enabled = false;
	return 0;
}

static int control_set_interface(struct zero *z, const struct control *c)
{
	unsigned int last = z->configuration == ZERO_CONFIG_SOURCE ? 1 : 0;

	if (!control_has_interface(z, c) || c->value > last)
		return -EPIPE;
	zero_configure(z, z->configuration, c->value);
	return 0;
}

static int control_get_interface(const struct zero *z, const struct control *c, uint8_t *reply)
{
	if (!control_has_interface(z, c))
		return -EPIPE;
	reply[0] = z->setting;
	return 1;
}

/* ---- the gadget's vendor requests ---- */

static int control_fill_scratch(struct zero *z, const struct control *c,
				const struct usb_urb *urb)
{
	if (!z->configuration || c->value || c->index)
		return -EPIPE;
	z->scratch_len = urb->length;
	zero_copy(urb, 0, z->scratch, urb->length, false);
	return 0;
}

/* Answers by itself, as this is longer than a reply. */
static int control_read_scratch(struct zero *z, const struct control *c, struct usb_urb *urb)
{
	if (!z->configuration || c->value || c->index || urb->length > z->scratch_len)
		return -EPIPE;
	zero_copy(urb, 0, z->scratch, urb->length, true);
	urb->status = 0;
	urb->actual = urb->length;
	return 0;
}

/* ---- dispatch ---- */

static int control_execute(struct zero *z, const struct control *c,
			   const struct usb_ctrlrequest *req, uint8_t *reply)
{
	switch (c->what) {
	case REQ(DEVICE_IN, USB_REQ_GET_DESCRIPTOR):
		return zero_descriptor(z, req, reply);
	case REQ(DEVICE_IN, USB_REQ_GET_STATUS):
		return control_device_status(z, reply);
	case REQ(INTERFACE_IN, USB_REQ_GET_STATUS):
		return control_has_interface(z, c) ? control_put_status(reply, 0) : -EPIPE;
	case REQ(ENDPOINT_IN, USB_REQ_GET_STATUS):
		return control_endpoint_status(z, c, reply);
	case REQ(DEVICE_OUT, USB_REQ_CLEAR_FEATURE):
		return control_device_feature(z, c, false);
	case REQ(DEVICE_OUT, USB_REQ_SET_FEATURE):
		return control_device_feature(z, c, true);
	case REQ(INTERFACE_OUT, USB_REQ_CLEAR_FEATURE):
	case REQ(INTERFACE_OUT, USB_REQ_SET_FEATURE):
		return control_interface_feature(z, c);
	case REQ(ENDPOINT_OUT, USB_REQ_CLEAR_FEATURE):
		return control_endpoint_feature(z, c, false);
	case REQ(ENDPOINT_OUT, USB_REQ_SET_FEATURE):
		return control_endpoint_feature(z, c, true);
	case REQ(DEVICE_IN, USB_REQ_GET_CONFIGURATION):
		reply[0] = z->configuration;
		return 1;
	case REQ(DEVICE_OUT, USB_REQ_SET_CONFIGURATION):
		return control_set_configuration(z, c);
	case REQ(INTERFACE_IN, USB_REQ_GET_INTERFACE):
		return control_get_interface(z, c, reply);
	case REQ(INTERFACE_OUT, USB_REQ_SET_INTERFACE):
		return control_set_interface(z, c);
	/* Exit latencies and delays of the path: nothing here depends on them. */
	case REQ(DEVICE_OUT, USB_REQ_SET_SEL):
		return control_stall_unless(control_is_super(z) && c->length == 6);
	case REQ(DEVICE_OUT, USB_REQ_SET_ISOCH_DELAY):
		return control_stall_unless(control_is_super(z) && !c->length);
	default:
		return -EPIPE;
	}
}

/* Of an IN request a device may send less than it was asked for. */
static void control_answer(struct usb_urb *urb, int ret, uint8_t *reply)
{
	urb->status = ret < 0 ? ret : 0;
	urb->actual = ret < 0 ? 0 : urb->length;
	if (ret < 0 || !urb->in)
		return;
	if ((uint32_t)ret < urb->length) {
		urb->actual = ret;
		if (urb->flags & USB_URB_SHORT_NOT_OK)
			urb->status = -EREMOTEIO;
	}
	zero_copy(urb, 0, reply, urb->actual, true);
}

void zero_control(struct zero *z, struct usb_urb *urb)
{
	uint8_t reply[ZERO_REPLY_MAX];
	struct usb_ctrlrequest req;
	struct control c;

	_Static_assert(sizeof(req) == sizeof(urb->setup), "USB 2.0 table 9-2");
	memcpy(&req, urb->setup, sizeof(req));
	c = (struct control){
		.what = REQ(req.bRequestType, req.bRequest),
		.value = le16toh(req.wValue),
		.index = le16toh(req.wIndex),
		.length = le16toh(req.wLength),
	};
	if (c.what == REQ(VENDOR_OUT, FILL_SCRATCH))
		control_answer(urb, control_fill_scratch(z, &c, urb), NULL);
	else if (c.what == REQ(VENDOR_IN, READ_SCRATCH) && !control_read_scratch(z, &c, urb))
		;
	else
		control_answer(urb, control_execute(z, &c, &req, reply), reply);
}
