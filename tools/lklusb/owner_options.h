/* SPDX-License-Identifier: GPL-2.0-only */
/* owner_options.h - what the user says about owners and permissions of a mount. */
#ifndef OWNER_OPTIONS_H
#define OWNER_OPTIONS_H

#include <stdbool.h>

#include "fusefs.h"
#include "owner_names.h"

/* For getopt_long. */
#define OWNER_OPTIONS \
	{ "owner", required_argument, NULL, 340 }, \
	{ "umask", required_argument, NULL, 341 }, \
	{ "map-user", required_argument, NULL, 342 }, \
	{ "map-group", required_argument, NULL, 343 }, \
	OWNER_NAMES_OPTIONS

#define OWNER_HELP \
	"  --owner WHO         me (default), keep, or USER[:GROUP]\n" \
	"  --umask MODE        what may not be done, in octal, with one owner\n" \
	"  --map-user S:H[:N]  user S of the stick is H here, and so the next N\n" \
	"  --map-group S:H[:N] likewise\n"

struct owner_options {
	struct fusefs_owners owners;
	struct owner_names names;
	bool said;		/* whose it is was said, other than by a map */
};

/* Everything is the caller's. */
void owner_init(struct owner_options *o);

bool owner_is_option(int option);

/* Takes an option of OWNER_OPTIONS. Reports; 0 or an exit status. */
int owner_option(struct owner_options *o, int option, const char *value);

/*
 * Takes a word of -o, uid= or gid=, as libfuse and FAT have them. Reports; 0, an exit
 * status, or -1: the word is somebody else's.
 */
int owner_word(struct owner_options *o, const char *word);

/* After the last: what contradicts itself. Reports; 0 or an exit status. */
int owner_finish(struct owner_options *o);

#endif
