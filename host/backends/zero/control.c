// SPDX-License-Identifier: GPL-2.0-only
/* What requests on endpoint 0 mean here, and the two vendor requests of the gadget. */
#include "zero_i.h"

#define FILL_SCRATCH	EP0_REQ(USB_DIR_OUT | USB_TYPE_VENDOR, 0x5b)
#define READ_SCRATCH	EP0_REQ(USB_DIR_IN | USB_TYPE_VENDOR, 0x5c)

static struct zero_ep *control_ep(struct zero *z, uint16_t address)
{
	struct zero_ep *ep = zero_find_ep(z, address);

	return ep && zero_ep_is_active(z, ep) ? ep : NULL;
}

static int control_halted(void *zero, uint16_t address)
{
	const struct zero_ep *ep = control_ep(zero, address);

	return ep ? ep->halted : -EPIPE;
}

static int control_halt(void *zero, uint16_t address, bool set)
{
	struct zero_ep *ep = control_ep(zero, address);

	if (!ep || ep->info->type == ZERO_ISO)
		return -EPIPE;
	ep->halted = set;
	return 0;
}

static int control_configure(void *zero, uint8_t configuration, uint8_t setting)
{
	if (configuration && configuration != ZERO_CONFIG_SOURCE &&
	    configuration != ZERO_CONFIG_LOOP)
		return -EPIPE;
	if (setting > (configuration == ZERO_CONFIG_SOURCE ? 1 : 0))
		return -EPIPE;
	zero_renew_eps(zero);
	return 0;
}

static const struct ep0_ops control_ops = {
	.status = 1 << USB_DEVICE_SELF_POWERED,
	.descriptor = zero_descriptor,
	.configure = control_configure,
	.halted = control_halted,
	.halt = control_halt,
};

/* ---- the gadget's vendor requests ---- */

static int control_fill_scratch(struct zero *z, const struct ep0_request *r,
				const struct usb_urb *urb)
{
	if (!z->ep0.configuration || r->value || r->index)
		return -EPIPE;
	z->scratch_len = urb->length;
	zero_copy(urb, 0, z->scratch, urb->length, false);
	return 0;
}

/* Answers by itself, as this is longer than a reply. */
static int control_read_scratch(struct zero *z, const struct ep0_request *r, struct usb_urb *urb)
{
	if (!z->ep0.configuration || r->value || r->index || urb->length > z->scratch_len)
		return -EPIPE;
	zero_copy(urb, 0, z->scratch, urb->length, true);
	urb->status = 0;
	urb->actual = urb->length;
	return 0;
}

/* ---- dispatch ---- */

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
	struct ep0_request r = ep0_decode(urb->setup);
	uint8_t reply[ZERO_REPLY_MAX];

	if (r.what == FILL_SCRATCH)
		control_answer(urb, control_fill_scratch(z, &r, urb), NULL);
	else if (r.what == READ_SCRATCH && !control_read_scratch(z, &r, urb))
		;
	else
		control_answer(urb, ep0_execute(&z->ep0, &control_ops, z, z->backend.speed, &r,
						reply), reply);
}
