// SPDX-License-Identifier: GPL-2.0-only
/* Requests on endpoint 0: USB 3.2 9.4, which contains USB 2.0's, and BOT 3. */
#include <linux/usb/ch9.h>

#include "stick_i.h"

#define BOT_GET_MAX_LUN	0xfe
#define BOT_RESET	0xff

/* The request type and the request, as one number to switch over. */
#define REQ(type, request) ((type) << 8 | (request))
#define DEVICE_IN	(USB_DIR_IN | USB_RECIP_DEVICE)
#define DEVICE_OUT	(USB_DIR_OUT | USB_RECIP_DEVICE)
#define INTERFACE_IN	(USB_DIR_IN | USB_RECIP_INTERFACE)
#define INTERFACE_OUT	(USB_DIR_OUT | USB_RECIP_INTERFACE)
#define ENDPOINT_IN	(USB_DIR_IN | USB_RECIP_ENDPOINT)
#define ENDPOINT_OUT	(USB_DIR_OUT | USB_RECIP_ENDPOINT)
#define CLASS_IN	(INTERFACE_IN | USB_TYPE_CLASS)
#define CLASS_OUT	(INTERFACE_OUT | USB_TYPE_CLASS)

/* The request as numbers. */
struct control {
	unsigned int what;	/* REQ() */
	uint16_t value, index, length;
};

static struct control control_decode(const struct usb_ctrlrequest *req)
{
	return (struct control){
		.what = REQ(req->bRequestType, req->bRequest),
		.value = le16toh(req->wValue),
		.index = le16toh(req->wIndex),
		.length = le16toh(req->wLength),
	};
}

static int control_stall_unless(bool ok)
{
	return ok ? 0 : -EPIPE;
}

static bool control_is_super(const struct stick *s)
{
	return s->backend.speed == USB_SPEED_SUPER_;
}

/* Of interface 0; there is one only when a configuration is set. */
static bool control_has_interface(const struct stick *s, const struct control *c)
{
	return s->configuration && c->index == 0;
}

/* ---- status and features ---- */

static int control_put_status(uint8_t *reply, uint16_t status)
{
	reply[0] = status;
	reply[1] = status >> 8;
	return 2;
}

/* USB 3.2 figure 9-4. Bus-powered. */
static int control_device_status(const struct stick *s, uint8_t *reply)
{
	return control_put_status(reply, s->u1_enabled << USB_DEV_STAT_U1_ENABLED |
				 s->u2_enabled << USB_DEV_STAT_U2_ENABLED);
}

/* The pipe of an endpoint address, NULL: there is none in this setting. */
static struct stick_pipe *control_pipe(struct stick *s, uint16_t address)
{
	if (!s->configuration)
		return NULL;
	switch (address) {
	case USB_DIR_IN | STICK_EP_IN:
		return &s->pipes[PIPE_IN];
	case USB_DIR_OUT | STICK_EP_OUT:
		return &s->pipes[PIPE_OUT];
	case USB_DIR_IN | STICK_EP_STATUS:
		return s->setting ? &s->pipes[PIPE_STATUS] : NULL;
	case USB_DIR_OUT | STICK_EP_COMMAND:
		return s->setting ? &s->pipes[PIPE_COMMAND] : NULL;
	}
	return NULL;
}

static bool control_is_endpoint_0(const struct control *c)
{
	return (c->index & ~USB_DIR_IN) == 0;
}

static int control_endpoint_status(struct stick *s, const struct control *c,
			   uint8_t *reply)
{
	const struct stick_pipe *pipe = control_pipe(s, c->index);

	if (control_is_endpoint_0(c))
		return control_put_status(reply, 0);
	return pipe ? control_put_status(reply, pipe->halted) : -EPIPE;
}

/*
 * Endpoint 0 forgets a stall at the next request, so its halt is never set. BOT 5.3.4,
 * 6.6.1: before a reset, clearing does not help after a bad CBW.
 */
static int control_endpoint_feature(struct stick *s, const struct control *c, bool set)
{
	struct stick_pipe *pipe = control_pipe(s, c->index);

	if (c->value != USB_ENDPOINT_HALT)
		return -EPIPE;
	if (control_is_endpoint_0(c))
		return control_stall_unless(!set);
	if (!pipe)
		return -EPIPE;
	if (set || s->bot.state != BOT_BROKEN)
		pipe->halted = set;
	return 0;
}

/* Remote wakeup, LTM and test modes are not among what it can do. */
static int control_device_feature(struct stick *s, const struct control *c, bool set)
{
	if (!control_is_super(s) || !s->configuration || c->index)
		return -EPIPE;
	if (c->value == USB_DEVICE_U1_ENABLE)
		s->u1_enabled = set;
	else if (c->value == USB_DEVICE_U2_ENABLE)
		s->u2_enabled = set;
	else
		return -EPIPE;
	return 0;
}

/* USB 3.2 9.4.9: FUNCTION_SUSPEND, its options in the index's high byte. */
static int control_interface_feature(struct stick *s, const struct control *c)
{
	return control_stall_unless(control_is_super(s) && s->configuration &&
			    (c->index & 0xff) == 0 &&
			    c->value == USB_INTRF_FUNC_SUSPEND);
}

/* ---- configuration ---- */

