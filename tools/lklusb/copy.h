/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * copy.h - files and trees from what is mounted inside to the host.
 *
 * The host's side is only walked by descriptors of folders, and no symbolic link there is
 * followed: whatever the stick names its files, nothing is made outside of the folder that
 * the copy was asked for. Device nodes, pipes and sockets are not made; there are no
 * setuid, setgid and sticky bits, owners or extended attributes.
 */
#ifndef COPY_H
#define COPY_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "look.h"

/* For getopt_long. */
#define COPY_SHORT "raf"
#define COPY_OPTIONS \
	{ "recursive", no_argument, NULL, 'r' }, \
	{ "archive", no_argument, NULL, 'a' }, \
	{ "force", no_argument, NULL, 'f' }, \
	{ "all-links", no_argument, NULL, 370 }

#define COPY_HELP \
	"  -r, --recursive     folders with all that is in them\n" \
	"  -a, --archive       -r, and keep permissions and times\n" \
	"  -f, --force         replace files that are there\n" \
	"  --all-links         make symbolic links that lead out of what is copied, too\n"

struct copy {
	bool recursive;
	bool keep;		/* permissions and times */
	bool replace;		/* files that are there */
	bool all_links;		/* symbolic links that lead out of what is copied, too */
	bool beneath;		/* destinations are, and stay, below this open folder */
	int beneath_dir;
	/* What has been done. */
	uint64_t files, folders, links, bytes, failed;
};

/* Takes an option of COPY_OPTIONS; false: it is none. */
bool copy_option(struct copy *copy, int option);

/*
 * Copies path, which is looked up inside, to dest on the host: into it if it is a
 * folder, else under that name. What fails is reported and counted; the rest is copied.
 */
void copy_path(struct copy *copy, const struct look *look, const char *path,
	       const char *dest);

/* Reports what was done. 0, or the exit status if something failed. */
int copy_finish(const struct copy *copy);

#endif
