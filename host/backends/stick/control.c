// SPDX-License-Identifier: GPL-2.0-only
/* What requests on endpoint 0 mean for a stick; those of its class: BOT 3. */
#include "stick_i.h"

#define BOT_GET_MAX_LUN	0xfe
#define BOT_RESET	0xff
#define CLASS_IN	(EP0_INTERFACE_IN | USB_TYPE_CLASS)
#define CLASS_OUT	(EP0_INTERFACE_OUT | USB_TYPE_CLASS)

/* The pipe of an endpoint address, NULL: there is none in this setting. */
static struct stick_pipe *control_pipe(struct stick *s, uint16_t address)
{
	if (!s->ep0.configuration)
		return NULL;
	switch (address) {
	case USB_DIR_IN | STICK_EP_IN:
		return &s->pipes[PIPE_IN];
	case USB_DIR_OUT | STICK_EP_OUT:
		return &s->pipes[PIPE_OUT];
	case USB_DIR_IN | STICK_EP_STATUS:
		return s->ep0.setting ? &s->pipes[PIPE_STATUS] : NULL;
	case USB_DIR_OUT | STICK_EP_COMMAND:
		return s->ep0.setting ? &s->pipes[PIPE_COMMAND] : NULL;
	}
	return NULL;
}

static int control_halted(void *stick, uint16_t address)
{
	const struct stick_pipe *pipe = control_pipe(stick, address);

	return pipe ? pipe->halted : -EPIPE;
}

/* BOT 5.3.4, 6.6.1: before a reset, clearing does not help after a bad CBW. */
static int control_halt(void *stick, uint16_t address, bool set)
{
	struct stick *s = stick;
	struct stick_pipe *pipe = control_pipe(s, address);

	if (!pipe)
		return -EPIPE;
	if (set || s->bot.state != BOT_BROKEN)
		pipe->halted = set;
	return 0;
}

/* Ends what the endpoints have, as their pipes are new ones afterwards. */
static int control_configure(void *stick, uint8_t configuration, uint8_t setting)
{
	struct stick *s = stick;

	if (configuration > 1 || setting > (s->uas ? 1 : 0))
		return -EPIPE;
	stick_forget(s);
	stick_renew_pipes(s);
	for (unsigned int i = 0; i < N_PIPES; i++)
		stick_end_queue(s, &s->pipes[i].q, -ESHUTDOWN);
	s->disk.queuing = setting;
	return 0;
}

/* ---- class requests ---- */

/* BOT 3.1: halts stay, only the command is gone. */
static int control_class_reset(struct stick *s, const struct ep0_request *r)
{
	if (r->value || r->length)
		return -EPIPE;
	bot_forget(s);
	return 0;
}

static int control_get_max_lun(const struct ep0_request *r, uint8_t *reply)
{
	if (r->value || r->length != 1)
		return -EPIPE;
	reply[0] = 0;
	return 1;
}

/* They are Bulk-Only Transport's; UAS has none. */
static int control_class(void *stick, const struct ep0_request *r, uint8_t *reply)
{
	struct stick *s = stick;

	if (!ep0_has_interface(&s->ep0, r) || s->ep0.setting)
		return -EPIPE;
	if (r->what == EP0_REQ(CLASS_OUT, BOT_RESET))
		return control_class_reset(s, r);
	if (r->what == EP0_REQ(CLASS_IN, BOT_GET_MAX_LUN))
		return control_get_max_lun(r, reply);
	return -EPIPE;
}

/* ---- dispatch ---- */

static const struct ep0_ops control_ops = {
	.status = 0,			/* bus-powered */
	.descriptor = stick_descriptor,
	.configure = control_configure,
	.halted = control_halted,
	.halt = control_halt,
	.other = control_class,
};

bool stick_control_needs_quiet(const struct stick *s, const struct ep0_request *r)
{
	switch (r->what) {
	case EP0_REQ(EP0_DEVICE_OUT, USB_REQ_SET_CONFIGURATION):
	case EP0_REQ(EP0_INTERFACE_OUT, USB_REQ_SET_INTERFACE):
		return true;
	case EP0_REQ(CLASS_OUT, BOT_RESET):
		return !s->ep0.setting;
	}
	return false;
}

int stick_control(struct stick *s, const struct ep0_request *r,
		  uint8_t reply[STICK_REPLY_MAX])
{
	return ep0_execute(&s->ep0, &control_ops, s, s->backend.speed, r, reply);
}
