/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usbip_op.h - what USB/IP peers say before the first URB: which devices there are,
 * and which one is wanted. Both sides; on threads that may wait.
 */
#ifndef USBIP_OP_H
#define USBIP_OP_H

#include <stddef.h>
#include <stdint.h>

#define USBIP_VERSION		0x0111
#define USBIP_PORT		"3240"
#define USBIP_BUSID_SIZE	32u	/* with the terminating 0 */
#define USBIP_MAX_INTERFACES	32u

enum usbip_op_code {
	USBIP_OP_REQ_IMPORT = 0x8003,
	USBIP_OP_REP_IMPORT = 0x0003,
	USBIP_OP_REQ_DEVLIST = 0x8005,
	USBIP_OP_REP_DEVLIST = 0x0005,
};

enum usbip_op_status {
	USBIP_OP_OK,
	USBIP_OP_NA,			/* no: for a reason that is not told */
	USBIP_OP_BUSY,			/* somebody else has imported it */
	USBIP_OP_DEV_ERR,		/* it does not work */
	USBIP_OP_NODEV,
	USBIP_OP_ERROR,
};

struct usbip_op {
	uint16_t version, code;
	uint32_t status;
};

struct usbip_interface {
	uint8_t class, subclass, protocol;
};

struct usbip_device {
	char path[256];			/* in the exporter's sysfs; of no use here */
	char busid[USBIP_BUSID_SIZE];
	uint32_t busnum, devnum, speed;
	uint16_t vendor, product, bcd;
	uint8_t class, subclass, protocol;
	uint8_t configuration, n_configurations, n_interfaces;
};

#define USBIP_OP_SIZE		8u	/* on the wire */
#define USBIP_DEVICE_SIZE	312u
#define USBIP_INTERFACE_SIZE	4u

void usbip_op_encode(uint8_t raw[USBIP_OP_SIZE], uint16_t code, uint32_t status);
void usbip_op_decode(struct usbip_op *op, const uint8_t raw[USBIP_OP_SIZE]);
void usbip_device_encode(uint8_t raw[USBIP_DEVICE_SIZE], const struct usbip_device *d);
/* -EPROTO: a text without an end, a speed that does not exist. */
int usbip_device_decode(struct usbip_device *d, const uint8_t raw[USBIP_DEVICE_SIZE]);

/*
 * The whole of it, on a socket that may or may not block. stop_fd: becomes readable to
 * end the wait (-ECANCELED), -1 = none. deadline: of usbip_deadline(). -ETIMEDOUT,
 * -EPIPE: the peer has closed, -errno.
 */
int64_t usbip_deadline(unsigned int ms);
int usbip_read(int fd, void *buf, size_t len, int64_t deadline, int stop_fd);
int usbip_write(int fd, const void *buf, size_t len, int64_t deadline, int stop_fd);

/* Small requests at once; a peer that is gone is noticed within 8 s. TCP or not. */
void usbip_tune(int fd);

#endif
