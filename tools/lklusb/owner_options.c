// SPDX-License-Identifier: GPL-2.0-only
#include "owner_options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

void owner_init(struct owner_options *o)
{
	*o = (struct owner_options) {
		.owners = { .uid = getuid(), .gid = getgid(), .umask = -1 },
	};
}

/* Digits only, and one of these characters behind them. -1 is nobody's number. */
static bool number(const char **text, int base, const char *ends, uint32_t *ret)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	n = strtoull(*text, &end, base);
	if (errno || n >= IDMAP_NONE || (*end && !strchr(ends, *end)))
		return false;
	*text = *end ? end + 1 : end;
	*ret = n;
	return true;
}

/* A number, or a name of this machine, and one of these characters behind it. */
static bool number_or_name(struct owner_options *o, enum owner_kind kind, const char **text,
			   const char *ends, uint32_t *ret)
{
	size_t len = strcspn(*text, ends);

	if (number(text, 10, ends, ret))
		return true;
	if (!owner_names_id(&o->names, kind, *text, len, ret))
		return false;
	*text += len + !!(*text)[len];
	return true;
}

/* As for chown(1): who is not named stays the caller, "USER:" has the login group. */
static int set_owner(struct owner_options *o, const char *value)
{
	uint32_t uid = o->owners.uid, gid = o->owners.gid;
	size_t len = strcspn(value, ":");
	const char *text = value;
	bool ok = *value && strcmp(value, ":");

	o->said = true;
	o->owners.keep = !strcmp(value, "keep");
	if (o->owners.keep || !strcmp(value, "me"))
		return 0;
	if (ok && len)
		ok = number_or_name(o, OWNER_USER, &text, ":", &uid);
	if (ok && value[len] && value[len + 1]) {
		text = value + len + 1;
		ok = number_or_name(o, OWNER_GROUP, &text, "", &gid);
	} else if (ok && value[len]) {
		ok = owner_names_id(&o->names, OWNER_LOGIN, value, len, &gid);
	}
	if (!ok)
		return report(REPORT_USAGE, "owner", "--owner %s: not keep, me, or a user and "
			      "group (USER:GROUP) that there are here, by name or number",
			      value);
	o->owners.uid = uid;
	o->owners.gid = gid;
	return 0;
}

static int set_id(struct owner_options *o, const char *word, const char *value)
{
	uint32_t id;

	if (!number_or_name(o, *word == 'u' ? OWNER_USER : OWNER_GROUP, &value, "", &id))
		return report(REPORT_USAGE, "owner", "-o %s: no user or group, by name or "
			      "number", word);
	o->said = true;
	if (*word == 'u')
		o->owners.uid = id;
	else
		o->owners.gid = id;
	return 0;
}

static int set_umask(struct owner_options *o, const char *value)
{
	const char *text = value;
	uint32_t mask;

	if (!number(&text, 8, "", &mask) || mask > 0777)
		return report(REPORT_USAGE, "owner", "--umask %s: 0 to 777, in octal", value);
	o->owners.umask = mask;
	return 0;
}

static int add_map(struct owner_options *o, enum owner_kind kind, const char *value)
{
	struct idmap *map = kind == OWNER_USER ? &o->owners.users : &o->owners.groups;
	const char *text = value;
	uint32_t inside, host = kind == OWNER_USER ? getuid() : getgid(), count = 1;
	bool ok = number(&text, 10, ":", &inside);
	int err;

	if (ok && !strncmp(text, "me", 2) && (!text[2] || text[2] == ':'))
		text += text[2] ? 3 : 2;
	else
		ok = ok && number_or_name(o, kind, &text, ":", &host);
	if (ok && *text)
		ok = number(&text, 10, "", &count);
	err = ok ? idmap_add(map, inside, host, count) : -EINVAL;
	if (!err)
		return 0;
	return report(REPORT_USAGE, "owner", "map %s: %s", value,
		      err == -EEXIST ? "one of them is mapped already" :
		      err == -ENOSPC ? "too many maps" : "not STICK:HOST[:COUNT]");
}

bool owner_is_option(int option)
{
	return (option >= 340 && option <= 343) || option == 410;
}

int owner_option(struct owner_options *o, int option, const char *value)
{
	switch (option) {
	case 340:
		return set_owner(o, value);
	case 341:
		return set_umask(o, value);
	case 342:
		return add_map(o, OWNER_USER, value);
	case 343:
		return add_map(o, OWNER_GROUP, value);
	default:
		return owner_names_add(&o->names, value) ? 0 :
		       report(REPORT_USAGE, "options-too-long", "the options are too long");
	}
}

int owner_word(struct owner_options *o, const char *word)
{
	if (strncmp(word, "uid=", 4) && strncmp(word, "gid=", 4))
		return -1;
	return set_id(o, word, word + 4);
}

int owner_finish(struct owner_options *o)
{
	bool maps = o->owners.users.n || o->owners.groups.n;

	if (maps && o->said && !o->owners.keep)
		return report(REPORT_USAGE, "owner",
			      "a map is for several owners, --owner me, UID:GID, uid= and "
			      "gid= are for one");
	o->owners.keep |= maps;
	if (o->owners.keep && o->owners.umask >= 0)
		return report(REPORT_USAGE, "owner",
			      "--umask is for one owner, not for those of the stick");
	return 0;
}
