/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * one_mount.h - one filesystem of the stick: chosen, unlocked and mounted inside, and
 * shown by FUSE.
 *
 *   one_mount_fuse -> one_mount_inside -> fusefs_serve -> one_mount_finish
 *
 * Functions report what goes wrong and return 0 or an exit status.
 */
#ifndef ONE_MOUNT_H
#define ONE_MOUNT_H

#include <stdbool.h>

#include "disk.h"
#include "fusefs.h"
#include "mount_args.h"

struct one_mount {
	struct mount_args args;
	char source[4096], dir[4096];	/* absolute */
	const char *root;		/* its folder inside */
	const struct disk_part *part;
	struct disk_part unlocked;	/* what was found in an encrypted part */
	const char *kernel_type;
	bool mounted;			/* inside */
	struct fusefs *fs;
};

/* Whether the folder can be mounted on; makes paths absolute. */
int one_mount_check(struct one_mount *m);

/* As FUSE on the host, before there is a library kernel. */
int one_mount_fuse(struct one_mount *m);

/* Chooses, unlocks and mounts inside. */
int one_mount_inside(struct one_mount *m, const struct disk *disk);

/* Writes all of it out: 0 or -errno. */
int one_mount_sync(const struct one_mount *m);

/* After the host has let go of it: writes out and unmounts inside. */
int one_mount_finish(struct one_mount *m);

#endif
