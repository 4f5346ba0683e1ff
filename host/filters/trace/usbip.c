// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records as USB/IP would carry them between a client 10.0.0.1 and a server 10.0.0.2:
 * each PDU in TCP segments of its own, one conversation per device. A dropped PDU
 * takes no sequence numbers, so the rest stays readable. Nothing is cut: a half PDU
 * would hide the next.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>

#include "trace_i.h"

#define CLIENT		0x0a000001u
#define SERVER		0x0a000002u
#define SERVER_PORT	3240
#define CLIENT_PORT	40000u		/* and the device's number */

#define USBIP_CMD_SUBMIT	1u
#define USBIP_RET_SUBMIT	3u
#define USBIP_PDU		48u
#define USBIP_ISO		16u

#define HEADERS		(sizeof(struct iphdr) + sizeof(struct tcphdr))
#define SEGMENT		(65535u - HEADERS)

/* Where the next bytes of a PDU go, over the borders of segments. */
struct segments {
	const struct trace_record *r;
	uint8_t *block;			/* the next segment's */
	uint8_t *at;			/* in this one */
	uint32_t room;			/* of this one */
	uint32_t left;			/* of the PDU, beyond this one */
};

/* RFC 1071 */
static uint16_t ip_checksum(const struct iphdr *ip)
{
	uint16_t words[sizeof(*ip) / 2];
	uint32_t sum = 0;

	memcpy(words, ip, sizeof(words));
	for (unsigned int i = 0; i < sizeof(*ip) / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

static void put_headers(const struct trace_record *r, uint8_t *p, uint32_t len)
{
	uint32_t *seq = r->filter->tcp_seq;
	bool back = r->type != 'S';
	uint16_t client = CLIENT_PORT + r->filter->device;
	struct iphdr ip = {
		.version = 4,
		.ihl = sizeof(ip) / 4,
		.tot_len = htons(HEADERS + len),
		.ttl = 64,
		.protocol = IPPROTO_TCP,
		.saddr = htonl(back ? SERVER : CLIENT),
		.daddr = htonl(back ? CLIENT : SERVER),
	};
	struct tcphdr tcp = {
		.source = htons(back ? SERVER_PORT : client),
		.dest = htons(back ? client : SERVER_PORT),
		.seq = htonl(seq[back]),
		.ack_seq = htonl(seq[!back]),
		.doff = sizeof(tcp) / 4,
		.psh = 1,
		.ack = 1,
		.window = htons(65535),
	};

	ip.check = ip_checksum(&ip);
	seq[back] += len;
	memcpy(p, &ip, sizeof(ip));
	memcpy(p + sizeof(ip), &tcp, sizeof(tcp));
}

static void next_segment(struct segments *s)
{
	uint32_t len = s->left < SEGMENT ? s->left : SEGMENT;
	uint8_t *p = pcapng_packet(s->block, s->r->ns, HEADERS + len, HEADERS + len);

	put_headers(s->r, p, len);
	s->block += pcapng_packet_size(HEADERS + len);
	s->at = p + HEADERS;
	s->room = len;
	s->left -= len;
}

/* from NULL: len bytes of the URB's data from its offset off. */
static void put_bytes(struct segments *s, const void *from, size_t off, size_t len)
{
	while (len) {
		size_t part;

		if (!s->room)
			next_segment(s);
		part = len < s->room ? len : s->room;
		if (from)
			memcpy(s->at, (const uint8_t *)from + off, part);
		else
			filter_copy(s->r->urb, off, s->at, part, false);
		s->at += part;
		s->room -= part;
		off += part;
		len -= part;
	}
}

static size_t segments_size(uint32_t len)
{
	uint32_t whole = len / SEGMENT, rest = len % SEGMENT;

	return whole * pcapng_packet_size(HEADERS + SEGMENT) +
	       (rest ? pcapng_packet_size(HEADERS + rest) : 0);
}

/* On the wire packets follow one another without gaps. */
static uint32_t iso_in_len(const struct usb_urb *urb)
{
	uint32_t len = 0;

	for (unsigned int i = 0; i < urb->n_iso; i++)
		len += urb->iso[i].actual;
	return len;
}

static void put_data(struct segments *s, uint32_t len)
{
	const struct usb_urb *urb = s->r->urb;

	if (!urb->n_iso || !urb->in) {
		put_bytes(s, NULL, 0, len);
		return;
	}
	for (unsigned int i = 0; len && i < urb->n_iso; i++)
		put_bytes(s, NULL, urb->iso[i].offset, urb->iso[i].actual);
}

static void put_iso(struct segments *s)
{
	const struct usb_urb *urb = s->r->urb;

	for (unsigned int i = 0; i < urb->n_iso; i++) {
		const struct usb_iso_packet *p = &urb->iso[i];
		uint32_t raw[4] = { htonl(p->offset), htonl(p->length), htonl(p->actual),
				    htonl(p->status) };

		put_bytes(s, raw, 0, sizeof(raw));
	}
}

static void put_command(struct segments *s)
{
	const struct trace_record *r = s->r;
	const struct usb_urb *urb = r->urb;
	uint32_t raw[USBIP_PDU / 4] = {
		htonl(USBIP_CMD_SUBMIT),
		htonl(r->id),
		htonl(r->filter->bus << 16 | r->filter->device),
		htonl(urb->in),
		htonl(urb->ep),
		htonl(urb->flags),
		htonl(urb->length),
		htonl(urb->start_frame),
		htonl(urb->n_iso),
		htonl(urb->interval),
	};

	memcpy(&raw[10], urb->setup, sizeof(urb->setup));
	put_bytes(s, raw, 0, sizeof(raw));
}

static void put_answer(struct segments *s)
{
	const struct trace_record *r = s->r;
	const struct usb_urb *urb = r->urb;
	uint32_t raw[USBIP_PDU / 4] = {
		htonl(USBIP_RET_SUBMIT),
		htonl(r->id),
		0, 0, 0,
		htonl(r->type == 'E' ? r->status : urb->status),
		htonl(r->type == 'E' ? 0 : urb->actual),
		htonl(urb->start_frame),
		htonl(urb->n_iso),
		htonl(urb->error_count),
	};

	put_bytes(s, raw, 0, sizeof(raw));
}

bool usbip_record(struct trace *t, const struct trace_record *r)
{
	const struct usb_urb *urb = r->urb;
	uint32_t data_len = trace_data_len(r);
	struct segments s = { .r = r };

	if (data_len && urb->n_iso && urb->in)
		data_len = iso_in_len(urb);
	s.left = USBIP_PDU + data_len + urb->n_iso * USBIP_ISO;
	s.block = writer_reserve(t, segments_size(s.left));
	if (!s.block)
		return false;
	if (r->type == 'S')
		put_command(&s);
	else
		put_answer(&s);
	put_data(&s, data_len);
	put_iso(&s);
	return true;
}
