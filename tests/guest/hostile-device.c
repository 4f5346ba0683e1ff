// SPDX-License-Identifier: GPL-2.0-only
/*
 * vhost-user-usb with a device that lies to the guest's driver: the linker puts these
 * functions between the device and its rings, or its transport (--wrap). The file named
 * by LIE has a name and a number: which lie, and at which answer that fits, counted from
 * when the file changed. Lies of features and configuration are told all the time.
 */
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/virtio_usbip.h>

#include "confine.h"
#include "vhost_user.h"

#define MAX_CHAINS	1024u

/* What the device took from a ring and has not returned. */
static struct chain {
	struct virtq *vq;
	uint16_t head;
	bool event;
	bool in;			/* data goes to the guest */
	bool control;			/* on the control queue */
	uint32_t length;		/* of a transfer */
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
	struct virtio_usbip_cmd_submit cmd = { 0 };
	struct chain *c;

	if (got <= 0 || !chain->n_in)
		return got;
	if (chain->n_out && iov[0].iov_len >= sizeof(cmd))
		memcpy(&cmd, iov[0].iov_base, sizeof(cmd));
	c = chain_find(vq, chain->head);
	if (!c)
		c = chain_find(NULL, 0);
	if (c)
		*c = (struct chain){ vq, chain->head, !chain->out_len,
				     chain->in_len > VIRTIO_USBIP_PDU_SIZE,
				     chain->out_len && !cmd.devid, be32toh(cmd.length),
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

static uint32_t command_unlink(const struct chain *c, uint32_t len)
{
	put32(c, 0, VIRTIO_USBIP_RET_UNLINK);
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

static uint32_t actual_more(const struct chain *c, uint32_t len)
{
	put32(c, 24, c->length + 1);
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

/* That the first port is empty, which was so before. */
static uint32_t event_old(const struct chain *c, uint32_t len)
{
	const struct virtio_usbip_event ev = {
		.type = htole16(VIRTIO_USBIP_EV_PORT), .port = htole16(1),
	};

	if (c->ret.iov_len >= sizeof(ev))
		memcpy(c->ret.iov_base, &ev, sizeof(ev));
	return len;
}

static uint32_t event_missed(const struct chain *c, uint32_t len)
{
	event_old(c, len);
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
	enum { ANSWER, DATA, CONTROL, EVENT } to;	/* told with; DATA: to the guest */
	uint32_t (*tell)(const struct chain *c, uint32_t len);
	int times;			/* 0, 1 or 2: how often it is returned */
	uint16_t head;			/* is added to its number */
} lies[] = {
	{ "len-short", ANSWER, len_short, 1, 0 },
	{ "len-zero", ANSWER, len_zero, 1, 0 },
	{ "len-long", ANSWER, len_long, 1, 0 },
	{ "len-huge", DATA, len_huge, 1, 0 },
	{ "len-header", DATA, len_header, 1, 0 },
	{ "command", ANSWER, command, 1, 0 },
	{ "command-unlink", ANSWER, command_unlink, 1, 0 },
	{ "seq", ANSWER, seq, 1, 0 },
	{ "control-seq", CONTROL, seq, 1, 0 },
	{ "status", ANSWER, status, 1, 0 },
	{ "actual-more", ANSWER, actual_more, 1, 0 },
	{ "actual-huge", ANSWER, actual_huge, 1, 0 },
	{ "actual-negative", DATA, actual_negative, 1, 0 },
	{ "n-packets", ANSWER, n_packets, 1, 0 },
	{ "twice", ANSWER, NULL, 2, 0 },
	{ "other-head", ANSWER, NULL, 1, 7 },
	{ "no-head", ANSWER, NULL, 1, 30000 },
	{ "never", ANSWER, NULL, 0, 0 },
	{ "event-type", EVENT, event_type, 1, 0 },
	{ "event-old", EVENT, event_old, 1, 0 },
	{ "event-missed", EVENT, event_missed, 1, 0 },
	{ "event-port", EVENT, event_port, 1, 0 },
	{ "event-devid", EVENT, event_devid, 1, 0 },
	{ "event-speed", EVENT, event_speed, 1, 0 },
	{ "event-short", EVENT, len_zero, 1, 0 },
	{ "event-twice", EVENT, NULL, 2, 0 },
};

static int lie_fd = -1;

/* The sandbox opens no file. */
int __real_confine(enum confine_mode mode, const struct sandbox *sandbox);

int __wrap_confine(enum confine_mode mode, const struct sandbox *sandbox)
{
	lie_fd = open(getenv("LIE"), O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	return __real_confine(mode, sandbox);
}

/* What the file has; empty: nothing. */
static void read_lie(char *text, int size)
{
	ssize_t n = pread(lie_fd, text, size - 1, 0);

	text[n > 0 ? n : 0] = 0;
}

static bool fits(int to, const struct chain *c)
{
	if (to == EVENT || c->event)
		return to == EVENT && c->event;
	return to == ANSWER || (to == DATA ? c->in : c->control);
}

/* Whether this answer is to be a lie, and which. */
static const struct lie *lie_now(const struct chain *c)
{
	static char before[64];
	static unsigned int n;
	char text[64], name[32] = "";
	unsigned int at = 0;

	read_lie(text, sizeof(text));
	if (strcmp(text, before))
		n = 0;
	strcpy(before, text);
	if (!c || sscanf(text, "%31s %u", name, &at) != 2)
		return NULL;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		if (!strcmp(lies[i].name, name) && fits(lies[i].to, c))
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

/* ---- features and configuration ---- */

static const struct virtio_device_ops *honest;

static bool is(const char *name)
{
	char text[64];

	read_lie(text, sizeof(text));
	return !strncmp(text, name, strlen(name));
}

static uint64_t lying_features(void *dev)
{
	return honest->features(dev) &
	       ~(is("no-pdu") ? 1ull << VIRTIO_USBIP_F_USBIP_PDU : 0);
}

static void lying_config_read(void *dev, uint32_t offset, void *buf, uint32_t len)
{
	struct virtio_usbip_config c;

	honest->config_read(dev, 0, &c, sizeof(c));
	if (is("version"))
		c.usbip_version = htole16(0x0112);
	else if (is("event-size"))
		c.event_size = htole16(15);
	else if (is("many-ports"))
		c.usb2_ports = 32;
	else if (is("no-ports"))
		c.usb2_ports = c.usb3_ports = 0;
	else if (is("one-queue"))
		c.num_request_queues = htole16(1);
	else if (is("no-segments"))
		c.seg_max = 0;
	memcpy(buf, (char *)&c + offset, len);
}

int __real_vhost_user_new(const struct virtio_device_ops *ops, void *dev, int fd,
			  struct vhost_user **ret_vu);
int __wrap_vhost_user_new(const struct virtio_device_ops *ops, void *dev, int fd,
			  struct vhost_user **ret_vu);

int __wrap_vhost_user_new(const struct virtio_device_ops *ops, void *dev, int fd,
			  struct vhost_user **ret_vu)
{
	static struct virtio_device_ops lying;

	honest = ops;
	lying = *ops;
	lying.features = lying_features;
	lying.config_read = lying_config_read;
	return __real_vhost_user_new(&lying, dev, fd, ret_vu);
}
