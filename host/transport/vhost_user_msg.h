/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vhost_user_msg.h - bytes of vhost-user messages <-> checked values.
 *
 * Knows no socket, no device and no state: what a message may say by itself is
 * checked here, once; what it may say now is checked in vhost_user_session.c.
 * Numbers are those of the protocol's specification (QEMU's interop documents).
 * Integers are in the machine's byte order.
 */
#ifndef VHOST_USER_MSG_H
#define VHOST_USER_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_F_PROTOCOL_FEATURES	30	/* virtio feature bit that means us */

enum vu_protocol_feature {
	VU_PROTOCOL_F_MQ = 0,
	VU_PROTOCOL_F_REPLY_ACK = 3,
	VU_PROTOCOL_F_BACKEND_REQ = 5,
	VU_PROTOCOL_F_CONFIG = 9,
	VU_PROTOCOL_F_RESET_DEVICE = 13,
	VU_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
};

enum vu_request {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_RESET_OWNER = 4,
	VU_SET_MEM_TABLE = 5,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_SET_VRING_ERR = 14,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_GET_QUEUE_NUM = 17,
	VU_SET_VRING_ENABLE = 18,
	VU_SET_BACKEND_REQ_FD = 21,
	VU_GET_CONFIG = 24,
	VU_SET_CONFIG = 25,
	VU_RESET_DEVICE = 34,
	VU_GET_MAX_MEM_SLOTS = 36,
	VU_ADD_MEM_REG = 37,
	VU_REM_MEM_REG = 38,
};

#define VU_BACKEND_CONFIG_CHANGE_MSG	2u	/* from us, on the other channel */

#define VU_VERSION		0x1u
#define VU_VERSION_MASK		0x3u
#define VU_FLAG_REPLY		0x4u
#define VU_FLAG_NEED_REPLY	0x8u

#define VU_VRING_INDEX_MASK	0xffull
#define VU_VRING_NOFD		0x100ull	/* no descriptor comes with it */

#define VU_TABLE_REGIONS	8u	/* of one SET_MEM_TABLE */
#define VU_MAX_FDS		VU_TABLE_REGIONS
#define VU_MAX_CONFIG		256u	/* bytes of one GET_CONFIG or SET_CONFIG */
#define VU_CONFIG_HEADER	12u
#define VU_MAX_PAYLOAD		(VU_CONFIG_HEADER + VU_MAX_CONFIG)

struct vu_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;			/* of what follows, bytes */
};

#define VU_HEADER_SIZE		12u
#define VU_MAX_MESSAGE		(VU_HEADER_SIZE + VU_MAX_PAYLOAD)

struct vu_region {
	uint64_t gpa;			/* guest physical address */
	uint64_t size;			/* not 0; gpa + size and uaddr + size fit */
	uint64_t uaddr;			/* address in the front end */
	uint64_t offset;		/* in the file; offset + size fits */
};

/* A checked message. Which fields are set follows from the request. */
struct vu_msg {
	uint32_t request;		/* one of enum vu_request */
	const char *name;
	bool need_reply;
	uint64_t value;			/* of messages that are one number */
	bool nofd;			/* SET_VRING_KICK, CALL, ERR: none came */
	uint32_t index, num;		/* of a ring: its number, what is set */
	uint64_t desc, used, avail;	/* addresses in the front end */
	unsigned int n_regions;
	struct vu_region regions[VU_TABLE_REGIONS];
	uint32_t config_offset, config_size;	/* size <= VU_MAX_CONFIG */
	const uint8_t *config;		/* in the payload that was decoded */
};

/*
 * -EPROTO: no message of ours; *ret_why is for the log. To be called before the
 * payload is waited for, as its size is checked here.
 */
int vu_check_header(const struct vu_header *h, const char **ret_why);

/*
 * h passed vu_check_header, payload has h->size bytes, n_fds descriptors came.
 * -EPROTO: as above; ret_msg->name is set in any case.
 */
int vu_decode(const struct vu_header *h, const uint8_t *payload, unsigned int n_fds,
	      struct vu_msg *ret_msg, const char **ret_why);

/* A reply in buf (VU_MAX_MESSAGE bytes) with a payload of len bytes: its length. */
size_t vu_encode_reply(uint32_t request, const void *payload, uint32_t len,
		       uint8_t *buf);

#endif
