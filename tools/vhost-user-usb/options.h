/* SPDX-License-Identifier: GPL-2.0-only */
/* options.h - the command line of vhost-user-usb. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#include "chain.h"
#include "confine.h"
#include "usb_backend.h"
#include "usbip_source.h"

/* IMAGE, zero:, a USB device of the host or a server, and options behind commas */
struct stick_spec {
	char *path;
	bool usb;			/* a device of the host; path says which */
	bool detach;			/* from drivers of the host */
	struct usbip_source usbip;	/* a server's, if it has a busid */
	struct reimport *reimport;	/* its, or NULL */
	void *owner;			/* struct sticks */
	struct chain chain;		/* its filters; no trace */
	bool zero;			/* no stick but the test device */
	unsigned int pattern, wake_ms;	/* its */
	enum usb_speed speed;
	unsigned int sector_size;	/* bytes */
	bool readonly;
	bool uas;
	char *serial;			/* or NULL */
	unsigned int port;		/* where it is plugged in; 0 = pulled */
};

struct options {
	const char *socket_path;	/* or NULL: fd is used */
	int fd;
	struct chain chain;		/* the trace of all */
	bool print_capabilities;
	enum confine_mode sandbox;
	unsigned int usb2_ports, usb3_ports;	/* 0: as many as are needed */
	unsigned int request_queues;	/* 0: the device's default */
	uint64_t features_off;		/* bits */
	unsigned int budget;		/* bytes in flight; 0: no limit */
	unsigned int verbose;
	unsigned int n_sticks;
	struct stick_spec *sticks;
};

/*
 * 0: go on. Otherwise a message was printed, and the value is the exit status + 1
 * (1: all is well, help or version was asked for).
 */
int options_parse(int argc, char **argv, struct options *ret_options);

/* Whether a USB device of the host is among them. */
bool options_have_usb(const struct options *options);

void options_free(struct options *options);

#endif
