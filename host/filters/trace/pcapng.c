// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks of draft-ietf-opsawg-pcapng. The section is in this machine's byte order,
 * which its header tells.
 */
#include <string.h>

#include "trace_i.h"

#define BLOCK_SECTION		0x0a0d0d0au
#define BLOCK_INTERFACE		1u
#define BLOCK_STATISTICS	5u
#define BLOCK_PACKET		6u
#define BYTE_ORDER_MAGIC	0x1a2b3c4du

#define LINKTYPE_USB_LINUX_MMAPPED	220u
#define LINKTYPE_IPV4			228u

#define OPT_END			0u
#define SECTION_APPLICATION	4u
#define INTERFACE_NAME		2u
#define INTERFACE_TSRESOL	9u
#define STATISTICS_RECEIVED	4u
#define STATISTICS_DROPPED	5u

#define PACKET_HEAD		28u

static uint8_t *put(uint8_t *p, const void *from, size_t len)
{
	memcpy(p, from, len);
	memset(p + len, 0, -len & 3);
	return p + len + (-len & 3);
}

static uint8_t *put32(uint8_t *p, uint32_t n)
{
	return put(p, &n, sizeof(n));
}

static uint8_t *put_option(uint8_t *p, uint16_t code, const void *value, uint16_t len)
{
	uint16_t head[2] = { code, len };

	p = put(p, head, sizeof(head));
	return len ? put(p, value, len) : p;
}

/* The length is at both ends. */
static size_t finish(uint8_t *block, uint8_t *end)
{
	uint32_t len = end + 4 - block;

	memcpy(block + 4, &len, sizeof(len));
	put32(end, len);
	return len;
}

/* Nanoseconds, as the interface says; the higher half first. */
static uint8_t *put_time(uint8_t *p, uint64_t ns)
{
	return put32(put32(p, ns >> 32), ns);
}

size_t pcapng_packet_size(uint32_t cap_len)
{
	return PACKET_HEAD + cap_len + (-cap_len & 3) + 4;
}

uint8_t *pcapng_packet(uint8_t *block, uint64_t ns, uint32_t cap_len, uint32_t orig_len)
{
	uint8_t *p = put32(block, BLOCK_PACKET);
	uint8_t *packet;

	p = put32(p, 0);
	p = put32(p, 0);			/* interface */
	p = put_time(p, ns);
	p = put32(p, cap_len);
	packet = put32(p, orig_len);
	memset(packet + cap_len, 0, -cap_len & 3);
	finish(block, packet + cap_len + (-cap_len & 3));
	return packet;
}

static size_t put_section(uint8_t *block)
{
	static const uint16_t version[2] = { 1, 0 };
	static const int64_t unknown_length = -1;
	uint8_t *p = put32(block, BLOCK_SECTION);

	p = put32(p, 0);
	p = put32(p, BYTE_ORDER_MAGIC);
	p = put(p, version, sizeof(version));
	p = put(p, &unknown_length, sizeof(unknown_length));
	p = put_option(p, SECTION_APPLICATION, "lklusb", 6);
	p = put_option(p, OPT_END, NULL, 0);
	return finish(block, p);
}

static size_t put_interface(uint8_t *block, enum trace_form form)
{
	static const uint8_t nanoseconds = 9;
	const char *name = form == TRACE_USBIP ? "usbip" : "usb";
	uint8_t *p = put32(block, BLOCK_INTERFACE);

	p = put32(p, 0);
	/* 16 bits and 16 reserved ones */
	p = put(p, &(uint16_t[2]){ form == TRACE_USBIP ? LINKTYPE_IPV4 :
							 LINKTYPE_USB_LINUX_MMAPPED }, 4);
	p = put32(p, 0);			/* no limit; records say their own */
	p = put_option(p, INTERFACE_NAME, name, strlen(name));
	p = put_option(p, INTERFACE_TSRESOL, &nanoseconds, 1);
	p = put_option(p, OPT_END, NULL, 0);
	return finish(block, p);
}

size_t pcapng_header(uint8_t *p, enum trace_form form)
{
	size_t len = put_section(p);

	return len + put_interface(p + len, form);
}

size_t pcapng_stats(uint8_t *block, uint64_t ns, uint64_t received, uint64_t dropped)
{
	uint8_t *p = put32(block, BLOCK_STATISTICS);

	p = put32(p, 0);
	p = put32(p, 0);			/* interface */
	p = put_time(p, ns);
	p = put_option(p, STATISTICS_RECEIVED, &received, sizeof(received));
	p = put_option(p, STATISTICS_DROPPED, &dropped, sizeof(dropped));
	p = put_option(p, OPT_END, NULL, 0);
	return finish(block, p);
}
