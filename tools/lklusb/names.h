/* SPDX-License-Identifier: GPL-2.0-only */
/* names.h - a list of names. */
#ifndef NAMES_H
#define NAMES_H

#include <stddef.h>

struct names {
	char **names;		/* NULL, or NULL is behind the last */
	size_t n, room;
};

/* Adds a copy. 0 or -ENOMEM. */
int names_add(struct names *list, const char *name);

/* By their bytes. */
void names_sort(struct names *list);

void names_free(struct names *list);

#endif
