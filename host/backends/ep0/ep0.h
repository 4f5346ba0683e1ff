/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ep0.h - endpoint 0 of emulated devices with one interface: the requests of USB 3.2 9.4
 * (which contains USB 2.0's) that all of them answer alike, and descriptors likewise.
 * Knows no lock; the device calls it with its own.
 */
#ifndef EP0_H
#define EP0_H

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <linux/usb/ch9.h>

#include "usb_backend.h"

#define EP0_LANGUAGE	0x0409

/* The request type and the request, as one number to switch over. */
#define EP0_REQ(type, request) ((type) << 8 | (request))
#define EP0_DEVICE_IN		(USB_DIR_IN | USB_RECIP_DEVICE)
#define EP0_DEVICE_OUT		(USB_DIR_OUT | USB_RECIP_DEVICE)
#define EP0_INTERFACE_IN	(USB_DIR_IN | USB_RECIP_INTERFACE)
#define EP0_INTERFACE_OUT	(USB_DIR_OUT | USB_RECIP_INTERFACE)
#define EP0_ENDPOINT_IN		(USB_DIR_IN | USB_RECIP_ENDPOINT)
#define EP0_ENDPOINT_OUT	(USB_DIR_OUT | USB_RECIP_ENDPOINT)

struct ep0_request {
	unsigned int what;		/* EP0_REQ() */
	uint16_t value, index, length;
};

/* Part of a device. */
struct ep0 {
	uint8_t configuration;		/* 0: not configured */
	uint8_t setting;		/* of interface 0 */
	bool u1_enabled, u2_enabled;	/* USB 3.2 9.4.9; there is no link to manage */
};

/* Bytes of an answer, which the caller cuts to what was asked for; -EPIPE: a stall. */
struct ep0_ops {
	uint16_t status;		/* of the device, but for U1 and U2 */
	int (*descriptor)(void *dev, const struct ep0_request *r, uint8_t *reply);
	/* 0: it is set, with nothing in flight or halted; -EPIPE: there is none such. */
	int (*configure)(void *dev, uint8_t configuration, uint8_t setting);
	/* 0, 1: whether the endpoint is halted; -EPIPE: not in this setting. */
	int (*halted)(void *dev, uint16_t address);
	int (*halt)(void *dev, uint16_t address, bool set);
	/* Requests of class and vendor. NULL: none. */
	int (*other)(void *dev, const struct ep0_request *r, uint8_t *reply);
};

/* USB 2.0 table 9-2. */
static inline struct ep0_request ep0_decode(const uint8_t setup[8])
{
	return (struct ep0_request){
		.what = EP0_REQ(setup[0], setup[1]),
		.value = setup[2] | setup[3] << 8,
		.index = setup[4] | setup[5] << 8,
		.length = setup[6] | setup[7] << 8,
	};
}

/* Of interface 0; there is one only when a configuration is set. */
static inline bool ep0_has_interface(const struct ep0 *e, const struct ep0_request *r)
{
	return e->configuration && r->index == 0;
}

int ep0_execute(struct ep0 *e, const struct ep0_ops *ops, void *dev, enum usb_speed speed,
		const struct ep0_request *r, uint8_t *reply);

/* ---- descriptors: descriptors.c ---- */

/* Appends one; who builds them knows that there is room. */
static inline uint8_t *ep0_put(uint8_t *to, const void *descriptor, size_t len)
{
	memcpy(to, descriptor, len);
	return to + len;
}

/*
 * USB 3.2 9.6.2. speeds: USB_x_OPERATION, all of it works from bit number `functionality`
 * on. Exit latencies of 0 tell the host that there is no link whose power could be managed.
 */
int ep0_put_bos(uint16_t speeds, uint8_t functionality, uint8_t *reply);

/* USB 2.0 9.6.2: how it would look at full speed. bcd: the version of USB. */
int ep0_put_qualifier(uint16_t bcd, uint8_t class, uint8_t n_configs, uint8_t *reply);

/* ASCII. texts[1] to texts[n - 1]; 0 is the language. */
int ep0_put_string(const char *const *texts, unsigned int n, const struct ep0_request *r,
		   uint8_t *reply);

#endif
