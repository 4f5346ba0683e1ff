// SPDX-License-Identifier: GPL-2.0-only
#include "usbip_op.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "usb_backend.h"

#define KEEP_IDLE_S	3
#define KEEP_INTERVAL_S	1
#define KEEP_COUNT	5
#define SILENCE_MS	8000	/* of data that nobody acknowledges */

/* Offsets in a device's record. */
enum {
	AT_BUSID = 256, AT_BUSNUM = 288, AT_DEVNUM = 292, AT_SPEED = 296,
	AT_VENDOR = 300, AT_PRODUCT = 302, AT_BCD = 304, AT_CLASS = 306,
};

static void put16(uint8_t *p, uint16_t n)
{
	n = htobe16(n);
	memcpy(p, &n, sizeof(n));
}

static void put32(uint8_t *p, uint32_t n)
{
	n = htobe32(n);
	memcpy(p, &n, sizeof(n));
}

static uint16_t get16(const uint8_t *p)
{
	uint16_t n;

	memcpy(&n, p, sizeof(n));
	return be16toh(n);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return be32toh(n);
}

void usbip_op_encode(uint8_t raw[USBIP_OP_SIZE], uint16_t code, uint32_t status)
{
	put16(raw, USBIP_VERSION);
	put16(raw + 2, code);
	put32(raw + 4, status);
}

void usbip_op_decode(struct usbip_op *op, const uint8_t raw[USBIP_OP_SIZE])
{
	op->version = get16(raw);
	op->code = get16(raw + 2);
	op->status = get32(raw + 4);
}

void usbip_device_encode(uint8_t raw[USBIP_DEVICE_SIZE], const struct usbip_device *d)
{
	memcpy(raw, d->path, sizeof(d->path));
	memcpy(raw + AT_BUSID, d->busid, sizeof(d->busid));
	put32(raw + AT_BUSNUM, d->busnum);
	put32(raw + AT_DEVNUM, d->devnum);
	put32(raw + AT_SPEED, d->speed);
	put16(raw + AT_VENDOR, d->vendor);
	put16(raw + AT_PRODUCT, d->product);
	put16(raw + AT_BCD, d->bcd);
	raw[AT_CLASS] = d->class;
	raw[AT_CLASS + 1] = d->subclass;
	raw[AT_CLASS + 2] = d->protocol;
	raw[AT_CLASS + 3] = d->configuration;
	raw[AT_CLASS + 4] = d->n_configurations;
	raw[AT_CLASS + 5] = d->n_interfaces;
}

static bool speed_is_valid(uint32_t speed)
{
	return speed >= USB_SPEED_LOW_ && speed <= USB_SPEED_SUPER_PLUS_ && speed != 4;
}

int usbip_device_decode(struct usbip_device *d, const uint8_t raw[USBIP_DEVICE_SIZE])
{
	if (!memchr(raw, 0, sizeof(d->path)) ||
	    !memchr(raw + AT_BUSID, 0, sizeof(d->busid)) ||
	    !speed_is_valid(get32(raw + AT_SPEED)))
		return -EPROTO;
	memcpy(d->path, raw, sizeof(d->path));
	memcpy(d->busid, raw + AT_BUSID, sizeof(d->busid));
	d->busnum = get32(raw + AT_BUSNUM);
	d->devnum = get32(raw + AT_DEVNUM);
	d->speed = get32(raw + AT_SPEED);
	d->vendor = get16(raw + AT_VENDOR);
	d->product = get16(raw + AT_PRODUCT);
	d->bcd = get16(raw + AT_BCD);
	d->class = raw[AT_CLASS];
	d->subclass = raw[AT_CLASS + 1];
	d->protocol = raw[AT_CLASS + 2];
	d->configuration = raw[AT_CLASS + 3];
	d->n_configurations = raw[AT_CLASS + 4];
	d->n_interfaces = raw[AT_CLASS + 5];
	return 0;
}

/* ---- waiting ---- */

int64_t usbip_deadline(unsigned int ms)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000 + ms;
}

static int wait_for(int fd, short events, int64_t deadline, int stop_fd)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = events },
		{ .fd = stop_fd, .events = POLLIN },
	};
	int64_t left = deadline - usbip_deadline(0);
	int ret;

	if (left <= 0)
		return -ETIMEDOUT;
	ret = poll(fds, 2, left);
	if (ret < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[1].revents)
		return -ECANCELED;
	return ret ? 0 : -ETIMEDOUT;
}

int usbip_read(int fd, void *buf, size_t len, int64_t deadline, int stop_fd)
{
	size_t pos = 0;
	int err = 0;

	while (pos < len && !err) {
		ssize_t n = recv(fd, (char *)buf + pos, len - pos, MSG_DONTWAIT);

		if (n > 0)
			pos += n;
		else if (!n)
			err = -EPIPE;
		else if (errno == EAGAIN)
			err = wait_for(fd, POLLIN, deadline, stop_fd);
		else if (errno != EINTR)
			err = -errno;
	}
	return err;
}

int usbip_write(int fd, const void *buf, size_t len, int64_t deadline, int stop_fd)
{
	size_t pos = 0;
	int err = 0;

	while (pos < len && !err) {
		ssize_t n = send(fd, (const char *)buf + pos, len - pos,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0)
			pos += n;
		else if (errno == EAGAIN)
			err = wait_for(fd, POLLOUT, deadline, stop_fd);
		else if (errno != EINTR)
			err = -errno;
	}
	return err;
}

void usbip_tune(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, SILENCE_MS },
	};

	/* Sockets that are not of TCP refuse: their peers cannot vanish silently. */
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			   sizeof(options[i].value));
}
