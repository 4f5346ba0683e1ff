/* SPDX-License-Identifier: GPL-2.0-only */
/* dirents.h - entries of a folder as Linux's getdents64 gives them, by a kernel that is not trusted. */
#ifndef DIRENTS_H
#define DIRENTS_H

#include <stddef.h>

/*
 * Calls fn for each name but "." and "..", until it returns other than 0. That, or -EUCLEAN:
 * they do not lie within the n bytes. A name may be anything else, with slashes, or empty.
 */
int dirents_each(const char *buf, size_t n, int (*fn)(void *ctx, const char *name), void *ctx);

#endif
