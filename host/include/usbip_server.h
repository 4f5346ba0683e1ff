/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usbip_server.h - a USB/IP server: gives USB backends to peers over stream sockets
 * that somebody else accepted. Each device has at most one importer; each connection
 * has its own thread and its own bounded memory.
 */
#ifndef USBIP_SERVER_H
#define USBIP_SERVER_H

#include "usb_backend.h"
#include "usbip_op.h"

#define USBIP_SERVER_MAX_EXPORTS	32u

struct usbip_server;

struct usbip_server_config {
	/* The last device left; once, on a thread of its backend. NULL = ignore. */
	void (*empty)(void *ctx);
	void *ctx;
};

/* -ENOMEM, -EMFILE. */
int usbip_server_new(const struct usbip_server_config *config,
		     struct usbip_server **ret_server);

/*
 * Ends all connections, waits for them, closes the backends. Nobody is in a call of
 * the server any more. NULL is allowed.
 */
void usbip_server_free(struct usbip_server *server);

/*
 * Offers backend, whose only user is the server from success on, as busid. Asks the
 * device for its descriptors: blocks, at most for seconds. -ENOSPC: too many;
 * -EEXIST; -EINVAL: busid is empty or too long; -EPROTO: its descriptors make no
 * sense; -errno of the device.
 */
int usbip_server_export(struct usbip_server *server, struct usb_backend *backend,
			const char *busid);

/*
 * Serves one connection until it ends; fd, a connected stream socket, is closed then.
 * -EUSERS: there are too many others already.
 */
int usbip_server_serve(struct usbip_server *server, int fd);

/* The same, on a thread of its own. */
int usbip_server_connect(struct usbip_server *server, int fd);

#endif