/* Ends what the endpoints have, as their pipes are new ones afterwards. */
static void control_set(struct stick *s, uint8_t configuration, uint8_t setting)
{
	stick_forget(s);
	stick_renew_pipes(s);
	for (unsigned int i = 0; i < N_PIPES; i++)
		stick_end_queue(s, &s->pipes[i].q, -ESHUTDOWN);
	s->configuration = configuration;
	s->setting = setting;
	s->disk.queuing = setting;
}

static int control_set_configuration(struct stick *s, const struct control *c)
{
	uint8_t value = c->value;	/* the high byte is reserved */

	if (value > 1)
		return -EPIPE;
	control_set(s, value, 0);
	s->u1_enabled = s->u2_enabled = false;
	return 0;
}

static int control_set_interface(struct stick *s, const struct control *c)
{
	if (!control_has_interface(s, c) || c->value > (s->uas ? 1 : 0))
		return -EPIPE;
	control_set(s, s->configuration, c->value);
	return 0;
}

static int control_get_interface(const struct stick *s, const struct control *c,
			 uint8_t *reply)
{
	if (!control_has_interface(s, c))
		return -EPIPE;
	reply[0] = s->setting;
	return 1;
}

/* ---- class requests ---- */

/* They are Bulk-Only Transport's; UAS has none. */
static bool control_has_bot(const struct stick *s, const struct control *c)
{
	return control_has_interface(s, c) && !s->setting;
}

/* BOT 3.1: halts stay, only the command is gone. */
static int control_class_reset(struct stick *s, const struct control *c)
{
	if (!control_has_bot(s, c) || c->value || c->length)
		return -EPIPE;
	bot_forget(s);
	return 0;
}

static int control_get_max_lun(const struct stick *s, const struct control *c,
			       uint8_t *reply)
{
	if (!control_has_bot(s, c) || c->value || c->length != 1)
		return -EPIPE;
	reply[0] = 0;
	return 1;
}

/* ---- dispatch ---- */

bool stick_control_needs_quiet(const struct stick *s, const struct usb_ctrlrequest *req)
{
	switch (REQ(req->bRequestType, req->bRequest)) {
	case REQ(DEVICE_OUT, USB_REQ_SET_CONFIGURATION):
	case REQ(INTERFACE_OUT, USB_REQ_SET_INTERFACE):
		return true;
	case REQ(CLASS_OUT, BOT_RESET):
		return !s->setting;
	}
	return false;
}

int stick_control(struct stick *s, const struct usb_ctrlrequest *req,
		  uint8_t reply[STICK_REPLY_MAX])
{
	struct control c = control_decode(req);

	switch (c.what) {
	case REQ(DEVICE_IN, USB_REQ_GET_DESCRIPTOR):
		return stick_descriptor(s, req, reply);
	case REQ(DEVICE_IN, USB_REQ_GET_STATUS):
		return control_device_status(s, reply);
	case REQ(INTERFACE_IN, USB_REQ_GET_STATUS):
		return control_has_interface(s, &c) ? control_put_status(reply, 0) : -EPIPE;
	case REQ(ENDPOINT_IN, USB_REQ_GET_STATUS):
		return control_endpoint_status(s, &c, reply);
	case REQ(DEVICE_OUT, USB_REQ_CLEAR_FEATURE):
		return control_device_feature(s, &c, false);
	case REQ(DEVICE_OUT, USB_REQ_SET_FEATURE):
		return control_device_feature(s, &c, true);
	case REQ(INTERFACE_OUT, USB_REQ_CLEAR_FEATURE):
	case REQ(INTERFACE_OUT, USB_REQ_SET_FEATURE):
		return control_interface_feature(s, &c);
	case REQ(ENDPOINT_OUT, USB_REQ_CLEAR_FEATURE):
		return control_endpoint_feature(s, &c, false);
	case REQ(ENDPOINT_OUT, USB_REQ_SET_FEATURE):
		return control_endpoint_feature(s, &c, true);
	case REQ(DEVICE_OUT, USB_REQ_SET_ADDRESS):
		return 0;	/* who calls has found us already */
	case REQ(DEVICE_IN, USB_REQ_GET_CONFIGURATION):
		reply[0] = s->configuration;
		return 1;
	case REQ(DEVICE_OUT, USB_REQ_SET_CONFIGURATION):
		return control_set_configuration(s, &c);
	case REQ(INTERFACE_IN, USB_REQ_GET_INTERFACE):
		return control_get_interface(s, &c, reply);
	case REQ(INTERFACE_OUT, USB_REQ_SET_INTERFACE):
		return control_set_interface(s, &c);
	/* Exit latencies and delays of the path: nothing here depends on them. */
	case REQ(DEVICE_OUT, USB_REQ_SET_SEL):
		return control_stall_unless(control_is_super(s) && c.length == 6);
	case REQ(DEVICE_OUT, USB_REQ_SET_ISOCH_DELAY):
		return control_stall_unless(control_is_super(s) && !c.length);
	case REQ(CLASS_OUT, BOT_RESET):
		return control_class_reset(s, &c);
	case REQ(CLASS_IN, BOT_GET_MAX_LUN):
		return control_get_max_lun(s, &c, reply);
	default:
		return -EPIPE;
	}
}
