// SPDX-License-Identifier: GPL-2.0-only
#include "shell_i.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <lkl.h>

#include "report.h"
#include "stop.h"

#define CHUNK	(1u << 20)

/* The folder that path is in; the name lies in buffer. */
static long open_parent(const struct shell *s, const char *path, char *buffer,
			const char **ret_name)
{
	long fd;

	if (!shell_absolute(s, path, buffer))
		return -ENAMETOOLONG;
	fd = look_parent(&s->look, buffer, ret_name);
	if (fd >= 0 && !**ret_name) {
		LKL_CALL1(SYS_close, fd);
		return -EINVAL;
	}
	return fd;
}

static int each(struct shell *s, int argc, char **argv, long (*fn)(long dir, const char *name))
{
	char buffer[PATH_MAX];
	const char *name;
	int status = argc < 2 ? -1 : 0;

	for (int i = 1; i < argc && !stop_wanted(); i++) {
		long dir = open_parent(s, argv[i], buffer, &name);
		long err = dir < 0 ? dir : fn(dir, name);

		if (dir >= 0)
			LKL_CALL1(SYS_close, dir);
		if (err)
			status = shell_failed(argv[i], err);
	}
	return status;
}

static long make_folder(long dir, const char *name)
{
	return LKL_CALL3(SYS_mkdirat, dir, name, 0755);
}

int shell_mkdir(struct shell *s, int argc, char **argv)
{
	return each(s, argc, argv, make_folder);
}

/* A folder only if it is empty. */
static long remove_name(long dir, const char *name)
{
	long err = LKL_CALL3(SYS_unlinkat, dir, name, 0);

	return err == -EISDIR ? LKL_CALL3(SYS_unlinkat, dir, name, AT_REMOVEDIR) : err;
}

int shell_rm(struct shell *s, int argc, char **argv)
{
	return each(s, argc, argv, remove_name);
}

/* ---- into a folder, or under a name ---- */

/* Of the stick; name is used if dest is a folder. */
static long open_dest(const struct shell *s, const char *dest, const char *name, char *buffer,
		      const char **ret_name)
{
	long fd;

	if (!shell_absolute(s, dest, buffer))
		return -ENAMETOOLONG;
	fd = look_path(&s->look, buffer, O_PATH | O_DIRECTORY);
	*ret_name = name;
	return fd >= 0 ? fd : open_parent(s, dest, buffer, ret_name);
}

/* Never over a file that is there. */
int shell_mv(struct shell *s, int argc, char **argv)
{
	char from_buffer[PATH_MAX], to_buffer[PATH_MAX];
	const char *from_name, *to_name;
	long from, to, err;

	if (argc != 3)
		return -1;
	from = open_parent(s, argv[1], from_buffer, &from_name);
	if (from < 0)
		return shell_failed(argv[1], from);
	to = open_dest(s, argv[2], from_name, to_buffer, &to_name);
	err = to < 0 ? to : LKL_CALL5(SYS_renameat2, from, from_name, to, to_name,
				      RENAME_NOREPLACE);
	LKL_CALL1(SYS_close, from);
	if (to >= 0)
		LKL_CALL1(SYS_close, to);
	return err ? shell_failed(err == -ENOENT ? argv[1] : argv[2], err) : 0;
}

/* ---- put: a file of the host ---- */

static long put_data(int from, long to)
{
	static char buf[CHUNK];
	ssize_t n;
	long put;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0; done < n; done += put) {
			put = stop_wanted() ? -EINTR :
			      LKL_CALL3(SYS_write, to, buf + done, n - done);
			if (put < 0)
				return put;
			if (put > n - done)
				return -EIO;
		}
	return n < 0 ? -errno : 0;
}

static long put_file(int from, long dir, const char *name)
{
	long err, to = LKL_CALL4(SYS_openat, dir, name,
				 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (to < 0)
		return to;
	err = put_data(from, to);
	LKL_CALL1(SYS_close, to);
	if (err)
		LKL_CALL3(SYS_unlinkat, dir, name, 0);
	return err;
}

/* Below the folder in which we were started, as cp writes. */
static int open_ours(const struct shell *s, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int fd = syscall(SYS_openat2, s->started_in, path, &how, sizeof(how));
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
}

static int put(struct shell *s, const char *path, const char *dest)
{
	const char *name, *slash = strrchr(path, '/');
	char buffer[PATH_MAX];
	int from = open_ours(s, path);
	long dir, err;

	if (from < 0)
		return shell_failed(path, from);
	dir = open_dest(s, dest, slash ? slash + 1 : path, buffer, &name);
	err = dir < 0 ? dir : put_file(from, dir, name);
	close(from);
	if (dir >= 0)
		LKL_CALL1(SYS_close, dir);
	return err ? shell_failed(dest, err) : 0;
}

int shell_put(struct shell *s, int argc, char **argv)
{
	int status = argc < 3 ? -1 : 0, one;

	for (int i = 1; i < argc - 1 && !stop_wanted(); i++) {
		one = put(s, argv[i], argv[argc - 1]);
		status = one ? one : status;
	}
	return status;
}
