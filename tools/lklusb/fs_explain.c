// SPDX-License-Identifier: GPL-2.0-only
#include "fs_explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "report.h"

#define NEWEST 2048u		/* bytes of the log; a failed mount says less */

static bool log_says(const char *words)
{
	char *log = guest_log();
	size_t len = log ? strlen(log) : 0;
	bool says = log && strstr(log + (len > NEWEST ? len - NEWEST : 0), words);

	free(log);
	return says;
}

bool fs_is_dirty_ntfs(const char *type, long err)
{
	return err && !strcmp(type, "ntfs3") && log_says("volume is dirty");
}

/* From ext4 and btrfs, XFS, f2fs, erofs. */
static bool is_feature(void)
{
	return log_says("unsupported optional features") || log_says("incompatible features") ||
	       log_says("incompatible permanent features") ||
	       log_says("unidentified incompatible feature");
}

/* btrfs has another number for it. */
static bool is_dirty(const struct fs_failure *f)
{
	return f->readonly && (f->err == -EROFS || f->err == -EACCES ||
			       log_says("log replay required on RO media"));
}

/* Of ext4, XFS, btrfs. */
static bool is_for_reading(const struct fs_failure *f)
{
	return !f->readonly && (f->err == -EROFS || f->err == -EACCES ||
				log_says("couldn't mount RDWR") ||
				log_says("read-only compatible filesystem read-write") ||
				log_says("cannot mount read-write because of unknown"));
}

static void explain(const struct fs_failure *f)
{
	const char *text = strerror(-f->err);

	if (is_dirty(f)) {
		report(REPORT_MOUNT, "fs-dirty",
		       "%s (%s): its journal must be replayed, which writes", f->name, f->type);
		report_hint("mount it without --ro, or see it as it was left: --no-replay");
		return;
	}
	if (is_for_reading(f)) {
		report(REPORT_MOUNT, "fs-readonly", "%s (%s): cannot be mounted for writing",
		       f->name, f->type);
		report_hint("--ro");
		return;
	}
	switch (-f->err) {
	case EINVAL:
	case EOPNOTSUPP:
	case EUCLEAN:
	case EIO:
	case EBADMSG:
		if (is_feature())
			report(REPORT_MOUNT, "fs-feature",
			       "%s (%s): it has features that this Linux does not know", f->name,
			       f->type);
		else
			report(REPORT_MOUNT, "fs-damaged", "%s (%s): does not mount: %s", f->name,
			       f->type, text);
		break;
	default:
		report(REPORT_MOUNT, "fs-mount", "%s (%s): %s", f->name, f->type, text);
	}
}

int fs_explain(const struct fs_failure *f)
{
	explain(f);
	guest_report_log(f->log_word);
	return REPORT_MOUNT;
}
