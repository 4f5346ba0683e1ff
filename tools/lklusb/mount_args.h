/* SPDX-License-Identifier: GPL-2.0-only */
/* mount_args.h - the command line of lklusb mount. */
#ifndef MOUNT_ARGS_H
#define MOUNT_ARGS_H

#include <stdbool.h>

#include "guest.h"
#include "options.h"
#include "volume.h"

struct mount_args {
	const char *source, *dir;	/* as they were given */
	const char *type;		/* NULL: to be found */
	bool no_replay;			/* the journal stays as it is; read-only */
	struct mount_options options;
	unsigned int threads;		/* 0: the default */
	bool io_uring;
	struct guest_config guest;	/* of the stick as a whole; without its source */
	struct volume_config volume;
	bool foreground, quiet, help;
};

/* The result refers to argv, which is changed. Reports; 0 or an exit status. */
int mount_args_parse(struct mount_args *ret_args, int argc, char **argv);

/* Prints how it is used: on stdout if that was asked for. An exit status. */
int mount_args_help(bool asked);

#endif
