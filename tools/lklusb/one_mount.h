/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * one_mount.h - one filesystem of the stick: chosen, unlocked and mounted inside, and
 * shown by FUSE. A process may serve several of one stick; serve.c has the list.
 *
 *   one_mount_fuse or one_mount_adopt -> one_mount_choose -> one_mount_inside ->
 *     fusefs_serve -> one_mount_finish
 *
 * Functions report what goes wrong and return 0 or an exit status.
 */
#ifndef ONE_MOUNT_H
#define ONE_MOUNT_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "disk.h"
#include "fusefs.h"
#include "mount_args.h"
#include "report.h"
#include "request.h"
#include "volume.h"

enum mount_state {
	MOUNT_STARTING,
	MOUNT_READY,		/* requests are answered */
	MOUNT_ENDING,
	MOUNT_ENDED,		/* its thread is about to return */
};

struct one_mount {
	struct mount_args args;
	char source[4096], dir[4096];	/* absolute */
	bool joined;			/* another process has asked for it */
	char root[32];			/* its folder inside */
	const struct disk_part *chosen;	/* of the disk */
	const struct disk_part *part;	/* that, or what the volume has in it */
	struct volume volume;
	const char *kernel_type;
	bool mounted;			/* inside */
	int status;			/* exit status */
	int lost;			/* atomic: -errno of a sync that failed */

	/* serve.c's; under its lock */
	struct one_mount *next;
	enum mount_state state;
	dev_t host_dev;			/* of the mount on the host, or 0: not known yet */
	dev_t dev;			/* that, once it is ready */
	unsigned int users;		/* who may use it although it ends */
	struct fusefs *fs;
	bool claimed[DISK_MAX_PARTS];	/* nobody else may mount these */
	bool eject;			/* stop the disk when this is the last one */

	/* If another process has asked; its thread's. */
	pthread_t thread;
	int socket, fuse;		/* where it waits; what it sent; or -1 */
	struct request request;
	char *message;			/* that args and request lie in */
	struct report_sink sink;
};

/* Whether the folder can be mounted on; makes paths absolute. */
int one_mount_check(struct one_mount *m);

/*
 * As FUSE on the host: here, before there is a library kernel; here, for another
 * process; by another process, whose descriptor m->fuse is.
 */
int one_mount_fuse(struct one_mount *m, struct fusefs **ret_fs);
int one_mount_connect(const struct one_mount *m, int *ret_fd);
int one_mount_adopt(struct one_mount *m, struct fusefs **ret_fs);

/* Finds the partition. */
int one_mount_choose(struct one_mount *m, const struct disk *disk);

/* Opens LUKS and LVM, and mounts what is in them inside, on m->root. */
int one_mount_inside(struct one_mount *m, const struct disk *disk);

/* Writes all of it out: 0 or -errno, which the kernel says once. */
int one_mount_sync(struct one_mount *m);

/* After the host has let go of it: writes out and unmounts inside. */
int one_mount_finish(struct one_mount *m);

#endif
