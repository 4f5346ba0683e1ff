// SPDX-License-Identifier: GPL-2.0-only
/*
 * lklusb mount: everything that can fail does so before the user's shell goes on.
 * The order is that of the borders: first what needs the host (source, FUSE), then
 * the library kernel, which needs neither.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <json-c/json.h>
#include <lkl.h>

#include "commands.h"
#include "control.h"
#include "daemon.h"
#include "disk.h"
#include "fusefs.h"
#include "log.h"
#include "mounts.h"
#include "options.h"
#include "report.h"
#include "source.h"
#include "unlock.h"

static struct {
	struct guest_config guest;
	struct mount_options options;
	bool foreground;
	unsigned int threads;
	char source[4096], dir[4096];	/* absolute */
	const char *partition, *type;

	struct fusefs *fs;
	struct disk disk;
	const struct disk_part *part;
	struct unlock_config unlock;
	struct disk_part unlocked;	/* what was found in an encrypted part */
	const char *kernel_type;
	bool mounted;			/* inside */
	bool serving;			/* atomic: requests are answered */
	bool eject;			/* atomic: stop the disk at the end */
	bool not_ejected;
	int ready_status;		/* of what had to be done when it was ready */
} mnt;

static pthread_mutex_t stop_lock = PTHREAD_MUTEX_INITIALIZER;	/* protects mnt.fs */

static void stop(void)
{
	pthread_mutex_lock(&stop_lock);
	if (mnt.fs)
		fusefs_stop(mnt.fs);
	pthread_mutex_unlock(&stop_lock);
	unlock_cancel();
}

static void unmount_fuse(void)
{
	struct fusefs *fs = mnt.fs;

	pthread_mutex_lock(&stop_lock);
	mnt.fs = NULL;
	pthread_mutex_unlock(&stop_lock);
	fusefs_free(fs);
}

/* The process ends without asking the library kernel anything. */
static void leave_mountpoint(void)
{
	pthread_mutex_lock(&stop_lock);
	if (mnt.fs)
		fusefs_abandon(mnt.fs);
	pthread_mutex_unlock(&stop_lock);
}

/* ---- signals ---- */

/*
 * Pages that were written through a mapping are the host's until it writes them
 * back, which it does through us: so first this, then the end.
 */
static void *sync_and_stop(void *unused)
{
	int fd = open(mnt.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		syncfs(fd);
		close(fd);
	}
	stop();
	return NULL;
}

/* The second signal, and one that comes before there is a mount, end it at once. */
static void *wait_for_signal(void *set)
{
	pthread_t thread;
	int sig;

	sigwait(set, &sig);
	if (__atomic_load_n(&mnt.serving, __ATOMIC_ACQUIRE) &&
	    !pthread_create(&thread, NULL, sync_and_stop, NULL)) {
		pthread_detach(thread);
		sigwait(set, &sig);
	}
	stop();
	return NULL;
}

/* ---- asked through the control socket ---- */

static char *status_text(void)
{
	struct json_object *o = json_object_new_object();
	struct lkl_counters c;
	char *text;

	lkl_counters(&c);
	json_object_object_add(o, "source", json_object_new_string(mnt.source));
	json_object_object_add(o, "dir", json_object_new_string(mnt.dir));
	json_object_object_add(o, "partition", json_object_new_int(mnt.part->number));
	json_object_object_add(o, "type", json_object_new_string(mnt.kernel_type));
	json_object_object_add(o, "encryption", unlock_kind() ?
			       json_object_new_string(unlock_kind()) : NULL);
	json_object_object_add(o, "readonly", json_object_new_boolean(mnt.options.readonly));
	json_object_object_add(o, "transport", json_object_new_string(
		mnt.guest.virtio_blk ? "virtio-blk" : "usb"));
	json_object_object_add(o, "pid", json_object_new_int(getpid()));
	json_object_object_add(o, "kernel", json_object_new_string(lkl_kernel_version()));
	json_object_object_add(o, "system_calls", json_object_new_int64(c.calls));
	json_object_object_add(o, "interrupts", json_object_new_int64(c.irqs));
	json_object_object_add(o, "switches", json_object_new_int64(c.switches));
	json_object_object_add(o, "kicks", json_object_new_int64(c.kicks));
	if (asprintf(&text, "%s\n", json_object_to_json_string(o)) < 0)
		text = NULL;
	json_object_put(o);
	return text;
}

