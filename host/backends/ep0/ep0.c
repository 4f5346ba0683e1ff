// SPDX-License-Identifier: GPL-2.0-only
#include "ep0.h"

static int stall_unless(bool ok)
{
	return ok ? 0 : -EPIPE;
}

/* ---- status and features ---- */

static int put_status(uint8_t *reply, uint16_t status)
{
	reply[0] = status;
	reply[1] = status >> 8;
	return 2;
}

static bool is_endpoint_0(const struct ep0_request *r)
{
	return (r->index & ~USB_DIR_IN) == 0;
}

static int endpoint_status(const struct ep0_ops *ops, void *dev,
			   const struct ep0_request *r, uint8_t *reply)
{
	int halted = is_endpoint_0(r) ? 0 : ops->halted(dev, r->index);

	return halted < 0 ? halted : put_status(reply, halted);
}

/* Endpoint 0 forgets a stall at the next request, so its halt is never set. */
static int endpoint_feature(const struct ep0_ops *ops, void *dev,
			    const struct ep0_request *r, bool set)
{
	if (r->value != USB_ENDPOINT_HALT)
		return -EPIPE;
	return is_endpoint_0(r) ? stall_unless(!set) : ops->halt(dev, r->index, set);
}

/* Remote wakeup, LTM and test modes are not among what devices here can do. */
static int device_feature(struct ep0 *e, bool super, const struct ep0_request *r, bool set)
{
	if (!super || !e->configuration || r->index)
		return -EPIPE;
	if (r->value == USB_DEVICE_U1_ENABLE)
		e->u1_enabled = set;
	else if (r->value == USB_DEVICE_U2_ENABLE)
		e->u2_enabled = set;
	else
		return -EPIPE;
	return 0;
}

/* USB 3.2 9.4.9: FUNCTION_SUSPEND, its options in the index's high byte. */
static int interface_feature(const struct ep0 *e, bool super, const struct ep0_request *r)
{
	return stall_unless(super && e->configuration && (r->index & 0xff) == 0 &&
			    r->value == USB_INTRF_FUNC_SUSPEND);
}

/* ---- configuration ---- */

static int configure(struct ep0 *e, const struct ep0_ops *ops, void *dev,
		     uint8_t configuration, uint8_t setting)
{
	int err = ops->configure(dev, configuration, setting);

	if (err)
		return err;
	e->configuration = configuration;
	e->setting = setting;
	return 0;
}

/* The high byte of its value is reserved. */
static int set_configuration(struct ep0 *e, const struct ep0_ops *ops, void *dev,
			     const struct ep0_request *r)
{
	int err = configure(e, ops, dev, r->value, 0);

	if (!err)
		e->u1_enabled = e->u2_enabled = false;
	return err;
}

static int set_interface(struct ep0 *e, const struct ep0_ops *ops, void *dev,
			 const struct ep0_request *r)
{
	if (!ep0_has_interface(e, r) || r->value > UINT8_MAX)
		return -EPIPE;
	return configure(e, ops, dev, e->configuration, r->value);
}

static int get_interface(const struct ep0 *e, const struct ep0_request *r, uint8_t *reply)
{
	reply[0] = e->setting;
	return ep0_has_interface(e, r) ? 1 : -EPIPE;
}

/* ---- dispatch ---- */

int ep0_execute(struct ep0 *e, const struct ep0_ops *ops, void *dev, enum usb_speed speed,
		const struct ep0_request *r, uint8_t *reply)
{
	bool super = speed >= USB_SPEED_SUPER_;

	switch (r->what) {
	case EP0_REQ(EP0_DEVICE_IN, USB_REQ_GET_DESCRIPTOR):
		return ops->descriptor(dev, r, reply);
	case EP0_REQ(EP0_DEVICE_IN, USB_REQ_GET_STATUS):	/* USB 3.2 figure 9-4 */
		return put_status(reply, ops->status | e->u1_enabled << USB_DEV_STAT_U1_ENABLED |
				  e->u2_enabled << USB_DEV_STAT_U2_ENABLED);
	case EP0_REQ(EP0_INTERFACE_IN, USB_REQ_GET_STATUS):
		return ep0_has_interface(e, r) ? put_status(reply, 0) : -EPIPE;
	case EP0_REQ(EP0_ENDPOINT_IN, USB_REQ_GET_STATUS):
		return endpoint_status(ops, dev, r, reply);
	case EP0_REQ(EP0_DEVICE_OUT, USB_REQ_CLEAR_FEATURE):
		return device_feature(e, super, r, false);
	case EP0_REQ(EP0_DEVICE_OUT, USB_REQ_SET_FEATURE):
		return device_feature(e, super, r, true);
	case EP0_REQ(EP0_INTERFACE_OUT, USB_REQ_CLEAR_FEATURE):
	case EP0_REQ(EP0_INTERFACE_OUT, USB_REQ_SET_FEATURE):
		return interface_feature(e, super, r);
	case EP0_REQ(EP0_ENDPOINT_OUT, USB_REQ_CLEAR_FEATURE):
		return endpoint_feature(ops, dev, r, false);
	case EP0_REQ(EP0_ENDPOINT_OUT, USB_REQ_SET_FEATURE):
		return endpoint_feature(ops, dev, r, true);
	case EP0_REQ(EP0_DEVICE_OUT, USB_REQ_SET_ADDRESS):
		return 0;	/* who calls has found us already */
	case EP0_REQ(EP0_DEVICE_IN, USB_REQ_GET_CONFIGURATION):
		reply[0] = e->configuration;
		return 1;
	case EP0_REQ(EP0_DEVICE_OUT, USB_REQ_SET_CONFIGURATION):
		return set_configuration(e, ops, dev, r);
	case EP0_REQ(EP0_INTERFACE_IN, USB_REQ_GET_INTERFACE):
		return get_interface(e, r, reply);
	case EP0_REQ(EP0_INTERFACE_OUT, USB_REQ_SET_INTERFACE):
		return set_interface(e, ops, dev, r);
	/* Exit latencies and delays of the path: nothing here depends on them. */
	case EP0_REQ(EP0_DEVICE_OUT, USB_REQ_SET_SEL):
		return stall_unless(super && r->length == 6);
	case EP0_REQ(EP0_DEVICE_OUT, USB_REQ_SET_ISOCH_DELAY):
		return stall_unless(super && !r->length);
	default:
		return ops->other ? ops->other(dev, r, reply) : -EPIPE;
	}
}
