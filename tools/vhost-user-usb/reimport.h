/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reimport.h - devices of USB/IP servers whose connection was lost, imported again in the
 * background. What comes back is a new device to the guest; nothing is sent again.
 */
#ifndef REIMPORT_H
#define REIMPORT_H

#include "usb_backend.h"
#include "usbip_source.h"

struct reimport;

struct reimport_config {
	struct usbip_source source;	/* not one of usbip+fd */
	/* As usbip_source_connect; any thread. */
	int (*connect)(void *ctx, int *ret_fd, const char **ret_why);
	/* On a thread of reimport; gets the backend whatever becomes of it. */
	void (*plug)(void *ctx, struct usb_backend *backend);
	void *ctx;
};

/* Starts a thread, which waits. -ENOMEM, -EAGAIN. */
int reimport_new(const struct reimport_config *config, struct reimport **ret_reimport);

/* Connects and imports, as usbip_source_import; if that is lost later, plug is called. */
int reimport_now(struct reimport *r, struct usb_backend **ret_backend, const char **ret_why);

/* Nobody wants it back, until reimport_now. A plug may be under way. */
void reimport_cancel(struct reimport *r);

/*
 * When none of its backends is left. Waits for a plug, which is not called any more then,
 * but not for a server that does not answer. NULL is allowed.
 */
void reimport_free(struct reimport *r);

#endif
