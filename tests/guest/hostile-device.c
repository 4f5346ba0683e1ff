// SPDX-License-Identifier: GPL-2.0-only
/*
 * vhost-user-usb with a device that lies to the guest's driver: the linker puts these
 * functions between the device and its rings (--wrap). The file named by LIE has a
 * name and a number: which lie, and at which answer that fits, counted from when the
 * file changed.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <linux/virtio_usbip.h>

#include "virtio_dev.h"

#define MAX_CHAINS	1024u

/* What the device took from a ring and has not returned. */
static struct chain {
	struct virtq *vq;
	uint16_t head;
	bool event;
	bool in;			/* data goes to the guest */
	struct iovec ret;		/* first part of what the guest reads */
} chains[MAX_CHAINS];

int __real_virtq_pop(struct virtq *vq, struct iovec *iov, unsigned int max,
		     struct virtq_chain *chain);
void __real_virtq_push(struct virtq *vq, uint16_t head, uint32_t len);

static struct chain *chain_find(const struct virtq *vq, uint16_t head)
{
	for (unsigned int i = 0; i < MAX_CHAINS; i++)
		if (chains[i].vq == vq && chains[i].head == head)
			return &chains[i];
	return NULL;
}

/* Called with the device's lock, as push is. */
int __wrap_virtq_pop(struct virtq *vq, struct iovec *iov, unsigned int max,
		     struct virtq_chain *chain)
{
	int got = __real_virtq_pop(vq, iov, max, chain);
	struct chain *c;

	if (got <= 0 || !chain->n_in)
		return got;
	c = chain_find(vq, chain->head);
	if (!c)
		c = chain_find(NULL, 0);
	if (c)
		*c = (struct chain){ vq, chain->head, !chain->out_len,
				     chain->in_len > VIRTIO_USBIP_PDU_SIZE,
				     iov[chain->n_out] };
	return got;
}

static void put32(const struct chain *c, size_t off, uint32_t value)
{
	value = htobe32(value);
	if (c->ret.iov_len >= off + sizeof(value))
		memcpy((char *)c->ret.iov_base + off, &value, sizeof(value));
}

static void put_byte(const struct chain *c, size_t off, uint8_t value)
{
	if (c->ret.iov_len > off)
		((uint8_t *)c->ret.iov_base)[off] = value;
}

/* The lies; each returns the used.len to tell. */

static uint32_t len_short(const struct chain *c, uint32_t len) { return 10; }
static uint32_t len_zero(const struct chain *c, uint32_t len) { return 0; }
static uint32_t len_long(const struct chain *c, uint32_t len) { return len + 100000; }
static uint32_t len_huge(const struct chain *c, uint32_t len) { return 0xffffffff; }
static uint32_t len_header(const struct chain *c, uint32_t len) { return 48; }

static uint32_t command(const struct chain *c, uint32_t len)
{
	put32(c, 0, 77);
	return len;
}

static uint32_t seq(const struct chain *c, uint32_t len)
{
	put32(c, 4, 0xdeadbeef);
	return len;
}

static uint32_t status(const struct chain *c, uint32_t len)
{
	put32(c, 20, 4711);
	return len;
}

static uint32_t actual_huge(const struct chain *c, uint32_t len)
{
	put32(c, 24, 0x7fffffff);
	return len;
}

static uint32_t actual_negative(const struct chain *c, uint32_t len)
{
	put32(c, 24, 0xfffffff0);
	return len;
}

static uint32_t n_packets(const struct chain *c, uint32_t len)
{
	put32(c, 32, 1000000);
	return len;
}

static uint32_t event_type(const struct chain *c, uint32_t len)
{
	put_byte(c, 0, 0x77);
	return len;
}

static uint32_t event_missed(const struct chain *c, uint32_t len)
{
	put_byte(c, 1, 0x80);
	return len;
}

static uint32_t event_port(const struct chain *c, uint32_t len)
{
	put_byte(c, 2, 200);
	return len;
}

static uint32_t event_devid(const struct chain *c, uint32_t len)
{
	put_byte(c, 6, 0x99);
	return len;
}

static uint32_t event_speed(const struct chain *c, uint32_t len)
{
	put_byte(c, 8, 99);
	return len;
}

static const struct lie {
	const char *name;
	bool event, in;			/* for which answers */
	uint32_t (*tell)(const struct chain *c, uint32_t len);
	int times;			/* 0, 1 or 2: how often it is returned */
	uint16_t head;			/* is added to its number */
} lies[] = {
	{ "len-short", false, false, len_short, 1, 0 },
	{ "len-zero", false, false, len_zero, 1, 0 },
	{ "len-long", false, false, len_long, 1, 0 },
	{ "len-huge", false, true, len_huge, 1, 0 },
	{ "len-header", false, true, len_header, 1, 0 },
	{ "command", false, false, command, 1, 0 },
	{ "seq", false, false, seq, 1, 0 },
	{ "status", false, false, status, 1, 0 },
	{ "actual-huge", false, false, actual_huge, 1, 0 },
	{ "actual-negative", false, true, actual_negative, 1, 0 },
	{ "n-packets", false, false, n_packets, 1, 0 },
	{ "twice", false, false, NULL, 2, 0 },
	{ "other-head", false, false, NULL, 1, 7 },
	{ "no-head", false, false, NULL, 1, 30000 },
	{ "never", false, false, NULL, 0, 0 },
	{ "event-type", true, false, event_type, 1, 0 },
	{ "event-missed", true, false, event_missed, 1, 0 },
	{ "event-port", true, false, event_port, 1, 0 },
	{ "event-devid", true, false, event_devid, 1, 0 },
	{ "event-speed", true, false, event_speed, 1, 0 },
	{ "event-short", true, false, len_zero, 1, 0 },
	{ "event-twice", true, false, NULL, 2, 0 },
};

/* Whether this answer is to be a lie, and which. */
static const struct lie *lie_now(const struct chain *c)
{
	static char before[64];
	static unsigned int n;
	char text[64] = "", name[32] = "";
	unsigned int at = 0;
	FILE *f = fopen(getenv("LIE"), "re");

	if (f && !fgets(text, sizeof(text), f))
		*text = 0;
	if (f)
		fclose(f);
	if (strcmp(text, before))
		n = 0;
	strcpy(before, text);
	if (!c || sscanf(text, "%31s %u", name, &at) != 2)
		return NULL;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		if (!strcmp(lies[i].name, name) && lies[i].event == c->event &&
		    (!lies[i].in || c->in))
			return ++n == at ? &lies[i] : NULL;
	return NULL;
}

void __wrap_virtq_push(struct virtq *vq, uint16_t head, uint32_t len)
{
	struct chain *c = chain_find(vq, head);
	const struct lie *lie = lie_now(c);

	if (lie) {
		fprintf(stderr, "lie: %s\n", lie->name);
		if (lie->tell)
			len = lie->tell(c, len);
	}
	for (int i = 0; i < (lie ? lie->times : 1); i++)
		__real_virtq_push(vq, lie ? head + lie->head : head, len);
	if (c)
		*c = (struct chain){ 0 };
}
