// SPDX-License-Identifier: GPL-2.0-only
/* What the endpoints do: source, sink, loop. */
#include <errno.h>
#include <string.h>

#include "zero_i.h"

#define MAX_INTERVAL	(1u << 15)	/* USB 2.0 9.6.6 */

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

void zero_copy(const struct usb_urb *urb, uint32_t offset, void *buf, uint32_t len,
	       bool to_urb)
{
	size_t off = offset, part;
	uint8_t *p = buf;

	for (const struct iovec *v = urb->iov; len; v++) {
		if (off >= v->iov_len) {
			off -= v->iov_len;
			continue;
		}
		part = min_u32(len, v->iov_len - off);
		if (to_urb)
			memcpy((uint8_t *)v->iov_base + off, p, part);
		else
			memcpy(p, (uint8_t *)v->iov_base + off, part);
		p += part;
		len -= part;
		off = 0;
	}
}

/* ---- time ---- */

static uint64_t zero_frame_us(const struct zero *z)
{
	return z->backend.speed >= USB_SPEED_HIGH_ ? 125 : 1000;
}

uint64_t zero_schedule(struct zero *z, struct zero_ep *ep, struct usb_urb *urb, uint64_t now)
{
	uint32_t interval = urb->interval ? min_u32(urb->interval, MAX_INTERVAL) : 1;
	uint32_t max = zero_max_packet(z, ep->info->type);
	uint64_t packets = urb->n_iso ? urb->n_iso : (urb->length + max - 1) / max;
	uint64_t frame = zero_frame_us(z);
	/* The next one, if nothing is scheduled: what is queued in time has no gaps. */
	uint64_t start = ep->free_at > now ? ep->free_at : (now / frame + 1) * frame;

	if (urb->n_iso)
		urb->start_frame = start / frame & 0x7ff;
	ep->free_at = start + (packets ? packets : 1) * interval * frame;
	return ep->free_at;
}

/* ---- patterns ---- */

void zero_make_pattern(struct zero *z, struct zero_ep *ep)
{
	uint32_t max_packet = zero_max_packet(z, ep->info->type);

	/* Each multiple of a packet has the same bytes, and there is one packet at least. */
	ep->pattern_len = ZERO_PATTERN - ZERO_PATTERN % max_packet;
	for (uint32_t i = 0; i < ep->pattern_len; i++)
		ep->pattern[i] = z->pattern ? i % max_packet % 63 : 0;
}

static void zero_source_range(struct zero_ep *ep, const struct usb_urb *urb, uint32_t offset,
			      uint32_t len)
{
	uint32_t part;

	for (uint32_t pos = 0; pos < len; pos += part) {
		part = min_u32(len - pos, ep->pattern_len);
		zero_copy(urb, offset + pos, ep->pattern, part, true);
	}
}

static bool zero_sink_is_good(const struct zero_ep *ep, const struct usb_urb *urb)
{
	uint8_t buf[ZERO_PATTERN];
	uint32_t part;

	for (uint32_t pos = 0; pos < urb->length; pos += part) {
		part = min_u32(urb->length - pos, ep->pattern_len);
		zero_copy(urb, pos, buf, part, false);
		if (memcmp(buf, ep->pattern, part))
			return false;
	}
	return true;
}

/* As the gadget does: what was sunk is acknowledged, what comes after it is not. */
static void zero_source_sink(struct zero *z, struct zero_ep *ep)
{
	struct usb_urb *urb = ep->q.first;

	if (urb->in)
		zero_source_range(ep, urb, 0, urb->length);
	else if (!zero_sink_is_good(ep, urb))
		ep->halted = true;
	zero_end_head(z, ep, 0, urb->length);
}

/* ---- isochronous ---- */

/* usbtest sends zeros whatever the pattern is, so a sink does not look. */
static void zero_iso(struct zero *z, struct zero_ep *ep)
{
	struct usb_urb *urb = ep->q.first;
	uint64_t actual = 0;

	for (unsigned int i = 0; i < urb->n_iso; i++) {
		struct usb_iso_packet *p = &urb->iso[i];

		p->actual = p->length;
		p->status = 0;
		actual += p->length;
		if (urb->in)
			zero_source_range(ep, urb, p->offset, p->length);
	}
	/* Packets may overlap. */
	zero_end_head(z, ep, 0, actual < urb->length ? actual : urb->length);
}

/* ---- loop ---- */

/* Packets of the transfer: the last is short, or empty, or there is none such. */
static uint32_t zero_out_packets(const struct usb_urb *urb, uint32_t max_packet)
{
	bool rest = urb->length % max_packet || !urb->length ||
		    urb->flags & USB_URB_ZERO_PACKET;

	return urb->length / max_packet + rest;
}

static bool zero_loop_out(struct zero *z, struct zero_ep *ep)
{
	uint32_t max_packet = zero_max_packet(z, ZERO_BULK);
	struct zero_loop *loop = &z->loop;
	struct usb_urb *urb = ep->q.first;
	struct zero_packet *p;

	if (loop->n == ZERO_LOOP_PACKETS)
		return false;
	p = &loop->packets[(loop->first + loop->n++) % ZERO_LOOP_PACKETS];
	p->len = min_u32(urb->length - ep->moved, max_packet);
	zero_copy(urb, ep->moved, p->data, p->len, false);
	ep->moved += p->len;
	if (++ep->packets == zero_out_packets(urb, max_packet))
		zero_end_head(z, ep, 0, urb->length);
	return true;
}

/* A short packet ends the transfer; one that is too long is babble. */
static bool zero_loop_in(struct zero *z, struct zero_ep *ep)
{
	struct zero_loop *loop = &z->loop;
	struct zero_packet *p = &loop->packets[loop->first];
	struct usb_urb *urb = ep->q.first;
	uint32_t len, room = urb->length - ep->moved;

	if (!loop->n)
		return false;
	loop->first = (loop->first + 1) % ZERO_LOOP_PACKETS;
	loop->n--;
	len = min_u32(p->len, room);
	zero_copy(urb, ep->moved, p->data, len, true);
	ep->moved += len;
	if (p->len > room)
		zero_end_head(z, ep, -EOVERFLOW, ep->moved);
	else if (ep->moved == urb->length)
		zero_end_head(z, ep, 0, ep->moved);
	else if (p->len < zero_max_packet(z, ZERO_BULK))
		zero_end_head(z, ep, urb->flags & USB_URB_SHORT_NOT_OK ? -EREMOTEIO : 0,
			      ep->moved);
	return true;
}

/* ---- dispatch ---- */

static bool zero_ep_work(struct zero *z, struct zero_ep *ep)
{
	if (ep->info->type == ZERO_ISO)
		zero_iso(z, ep);
	else if (z->ep0.configuration == ZERO_CONFIG_SOURCE)
		zero_source_sink(z, ep);
	else if (ep->q.first->in)
		return zero_loop_in(z, ep);
	else
		return zero_loop_out(z, ep);
	return true;
}

bool zero_ep_step(struct zero *z, struct zero_ep *ep, uint64_t now, uint64_t *ret_due)
{
	uint64_t due = (uintptr_t)ep->q.first->backend_priv;

	if (!zero_ep_is_active(z, ep)) {
		zero_end_head(z, ep, -ENOENT, 0);
	} else if (ep->halted) {
		zero_end_head(z, ep, -EPIPE, 0);
	} else if (ep->info->type != ZERO_BULK && due > now) {
		if (due < *ret_due)
			*ret_due = due;
		return false;
	} else {
		return zero_ep_work(z, ep);
	}
	return true;
}
