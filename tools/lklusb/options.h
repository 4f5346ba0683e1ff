/* SPDX-License-Identifier: GPL-2.0-only */
/* options.h - the words of -o: whose are they, and what do they mean. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#include "owner_options.h"

struct mount_options {
	unsigned long flags;	/* MS_* inside */
	char data[2048];	/* for the filesystem, comma-separated */
	char fuse[1024];	/* for libfuse */
	bool readonly;
	bool allow_nonempty;
	struct owner_options owner;
	const char *partition;	/* part=N, as lklfuse has it; or NULL */
	const char *type;	/* type=, or NULL */
};

/* Defaults: everything belongs to the caller, nosuid, nodev. */
void mount_options_init(struct mount_options *o);

/*
 * Ends the first of the words after -o, where "\," is a comma within it. Returns the
 * next, or NULL.
 */
char *mount_options_cut(char *words);

/*
 * Adds one word, which it keeps. Words that concern the host's side (allow_other,
 * max_read=, ...) go to libfuse, flags of mount(8) become flags, owners (uid=, ...) are
 * taken, x-* is for others, all the rest is the filesystem's. Reports; 0 or an exit
 * status.
 */
int mount_options_add(struct mount_options *o, char *word);

#endif
