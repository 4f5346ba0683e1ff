// SPDX-License-Identifier: GPL-2.0-only
#include "dm.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/dm-ioctl.h>
#include <sys/sysmacros.h>
#include <lkl.h>

#define ROOM 4096

/* One request, with its target and parameters behind it. */
struct request {
	struct dm_ioctl io;
	struct dm_target_spec spec;
	char params[ROOM];
};

static void prepare(struct request *r, const char *name, uint32_t flags)
{
	memset(r, 0, sizeof(*r));
	r->io.version[0] = DM_VERSION_MAJOR;
	r->io.data_size = sizeof(*r);
	r->io.data_start = offsetof(struct request, spec);
	r->io.flags = flags;
	snprintf(r->io.name, sizeof(r->io.name), "%s", name);
}

static int control(unsigned long command, struct request *r)
{
	long err, fd = LKL_CALL4(SYS_openat, AT_FDCWD, "/dev/mapper/control",
				 O_RDWR | O_CLOEXEC, 0);

	if (fd < 0)
		return fd;
	err = LKL_CALL3(SYS_ioctl, fd, command, r);
	LKL_CALL1(SYS_close, fd);
	return err;
}

static int simple(unsigned long command, const char *name, uint32_t flags)
{
	struct request r;

	prepare(&r, name, flags);
	return control(command, &r);
}

/* What one target takes of a table; the kernel wants them aligned. */
static size_t target_size(const struct dm_target *t)
{
	return (sizeof(struct dm_target_spec) + strlen(t->params) + 8) & ~7ul;
}

static void fill_targets(char *to, const struct dm_target *targets, unsigned int n)
{
	for (unsigned int i = 0; i < n; to += target_size(&targets[i]), i++) {
		struct dm_target_spec *spec = (void *)to;

		spec->sector_start = targets[i].start;
		spec->length = targets[i].sectors;
		spec->next = target_size(&targets[i]);
		snprintf(spec->target_type, sizeof(spec->target_type), "%s", targets[i].type);
		strcpy((char *)(spec + 1), targets[i].params);
	}
}

static int load(const char *name, const struct dm_target *targets, unsigned int n,
		bool readonly)
{
	size_t size = sizeof(struct request);
	struct request *r;
	int err;

	for (unsigned int i = 0; i < n; i++)
		size += target_size(&targets[i]);
	r = calloc(1, size);
	if (!r)
		return -ENOMEM;
	prepare(r, name, DM_SECURE_DATA_FLAG | (readonly ? DM_READONLY_FLAG : 0));
	r->io.data_size = size;
	r->io.target_count = n;
	fill_targets((char *)r + r->io.data_start, targets, n);
	err = control(DM_TABLE_LOAD, r);
	explicit_bzero(r, size);
	free(r);
	return err;
}

/* "Suspend" without its flag: resume, which starts what was loaded. */
int dm_reload(const char *name, const struct dm_target *targets, unsigned int n, bool readonly)
{
	int err = load(name, targets, n, readonly);

	return err ? err : simple(DM_DEV_SUSPEND, name, readonly ? DM_READONLY_FLAG : 0);
}

int dm_create(const char *name, const struct dm_target *targets, unsigned int n, bool readonly)
{
	struct request r;
	int err;

	prepare(&r, name, 0);
	err = control(DM_DEV_CREATE, &r);
	if (err)
		return err;
	err = dm_reload(name, targets, n, readonly);
	if (err)
		dm_remove(name);
	return err ? err : (int)minor(r.io.dev);
}

int dm_status(const char *name, char *ret_text, size_t size)
{
	struct request r;
	int err;

	prepare(&r, name, 0);
	err = control(DM_TABLE_STATUS, &r);
	if (!err && (r.io.flags & DM_BUFFER_FULL_FLAG))
		err = -E2BIG;
	if (!err)
		snprintf(ret_text, size, "%s", r.params);
	return err;
}

int dm_remove(const char *name)
{
	return simple(DM_DEV_REMOVE, name, 0);
}
