// SPDX-License-Identifier: GPL-2.0-only
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "report.h"

static const struct {
	const char *word;
	unsigned long set, clear;
} flag_words[] = {
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "sync", MS_SYNCHRONOUS, 0 },
	{ "async", 0, MS_SYNCHRONOUS },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "noatime", MS_NOATIME, 0 },
	{ "atime", 0, MS_NOATIME },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "relatime", MS_RELATIME, MS_STRICTATIME },
	{ "strictatime", MS_STRICTATIME, MS_RELATIME },
	{ "lazytime", 1 << 25, 0 },
	/* Always so: nothing on a stick gets rights or is a device. */
	{ "nosuid", 0, 0 },
	{ "nodev", 0, 0 },
	/* Of fstab and mount(8) themselves. */
	{ "defaults", 0, 0 },
	{ "auto", 0, 0 },
	{ "noauto", 0, 0 },
	{ "user", 0, 0 },
	{ "nouser", 0, 0 },
	{ "users", 0, 0 },
	{ "owner", 0, 0 },
	{ "group", 0, 0 },
	{ "nofail", 0, 0 },
	{ "_netdev", 0, 0 },
};

static const char *const fuse_words[] = {
	"allow_other", "allow_root", "auto_unmount", "default_permissions", "noexec",
	"exec", "max_read=", "blkdev", "blksize=", "context=", "fscontext=",
};

void mount_options_init(struct mount_options *o)
{
	memset(o, 0, sizeof(*o));
	o->flags = MS_NOSUID | MS_NODEV;
	owner_init(&o->owner);
}

static int append(char *list, size_t size, const char *word)
{
	size_t len = strlen(list);

	if (len + strlen(word) + 2 > size)
		return report(REPORT_USAGE, "options-too-long", "the options are too long");
	if (len)
		list[len++] = ',';
	strcpy(list + len, word);
	return 0;
}

static bool is_fuse_word(const char *word)
{
	for (size_t i = 0; i < sizeof(fuse_words) / sizeof(fuse_words[0]); i++) {
		size_t len = strlen(fuse_words[i]);

		if (fuse_words[i][len - 1] == '=' ? !strncmp(word, fuse_words[i], len)
						  : !strcmp(word, fuse_words[i]))
			return true;
	}
	return false;
}

static bool add_flag(struct mount_options *o, const char *word)
{
	for (size_t i = 0; i < sizeof(flag_words) / sizeof(flag_words[0]); i++) {
		if (strcmp(word, flag_words[i].word))
			continue;
		o->flags = (o->flags & ~flag_words[i].clear) | flag_words[i].set;
		o->readonly = o->flags & MS_RDONLY;
		return true;
	}
	return false;
}

/* Of mount(8) and of programs that read fstab. */
static bool is_for_others(const char *word)
{
	return !strncasecmp(word, "x-", 2) || !strncmp(word, "user=", 5) ||
	       !strncmp(word, "uhelper=", 8) || !strncmp(word, "comment=", 8);
}

int mount_options_add(struct mount_options *o, char *word)
{
	int status;

	if (!*word || is_for_others(word) || add_flag(o, word))
		return 0;
	if (!strcmp(word, "nonempty")) {
		o->allow_nonempty = true;
		return 0;
	}
	if (!strcmp(word, "suid") || !strcmp(word, "dev"))
		return report(REPORT_USAGE, "option-refused",
			      "-o %s: nothing on a stick gets rights", word);
	if (!strncmp(word, "part=", 5)) {
		o->partition = word + 5;
		return 0;
	}
	if (!strncmp(word, "type=", 5)) {
		o->type = word + 5;
		return 0;
	}
	status = owner_word(&o->owner, word);
	if (status >= 0)
		return status;
	if (is_fuse_word(word))
		return append(o->fuse, sizeof(o->fuse), word);
	return append(o->data, sizeof(o->data), word);
}

char *mount_options_cut(char *words)
{
	char *from = words, *to = words;

	for (; *from && *from != ','; *to++ = *from++)
		if (*from == '\\' && from[1] == ',')
			from++;
	from = *from ? from + 1 : NULL;
	*to = 0;
	return from;
}
