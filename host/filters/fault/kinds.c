// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_i.h"

#define CBW_LEN		31u
#define CSW_LEN		13u
#define COMMAND_IU_LEN	32u
#define COMMAND_IU	0x01
#define SENSE_IU	0x03
#define SENSE_IU_MIN	16u
#define SENSE_IU_MAX	112u	/* what Linux's uas asks for */

#define READ_CAPACITY_10	0x25
#define SERVICE_ACTION_IN_16	0x9e

#define GET_DESCRIPTOR		6
#define DESCRIPTOR_DEVICE	1
#define DESCRIPTOR_CONFIGURATION 2

/* ---- what a transfer is ---- */

static bool fault_begins(const struct usb_urb *urb, const char *magic)
{
	char head[4];

	filter_copy(urb, 0, head, sizeof(head), false);
	return !memcmp(head, magic, sizeof(head));
}

static uint8_t fault_byte(const struct usb_urb *urb, size_t off)
{
	uint8_t byte;

	filter_copy(urb, off, &byte, 1, false);
	return byte;
}

static bool fault_is_command(const struct usb_urb *urb)
{
	if (!urb->ep || urb->in)
		return false;
	return (urb->length == CBW_LEN && fault_begins(urb, "USBC")) ||
	       (urb->length == COMMAND_IU_LEN && fault_byte(urb, 0) == COMMAND_IU);
}

void fault_watch(struct fault_eye *eye, const struct usb_urb *urb)
{
	if (!fault_is_command(urb))
		return;
	eye->uas = urb->length == COMMAND_IU_LEN;
	eye->opcode = fault_byte(urb, eye->uas ? 16 : 15);
}

static bool fault_is_status(const struct fault_eye *eye, const struct usb_urb *urb)
{
	if (!urb->ep || !urb->in)
		return false;
	if (eye->uas)
		return urb->length == SENSE_IU_MAX && urb->actual >= SENSE_IU_MIN &&
		       fault_byte(urb, 0) == SENSE_IU;
	return urb->actual == CSW_LEN && fault_begins(urb, "USBS");
}

/* Not the small ones: information units, and data of commands that nobody minds. */
static bool fault_is_data(const struct usb_urb *urb, bool in)
{
	return urb->ep && urb->in == in && urb->actual >= 512;
}

static bool fault_is_capacity(const struct fault_eye *eye, const struct usb_urb *urb)
{
	return urb->ep && urb->in &&
	       ((eye->opcode == READ_CAPACITY_10 && urb->actual == 8) ||
		(eye->opcode == SERVICE_ACTION_IN_16 && urb->actual >= 12 &&
		 urb->length == 32));
}

static bool fault_is_descriptor(const struct usb_urb *urb, uint8_t type)
{
	return !urb->ep && urb->setup[0] == 0x80 && urb->setup[1] == GET_DESCRIPTOR &&
	       urb->setup[3] == type && urb->actual >= 8;
}

bool fault_fits(const struct fault_eye *eye, const struct usb_urb *urb,
		enum fault_place place)
{
	switch (place) {
	case FAULT_NOWHERE:
		return false;
	case FAULT_COMMAND:
		return fault_is_command(urb);
	case FAULT_DATA_IN:
	case FAULT_DATA_OUT:
		return fault_is_data(urb, place == FAULT_DATA_IN);
	case FAULT_STATUS:
		return fault_is_status(eye, urb);
	case FAULT_CAPACITY:
		return fault_is_capacity(eye, urb);
	case FAULT_CONFIGURATION:
		return fault_is_descriptor(urb, DESCRIPTOR_CONFIGURATION);
	case FAULT_DEVICE:
		return fault_is_descriptor(urb, DESCRIPTOR_DEVICE);
	}
	return false;
}

/* ---- what is done to it ---- */

static void put(struct usb_urb *urb, size_t off, uint8_t byte)
{
	filter_copy(urb, off, &byte, 1, true);
}

static void flip(struct usb_urb *urb, size_t off)
{
	put(urb, off, ~fault_byte(urb, off));
}

/* BOT has it behind the signature, UAS big-endian behind the unit's type. */
static void spoil_tag(struct usb_urb *urb)
{
	flip(urb, urb->actual == CSW_LEN ? 5 : 2);
}

static void spoil_residue(struct usb_urb *urb)
{
	for (size_t off = 8; off < 12; off++)
		put(urb, off, 0xf0);
}

static void spoil_signature(struct usb_urb *urb)
{
	put(urb, 0, 'X');
}

static void spoil_phase(struct usb_urb *urb)
{
	put(urb, 12, 2);
}

static void spoil_length(struct usb_urb *urb)
{
	urb->actual /= 2;
	if (urb->flags & USB_URB_SHORT_NOT_OK)
		urb->status = -EREMOTEIO;
}

