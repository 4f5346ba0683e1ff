/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usbip_source.h - devices that USB/IP servers export, by name:
 * usbip://HOST[:PORT]/BUSID, usbip+unix:SOCKET/BUSID, usbip+fd:N/BUSID, N being a
 * connected stream socket. Without BUSID: all that the server exports.
 */
#ifndef USBIP_SOURCE_H
#define USBIP_SOURCE_H

#include <stdbool.h>

#include "usbip_backend.h"

enum usbip_source_kind { USBIP_SOURCE_TCP, USBIP_SOURCE_UNIX, USBIP_SOURCE_FD };

struct usbip_source {
	enum usbip_source_kind kind;
	char host[256], port[32];
	char path[108];
	int fd;
	char busid[USBIP_BUSID_SIZE];	/* may be empty */
};

/* Whether it is meant to be one. */
bool usbip_source_named_by(const char *text);

/* false: it is not written correctly. */
bool usbip_source_parse(const char *text, struct usbip_source *ret_source);

/* What an error of the functions below, or of usbip_list, means, for a human. */
const char *usbip_source_why(int err);

/*
 * -ECONNREFUSED, -ENOENT: nobody listens; -ENOTSOCK: of usbip+fd; others: not reached.
 * *ret_why says why, and may know more than usbip_source_why.
 */
int usbip_source_connect(const struct usbip_source *s, int *ret_fd, const char **ret_why);

#define USBIP_ANSWER_TIMEOUT_MS	20000u	/* usbipd may have to reset the device first */

/*
 * Connects and imports, which may take half a minute. gone is called once if the
 * connection is lost, on another thread; NULL = ignore. Errors as above, and -ENODEV,
 * -EBUSY, -EIO: the server says so of the device; -EPROTONOSUPPORT: another version;
 * -EPROTO, -EPIPE: it makes no sense, closed the connection; -ETIMEDOUT.
 */
int usbip_source_import(const struct usbip_source *s, void (*gone)(void *ctx), void *ctx,
			struct usb_backend **ret_backend, const char **ret_why);

/* The same with a connected socket, which is closed if it fails. */
int usbip_source_import_on(const struct usbip_source *s, int fd, void (*gone)(void *ctx),
			   void *ctx, struct usb_backend **ret_backend, const char **ret_why);

#endif
