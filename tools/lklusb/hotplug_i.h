/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hotplug_i.h - what the parts of lklusb watch share. Each stick that came has a process for
 * a moment, which finds out what is on it and mounts that; the watcher hears of it through
 * a pipe, and from the table of mounts when it is over.
 */
#ifndef HOTPLUG_I_H
#define HOTPLUG_I_H

#include <limits.h>
#include <stdbool.h>
#include <signal.h>
#include <sys/types.h>

#include "devices.h"

#define HOTPLUG_NAME	128	/* of a folder, with its end */

struct hotplug_stick {
	struct hotplug_stick *next;
	struct device device;
	pid_t mounting;		/* its process, or 0 */
	bool gone, again;	/* while that runs: it left; one came */
};

struct hotplug_folder {
	struct hotplug_folder *next;
	struct device device;
	char path[PATH_MAX];
};

struct hotplug {
	bool json;
	const char *program;	/* --exec, or NULL */
	const char *mount_on;	/* --mount, absolute, or NULL */
	int dir;		/* that, open; locked */
	char **options;		/* of mount */
	int n_options;
	int to_watcher, from_sticks;	/* the pipe */
	sigset_t signals;	/* as they were for whoever is started */
	struct hotplug_stick *sticks;
	struct hotplug_folder *folders;		/* that something is mounted on */
};

/* What the watcher is told; one write. An empty name: it could not be mounted. */
struct hotplug_news {
	char id[64];
	char name[HOTPLUG_NAME];
};

/* ---- hotplug_tell.c ---- */

/* A line, and the program. dir: the mount's, or NULL. */
void hotplug_tell(const struct hotplug *h, const char *event, const struct device *device,
		  const char *dir);

/* Starts it with the signals as they were. Its process, or -1. */
pid_t hotplug_fork(const struct hotplug *h);

/* ---- hotplug_stick.c ---- */

/* Checks --mount's options: reports; 0 or an exit status. */
int hotplug_check_options(const struct hotplug *h);

/* In the stick's own process: mounts what is on it. */
void hotplug_mount(const struct hotplug *h, const struct device *device);

/* Unmounts; reports if that fails. */
void hotplug_umount(const struct hotplug *h, const char *dir);

#endif
