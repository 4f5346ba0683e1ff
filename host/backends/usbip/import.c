// SPDX-License-Identifier: GPL-2.0-only
/* What is said before the first URB, on the importing side. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "usbip_backend.h"

#define MAX_DEVICES	4096u	/* no host has as many */

static int ask(int fd, uint16_t code, const void *body, size_t len, int64_t deadline)
{
	uint8_t raw[USBIP_OP_SIZE + USBIP_BUSID_SIZE];

	usbip_op_encode(raw, code, 0);
	if (len)
		memcpy(raw + USBIP_OP_SIZE, body, len);
	return usbip_write(fd, raw, USBIP_OP_SIZE + len, deadline, -1);
}

static int status_errno(uint32_t status)
{
	switch (status) {
	case USBIP_OP_OK:
		return 0;
	case USBIP_OP_BUSY:
		return -EBUSY;
	case USBIP_OP_NODEV:
		return -ENODEV;
	default:
		return -EIO;
	}
}

static int read_answer(int fd, uint16_t code, int64_t deadline)
{
	uint8_t raw[USBIP_OP_SIZE];
	struct usbip_op op;
	int err = usbip_read(fd, raw, sizeof(raw), deadline, -1);

	if (err)
		return err;
	usbip_op_decode(&op, raw);
	if (op.code != code)
		return -EPROTO;
	if (op.version != USBIP_VERSION)
		return -EPROTONOSUPPORT;
	return status_errno(op.status);
}

static int read_device(int fd, int64_t deadline, struct usbip_device *device)
{
	uint8_t raw[USBIP_DEVICE_SIZE];
	int err = usbip_read(fd, raw, sizeof(raw), deadline, -1);

	return err ? err : usbip_device_decode(device, raw);
}

int usbip_import(int fd, const char *busid, unsigned int timeout_ms,
		 struct usbip_device *ret_device)
{
	int64_t deadline = usbip_deadline(timeout_ms);
	char wanted[USBIP_BUSID_SIZE] = "";
	struct usbip_device device;
	int err;

	if (strlen(busid) >= sizeof(wanted))
		return -EINVAL;
	strcpy(wanted, busid);
	err = ask(fd, USBIP_OP_REQ_IMPORT, wanted, sizeof(wanted), deadline);
	if (!err)
		err = read_answer(fd, USBIP_OP_REP_IMPORT, deadline);
	if (!err)
		err = read_device(fd, deadline, &device);
	if (!err && strcmp(device.busid, busid))
		err = -EPROTO;
	if (!err)
		*ret_device = device;
	return err;
}

static int read_interfaces(int fd, int64_t deadline, unsigned int n,
			   struct usbip_interface *interfaces)
{
	uint8_t raw[UINT8_MAX * USBIP_INTERFACE_SIZE];
	int err = usbip_read(fd, raw, n * USBIP_INTERFACE_SIZE, deadline, -1);

	for (unsigned int i = 0; !err && i < n && i < USBIP_MAX_INTERFACES; i++) {
		const uint8_t *p = raw + i * USBIP_INTERFACE_SIZE;

		interfaces[i] = (struct usbip_interface) { p[0], p[1], p[2] };
	}
	return err;
}

static int read_count(int fd, int64_t deadline, uint32_t *ret_n)
{
	uint32_t n;
	int err = usbip_read(fd, &n, sizeof(n), deadline, -1);

	if (err)
		return err;
	*ret_n = be32toh(n);
	return *ret_n > MAX_DEVICES ? -EPROTO : 0;
}

int usbip_list(int fd, unsigned int timeout_ms,
	       int (*fn)(void *ctx, const struct usbip_device *device,
			 const struct usbip_interface *interfaces, unsigned int n),
	       void *ctx)
{
	struct usbip_interface interfaces[USBIP_MAX_INTERFACES];
	int64_t deadline = usbip_deadline(timeout_ms);
	struct usbip_device device;
	uint32_t n_devices = 0;
	unsigned int n;
	int err;

	err = ask(fd, USBIP_OP_REQ_DEVLIST, NULL, 0, deadline);
	if (!err)
		err = read_answer(fd, USBIP_OP_REP_DEVLIST, deadline);
	if (!err)
		err = read_count(fd, deadline, &n_devices);
	while (!err && n_devices--) {
		err = read_device(fd, deadline, &device);
		if (!err)
			err = read_interfaces(fd, deadline, device.n_interfaces, interfaces);
		if (err)
			break;
		n = device.n_interfaces;
		err = fn(ctx, &device, interfaces,
			 n < USBIP_MAX_INTERFACES ? n : USBIP_MAX_INTERFACES);
	}
	return err;
}
