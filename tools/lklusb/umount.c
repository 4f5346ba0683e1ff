// SPDX-License-Identifier: GPL-2.0-only
/*
 * lklusb umount: what is dirty is written while the mount still answers, then the
 * host lets go of it, then the serving process ends; only then it is safe.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "control.h"
#include "mounts.h"
#include "report.h"

#define FLUSH_WORTH_TELLING (1u << 20)

/* What umount of the host says is for its own ears: we say it with a code. */
static int run_fusermount(const char *dir, bool lazy)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		execlp("fusermount3", "fusermount3", "-u", "-q", lazy ? "-z" : "--", dir,
		       NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 127)
		return -ENOENT;
	return WEXITSTATUS(status) ? -EBUSY : 0;
}

static int let_go(const char *dir, bool lazy)
{
	int err;

	if (geteuid() == 0)
		err = umount2(dir, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) ? -errno : 0;
	else
		err = run_fusermount(dir, lazy);
	if (!err)
		return 0;
	if (err == -EBUSY) {
		report(REPORT_MOUNT, "busy", "%s is in use", dir);
		report_hint("fuser -vm %s shows by whom; -l lets go of it as soon as it is not",
			    dir);
		return REPORT_MOUNT;
	}
	return report(REPORT_MOUNT, "umount", "%s: %s", dir, strerror(-err));
}

/* Lines until one that begins with word; its rest is left in line. */
static bool wait_for(FILE *answers, const char *word, char *line, int size)
{
	size_t len = strlen(word);

	while (fgets(line, size, answers)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, word, len)) {
			memmove(line, line + len, strlen(line + len) + 1);
			return true;
		}
	}
	return false;
}

static int flush(FILE *answers)
{
	unsigned long long dirty = 0;
	char line[256];

	if (wait_for(answers, "dirty ", line, sizeof(line)))
		dirty = strtoull(line, NULL, 10);
	if (dirty >= FLUSH_WORTH_TELLING)
		report_note("Flushing %llu MiB ...", dirty >> 20);
	if (!wait_for(answers, "synced ", line, sizeof(line)))
		return report(REPORT_MOUNT, "daemon-gone",
			      "the serving process ended while it was writing");
	if (strtol(line, NULL, 10))
		return report(REPORT_MOUNT, "flush", "not everything could be written: %s",
			      strchr(line, ' ') ? strchr(line, ' ') + 1 : "?");
	return 0;
}

static int wait_for_end(FILE *answers)
{
	char line[256], *code, *text;
	int status;

	if (!wait_for(answers, "done ", line, sizeof(line)))
		return report(REPORT_MOUNT, "daemon-gone",
			      "the serving process ended before it was done");
	text = line;
	status = strtol(strsep(&text, " "), NULL, 10);
	code = strsep(&text, " ");
	return status ? report(status, code ? code : "flush", "%s", text ? text : "") : 0;
}

/* Nobody serves it any more: what was not flushed is gone. */
static int umount_dead(const struct mounts_entry *entry, bool lazy)
{
	int status = let_go(entry->dir, lazy);

	if (!status)
		status = report(REPORT_MOUNT, "daemon-gone",
				"%s: its serving process is gone; unflushed data is lost",
				entry->dir);
	return status;
}

static int umount_served(const struct mounts_entry *entry, int fd, bool lazy, bool eject)
{
	const char *request = eject ? "eject\n" : "umount\n";
	ssize_t len = strlen(request);
	FILE *answers = fdopen(fd, "r");
	int status;

	if (!answers || write(fd, request, len) != len) {
		close(fd);
		return umount_dead(entry, lazy);
	}
	status = flush(answers);
	if (!status)
		status = let_go(entry->dir, lazy);
	if (!status && !lazy)
		status = wait_for_end(answers);
	if (!status && !lazy)
		report_note("Done. Safe to unplug %s.", entry->source);
	fclose(answers);
	return status;
}

static const char help[] =
	"usage: lklusb umount [--eject] [-l] [-q] DIR\n"
	"\n"
	"Writes out what is dirty, unmounts, and returns when the source is closed.\n"
	"\n"
	"  --eject       stop the stick, too, which writes out its own cache\n"
	"  -l, --lazy    do not wait until nobody uses it\n"
	"  -q, --quiet\n";

int cmd_umount(int argc, char **argv)
{
	static const struct option options[] = {
		{ "eject", no_argument, NULL, 'e' },
		{ "lazy", no_argument, NULL, 'l' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct mounts_entry *entry = calloc(1, sizeof(*entry));
	char dir[4096];
	bool lazy = false, eject = false;
	int c, fd;

	while ((c = getopt_long(argc, argv, "lqh", options, NULL)) != -1) {
		if (c == 'l')
			lazy = true;
		else if (c == 'e')
			eject = true;
		else if (c == 'q')
			report_quiet();
		else
			return fputs(help, c == 'h' ? stdout : stderr), c != 'h';
	}
	if (argc - optind != 1 || !entry)
		return fputs(help, stderr), REPORT_USAGE;
	if (mounts_resolve(argv[optind], dir, sizeof(dir)) || mounts_find(dir, entry))
		return report(REPORT_USAGE, "not-mounted", "%s is no mount of lklusb",
			      argv[optind]);
	fd = control_connect(entry->dev, entry->uid);
	c = fd < 0 ? umount_dead(entry, lazy) : umount_served(entry, fd, lazy, eject);
	free(entry);
	return c;
}
