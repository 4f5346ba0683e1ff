// SPDX-License-Identifier: GPL-2.0-only
#include "one_mount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <lkl.h>

#include "broker.h"
#include "btrfs.h"
#include "daemon.h"
#include "fs_explain.h"
#include "guest.h"
#include "report.h"
#include "source.h"

/* ---- the host's side ---- */

static int check_dir(struct one_mount *m)
{
	const char *dir = m->args.dir;
	struct dirent *d;
	bool empty = true;
	struct stat st;
	DIR *list;

	if (stat(dir, &st) || !realpath(dir, m->dir))
		return report(REPORT_MOUNT, "mountpoint", "%s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return report(REPORT_MOUNT, "mountpoint", "%s is not a folder", dir);
	list = opendir(dir);
	if (!list)
		return report(REPORT_MOUNT, "mountpoint", "%s: %s", dir, strerror(errno));
	while ((d = readdir(list)))
		empty &= !strcmp(d->d_name, ".") || !strcmp(d->d_name, "..");
	closedir(list);
	if (!empty && !m->args.options.allow_nonempty) {
		report(REPORT_MOUNT, "mountpoint-not-empty", "%s is not empty", dir);
		report_hint("-o nonempty hides what is there");
		return REPORT_MOUNT;
	}
	return 0;
}

/* Replaced by an absolute path, if it is one; for as long as the process lives. */
static int check_more(const char **source)
{
	char *path = realpath(*source, NULL);
	int status = source_check(*source);

	*source = path ? path : *source;
	return status;
}

int one_mount_check(struct one_mount *m)
{
	const char *source = m->args.source;
	int status = source_check(source);

	if (status)
		return status;
	if (!realpath(source, m->source))
		snprintf(m->source, sizeof(m->source), "%s", source);
	for (unsigned int i = 0; !status && i < m->args.guest.n_more; i++)
		status = check_more(&m->args.guest.more[i]);
	return status ? status : check_dir(m);
}

static struct fusefs_config fuse_config(const struct one_mount *m)
{
	const struct mount_options *o = &m->args.options;

	return (struct fusefs_config) {
		.fsname = m->source,
		.subtype = "lklusb",
		.options = *o->fuse ? o->fuse : NULL,
		.readonly = o->readonly,
		.owners = o->owner.owners,
		.threads = m->args.threads,
		.io_uring = m->args.io_uring,
	};
}

static int check_served(const struct one_mount *m, int err)
{
	return err ? report(REPORT_SYSTEM, "fuse-mount", "%s: FUSE does not mount: %s", m->dir,
			    strerror(-err)) : 0;
}

static int check_fuse(const struct one_mount *m, int err)
{
	if (!check_served(m, err))
		return 0;
	if (access("/dev/fuse", R_OK | W_OK))
		report_hint("/dev/fuse is not open to this user (%s)", strerror(errno));
	return REPORT_SYSTEM;
}

static void unmount_host(void *ctx)
{
	const struct one_mount *m = ctx;

	broker_unmount(m->host_dev);
}

/* Of one that this process serves: the broker unmounts it. */
static struct fusefs_config serve_config(struct one_mount *m)
{
	struct fusefs_config config = fuse_config(m);

	config.unmount = unmount_host;
	config.unmount_ctx = m;
	return config;
}

/* From now on it does not stay when this process ends. */
static int keep(struct one_mount *m, struct fusefs **fs)
{
	int err = broker_keep(m->dir, &m->host_dev);

	if (err)
		fusefs_free(*fs);
	return check_served(m, err);
}

int one_mount_fuse(struct one_mount *m, struct fusefs **ret_fs)
{
	struct fusefs_config config = serve_config(m);
	int status = check_fuse(m, fusefs_mount(&config, m->dir, ret_fs));

	if (!status && config.io_uring && !fusefs_has_io_uring(*ret_fs)) {
		report(REPORT_OK, "io-uring-off",
		       "this host has FUSE over io_uring not switched on; /dev/fuse serves");
		report_hint("as root, since Linux 6.14: "
			    "echo Y > /sys/module/fuse/parameters/enable_uring");
	}
	return status ? status : keep(m, ret_fs);
}

int one_mount_connect(const struct one_mount *m, int *ret_fd)
{
	struct fusefs_config config = fuse_config(m);

	return check_fuse(m, fusefs_connect(&config, m->dir, ret_fd));
}

int one_mount_adopt(struct one_mount *m, struct fusefs **ret_fs)
{
	struct fusefs_config config = serve_config(m);
	int err = fusefs_adopt(&config, m->dir, m->fuse, ret_fs);

	if (err)
		return check_served(m, err);
	m->fuse = -1;
	return keep(m, ret_fs);
}

/* ---- inside ---- */

static int choose_type(struct one_mount *m)
{
	const char *type = m->args.type ? m->args.type : m->part->type;

	if (!type) {
		report(REPORT_MOUNT, "fs-unknown", "%s: no known signature",
		       disk_part_name(m->part));
		if (m->args.volume.unlock.plain)
			report_hint("so it looks if the passphrase or cipher is not the right one");
		return REPORT_MOUNT;
	}
	m->kernel_type = disk_kernel_type(type);
	if (m->kernel_type)
		return 0;
	return report(REPORT_MOUNT, "fs-unsupported", "%s: %s is not supported",
		      disk_part_name(m->part), type);
}

/*
 * Journals commit every 5 s or more by default; here all that is dirty goes out
 * within about two seconds. In front of the user's options, so that those win.
 */
static const struct {
	const char *type, *data;
} commit_options[] = {
	{ "ext3", "commit=1" },
	{ "ext4", "commit=1" },
	{ "btrfs", "commit=1" },
};

/* f2fs has no such option; XFS has this one, read when a filesystem is mounted. */
static void commit_soon_f2fs(const char *node)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/fs/f2fs/%s/cp_interval", strrchr(node, '/') + 1);
	lkl_write_file(path, "1");
}

