// SPDX-License-Identifier: GPL-2.0-only
/*
 * mount.fuse.lklusb and umount.fuse.lklusb: what mount(8) and umount(8) call for this
 * type. They have given up root's rights if an ordinary user called them (user in
 * fstab). libfuse's mount.fuse3 is not called, as it would be if these did not exist.
 */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "report.h"

static const char mount_help[] =
	"usage: mount.fuse.lklusb SRC DIR [-sfnv] [-o OPTIONS] [-t TYPE]\n"
	"\n"
	"Called by mount(8): mount -t fuse.lklusb SRC DIR. See lklusb(1).\n";

static const char umount_help[] =
	"usage: umount.fuse.lklusb DIR [-nlfvr] [-t TYPE]\n"
	"\n"
	"Called by umount(8). See lklusb(1).\n";

struct helper_options {
	bool help, fake, lazy, verbose;
	char *words;
};

static int parse(int argc, char **argv, const char *known, struct helper_options *ret)
{
	int c;

	while ((c = getopt(argc, argv, known)) != -1) {
		switch (c) {
		case 'f':
			ret->fake = true;
			break;
		case 'l':
			ret->lazy = true;
			break;
		case 'v':
			ret->verbose = true;
			break;
		case 'o':
			ret->words = optarg;
			break;
		case 'h':
			ret->help = true;
			break;
		case 'N':
			return report(REPORT_USAGE, "usage",
				      "-N: in another namespace nothing is mounted");
		case '?':
			return REPORT_USAGE;
		default:
			break;	/* says what is so anyway */
		}
	}
	return 0;
}

/* The value of setuid=, if there is one, is taken out of the words. */
static bool take_setuid(char *words, char *ret_user, size_t size)
{
	static const char name[] = "setuid=";
	char *word = words;

	while (word && strncmp(word, name, strlen(name))) {
		word = strchr(word, ',');
		word = word ? word + 1 : NULL;
	}
	if (!word)
		return false;
	snprintf(ret_user, size, "%.*s", (int)strcspn(word + strlen(name), ","),
		 word + strlen(name));
	memset(word, ',', strcspn(word, ","));
	return true;
}

/* As mount.fuse3 has it: root's mount(8), but not root's process. For good. */
static int become(const char *user)
{
	struct passwd *pw = getpwnam(user);

	if (!pw)
		return report(REPORT_USAGE, "usage", "setuid=%s: no such user", user);
	if (pw->pw_uid != getuid() &&
	    (initgroups(pw->pw_name, pw->pw_gid) || setgid(pw->pw_gid) || setuid(pw->pw_uid)))
		return report(REPORT_USAGE, "usage", "setuid=%s: %s", user, strerror(errno));
	setenv("HOME", pw->pw_dir, true);
	unsetenv("XDG_RUNTIME_DIR");
	return 0;
}

int cmd_mount_helper(int argc, char **argv)
{
	struct helper_options o = { 0 };
	int status = parse(argc, argv, "sfnvhN:o:t:", &o);
	char *args[8], none[] = "", user[256];
	int n = 0;

	if (status || o.help || argc - optind != 2)
		return fputs(mount_help, o.help ? stdout : stderr), o.help ? 0 : REPORT_USAGE;
	if (o.fake)
		return REPORT_OK;
	if (o.words && take_setuid(o.words, user, sizeof(user)))
		status = become(user);
	if (status)
		return status;
	args[n++] = "mount";
	args[n++] = "-o";
	args[n++] = o.words ? o.words : none;
	args[n++] = "--";
	args[n++] = argv[optind];
	args[n++] = argv[optind + 1];
	args[n] = NULL;
	optind = 0;		/* glibc: the next getopt begins anew */
	return cmd_mount(n, args);
}

int cmd_umount_helper(int argc, char **argv)
{
	struct helper_options o = { 0 };
	int status = parse(argc, argv, "nlfvrhN:t:", &o);
	char *args[6];
	int n = 0;

	if (status || o.help || argc - optind != 1)
		return fputs(umount_help, o.help ? stdout : stderr), o.help ? 0 : REPORT_USAGE;
	args[n++] = "umount";
	if (!o.verbose)
		args[n++] = "-q";
	if (o.lazy)
		args[n++] = "-l";
	args[n++] = "--";
	args[n++] = argv[optind];
	args[n] = NULL;
	optind = 0;
	return cmd_umount(n, args);
}
