// SPDX-License-Identifier: GPL-2.0-only
/* lklusb cp: files and trees out of a source, where there is no FUSE. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "copy.h"
#include "look.h"
#include "report.h"

static const char help[] =
	"usage: lklusb cp [options] SRC:/PATH... DEST\n"
	"\n"
	"Copies files, and with -r folders, from SRC, which is only read, to the host, without\n"
	"FUSE. All of them are of the same SRC.\n"
	"\n"
	COPY_HELP
	LOOK_HELP;

static const struct option options[] = {
	COPY_OPTIONS,
	LOOK_OPTIONS,
	{ 0 },
};

/* The colon between source and path: the first with a single slash behind it. */
static char *find_path(char *arg)
{
	static const char with_path[] = "usbip+unix:";
	char *p = arg;

	if (!strncmp(p, with_path, strlen(with_path)))
		p += strlen(with_path);
	while ((p = strstr(p, ":/")) && p[2] == '/')
		p += 2;
	return p;
}

/* Cuts each into the source, the same for all, and the path. */
static int split(char **args, int n)
{
	for (int i = 0; i < n; i++) {
		char *colon = find_path(args[i]);

		if (!colon)
			return report(REPORT_USAGE, "usage", "%s: not SRC:/PATH", args[i]);
		*colon = 0;
		if (strcmp(args[i], args[0]))
			return report(REPORT_USAGE, "usage", "%s and %s: one source at a time",
				      args[0], args[i]);
	}
	return 0;
}

/* In which files will be made: DEST, or what it will be in. */
static int open_folder(const char *dest)
{
	int fd = open(dest, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *parent;

	if (fd >= 0)
		return fd;
	parent = strdup(dest);
	if (parent)
		fd = open(dirname(parent), O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(parent);
	return fd;
}

static int copy_all(struct look *look, struct copy *copy, char **args, int n)
{
	int status, end;

	look->mount.args.guest.beneath = open_folder(args[n]);
	if (look->mount.args.guest.beneath < 0)
		return report(REPORT_MOUNT, "copy", "%s: %s", args[n], strerror(errno));
	status = look_open(look, args[0]);
	if (!status)
		status = look_mount(look, NULL);
	for (int i = 0; !status && i < n; i++)
		copy_path(copy, look, args[i] + strlen(args[i]) + 1, args[n]);
	if (!status)
		status = copy_finish(copy);
	end = look_close(look);
	return status ? status : end;
}

int cmd_cp(int argc, char **argv)
{
	static struct look look;
	struct copy copy = { 0 };
	int c, n, status = 0;

	look_init(&look);
	while (!status && (c = getopt_long(argc, argv, COPY_SHORT LOOK_SHORT, options, NULL)) != -1)
		status = copy_option(&copy, c) ? 0 : look_option(&look, c, optarg);
	if (status)
		return status;
	n = argc - optind - 1;
	if (look.mount.args.help || n < 1)
		return fputs(help, look.mount.args.help ? stdout : stderr),
		       look.mount.args.help ? REPORT_OK : REPORT_USAGE;
	status = split(argv + optind, n);
	return status ? status : copy_all(&look, &copy, argv + optind, n);
}
