// SPDX-License-Identifier: GPL-2.0-only
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int names_add(struct names *list, const char *name)
{
	if (list->n + 1 >= list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		char **more = realloc(list->names, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->names = more;
		list->room = room;
	}
	list->names[list->n] = strdup(name);
	if (!list->names[list->n])
		return -ENOMEM;
	list->names[++list->n] = NULL;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_sort(struct names *list)
{
	if (list->n)
		qsort(list->names, list->n, sizeof(*list->names), compare);
}

void names_free(struct names *list)
{
	while (list->n)
		free(list->names[--list->n]);
	free(list->names);
	*list = (struct names) { 0 };
}
