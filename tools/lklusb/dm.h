/* SPDX-License-Identifier: GPL-2.0-only */
/* dm.h - devices of the library kernel's device mapper. */
#ifndef DM_H
#define DM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dm_target {
	uint64_t start, sectors;	/* 512 bytes each */
	const char *type;	/* crypt, integrity, linear, striped */
	const char *params;	/* may hold a key: the kernel wipes its copies */
};

/* Makes a device of n targets, one behind the other. Returns the number N of /dev/dm-N, or -errno. */
int dm_create(const char *name, const struct dm_target *targets, unsigned int n, bool readonly);

/* Puts other targets under an existing device. */
int dm_reload(const char *name, const struct dm_target *targets, unsigned int n, bool readonly);

/* The first target's own line of status. */
int dm_status(const char *name, char *ret_text, size_t size);

/* Frees the device, and with it a key. -EBUSY: it is in use. */
int dm_remove(const char *name);

#endif
