/* SPDX-License-Identifier: GPL-2.0-only */
/* copy_i.h - what the parts of copy.h share. */
#ifndef COPY_I_H
#define COPY_I_H

#include <sys/stat.h>

#include "copy.h"

/*
 * The content of the file that is open inside, with its holes, to a new file of the host.
 * An incomplete one is removed. 0 or -errno; *ret_read: whether reading failed.
 */
int copy_file(struct copy *copy, long from, const struct statx *st, int dir,
	      const char *name, bool *ret_read);

/* Permissions and times of what was made, when nothing more is put into it. */
int copy_attributes(const struct copy *copy, int fd, const struct statx *st);

/*
 * Whether a symbolic link so many folders below what is copied stays within it, whatever
 * other such links there are: no absolute target, ".." only in front, and not too often.
 */
bool copy_link_stays(const char *target, unsigned int depth);

#endif