static void commit_soon_xfs(void)
{
	lkl_write_file("/proc/sys/fs/xfs/xfssyncd_centisecs", "100");
}

static void mount_data(const struct one_mount *m, char *data, size_t size)
{
	const char *first = NULL;

	for (size_t i = 0; i < sizeof(commit_options) / sizeof(commit_options[0]); i++)
		if (!strcmp(commit_options[i].type, m->kernel_type) &&
		    !m->args.options.readonly)
			first = commit_options[i].data;
	/* All that have a journal which can be left alone call it so. */
	if (m->args.no_replay)
		first = "norecovery";
	snprintf(data, size, "%s%s%s", first ? first : "",
		 first && *m->args.options.data ? "," : "", m->args.options.data);
}

/* What the library kernel's line about it has in it. */
static const char *log_word(const struct one_mount *m)
{
	return !strcmp(m->kernel_type, "btrfs") ? "BTRFS" :
	       m->part->volume ? strrchr(m->part->node, '/') + 1 : guest_disk(0);
}

static int explain_mount(const struct one_mount *m, const struct disk *disk, long err)
{
	struct fs_failure failure = {
		.name = disk_part_name(m->part), .type = m->kernel_type,
		.log_word = log_word(m), .readonly = m->args.options.readonly, .err = err,
	};
	int status = guest_left();

	if (!status && !strcmp(m->kernel_type, "btrfs"))
		status = btrfs_check_members(disk, m->part);
	return status ? status : fs_explain(&failure);
}

static void make_readonly(struct one_mount *m)
{
	m->args.options.readonly = true;
	m->args.options.flags |= MS_RDONLY;
}

static long mount_fs(struct one_mount *m)
{
	char data[sizeof(m->args.options.data) + 32];

	mount_data(m, data, sizeof(data));
	return lkl_mount(m->part->node, m->root, m->kernel_type, m->args.options.flags, data);
}

