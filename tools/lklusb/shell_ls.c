// SPDX-License-Identifier: GPL-2.0-only
#include "shell_i.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <lkl.h>

#include "guest.h"
#include "output.h"
#include "report.h"
#include "stop.h"

static int add(void *list, const char *name)
{
	int err = names_add(list, name);

	return err ? err : stop_wanted();
}

/* "drwxr-xr-x" */
static void show_mode(unsigned int mode, char *ret)
{
	static const char types[] = "?pc?d?b?-?l?s???", bits[] = "rwxrwxrwx";
	static const struct {
		unsigned int bit, at;
		char with, without;
	} special[] = { { S_ISUID, 3, 's', 'S' }, { S_ISGID, 6, 's', 'S' },
			{ S_ISVTX, 9, 't', 'T' } };

	ret[0] = types[mode >> 12 & 15];
	for (int i = 0; i < 9; i++)
		ret[i + 1] = mode & (0400 >> i) ? bits[i] : '-';
	for (int i = 0; i < 3; i++)
		if (mode & special[i].bit)
			ret[special[i].at] = ret[special[i].at] == 'x' ? special[i].with :
									 special[i].without;
	ret[10] = 0;
}

static void print_long(long dir, const char *name, const char *shown, const struct statx *st)
{
	char mode[11], when[32] = "?", target[PATH_MAX] = "";
	time_t t = st->stx_mtime.tv_sec;
	struct tm tm;
	long n = 0;

	show_mode(st->stx_mode, mode);
	if (localtime_r(&t, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	if (S_ISLNK(st->stx_mode))
		n = LKL_CALL4(SYS_readlinkat, dir, name, target, sizeof(target) - 1);
	target[n > 0 && n < (long)sizeof(target) ? n : 0] = 0;
	output_row("%s %3u %5u %5u %12llu %s %s%s%s", mode, st->stx_nlink, st->stx_uid,
		   st->stx_gid, (unsigned long long)st->stx_size, when, shown,
		   *target ? " -> " : "", target);
}

/* An empty name is dir itself. */
static int print_one(long dir, const char *name, const char *shown, bool is_long)
{
	struct statx st;
	long err;

	if (!is_long)
		return output_row("%s", shown), 0;
	err = LKL_CALL5(SYS_statx, dir, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH,
			STATX_BASIC_STATS, &st);
	if (err)
		return shell_failed(shown, err);
	print_long(dir, name, shown, &st);
	return 0;
}

static int print_folder(const char *path, long dir, bool is_long)
{
	struct names list = { 0 };
	int err = guest_names(dir, add, &list), status = err < 0 ? shell_failed(path, err) : 0;

	names_sort(&list);
	for (size_t i = 0; i < list.n && !stop_wanted(); i++)
		if (print_one(dir, list.names[i], list.names[i], is_long))
			status = REPORT_MOUNT;
	names_free(&list);
	return status;
}

/* A link that a path ends with is followed, as long as it is not asked what it is. */
static int list(struct shell *s, const char *path, bool is_long, bool heading)
{
	long fd = shell_open(s, path, O_PATH | (is_long ? O_NOFOLLOW : 0)), dir;
	struct statx st = { 0 };
	int status;

	if (fd < 0)
		return REPORT_MOUNT;
	LKL_CALL5(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st);
	if (S_ISDIR(st.stx_mode)) {
		dir = shell_open(s, path, O_RDONLY | O_DIRECTORY);
		if (heading)
			output_row("%s:", path);
		status = dir < 0 ? REPORT_MOUNT : print_folder(path, dir, is_long);
		if (dir >= 0)
			LKL_CALL1(SYS_close, dir);
	} else {
		status = print_one(fd, "", path, is_long);
	}
	LKL_CALL1(SYS_close, fd);
	return status;
}

int shell_ls(struct shell *s, int argc, char **argv)
{
	bool is_long = false;
	int c, n, one, status = 0;

	while ((c = getopt(argc, argv, "al")) != -1) {
		if (c == '?')
			return -1;
		is_long |= c == 'l';		/* names with a dot are always shown */
	}
	n = argc - optind;
	if (!n)
		return list(s, ".", is_long, false);
	for (int i = optind; i < argc && !stop_wanted(); i++) {
		one = list(s, argv[i], is_long, n > 1);
		status = one ? one : status;
	}
	return status;
}
