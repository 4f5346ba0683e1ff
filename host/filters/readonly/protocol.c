// SPDX-License-Identifier: GPL-2.0-only
/* Bulk-Only Transport 1.0 and USB Attached SCSI 1.0, as far as commands go. */
#include <errno.h>
#include <string.h>
#include <linux/usb/ch9.h>

#include "readonly_i.h"

#define CBW_LEN			31u
#define CBW_CDB			15u
#define CSW_LEN			13u
#define COMMAND_IU_LEN		32u
#define COMMAND_IU_CDB		16u
#define MANAGEMENT_IU_LEN	16u
#define SENSE_IU_HEAD		16u
#define SENSE_LEN		18u
#define IU_MAX			512u	/* longer buffers wait for data */

enum { IU_COMMAND = 1, IU_SENSE = 3, IU_RESPONSE = 4, IU_MANAGEMENT = 5 };

#define REQUEST_SENSE		0x03
#define MODE_SENSE_6		0x1a
#define MODE_SENSE_10		0x5a
#define CHECK_CONDITION		0x02
#define WP			0x80

#define BOT_GET_MAX_LUN		0xfe
#define BOT_RESET		0xff

/* Fixed format: DATA PROTECT, WRITE PROTECTED. */
static const uint8_t write_protected[SENSE_LEN] = {
	0x70, [2] = 0x07, [7] = SENSE_LEN - 8, [12] = 0x27,
};

/* Bytes of the URB's data from pos on; there may be less. */
static uint32_t urb_copy(const struct usb_urb *urb, uint32_t pos, uint8_t *buf,
			 uint32_t len, bool to_urb)
{
	uint32_t done = 0;

	for (unsigned int i = 0; i < urb->n_iov && done < len; i++) {
		const struct iovec *v = &urb->iov[i];
		size_t part;

		if (pos >= v->iov_len) {
			pos -= v->iov_len;
			continue;
		}
		part = v->iov_len - pos;
		if (part > len - done)
			part = len - done;
		if (to_urb)
			memcpy((uint8_t *)v->iov_base + pos, buf + done, part);
		else
			memcpy(buf + done, (uint8_t *)v->iov_base + pos, part);
		pos = 0;
		done += part;
	}
	return done;
}

static void urb_put(const struct usb_urb *urb, uint32_t pos, const void *from, uint32_t len)
{
	urb_copy(urb, pos, (uint8_t *)from, len, true);
}

static uint32_t get_le32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t get_be16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

/* ---- requests ---- */

/* Of a class or a vendor only those that Bulk-Only needs: others may do anything. */
int readonly_check_control(struct readonly_state *s, const struct usb_urb *urb)
{
	uint8_t type = urb->setup[0], request = urb->setup[1];

	if ((type & USB_TYPE_MASK) == USB_TYPE_STANDARD)
		return request == USB_REQ_SET_DESCRIPTOR ? -EPIPE : 0;
	if ((type & (USB_TYPE_MASK | USB_RECIP_MASK)) != (USB_TYPE_CLASS | USB_RECIP_INTERFACE))
		return -EPIPE;
	if (request == BOT_RESET && !(type & USB_DIR_IN) && !urb->length) {
		*s = (struct readonly_state) { 0 };
		return 0;
	}
	return request == BOT_GET_MAX_LUN && type & USB_DIR_IN ? 0 : -EPIPE;
}

/* ---- Bulk-Only ---- */

static enum readonly_rewrite data_of(const struct readonly_state *s, uint8_t opcode)
{
	switch (opcode) {
	case REQUEST_SENSE:
		return s->sense ? READONLY_SENSE : READONLY_AS_IT_IS;
	case MODE_SENSE_6:
		return READONLY_MODE6;
	case MODE_SENSE_10:
		return READONLY_MODE10;
	default:
		return READONLY_AS_IT_IS;
	}
}

static void cbw_passes(struct readonly_state *s, uint8_t opcode, uint32_t length)
{
	s->data = length ? data_of(s, opcode) : READONLY_AS_IT_IS;
	s->data_in = s->status = s->sense = false;
}

static void cbw_refuse(struct readonly_state *s, uint8_t *cbw)
{
	s->length = get_le32(cbw + 8);
	s->data_in = s->length && cbw[12] & USB_DIR_IN;
	s->status = true;
	s->sense = false;
	s->data = READONLY_AS_IT_IS;
	memset(cbw + 8, 0, 5);		/* no data, flags */
	cbw[14] = 6;
	memset(cbw + CBW_CDB, 0, CBW_LEN - CBW_CDB);
}

