// SPDX-License-Identifier: GPL-2.0-only
/*
 * usbip-bridge PORT SOURCE: exports one device as 1-1 at 127.0.0.1:PORT, until it is
 * killed. SOURCE is zero:SPEED, SPEED as in enum usb_speed: the test device; or
 * usbip://HOST:PORT/BUSID: one that somebody else exports.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "usbip_server.h"
#include "usbip_source.h"
#include "zero_backend.h"

static int failed(const char *what, int err)
{
	fprintf(stderr, "usbip-bridge: %s: %s\n", what, strerror(-err));
	return 1;
}

static int open_source(const char *text, struct usb_backend **ret_backend)
{
	struct zero_config zero = { .pattern = 1 };
	struct usbip_source source;
	const char *why;

	if (!strncmp(text, "zero:", 5)) {
		zero.speed = atoi(text + 5);
		return zero_backend_new(&zero, ret_backend);
	}
	if (!usbip_source_parse(text, &source))
		return -EINVAL;
	return usbip_source_import(&source, NULL, NULL, ret_backend, &why);
}

static int listen_at(unsigned int port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 4))
		return -errno;
	return fd;
}

int main(int argc, char **argv)
{
	struct usbip_server_config config = { 0 };
	struct usbip_server *server;
	struct usb_backend *backend;
	int err, fd, conn;

	if (argc != 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	err = open_source(argv[2], &backend);
	if (!err)
		err = usbip_server_new(&config, &server);
	if (!err)
		err = usbip_server_export(server, backend, "1-1");
	if (err)
		return failed(argv[2], err);
	fd = listen_at(atoi(argv[1]));
	if (fd < 0)
		return failed(argv[1], fd);
	while ((conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		usbip_server_connect(server, conn);
	return failed("accept", -errno);
}
