/* SPDX-License-Identifier: GPL-2.0-only */
/* options.h - the command line of vhost-user-usb. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#include "usb_backend.h"

/* IMAGE[,option...] */
struct stick_spec {
	char *path;
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
	bool print_capabilities;
	unsigned int usb2_ports, usb3_ports;	/* 0: as many as are needed */
	unsigned int verbose;
	unsigned int n_sticks;
	struct stick_spec *sticks;
};

/*
 * 0: go on. Otherwise a message was printed, and the value is the exit status + 1
 * (1: all is well, help or version was asked for).
 */
int options_parse(int argc, char **argv, struct options *ret_options);

void options_free(struct options *options);

#endif