/* Devices read the whole field, however long the CDB is said to be. */
static int check_cbw(struct readonly_state *s, uint8_t *cbw)
{
	uint32_t length = get_le32(cbw + 8);
	uint8_t cdb_len = cbw[14] & 0x1f;

	if (memcmp(cbw, "USBC", 4) || !cdb_len || cdb_len > 16)
		return -EPIPE;
	if (readonly_cdb_reads(cbw + CBW_CDB) && (!length || cbw[12] & USB_DIR_IN))
		cbw_passes(s, cbw[CBW_CDB], length);
	else
		cbw_refuse(s, cbw);
	return CBW_LEN;
}

/* ---- UAS ---- */

static bool tag_forget(struct readonly_state *s, uint16_t tag)
{
	for (unsigned int i = 0; i < s->n_tags; i++)
		if (s->tags[i] == tag) {
			s->tags[i] = s->tags[--s->n_tags];
			return true;
		}
	return false;
}

static int check_command_iu(struct readonly_state *s, uint8_t *iu)
{
	uint16_t tag = get_be16(iu + 2);

	if (iu[6] >> 2)
		return -EPIPE;		/* a longer CDB than there are bytes */
	tag_forget(s, tag);		/* of long ago */
	if (readonly_cdb_reads(iu + COMMAND_IU_CDB))
		return COMMAND_IU_LEN;
	if (s->n_tags == READONLY_TAGS)
		return -EPIPE;
	s->tags[s->n_tags++] = tag;
	memset(iu + COMMAND_IU_CDB, 0, COMMAND_IU_LEN - COMMAND_IU_CDB);
	return COMMAND_IU_LEN;
}

int readonly_check_out(struct readonly_state *s, const struct usb_urb *urb,
		       uint8_t command[READONLY_COMMAND_MAX])
{
	uint32_t len = urb->length;

	if (len > READONLY_COMMAND_MAX || urb_copy(urb, 0, command, len, false) != len)
		return -EPIPE;
	if (len == CBW_LEN)
		return check_cbw(s, command);
	if (len == COMMAND_IU_LEN && command[0] == IU_COMMAND)
		return check_command_iu(s, command);
	if (len == MANAGEMENT_IU_LEN && command[0] == IU_MANAGEMENT)
		return len;
	return -EPIPE;
}

/* ---- answers ---- */

int readonly_check_in(struct readonly_state *s, const struct usb_urb *urb,
		      enum readonly_rewrite *ret_rewrite)
{
	*ret_rewrite = urb->length < IU_MAX ? READONLY_IU : READONLY_AS_IT_IS;
	if (s->data_in) {
		s->data_in = false;
		return -EPIPE;
	}
	if (s->status) {
		s->status = false;
		*ret_rewrite = READONLY_CSW;
	} else if (s->data != READONLY_AS_IT_IS) {
		*ret_rewrite = s->data;
		s->data = READONLY_AS_IT_IS;
	}
	return 0;
}

static void rewrite_csw(struct readonly_state *s, struct usb_urb *urb)
{
	const uint8_t rest[5] = {
		s->length, s->length >> 8, s->length >> 16, s->length >> 24, 1,
	};

	if (urb->actual != CSW_LEN)
		return;
	urb_put(urb, 8, rest, sizeof(rest));
	s->sense = true;
}

static void rewrite_mode(struct usb_urb *urb, uint32_t pos)
{
	uint8_t byte;

	if (urb->actual <= pos || !urb_copy(urb, pos, &byte, 1, false))
		return;
	byte |= WP;
	urb_put(urb, pos, &byte, 1);
}

static void rewrite_iu(struct readonly_state *s, struct usb_urb *urb)
{
	uint8_t iu[SENSE_IU_HEAD + SENSE_LEN] = { IU_SENSE };

	if (urb->actual < 4 || !s->n_tags || urb_copy(urb, 0, iu, 4, false) != 4 ||
	    (iu[0] != IU_SENSE && iu[0] != IU_RESPONSE) || !tag_forget(s, get_be16(iu + 2)) ||
	    iu[0] != IU_SENSE)
		return;
	iu[6] = CHECK_CONDITION;
	iu[15] = SENSE_LEN;
	memcpy(iu + SENSE_IU_HEAD, write_protected, SENSE_LEN);
	urb->actual = urb->length < sizeof(iu) ? urb->length : sizeof(iu);
	urb_put(urb, 0, iu, urb->actual);
}

void readonly_rewrite(struct readonly_state *s, struct usb_urb *urb,
		      enum readonly_rewrite rewrite)
{
	switch (rewrite) {
	case READONLY_CSW:
		rewrite_csw(s, urb);
		break;
	case READONLY_SENSE:
		urb_put(urb, 0, write_protected,
			urb->actual < SENSE_LEN ? urb->actual : SENSE_LEN);
		break;
	case READONLY_MODE6:
		rewrite_mode(urb, 2);
		break;
	case READONLY_MODE10:
		rewrite_mode(urb, 3);
		break;
	case READONLY_IU:
		rewrite_iu(s, urb);
		break;
	case READONLY_AS_IT_IS:
		break;
	}
}
