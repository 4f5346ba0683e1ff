// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records as a reader of Linux's usbmon gets them (Documentation/usb/usbmon.rst), in
 * this machine's byte order.
 */
#include <errno.h>
#include <string.h>

#include "trace_i.h"

enum usbmon_transfer { USBMON_ISO, USBMON_INTERRUPT, USBMON_CONTROL, USBMON_BULK };

#define USBMON_IN	0x80
#define NSEC_PER_SEC	1000000000ull

struct usbmon_header {
	uint64_t id;
	uint8_t type, transfer, endpoint, device;
	uint16_t bus;
	char no_setup, no_data;		/* 0: there is; otherwise why not */
	int64_t sec;
	int32_t usec;
	int32_t status;
	uint32_t urb_len;		/* asked for, or moved */
	uint32_t cap_len;		/* of what follows this header */
	union {
		uint8_t setup[8];
		struct {
			int32_t errors, packets;
		} iso;
	};
	int32_t interval, start_frame;
	uint32_t flags, n_iso;
};

struct usbmon_iso {
	int32_t status;
	uint32_t offset, length, pad;
};

_Static_assert(sizeof(struct usbmon_header) == 64, "the MMAPPED form");
_Static_assert(sizeof(struct usbmon_iso) == 16, "likewise");

/* Nobody has said which kind an endpoint is; bulk transfers have no interval. */
static enum usbmon_transfer usbmon_transfer(const struct usb_urb *urb)
{
	if (!urb->ep)
		return USBMON_CONTROL;
	if (urb->n_iso)
		return USBMON_ISO;
	return urb->interval ? USBMON_INTERRUPT : USBMON_BULK;
}

static int usbmon_status(const struct trace_record *r)
{
	return r->type == 'S' ? -EINPROGRESS : r->type == 'E' ? r->status : r->urb->status;
}

static void usbmon_header(const struct trace_record *r, struct usbmon_header *h)
{
	const struct usb_urb *urb = r->urb;

	*h = (struct usbmon_header){
		.id = r->id,
		.type = r->type,
		.transfer = usbmon_transfer(urb),
		.endpoint = urb->ep | (urb->in ? USBMON_IN : 0),
		.device = r->filter->device,
		.bus = r->filter->bus,
		.no_setup = '-',
		.sec = r->ns / NSEC_PER_SEC,
		.usec = r->ns % NSEC_PER_SEC / 1000,
		.status = usbmon_status(r),
		.urb_len = r->type == 'S' ? urb->length : r->type == 'C' ? urb->actual : 0,
		.interval = urb->interval,
		.start_frame = urb->start_frame,
		.flags = urb->flags,
		.n_iso = urb->n_iso,
	};
	if (urb->n_iso) {
		h->iso.packets = urb->n_iso;
		h->iso.errors = urb->error_count;
	} else if (!urb->ep && r->type == 'S') {
		h->no_setup = 0;
		memcpy(h->setup, urb->setup, sizeof(h->setup));
	}
}

static void usbmon_iso(const struct trace_record *r, uint8_t *p)
{
	for (unsigned int i = 0; i < r->urb->n_iso; i++, p += sizeof(struct usbmon_iso)) {
		const struct usb_iso_packet *packet = &r->urb->iso[i];
		struct usbmon_iso iso = {
			.status = r->type == 'S' ? -EINPROGRESS : packet->status,
			.offset = packet->offset,
			.length = r->type == 'C' ? packet->actual : packet->length,
		};

		memcpy(p, &iso, sizeof(iso));
	}
}

bool usbmon_record(struct trace *t, const struct trace_record *r)
{
	uint32_t iso_len = r->urb->n_iso * sizeof(struct usbmon_iso);
	uint32_t data_len = trace_data_len(r);
	uint32_t cut_len = data_len < t->snaplen ? data_len : t->snaplen;
	struct usbmon_header h;
	uint32_t cap_len = sizeof(h) + iso_len + cut_len;
	uint8_t *p = writer_reserve(t, pcapng_packet_size(cap_len));

	if (!p)
		return false;
	usbmon_header(r, &h);
	h.cap_len = iso_len + cut_len;
	if (!cut_len)
		h.no_data = r->urb->in ? '<' : '>';
	p = pcapng_packet(p, r->ns, cap_len, sizeof(h) + iso_len + data_len);
	memcpy(p, &h, sizeof(h));
	usbmon_iso(r, p + sizeof(h));
	filter_copy(r->urb, 0, p + sizeof(h) + iso_len, cut_len, false);
	return true;
}
