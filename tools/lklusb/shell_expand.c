// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wildcards in the last name of a path. What the words' library gives has no quotes any
 * more, so a word that is a file's name as it stands is that file.
 */
#include "shell_i.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <lkl.h>

#include "guest.h"
#include "stop.h"

#define MAX_WORDS	(1u << 16)

struct pattern {
	const char *above, *last;	/* the path up to its last slash, and what follows */
	size_t above_len;
	struct names *words;
};

static int match(void *ctx, const char *name)
{
	const struct pattern *p = ctx;
	char path[PATH_MAX];

	if (stop_wanted() || !look_is_name(name) || fnmatch(p->last, name, FNM_PERIOD))
		return stop_wanted();
	if (p->words->n == MAX_WORDS)
		return -E2BIG;
	/* The stick's names are never options. */
	if (snprintf(path, sizeof(path), "%s%.*s%s", !p->above_len && *name == '-' ? "./" : "",
		     (int)p->above_len, p->above, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return names_add(p->words, path);
}

static bool is_there(const struct shell *s, const char *word)
{
	char path[PATH_MAX];
	long fd = shell_absolute(s, word, path) ?
		  look_path(&s->look, path, O_PATH | O_NOFOLLOW) : -ENAMETOOLONG;

	if (fd >= 0)
		LKL_CALL1(SYS_close, fd);
	return fd >= 0;
}

static int expand(const struct shell *s, const char *word, struct names *words)
{
	const char *slash = strrchr(word, '/');
	char above[PATH_MAX], path[PATH_MAX];
	struct pattern p = {
		.above = word, .above_len = slash ? slash + 1 - word : 0,
		.last = slash ? slash + 1 : word, .words = words,
	};
	long dir;
	int err;

	snprintf(above, sizeof(above), "%.*s", (int)p.above_len, word);
	if (!shell_absolute(s, *above ? above : ".", path))
		return 0;
	dir = look_path(&s->look, path, O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		return 0;
	err = guest_names(dir, match, &p);
	LKL_CALL1(SYS_close, dir);
	return err < 0 ? err : 0;
}

int shell_expand(const struct shell *s, const char *word, struct names *words)
{
	struct names found = { 0 };
	int err = 0;

	if (strpbrk(word, "*?[") && !is_there(s, word))
		err = expand(s, word, &found);
	names_sort(&found);
	if (!found.n && !err)
		err = names_add(words, word);
	for (size_t i = 0; i < found.n && !err; i++)
		err = words->n < MAX_WORDS ? names_add(words, found.names[i]) : -E2BIG;
	names_free(&found);
	return err;
}
