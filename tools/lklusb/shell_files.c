// SPDX-License-Identifier: GPL-2.0-only
#include "shell_i.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <lkl.h>

#include "guest.h"
#include "output.h"
#include "printable.h"
#include "report.h"
#include "stop.h"

/* ---- paths ---- */

bool shell_absolute(const struct shell *s, const char *path, char *ret)
{
	const char *above = *path == '/' || !strcmp(s->cwd, "/") ? "" : s->cwd;

	return snprintf(ret, PATH_MAX, "%s%s%s", above, *path == '/' ? "" : "/", path) < PATH_MAX;
}

int shell_failed(const char *path, long err)
{
	return report(REPORT_MOUNT, "path", "%s: %s", path, strerror(-err));
}

static long open_path(const struct shell *s, const char *path, int flags)
{
	char absolute[PATH_MAX];

	if (!shell_absolute(s, path, absolute))
		return -ENAMETOOLONG;
	return look_path(&s->look, absolute, flags);
}

long shell_open(const struct shell *s, const char *path, int flags)
{
	long fd = open_path(s, path, flags);

	if (fd < 0)
		shell_failed(path, fd);
	return fd;
}

/* ---- cd, pwd ---- */

/* The library kernel says where that is, so links and ".." are gone. */
static long enter(struct shell *s, long fd)
{
	char link[64], path[PATH_MAX];
	size_t top = strlen(s->look.mount.root);
	long n;

	snprintf(link, sizeof(link), "/proc/self/fd/%ld", fd);
	n = LKL_CALL4(SYS_readlinkat, AT_FDCWD, link, path, sizeof(path) - 1);
	if (n < 0 || n >= (long)sizeof(path) - 1)
		return n < 0 ? n : -ENAMETOOLONG;
	path[n] = 0;
	if (strncmp(path, s->look.mount.root, top))
		return -ENOENT;
	snprintf(s->cwd, sizeof(s->cwd), "%s", path[top] ? path + top : "/");
	return 0;
}

int shell_cd(struct shell *s, int argc, char **argv)
{
	const char *path = argc == 2 ? argv[1] : "/";
	long err, fd;

	if (argc > 2)
		return -1;
	fd = shell_open(s, path, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return REPORT_MOUNT;
	err = enter(s, fd);
	LKL_CALL1(SYS_close, fd);
	return err ? shell_failed(path, err) : 0;
}

int shell_pwd(struct shell *s, int argc, char **argv)
{
	if (argc > 1)
		return -1;
	output_row("%s", s->cwd);
	return 0;
}

/* ---- cat ---- */

/* Bytes at the end that begin a character which is not all there yet. */
static size_t unfinished(const char *text, size_t len)
{
	for (size_t n = 1; n < 4 && n <= len; n++)
		if ((unsigned char)text[len - n] >= 0xc0)
			return n;
	return 0;
}

static int put_out(const char *text, size_t len, bool terminal)
{
	if (terminal)
		printable_write(stdout, text, len);
	else
		fwrite(text, 1, len, stdout);
	return ferror(stdout) ? -EIO : 0;
}

/* As it is to a file or a pipe; a terminal is not steered. */
static int print_content(const char *path, long fd)
{
	static char buf[1 << 16];
	bool terminal = isatty(STDOUT_FILENO);
	size_t kept = 0, len;
	long n;
	int err = 0;

	while ((n = LKL_CALL3(SYS_read, fd, buf + kept, sizeof(buf) - kept)) > 0 && !err &&
	       !stop_wanted()) {
		len = kept + n;
		kept = terminal ? unfinished(buf, len) : 0;
		err = put_out(buf, len - kept, terminal);
		memmove(buf, buf + len - kept, kept);
	}
	if (!err && !n)
		err = put_out(buf, kept, terminal);
	if (fflush(stdout) || err) {
		clearerr(stdout);
		return report(REPORT_SYSTEM, "output", "the output cannot be written");
	}
	return n < 0 ? shell_failed(path, n) : stop_wanted() ? REPORT_MOUNT : 0;
}

static int cat(struct shell *s, const char *path)
{
	/* Of a pipe or a device nothing is opened. */
	long fd = shell_open(s, path, O_PATH), file = -EINVAL;
	struct statx st = { 0 };
	long err;
	int status;

	if (fd < 0)
		return REPORT_MOUNT;
	err = LKL_CALL5(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st);
	LKL_CALL1(SYS_close, fd);
	if (err || !S_ISREG(st.stx_mode))
		return shell_failed(path, err ? err : S_ISDIR(st.stx_mode) ? -EISDIR : -EINVAL);
	file = shell_open(s, path, O_RDONLY | O_NONBLOCK);
	if (file < 0)
		return REPORT_MOUNT;
	status = print_content(path, file);
	LKL_CALL1(SYS_close, file);
	return status;
}

int shell_cat(struct shell *s, int argc, char **argv)
{
	int status = argc < 2 ? -1 : 0, one;

	for (int i = 1; i < argc && !stop_wanted(); i++) {
		one = cat(s, argv[i]);
		status = one ? one : status;
	}
	return status;
}

/* ---- cp ---- */

int shell_cp(struct shell *s, int argc, char **argv)
{
	static const struct option options[] = { COPY_OPTIONS, { 0 } };
	struct copy copy = { .beneath = true, .beneath_dir = s->started_in };
	char path[PATH_MAX];
	int c;

	while ((c = getopt_long(argc, argv, COPY_SHORT, options, NULL)) != -1)
		if (!copy_option(&copy, c))
			return -1;
	if (argc - optind < 2)
		return -1;
	for (int i = optind; i < argc - 1 && !stop_wanted(); i++) {
		if (shell_absolute(s, argv[i], path))
			copy_path(&copy, &s->look, path, argv[argc - 1]);
		else
			copy.failed++, shell_failed(argv[i], -ENAMETOOLONG);
	}
	return copy_finish(&copy);
}
