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

#include <stdbool.h>
#include <stdint.h>

#include "look.h"

struct copy {
	bool recursive;
	bool keep;		/* permissions and times */
	bool replace;		/* files that are there */
	bool all_links;		/* symbolic links that lead out of what is copied, too */
	/* What has been done. */
	uint64_t files, folders, links, bytes, failed;
};

/*
 * Copies path, which is looked up inside, to dest on the host: into it if it is a
 * folder, else under that name. What fails is reported and counted; the rest is copied.
 */
void copy_path(struct copy *copy, const struct look *look, const char *path,
	       const char *dest);

/* Reports what was done. 0, or the exit status if something failed. */
int copy_finish(const struct copy *copy);

#endif
