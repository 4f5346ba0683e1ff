// SPDX-License-Identifier: GPL-2.0-only
/* The mount on the host: making it, its options, and its end. */
#include "fuse_i.h"

#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	/* no destroy: who unmounts inside writes out, and hears of errors, told only once */
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.access = op_access,
	.readlink = op_readlink,
	.mknod = op_mknod,		/* no create: open costs nothing after it */
	.mkdir = op_mkdir,
	.symlink = op_symlink,
	.link = op_link,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.fsync = op_fsync,
	.fallocate = op_fallocate,
	.lseek = op_lseek,
	.copy_file_range = op_copy_file_range,
	.ioctl = op_ioctl,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.fsyncdir = op_fsyncdir,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	/* no flock, setlk: the host keeps locks, nobody else has the files */
};

static enum log_level log_level_of(enum fuse_log_level level)
{
	return level <= FUSE_LOG_ERR ? LOG_LEVEL_ERR :
	       level <= FUSE_LOG_WARNING ? LOG_LEVEL_WARN :
	       level <= FUSE_LOG_INFO ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
}

/* libfuse writes some lines in pieces. */
static void log_libfuse(enum fuse_log_level level, const char *fmt, va_list args)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static char line[512];
	size_t len;

	pthread_mutex_lock(&lock);
	len = strlen(line);
	vsnprintf(line + len, sizeof(line) - len, fmt, args);
	len = strlen(line);
	if (len == sizeof(line) - 1 || (len && line[len - 1] == '\n')) {
		log_msg(log_level_of(level), "%s", line);
		line[0] = 0;
	}
	pthread_mutex_unlock(&lock);
}

/* "-o name=value", whatever characters value has. */
static int add_value(struct fuse_args *args, const char *name, const char *value)
{
	char *option = NULL, *list = NULL;
	int err = -1;

	if (asprintf(&option, "%s=%s", name, value) >= 0) {
		err = fuse_opt_add_opt_escaped(&list, option);
		free(option);
	}
	if (!err)
		err = fuse_opt_add_arg(args, "-o") || fuse_opt_add_arg(args, list);
	free(list);
	return err;
}

static int add_options(struct fuse_args *args, const char *options)
{
	return fuse_opt_add_arg(args, "-o") || fuse_opt_add_arg(args, options);
}

/* Whether the list has it as a whole word. */
static bool has_option(const char *list, const char *name)
{
	size_t len = strlen(name);
	const char *p;

	for (p = list; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
		if (!strncmp(p, name, len) && (!p[len] || p[len] == ','))
			return true;
	return false;
}

static bool lets_others_in(const struct fusefs_config *config)
{
	return has_option(config->options, "allow_other") ||
	       has_option(config->options, "allow_root");
}

/*
 * Permissions are not checked when only the owner of everything can come here, unless
 * that user says what they are; if others may come, they are.
 */
static int build_options(const struct fusefs_config *config, struct fuse_args *args)
{
	bool checked = config->owners.keep || config->owners.umask >= 0 ||
		       lets_others_in(config);
	char max_read[32];
	int bad;

	snprintf(max_read, sizeof(max_read), "max_read=%u", IO_MAX);
	bad = fuse_opt_add_arg(args, "lklusb") || add_options(args, "nosuid,nodev") ||
	      add_options(args, max_read);
	if (!bad && config->readonly)
		bad = add_options(args, "ro");
	if (!bad && checked)
		bad = add_options(args, "default_permissions");
	if (!bad && config->fsname)
		bad = add_value(args, "fsname", config->fsname);
	if (!bad && config->subtype)
		bad = add_value(args, "subtype", config->subtype);
	if (!bad && config->options && *config->options)
		bad = add_options(args, config->options);
	return bad ? -ENOMEM : 0;
}

/* ---- what libfuse only says in words ---- */

static bool in_path(const char *program)
{
	const char *path = getenv("PATH"), *end;
	char file[4096];

	for (; path && *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		snprintf(file, sizeof(file), "%.*s/%s", (int)(end - path), path, program);
		if (!access(file, X_OK))
			return true;
	}
	return false;
}

static int check_folder(const char *dir)
{
	struct stat st;

	if (stat(dir, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (geteuid() && access(dir, W_OK))
		return -errno;
	return 0;
}

static int check_fuse(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		int err = -errno;

		log_err("fuse: /dev/fuse: %s", lkl_strerror(err));
		return err;
	}
	close(fd);
	if (geteuid() && access("/usr/bin/fusermount3", X_OK) &&
	    !in_path("fusermount3")) {
		log_err("fuse: fusermount3 is not installed");
		return -ENOENT;
	}
	return 0;
}

/* ---- the session ---- */

static struct fusefs *fusefs_new(const struct fusefs_config *config)
{
	struct fusefs *fs = calloc(1, sizeof(*fs));

	if (!fs)
		return NULL;
	fs->readonly = config->readonly;
	fs->others = lets_others_in(config);
	fs->owners = config->owners;
	fs->unmount = config->unmount;
	fs->unmount_ctx = config->unmount_ctx;
	fs->max_servers = config->threads ? config->threads : 8;
	if (fs->max_servers > MAX_THREADS)
		fs->max_servers = MAX_THREADS;
	fs->root_fd = -1;
	pthread_mutex_init(&fs->lock, NULL);
	pthread_mutex_init(&fs->role_lock, NULL);
	TAILQ_INIT(&fs->descs);
	TAILQ_INIT(&fs->streams);
	fs->channels[0].fs = fs;
	fs->n_channels = 1;
	if (config->io_uring)
		urings_new(fs);
	fs->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fs->event < 0 || nodes_init(fs)) {
		fusefs_free(fs);
		return NULL;
	}
	return fs;
}

/* where: a folder, or /dev/fd/N. */
static int session_mount(const struct fusefs_config *config, const char *where,
			 struct fusefs *fs, struct fuse_session **ret_session)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	int err = build_options(config, &args);

	if (!err) {
		*ret_session = fuse_session_new(&args, &ops, sizeof(ops), fs);
		err = *ret_session ? 0 : -EINVAL;
	}
	fuse_opt_free_args(&args);
	if (err)
		return err;
	errno = 0;
	if (fuse_session_mount(*ret_session, where))
		return errno ? -errno : -EPERM;
	return 0;
}