static void spoil_everything(struct usb_urb *urb, int status)
{
	urb->actual = 0;
	urb->status = status;
}

static void spoil_stall(struct usb_urb *urb)
{
	spoil_everything(urb, -EPIPE);
}

static void spoil_babble(struct usb_urb *urb)
{
	spoil_everything(urb, -EOVERFLOW);
}

static void spoil_error(struct usb_urb *urb)
{
	spoil_everything(urb, -EPROTO);
}

/* Twice as many blocks: half of them are not there. */
static void spoil_capacity(struct usb_urb *urb)
{
	size_t top = urb->length == 32 ? 4 : 0;	/* the lower half of 64 bits */
	uint32_t n;

	filter_copy(urb, top, &n, sizeof(n), false);
	n = htobe32(be32toh(n) * 2 + 1);
	filter_copy(urb, top, &n, sizeof(n), true);
}

static void spoil_sector(struct usb_urb *urb, uint32_t bytes)
{
	uint32_t raw = htobe32(bytes);

	filter_copy(urb, urb->length == 32 ? 8 : 4, &raw, sizeof(raw), true);
}

static void spoil_sector_0(struct usb_urb *urb)
{
	spoil_sector(urb, 0);
}

static void spoil_sector_3(struct usb_urb *urb)
{
	spoil_sector(urb, 3);
}

/* More than there is. */
static void spoil_total(struct usb_urb *urb)
{
	put(urb, 2, 0xff);
	put(urb, 3, 0xff);
}

/* The one behind the configuration's own would begin nowhere. */
static void spoil_inner(struct usb_urb *urb)
{
	if (urb->actual > 9)
		put(urb, 9, 0);
	else
		put(urb, 0, 0);
}

static void spoil_own(struct usb_urb *urb)
{
	put(urb, 0, 1);
}

static const struct fault_kind kinds[] = {
	{ "csw-tag", FAULT_STATUS, false, spoil_tag },
	{ "csw-residue", FAULT_STATUS, false, spoil_residue },
	{ "csw-signature", FAULT_STATUS, false, spoil_signature },
	{ "csw-phase", FAULT_STATUS, false, spoil_phase },
	{ "csw-short", FAULT_STATUS, false, spoil_length },
	{ "csw-stall", FAULT_STATUS, false, spoil_stall },
	{ "csw-nak", FAULT_STATUS, true, NULL },
	{ "command-stall", FAULT_COMMAND, false, spoil_stall },
	{ "command-nak", FAULT_COMMAND, true, NULL },
	{ "read-short", FAULT_DATA_IN, false, spoil_length },
	{ "read-stall", FAULT_DATA_IN, false, spoil_stall },
	{ "read-babble", FAULT_DATA_IN, false, spoil_babble },
	{ "read-error", FAULT_DATA_IN, false, spoil_error },
	{ "read-nak", FAULT_DATA_IN, true, NULL },
	{ "write-short", FAULT_DATA_OUT, false, spoil_length },
	{ "write-stall", FAULT_DATA_OUT, false, spoil_stall },
	{ "write-nak", FAULT_DATA_OUT, true, NULL },
	{ "capacity", FAULT_CAPACITY, false, spoil_capacity },
	{ "sector-size-0", FAULT_CAPACITY, false, spoil_sector_0 },
	{ "sector-size-3", FAULT_CAPACITY, false, spoil_sector_3 },
	{ "config-total", FAULT_CONFIGURATION, false, spoil_total },
	{ "config-inner", FAULT_CONFIGURATION, false, spoil_inner },
	{ "config-short", FAULT_CONFIGURATION, false, spoil_length },
	{ "device-length", FAULT_DEVICE, false, spoil_own },
	{ "device-short", FAULT_DEVICE, false, spoil_length },
};

#define N_KINDS	(sizeof(kinds) / sizeof(kinds[0]))

const char *fault_name(unsigned int i)
{
	return i < N_KINDS ? kinds[i].name : NULL;
}

static const struct fault_kind *fault_find(const char *name, size_t len)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (strlen(kinds[i].name) == len && !memcmp(kinds[i].name, name, len))
			return &kinds[i];
	return NULL;
}

int fault_parse(const char *text, struct fault *ret_fault)
{
	size_t len = strcspn(text, "@");
	struct fault fault = { fault_find(text, len), 1, UINT32_MAX };
	char plus = 0, rest;
	int n;

	if (!fault.kind)
		return -EINVAL;
	if (text[len]) {
		n = sscanf(text + len, "@%7u%c%c", &fault.from, &plus, &rest);
		if (text[len + 1] < '0' || text[len + 1] > '9' || n < 1 || n > 2 || (n == 2 && plus != '+') || !fault.from)
			return -EINVAL;
		if (n == 1)
			fault.to = fault.from;
	}
	*ret_fault = fault;
	return 0;
}
