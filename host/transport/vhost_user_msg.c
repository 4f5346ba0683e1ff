// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "vhost_user_msg.h"

/* What a payload is made of. */
enum vu_shape {
	VU_NONE,
	VU_U64,
	VU_RING_FD,	/* u64: ring and NOFD bit */
	VU_STATE,	/* u32 ring, u32 value */
	VU_ADDR,	/* u32 ring, u32 flags, u64 desc, used, avail, log */
	VU_TABLE,	/* u32 number, u32 padding, regions */
	VU_REGION,	/* u64 padding, region */
	VU_CONFIG,	/* u32 offset, size, flags, bytes */
};

struct vu_kind {
	const char *name;		/* NULL: no message of ours */
	enum vu_shape shape;
	unsigned int min_fds, max_fds;	/* VU_RING_FD, VU_TABLE: see there */
};

static const struct vu_kind vu_kinds[] = {
	[VU_GET_FEATURES] = { "GET_FEATURES", VU_NONE, 0, 0 },
	[VU_SET_FEATURES] = { "SET_FEATURES", VU_U64, 0, 0 },
	[VU_SET_OWNER] = { "SET_OWNER", VU_NONE, 0, 0 },
	[VU_RESET_OWNER] = { "RESET_OWNER", VU_NONE, 0, 0 },
	[VU_SET_MEM_TABLE] = { "SET_MEM_TABLE", VU_TABLE, 0, VU_TABLE_REGIONS },
	[VU_SET_VRING_NUM] = { "SET_VRING_NUM", VU_STATE, 0, 0 },
	[VU_SET_VRING_ADDR] = { "SET_VRING_ADDR", VU_ADDR, 0, 0 },
	[VU_SET_VRING_BASE] = { "SET_VRING_BASE", VU_STATE, 0, 0 },
	[VU_GET_VRING_BASE] = { "GET_VRING_BASE", VU_STATE, 0, 0 },
	[VU_SET_VRING_KICK] = { "SET_VRING_KICK", VU_RING_FD, 0, 1 },
	[VU_SET_VRING_CALL] = { "SET_VRING_CALL", VU_RING_FD, 0, 1 },
	[VU_SET_VRING_ERR] = { "SET_VRING_ERR", VU_RING_FD, 0, 1 },
	[VU_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", VU_NONE, 0, 0 },
	[VU_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", VU_U64, 0, 0 },
	[VU_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", VU_NONE, 0, 0 },
	[VU_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", VU_STATE, 0, 0 },
	[VU_SET_BACKEND_REQ_FD] = { "SET_BACKEND_REQ_FD", VU_NONE, 1, 1 },
	[VU_GET_CONFIG] = { "GET_CONFIG", VU_CONFIG, 0, 0 },
	[VU_SET_CONFIG] = { "SET_CONFIG", VU_CONFIG, 0, 0 },
	[VU_RESET_DEVICE] = { "RESET_DEVICE", VU_NONE, 0, 0 },
	[VU_GET_MAX_MEM_SLOTS] = { "GET_MAX_MEM_SLOTS", VU_NONE, 0, 0 },
	[VU_ADD_MEM_REG] = { "ADD_MEM_REG", VU_REGION, 1, 1 },
	/* Some front ends send the descriptor again. */
	[VU_REM_MEM_REG] = { "REM_MEM_REG", VU_REGION, 0, 1 },
};

static const struct vu_kind *vu_kind(uint32_t request)
{
	if (request >= sizeof(vu_kinds) / sizeof(vu_kinds[0]) || !vu_kinds[request].name)
		return NULL;
	return &vu_kinds[request];
}

static int vu_refuse(const char *why, const char **ret_why)
{
	*ret_why = why;
	return -EPROTO;
}

/* The payload's length is a bound only: what is in it says how much of it there is. */
static void vu_payload_range(enum vu_shape shape, uint32_t *ret_min, uint32_t *ret_max)
{
	static const struct { uint32_t min, max; } range[] = {
		[VU_NONE] = { 0, 0 },
		[VU_U64] = { 8, 8 },
		[VU_RING_FD] = { 8, 8 },
		[VU_STATE] = { 8, 8 },
		[VU_ADDR] = { 40, 40 },
		/* UML sends room for two regions when there is one. */
		[VU_TABLE] = { 8, 8 + 32 * VU_TABLE_REGIONS },
		[VU_REGION] = { 40, 40 },
		[VU_CONFIG] = { VU_CONFIG_HEADER, VU_MAX_PAYLOAD },
	};

	*ret_min = range[shape].min;
	*ret_max = range[shape].max;
}

int vu_check_header(const struct vu_header *h, const char **ret_why)
{
	const struct vu_kind *kind = vu_kind(h->request);
	uint32_t min, max;

	if ((h->flags & VU_VERSION_MASK) != VU_VERSION)
		return vu_refuse("not version 1 of the protocol", ret_why);
	if (h->flags & ~(VU_VERSION_MASK | VU_FLAG_NEED_REPLY))
		return vu_refuse("flags that a request does not have", ret_why);
	if (!kind)
		return vu_refuse("a request that was not offered", ret_why);
	vu_payload_range(kind->shape, &min, &max);
	if (h->size < min || h->size > max)
		return vu_refuse("wrong size of a message", ret_why);
	return 0;
}

/* ---- payloads ---- */

static uint32_t vu_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t vu_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static int vu_decode_ring_fd(const uint8_t *p, unsigned int n_fds, struct vu_msg *msg,
			     const char **ret_why)
{
	uint64_t value = vu_u64(p);

	msg->index = value & VU_VRING_INDEX_MASK;
	msg->nofd = value & VU_VRING_NOFD;
	if (value & ~(VU_VRING_INDEX_MASK | VU_VRING_NOFD))
		return vu_refuse("no number of a ring", ret_why);
	if (n_fds != !msg->nofd)
		return vu_refuse("wrong number of descriptors", ret_why);
	return 0;
}

static int vu_decode_region(const uint8_t *p, struct vu_region *r, const char **ret_why)
{
	r->gpa = vu_u64(p);
	r->size = vu_u64(p + 8);
	r->uaddr = vu_u64(p + 16);
	r->offset = vu_u64(p + 24);
	if (!r->size)
		return vu_refuse("an empty memory region", ret_why);
	if (r->gpa + r->size < r->size || r->uaddr + r->size < r->size ||
	    r->offset + r->size < r->size)
		return vu_refuse("a memory region beyond the end of addresses", ret_why);
	return 0;
}

static int vu_decode_table(const uint8_t *p, uint32_t size, unsigned int n_fds,
			   struct vu_msg *msg, const char **ret_why)
{
	uint32_t n = vu_u32(p);
	int err = 0;

	if (n > VU_TABLE_REGIONS || 8 + 32 * n > size)
		return vu_refuse("wrong number of memory regions", ret_why);
	if (n_fds != n)
		return vu_refuse("wrong number of descriptors", ret_why);
	for (unsigned int i = 0; i < n && !err; i++)
		err = vu_decode_region(p + 8 + 32 * i, &msg->regions[i], ret_why);
	msg->n_regions = n;
	return err;
}

static int vu_decode_config(const uint8_t *p, uint32_t size, struct vu_msg *msg,
			    const char **ret_why)
{
	msg->config_offset = vu_u32(p);
	msg->config_size = vu_u32(p + 4);
	msg->config = p + VU_CONFIG_HEADER;
	if (msg->config_size != size - VU_CONFIG_HEADER)
		return vu_refuse("size of configuration space and of message differ",
				 ret_why);
	return 0;
}

int vu_decode(const struct vu_header *h, const uint8_t *p, unsigned int n_fds,
	      struct vu_msg *msg, const char **ret_why)
{
	const struct vu_kind *kind = vu_kind(h->request);

	*msg = (struct vu_msg){
		.request = h->request,
		.name = kind->name,
		.need_reply = h->flags & VU_FLAG_NEED_REPLY,
	};
	if (n_fds < kind->min_fds || n_fds > kind->max_fds)
		return vu_refuse("wrong number of descriptors", ret_why);
	switch (kind->shape) {
	case VU_NONE:
		return 0;
	case VU_U64:
		msg->value = vu_u64(p);
		return 0;
	case VU_RING_FD:
		return vu_decode_ring_fd(p, n_fds, msg, ret_why);
	case VU_STATE:
		msg->index = vu_u32(p);
		msg->num = vu_u32(p + 4);
		return 0;
	case VU_ADDR:		/* flags and log are of migration, which is not offered */
		msg->index = vu_u32(p);
		msg->desc = vu_u64(p + 8);
		msg->used = vu_u64(p + 16);
		msg->avail = vu_u64(p + 24);
		return 0;
	case VU_TABLE:
		return vu_decode_table(p, h->size, n_fds, msg, ret_why);
	case VU_REGION:
		msg->n_regions = 1;
		return vu_decode_region(p + 8, &msg->regions[0], ret_why);
	case VU_CONFIG:
		return vu_decode_config(p, h->size, msg, ret_why);
	}
	return vu_refuse("a request that was not offered", ret_why);
}

size_t vu_encode_reply(uint32_t request, const void *payload, uint32_t len, uint8_t *buf)
{
	struct vu_header h = {
		.request = request,
		/* UML compares them: nothing else may be set. */
		.flags = VU_VERSION | VU_FLAG_REPLY,
		.size = len,
	};

	memcpy(buf, &h, VU_HEADER_SIZE);
	memcpy(buf + VU_HEADER_SIZE, payload, len);
	return VU_HEADER_SIZE + len;
}