static int check_host(const char *dir)
{
	int err;

	fuse_set_log_func(log_libfuse);
	err = check_folder(dir);
	return err ? err : check_fuse();
}

/* On failure fs is freed. */
static int open_session(const struct fusefs_config *config, const char *where,
			struct fusefs *fs, struct fusefs **ret_fs)
{
	int err = session_mount(config, where, fs, &fs->se);

	if (err) {
		fusefs_free(fs);
		return err;
	}
	fs->mounted = true;
	err = session_extend(fs);
	if (err) {
		fusefs_free(fs);
		return err;
	}
	*ret_fs = fs;
	return 0;
}

int fusefs_mount(const struct fusefs_config *config, const char *dir,
		 struct fusefs **ret_fs)
{
	struct fusefs *fs;
	int err = check_host(dir);

	if (err)
		return err;
	fs = fusefs_new(config);
	return fs ? open_session(config, dir, fs, ret_fs) : -ENOMEM;
}

bool fusefs_has_io_uring(const struct fusefs *fs)
{
	return fs->n_channels > 1;
}

/* ---- a mount that one process makes and another serves ---- */

int fusefs_connect(const struct fusefs_config *config, const char *dir, int *ret_fd)
{
	struct fuse_session *se = NULL;
	int fd = -1, err = check_host(dir);

	if (!err)
		err = session_mount(config, dir, NULL, &se);
	if (!err) {
		fd = fcntl(fuse_session_fd(se), F_DUPFD_CLOEXEC, 3);
		err = fd < 0 ? -errno : 0;
		if (err)
			fuse_session_unmount(se);
	}
	if (se)
		fuse_session_destroy(se);	/* which does not unmount */
	if (!err)
		*ret_fd = fd;
	return err;
}

/* Of others than the host's kernel requests are not believed: they hold addresses. */
static bool is_fuse(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, 229);
}

int fusefs_adopt(const struct fusefs_config *config, const char *dir, int fd,
		 struct fusefs **ret_fs)
{
	struct fusefs *fs;
	char where[32];

	if (!is_fuse(fd))
		return -EINVAL;
	fs = fusefs_new(config);
	if (!fs)
		return -ENOMEM;
	fs->adopted_dir = strdup(dir);
	if (!fs->adopted_dir) {
		fusefs_free(fs);
		return -ENOMEM;
	}
	snprintf(where, sizeof(where), "/dev/fd/%d", fd);
	return open_session(config, where, fs, ret_fs);
}

/* Broken: somebody has unmounted it; what is there now is not ours. */
static bool is_unmounted(int fd)
{
	struct pollfd pfd = { .fd = fd };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLERR);
}

void fusefs_disconnect(const char *dir, int fd)
{
	char *argv[] = { "fusermount3", "-u", "-q", "-z", "--", (char *)dir, NULL };
	pid_t pid;

	if (is_unmounted(fd))
		return;
	if (!geteuid())
		umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW);
	else if (!posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ))
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
}

static void unmount(struct fusefs *fs)
{
	if (fs->unmount && !is_unmounted(fuse_session_fd(fs->se)))
		fs->unmount(fs->unmount_ctx);
	else if (fs->unmount)
		return;
	else if (fs->adopted_dir)
		fusefs_disconnect(fs->adopted_dir, fuse_session_fd(fs->se));
	else
		fuse_session_unmount(fs->se);
}

/* ---- the end ---- */

void fusefs_abandon(struct fusefs *fs)
{
	if (fs->mounted)
		unmount(fs);
}

void fusefs_free(struct fusefs *fs)
{
	if (!fs)
		return;
	if (fs->mounted)
		unmount(fs);
	free(fs->adopted_dir);
	if (fs->se)
		fuse_session_destroy(fs->se);
	streams_close(fs, NULL);
	descs_free(fs);
	nodes_free(fs);
	root_close(fs);
	urings_free(fs);
	if (fs->event >= 0)
		close(fs->event);
	pthread_mutex_destroy(&fs->role_lock);
	pthread_mutex_destroy(&fs->lock);
	free(fs);
}
