// SPDX-License-Identifier: GPL-2.0-only
#include "owner_names.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char option[] = "--owner-id=";

bool owner_names_add(struct owner_names *names, const char *value)
{
	return names->n < OWNER_NAMES_MAX &&
	       asprintf(&names->words[names->n], "%s%s", option, value) > 0 && ++names->n;
}

/* "KIND:NAME=" */
static bool known(const struct owner_names *names, const char *key, uint32_t *ret)
{
	size_t len = strlen(key);

	for (unsigned int i = 0; i < names->n; i++) {
		const char *value = names->words[i] + strlen(option);

		if (!strncmp(value, key, len)) {
			*ret = strtoul(value + len, NULL, 10);
			return *ret != UINT32_MAX;
		}
	}
	return false;
}

static bool look_up(enum owner_kind kind, const char *name, uint32_t *ret)
{
	const struct passwd *user = kind == OWNER_GROUP ? NULL : getpwnam(name);
	const struct group *group = kind == OWNER_GROUP ? getgrnam(name) : NULL;

	if (user)
		*ret = kind == OWNER_USER ? user->pw_uid : user->pw_gid;
	else if (group)
		*ret = group->gr_gid;
	return user || group;
}

bool owner_names_id(struct owner_names *names, enum owner_kind kind, const char *name,
		    size_t len, uint32_t *ret)
{
	char word[512];
	int start;

	if (!len || len > 256)
		return false;
	start = snprintf(word, sizeof(word), "%c:%.*s=", kind, (int)len, name);
	if (known(names, word, ret))
		return true;
	word[start - 1] = 0;
	if (!look_up(kind, word + 2, ret))
		return false;
	snprintf(word + start - 1, sizeof(word) - start + 1, "=%u", *ret);
	return owner_names_add(names, word);
}