static unsigned long long dirty_bytes(void)
{
	static const char *const names[] = { "\nDirty:", "\nWriteback:" };
	unsigned long long kib = 0;
	char text[4096], *p;

	if (lkl_read_file("/proc/meminfo", text, sizeof(text)) < 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		p = strstr(text, names[i]);
		if (p)
			kib += strtoull(p + strlen(names[i]), NULL, 10);
	}
	return kib << 10;
}

static int sync_all(void)
{
	long fd = LKL_CALL4(SYS_openat, AT_FDCWD, GUEST_MNT, O_RDONLY | O_CLOEXEC, 0);
	long err = fd < 0 ? fd : LKL_CALL1(SYS_syncfs, fd);

	if (fd >= 0)
		LKL_CALL1(SYS_close, fd);
	return err;
}

static void want_eject(void)
{
	__atomic_store_n(&mnt.eject, true, __ATOMIC_RELEASE);
}

static const struct control_ops control_ops = {
	.status = status_text,
	.log = guest_log,
	.dirty = dirty_bytes,
	.sync = sync_all,
	.want_eject = want_eject,
};

/* ---- the host's side ---- */

static int check_dir(const char *dir)
{
	struct dirent *d;
	bool empty = true;
	struct stat st;
	DIR *list;

	if (stat(dir, &st) || !realpath(dir, mnt.dir))
		return report(REPORT_MOUNT, "mountpoint", "%s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return report(REPORT_MOUNT, "mountpoint", "%s is not a folder", dir);
	list = opendir(dir);
	if (!list)
		return report(REPORT_MOUNT, "mountpoint", "%s: %s", dir, strerror(errno));
	while ((d = readdir(list)))
		empty &= !strcmp(d->d_name, ".") || !strcmp(d->d_name, "..");
	closedir(list);
	if (!empty && !mnt.options.allow_nonempty) {
		report(REPORT_MOUNT, "mountpoint-not-empty", "%s is not empty", dir);
		report_hint("-o nonempty hides what is there");
		return REPORT_MOUNT;
	}
	return 0;
}

static int check_arguments(const char *source, const char *dir)
{
	int status = source_check(source);

	if (status)
		return status;
	if (!realpath(source, mnt.source))
		snprintf(mnt.source, sizeof(mnt.source), "%s", source);
	mnt.guest.source = mnt.source;
	return check_dir(dir);
}

static int mount_fuse(void)
{
	struct fusefs_config config = {
		.fsname = mnt.source,
		.subtype = "lklusb",
		.options = *mnt.options.fuse ? mnt.options.fuse : NULL,
		.readonly = mnt.options.readonly,
		.keep_owner = mnt.options.keep_owner,
		.uid = mnt.options.uid,
		.gid = mnt.options.gid,
		.threads = mnt.threads,
	};
	int err = fusefs_mount(&config, mnt.dir, &mnt.fs);

	if (!err)
		return 0;
	report(REPORT_SYSTEM, "fuse-mount", "%s: FUSE does not mount: %s", mnt.dir,
	       strerror(-err));
	if (access("/dev/fuse", R_OK | W_OK))
		report_hint("/dev/fuse is not open to this user (%s)", strerror(errno));
	return REPORT_SYSTEM;
}

/* ---- inside ---- */

static int unlock(void)
{
	int status;

	if (!unlock_wanted(&mnt.unlock, mnt.part))
		return 0;
	status = unlock_open(&mnt.unlock, mnt.part, mnt.guest.readonly || guest_readonly(),
			     &mnt.unlocked);
	mnt.part = &mnt.unlocked;
	return status;
}

static int choose_type(void)
{
	const char *type = mnt.type ? mnt.type : mnt.part->type;

	if (!type) {
		report(REPORT_MOUNT, "fs-unknown", "partition %d: no known signature",
		       mnt.part->number);
		if (mnt.unlock.plain)
			report_hint("so it looks if the passphrase or cipher is not the right one");
		return REPORT_MOUNT;
	}
	mnt.kernel_type = disk_kernel_type(type);
	if (mnt.kernel_type)
		return 0;
	return report(REPORT_MOUNT, "fs-unsupported", "partition %d: %s is not supported",
		      mnt.part->number, type);
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

static void mount_data(char *data, size_t size)
{
	const char *first = NULL;

	for (size_t i = 0; i < sizeof(commit_options) / sizeof(commit_options[0]); i++)
		if (!strcmp(commit_options[i].type, mnt.kernel_type) &&
		    !mnt.options.readonly)
			first = commit_options[i].data;
	snprintf(data, size, "%s%s%s", first ? first : "",
		 first && *mnt.options.data ? "," : "", mnt.options.data);
}

static int explain_mount(long err)
{
	int n = mnt.part->number;
	const char *type = mnt.kernel_type;
	int status = guest_left();

	if (status)
		return status;
	switch (-err) {
	case EINVAL:
	case EUCLEAN:
	case EIO:
	case EBADMSG:
		report(REPORT_MOUNT, "fs-damaged", "partition %d (%s): does not mount: %s", n,
		       type, strerror(-err));
		break;
	case EROFS:
	case EACCES:
		report(REPORT_MOUNT, "fs-readonly",
		       "partition %d (%s): cannot be mounted for writing", n, type);
		report_hint("--ro");
		break;
	default:
		report(REPORT_MOUNT, "fs-mount", "partition %d (%s): %s", n, type,
		       strerror(-err));
	}
	guest_report_log(guest_disk());
	return REPORT_MOUNT;
}

static int mount_inside(void)
{
	char data[sizeof(mnt.options.data) + 32];
	long err;

	if (guest_readonly() && !mnt.options.readonly) {
		mnt.options.readonly = true;
		mnt.options.flags |= MS_RDONLY;
		report_note("%s is read-only: mounted so", mnt.source);
	}
	mount_data(data, sizeof(data));
	if (!strcmp(mnt.kernel_type, "xfs"))
		commit_soon_xfs();
	err = lkl_mount(mnt.part->node, GUEST_MNT, mnt.kernel_type, mnt.options.flags, data);
	if (err)
		return explain_mount(err);
	mnt.mounted = true;
	if (!strcmp(mnt.kernel_type, "f2fs"))
		commit_soon_f2fs(mnt.part->node);
	return 0;
}

static int start_inside(void)
{
	int status = guest_boot();

	if (!status)
		status = disk_read(&mnt.disk);
	guest_disk_was_read();
	if (!status)
		status = disk_choose(&mnt.disk, mnt.partition,
				     mnt.unlock.header || mnt.unlock.plain, &mnt.part);
	if (!status)
		status = unlock();
	if (!status)
		status = choose_type();
	if (!status)
		status = mount_inside();
	return status;
}

/* Called by the FUSE server: requests are answered from now on. */
static void on_ready(void *ctx)
{
	struct mounts_entry entry;
	int err = mounts_find(mnt.dir, &entry);

	__atomic_store_n(&mnt.serving, true, __ATOMIC_RELEASE);
	if (!err)
		err = control_start(entry.dev, &control_ops);
	if (err) {
		mnt.ready_status = report(REPORT_SYSTEM, "control",
					  "no control socket: %s", strerror(-err));
		stop();
		return;
	}
	daemon_ready();
}

/* What is left after the host has let go of the mount. */
static int finish_inside(void)
{
	long err = sync_all();

	if (err)
		report(REPORT_MOUNT, "flush", "%s: not everything could be written: %s",
		       mnt.source, strerror(-err));
	if (lkl_umount(GUEST_MNT, 0) && !err) {
		err = lkl_umount(GUEST_MNT, MNT_DETACH);
		report(REPORT_MOUNT, "umount", "%s: still in use inside", mnt.source);
	}
	if (!err && unlock_close())
		err = -EBUSY;
	if (!err && __atomic_load_n(&mnt.eject, __ATOMIC_ACQUIRE)) {
		err = guest_eject();
		if (err)
			report(REPORT_MOUNT, "eject", "%s: the unit does not stop: %s",
			       mnt.source, strerror(-err));
		mnt.not_ejected = err;
	}
	return err ? REPORT_MOUNT : REPORT_OK;
}

/* Blocked everywhere, since all threads come after this one. */
static void catch_signals(void)
{
	static sigset_t set;
	pthread_t thread;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (!pthread_create(&thread, NULL, wait_for_signal, &set))
		pthread_detach(thread);
	else
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* What the library kernel acknowledged and still holds. */
static int report_gone(void)
{
	report(REPORT_MOUNT, "device-gone", "%s unplugged; %llu KiB acknowledged but not flushed",
	       mnt.source, dirty_bytes() >> 10);
	report_hint("check the filesystem when it is plugged in again");
	return REPORT_MOUNT;
}

static int serve(void)
{
	int status, end;

	catch_signals();
	status = start_inside();
	if (!status && fusefs_serve(mnt.fs, GUEST_MNT, on_ready, NULL))
		status = lkl_panic_message() ? REPORT_MOUNT :
			 report(REPORT_SYSTEM, "fuse-serve", "%s: FUSE failed", mnt.dir);
	if (!status)
		status = mnt.ready_status;
	if (mnt.mounted && guest_gone())
		status = report_gone();
	unmount_fuse();
	control_stop();
	if (mnt.mounted && !lkl_panic_message()) {
		end = finish_inside();
		status = status ? status : end;
	}
	return status;
}

static int mount_and_serve(void)
{
	int end, status = guest_open(&mnt.guest);

	if (status)
		return status;
	status = mount_fuse();
	if (!status)
		status = serve();
	disk_part_free(&mnt.unlocked);
	disk_free(&mnt.disk);
	end = guest_close();
	status = status ? status : end;
	if (mnt.not_ejected)
		control_finish(status, "eject", "all is written, but the unit does not stop");
	else
		control_finish(status, status ? "flush" : "ok",
			       status ? "data may be lost" : "all is written");
	return status;
}

/* ---- command line ---- */

static const char help[] =
	"usage: lklusb mount [options] SRC DIR\n"
	"\n"
	"Mounts a filesystem on SRC, a USB device or an image file that is plugged into\n"
	"the library kernel as a USB stick, on the folder DIR.\n"
	"\n"
	"  -p, --partition P   N, LABEL=, UUID=, PARTLABEL= or PARTUUID=\n"
	"  -t, --type TYPE     of the filesystem; found by itself otherwise\n"
	"  -r, --ro            read-only, also for the stick\n"
	"  -o OPTIONS          as for mount(8); words of FUSE and of the filesystem\n"
	"  --owner WHO         me (default), keep, or UID:GID\n"
	"  --threads N         that serve, at most\n"
	UNLOCK_HELP
	SOURCE_HELP
	"  -f, --foreground    do not go into the background\n"
	"  -v, --verbose       with the library kernel's log\n"
	"  -q, --quiet\n";

static const struct option options[] = {
	{ "partition", required_argument, NULL, 'p' },
	{ "type", required_argument, NULL, 't' },
	{ "ro", no_argument, NULL, 'r' },
	{ "rw", no_argument, NULL, 'w' },
	{ "owner", required_argument, NULL, 'O' },
	{ "threads", required_argument, NULL, 'T' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	SOURCE_OPTIONS,
	UNLOCK_OPTIONS,
	{ 0 },
};

static int take_option(int c)
{
	static char ro[] = "ro", rw[] = "rw";

	switch (c) {
	case 'p':
		mnt.partition = optarg;
		return 0;
	case 't':
		mnt.type = optarg;
		return 0;
	case 'r':
		return mount_options_add(&mnt.options, ro);
	case 'w':
		return mount_options_add(&mnt.options, rw);
	case 'o':
		return mount_options_add(&mnt.options, optarg);
	case 'O':
		return mount_options_owner(&mnt.options, optarg);
	case 'T':
		mnt.threads = atoi(optarg);
		return mnt.threads >= 1 && mnt.threads <= 64 ? 0 :
		       report(REPORT_USAGE, "usage", "--threads %s: 1 to 64", optarg);
	case 'f':
		mnt.foreground = true;
		return 0;
	case 'v':
		mnt.guest.verbose = true;
		log_set_level(LOG_LEVEL_INFO);
		return 0;
	case 'q':
		report_quiet();
		return 0;
	default:
		return unlock_is_option(c) ? unlock_option(&mnt.unlock, c, optarg) :
					     source_option(&mnt.guest, c, optarg);
	}
}

int cmd_mount(int argc, char **argv)
{
	int c, status = 0;

	source_init(&mnt.guest);
	unlock_init(&mnt.unlock);
	mount_options_init(&mnt.options);
	while (!status && (c = getopt_long(argc, argv, "p:t:rwo:fvqh", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return REPORT_OK;
		}
		status = take_option(c);
	}
	if (status)
		return status;
	if (argc - optind != 2) {
		fputs(help, stderr);
		return REPORT_USAGE;
	}
	mnt.partition = mnt.partition ? mnt.partition : mnt.options.partition;
	mnt.type = mnt.type ? mnt.type : mnt.options.type;
	mnt.guest.readonly = mnt.options.readonly;
	mnt.guest.on_panic = stop;
	mnt.guest.on_gone = stop;
	mnt.guest.on_stuck = leave_mountpoint;
	status = check_arguments(argv[optind], argv[optind + 1]);
	if (!status)
		status = unlock_prepare(&mnt.unlock);
	if (!status && !mnt.foreground)
		status = daemon_fork();
	return status ? status : mount_and_serve();
}
