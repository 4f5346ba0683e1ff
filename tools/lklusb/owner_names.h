/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * owner_names.h - names of users and groups, as the host's databases have them. They are
 * asked where the command line is, not in the process that serves: what was found goes
 * along in a request, as words of an option.
 */
#ifndef OWNER_NAMES_H
#define OWNER_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For getopt_long; not in --help. Its value is what stands behind "--owner-id=" in a word. */
#define OWNER_NAMES_OPTIONS	{ "owner-id", required_argument, NULL, 410 }
#define OWNER_NAMES_MAX		64

enum owner_kind {
	OWNER_USER = 'u',
	OWNER_GROUP = 'g',
	OWNER_LOGIN = 'l',	/* the group that a user logs in with */
};

/* All zero: none yet. */
struct owner_names {
	unsigned int n;
	char *words[OWNER_NAMES_MAX];	/* "--owner-id=KIND:NAME=NUMBER", allocated */
};

/* false: there are too many. */
bool owner_names_add(struct owner_names *names, const char *value);

/* The name has len bytes. false: nobody has it. */
bool owner_names_id(struct owner_names *names, enum owner_kind kind, const char *name,
		    size_t len, uint32_t *ret);

#endif
