/* SPDX-License-Identifier: GPL-2.0-only */
/* usbip_peer.h - the other end of a USB/IP connection, as a script over a socketpair. */
#ifndef USBIP_PEER_H
#define USBIP_PEER_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "log.h"
#include "usbip_op.h"
#include "usbip_wire.h"

/* On threads where cmocka's assertions cannot jump. */
#define PEER_CHECK(ok) ((ok) ? (void)0 : abort())
#define PEER_WAIT_MS 20000

static void peer_read(int fd, void *buf, size_t len)
{
	int err = usbip_read(fd, buf, len, usbip_deadline(PEER_WAIT_MS), -1);

	if (err)
		fprintf(stderr, "peer_read: %s\n", strerror(-err));
	PEER_CHECK(!err);
}

static void peer_write(int fd, const void *buf, size_t len)
{
	PEER_CHECK(!usbip_write(fd, buf, len, usbip_deadline(PEER_WAIT_MS), -1));
}

/* Byte after byte: each may come alone. */
static inline void peer_dribble(int fd, const void *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		peer_write(fd, (const char *)buf + i, 1);
		usleep(200);
	}
}

/* Until the other side has closed; whatever it says before is dropped. */
static inline void peer_wait_closed(int fd)
{
	char buf[4096];
	int err;

	do
		err = usbip_read(fd, buf, 1, usbip_deadline(PEER_WAIT_MS), -1);
	while (!err);
	PEER_CHECK(err == -EPIPE || err == -ECONNRESET);
}

static inline void peer_quiet(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 30), 0);
}

static inline void peer_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

static inline struct usbip_cmd peer_read_cmd(int fd)
{
	struct virtio_usbip_cmd_submit raw;
	struct usbip_cmd cmd;

	peer_read(fd, &raw, sizeof(raw));
	usbip_cmd_decode(&cmd, &raw);
	return cmd;
}

static inline void peer_write_cmd(int fd, const struct usbip_cmd *cmd)
{
	struct virtio_usbip_cmd_submit raw;

	usbip_cmd_encode(&raw, cmd);
	peer_write(fd, &raw, sizeof(raw));
}

static inline struct usbip_ret peer_read_ret(int fd)
{
	struct virtio_usbip_ret_submit raw;
	struct usbip_ret ret;

	peer_read(fd, &raw, sizeof(raw));
	usbip_ret_decode(&ret, &raw);
	return ret;
}

static inline void peer_write_ret(int fd, const struct usbip_ret *ret)
{
	struct virtio_usbip_ret_submit raw;

	usbip_ret_encode(&raw, ret);
	peer_write(fd, &raw, sizeof(raw));
}

static inline void no_log(void *ctx, enum log_level level, const char *line)
{
}

#endif
