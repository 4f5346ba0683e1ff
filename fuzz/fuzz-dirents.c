// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entries of a folder from a library kernel that a stick has taken over: what is called a
 * name ends within them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dirents.h"

struct bounds {
	const char *begin, *end;
	size_t n;
};

static int look(void *ctx, const char *name)
{
	struct bounds *b = ctx;

	if (name < b->begin || name + strlen(name) >= b->end)
		abort();
	return ++b->n == 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *copy = malloc(len + 1);
	struct bounds b = { copy, copy + len, 0 };

	memcpy(copy, data, len);
	dirents_each(copy, len, look, &b);
	if (b.n > len / 20)
		abort();
	free(copy);
	return 0;
}
