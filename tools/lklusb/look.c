// SPDX-License-Identifier: GPL-2.0-only
#include "look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <lkl.h>

#include "broker.h"
#include "guest.h"
#include "log.h"
#include "report.h"

#define MAX_KEYS	16u	/* times that something encrypted is mounted */

void look_init(struct look *look)
{
	static char ro[] = "ro";
	struct mount_args *args = &look->mount.args;

	*look = (struct look) { .root = -1 };
	source_init(&args->guest);
	unlock_init(&args->volume.unlock);
	mount_options_init(&args->options);
	mount_options_add(&args->options, ro);
	args->guest.readonly = true;
}

int look_option(struct look *look, int option, char *value)
{
	static char rw[] = "rw";
	struct mount_args *args = &look->mount.args;

	switch (option) {
	case 'p':
		args->volume.partition = value;
		return 0;
	case 360:
		args->volume.lv = value;
		return 0;
	case 't':
		args->type = value;
		return 0;
	case 'o':
		return mount_options_add(&args->options, value);
	case 390:
		look->writable = true;
		args->guest.readonly = false;
		return mount_options_add(&args->options, rw);
	case 'v':
		args->guest.verbose = true;
		log_set_level(LOG_LEVEL_INFO);
		return 0;
	case 'q':
		args->quiet = true;
		report_quiet();
		return 0;
	case 'h':
		args->help = true;
		return 0;
	default:
		return unlock_is_option(option) ? unlock_option(&args->volume.unlock, option, value) :
						  source_option(&args->guest, option, value);
	}
}

static int check(struct look *look, const char *source)
{
	struct mount_args *args = &look->mount.args;

	if (!args->options.readonly && !look->writable)
		return report(REPORT_USAGE, "usage", "%s is only read: no -o rw", source);
	return source_check(source);
}

int look_open(struct look *look, const char *source)
{
	struct one_mount *m = &look->mount;
	int status = check(look, source);

	m->args.source = m->args.guest.source = source;
	m->args.guest.unlock = &m->args.volume.unlock;
	m->args.guest.keys = MAX_KEYS;
	m->args.volume.connect = broker_connect_keys;
	snprintf(m->root, sizeof(m->root), "%s", GUEST_MNT);
	snprintf(m->source, sizeof(m->source), "%s", source);
	if (!status)
		status = unlock_prepare(&m->args.volume.unlock);
	if (!status)
		status = guest_open(&m->args.guest);
	if (!status)
		status = guest_boot();
	if (!status)
		status = disk_read(&look->disk);
	guest_disk_was_read();
	return status;
}

/* A name with a slash that is no LABEL=A/B is a logical volume's. */
static void choose(struct volume_config *c, const char *what)
{
	bool is_lv = strchr(what, '/') && !strchr(what, '=');

	c->lv = is_lv ? what : NULL;
	c->partition = is_lv ? NULL : what;
}

int look_mount(struct look *look, const char *what)
{
	struct one_mount *m = &look->mount;
	struct volume_config options = m->args.volume;
	int status;

	m->volume = (struct volume) { 0 };
	if (what)
		choose(&m->args.volume, what);
	status = one_mount_choose(m, &look->disk);
	if (!status)
		status = one_mount_inside(m, &look->disk);
	m->args.volume = options;
	if (status)
		return status;
	look->root = LKL_CALL4(SYS_openat, AT_FDCWD, m->root,
			       O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	return 0;
}

int look_unmount(struct look *look)
{
	struct one_mount *m = &look->mount;
	int status = 0;

	if (look->root >= 0)
		LKL_CALL1(SYS_close, look->root);
	look->root = -1;
	if (m->mounted && !lkl_panic_message())
		status = one_mount_finish(m);
	volume_free(&m->volume);
	return status;
}

int look_close(struct look *look)
{
	int status = look_unmount(look), end;

	disk_free(&look->disk);
	end = guest_close();
	return status ? status : end;
}