/* As it is better to see the files than not to. */
static long mount_dirty_ntfs(struct one_mount *m)
{
	long err;

	make_readonly(m);
	err = mount_fs(m);
	if (err)
		return err;
	report(REPORT_OK, "fs-dirty", "%s (ntfs3): dirty; mounted read-only",
	       disk_part_name(m->part));
	report_hint("chkdsk of Windows mends it; -o force writes to it as it is");
	return 0;
}

static int mount_inside(struct one_mount *m, const struct disk *disk)
{
	char phase[64];
	long err;

	if (guest_readonly() && !m->args.options.readonly) {
		make_readonly(m);
		report_note("%s is read-only: mounted so", m->source);
	}
	if (!strcmp(m->kernel_type, "xfs"))
		commit_soon_xfs();
	if (!strcmp(m->kernel_type, "btrfs"))
		btrfs_scan(disk, m->part);
	/* May replay a journal, or read all of it. */
	snprintf(phase, sizeof(phase), "Mounting %.40s (%s)", disk_part_name(m->part),
		 m->kernel_type);
	daemon_phase(phase);
	err = mount_fs(m);
	if (!m->args.options.readonly && fs_is_dirty_ntfs(m->kernel_type, err))
		err = mount_dirty_ntfs(m);
	if (err)
		return explain_mount(m, disk, err);
	m->mounted = true;
	if (!strcmp(m->kernel_type, "f2fs"))
		commit_soon_f2fs(m->part->node);
	return 0;
}

int one_mount_choose(struct one_mount *m, const struct disk *disk)
{
	int status = volume_choose(&m->args.volume, disk, &m->chosen);

	m->part = m->chosen;
	return status;
}

int one_mount_inside(struct one_mount *m, const struct disk *disk)
{
	int status;

	status = volume_open(&m->volume, &m->args.volume, disk,
			     m->args.guest.readonly || guest_readonly(), &m->part);
	if (!status)
		status = choose_type(m);
	if (!status)
		status = mount_inside(m, disk);
	if (status && !lkl_panic_message())
		volume_close(&m->volume);
	return status;
}

static long sync_path(const char *path, long call)
{
	long fd = LKL_CALL4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	long err = fd < 0 ? fd : LKL_CALL1(call, fd);

	if (fd >= 0)
		LKL_CALL1(SYS_close, fd);
	return err;
}

int one_mount_sync(struct one_mount *m)
{
	int err = sync_path(m->root, SYS_syncfs);

	if (err)
		__atomic_store_n(&m->lost, err, __ATOMIC_RELAXED);
	return err;
}

/*
 * What unmounting itself has written, and the disk's own cache, of which FAT and others
 * never think. Nobody hears of an error when the kernel does it at its end.
 */
static long flush_disk(const struct one_mount *m)
{
	if (m->args.options.readonly || guest_gone())
		return 0;		/* nothing is there, or nothing to be told any more */
	if (!strcmp(m->kernel_type, "btrfs"))
		return 0;		/* it flushes its disks, of which some may be gone */
	return sync_path(m->part->node, SYS_fsync);
}

int one_mount_finish(struct one_mount *m)
{
	long err = one_mount_sync(m);
	bool busy = lkl_umount(m->root, 0);

	if (!err)
		err = flush_disk(m);
	if (!err)
		err = __atomic_load_n(&m->lost, __ATOMIC_RELAXED);
	if (err)
		report(REPORT_MOUNT, "flush", "%s: not everything could be written: %s",
		       m->source, strerror(-err));
	if (busy && !err) {
		err = lkl_umount(m->root, MNT_DETACH);
		report(REPORT_MOUNT, "umount", "%s: still in use inside", m->source);
	}
	if (!err && volume_close(&m->volume))
		err = -EBUSY;
	m->mounted = false;
	return err ? REPORT_MOUNT : REPORT_OK;
}
