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
#include <json-c/json.h>

#include "ask.h"
#include "commands.h"
#include "mounts.h"
#include "progress.h"
#include "report.h"

#define FLUSH_WORTH_TELLING (1u << 20)

struct umount_options {
	bool lazy, eject, all;
};

/* A line may name folders; one message is one read. */
static char answer_buffer[65536];

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

static size_t count(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

/* The stick is not stopped while it is mounted elsewhere: says where. */
static int refuse_eject(const struct mounts_entry *entry)
{
	struct json_object *others = NULL;
	char *text = ask(entry->dev, entry->uid, REQUEST_OTHERS);

	if (text)
		others = json_tokener_parse(text);
	free(text);
	report(REPORT_MOUNT, "stick-mounted", "%s: not ejected, since it has other mounts",
	       entry->source);
	for (size_t i = 0; i < count(others); i++)
		report_detail("%s", json_object_get_string(json_object_array_get_idx(others, i)));
	json_object_put(others);
	report_hint("--all unmounts them, too");
	return REPORT_MOUNT;
}

/* What is dirty now, of what was at first. */
struct flushing {
	const struct mounts_entry *entry;
	unsigned long long dirty;
};

static bool flush_text(void *ctx, char *line, size_t size)
{
	const struct flushing *f = ctx;
	char *text = ask(f->entry->dev, f->entry->uid, REQUEST_STATUS);
	struct json_object *o = text ? json_tokener_parse(text) : NULL;
	unsigned long long left = json_object_get_int64(json_object_object_get(o, "dirty"));

	free(text);
	if (o)
		snprintf(line, size, "Flushing %llu MiB ... %.0f %%", f->dirty >> 20,
			 left < f->dirty ? 100.0 * (f->dirty - left) / f->dirty : 0);
	json_object_put(o);
	return o;
}

static int flush(const struct mounts_entry *entry, FILE *answers)
{
	struct flushing flushing = { .entry = entry };
	unsigned long long dirty = 0;
	char line[256];
	bool synced;

	if (!fgets(line, sizeof(line), answers))
		*line = 0;
	if (!strcmp(line, "mounted\n"))
		return refuse_eject(entry);
	if (!strncmp(line, "dirty ", 6))
		dirty = strtoull(line + 6, NULL, 10);
	if (dirty >= FLUSH_WORTH_TELLING) {
		report_note("Flushing %llu MiB ...", dirty >> 20);
		flushing.dirty = dirty;
		progress_begin(flush_text, &flushing);
	}
	synced = wait_for(answers, "synced ", line, sizeof(line));
	progress_end();
	if (!synced)
		return report(REPORT_MOUNT, "daemon-gone",
			      "the serving process ended while it was writing");
	if (strtol(line, NULL, 10))
		return report(REPORT_MOUNT, "flush", "not everything could be written: %s",
			      strchr(line, ' ') ? strchr(line, ' ') + 1 : "?");
	return 0;
}

/* ret_others: where the stick is mounted besides, or empty. */
static int wait_for_end(FILE *answers, char *ret_others, int size)
{
	char line[sizeof(answer_buffer)], *code, *text;
	int status;

	if (!wait_for(answers, "done ", line, sizeof(line)))
		return report(REPORT_MOUNT, "daemon-gone",
			      "the serving process ended before it was done");
	text = line;
	status = strtol(strsep(&text, " "), NULL, 10);
	code = strsep(&text, " ");
	if (!status && code && !strcmp(code, "mounted"))
		snprintf(ret_others, size, "%s", text ? text : "");
	return status ? report(status, code ? code : "flush", "%s", text ? text : "") : 0;
}

static void report_end(const struct mounts_entry *entry, const char *others)
{
	if (*others)
		report_note("Done. %s is still mounted on %s.", entry->source, others);
	else
		report_note("Done. Safe to unplug %s.", entry->source);
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

static int umount_served(const struct mounts_entry *entry, int fd,
			 const struct umount_options *o)
{
	FILE *answers = fdopen(fd, "r");
	char others[8192] = "";
	int status;

	if (!answers) {
		close(fd);
		return umount_dead(entry, o->lazy);
	}
	setvbuf(answers, answer_buffer, _IOFBF, sizeof(answer_buffer));
	status = flush(entry, answers);
	if (!status)
		status = let_go(entry->dir, o->lazy);
	if (!status && !o->lazy)
		status = wait_for_end(answers, others, sizeof(others));
	if (!status && !o->lazy)
		report_end(entry, others);
	fclose(answers);
	return status;
}

static int umount_one(const struct mounts_entry *entry, const struct umount_options *o)
{
	int fd = ask_begin(entry->dev, entry->uid, o->eject ? REQUEST_EJECT : REQUEST_UMOUNT);

	return fd < 0 ? umount_dead(entry, o->lazy) : umount_served(entry, fd, o);
}

/* Those that are gone meanwhile are no trouble. */
static int umount_others(const struct mounts_entry *entry, const struct umount_options *o)
{
	const struct umount_options each = { .lazy = o->lazy };
	struct mounts_entry *other = calloc(1, sizeof(*other));
	char *text = ask(entry->dev, entry->uid, REQUEST_OTHERS);
	struct json_object *others = text ? json_tokener_parse(text) : NULL;
	int status = 0;

	for (size_t i = 0; other && !status && i < count(others); i++) {
		const char *dir =
			json_object_get_string(json_object_array_get_idx(others, i));

		if (dir && !mounts_find(dir, other) && other->uid == entry->uid)
			status = umount_one(other, &each);
	}
	json_object_put(others);
	free(text);
	free(other);
	return status;
}

static int umount_dir(const char *name, const struct umount_options *o)
{
	struct mounts_entry *entry = calloc(1, sizeof(*entry));
	char dir[4096];
	int status = 0;

	if (!entry)
		return report(REPORT_SYSTEM, "memory", "out of memory");
	if (mounts_resolve(name, dir, sizeof(dir)) || mounts_find(dir, entry))
		status = report(REPORT_USAGE, "not-mounted", "%s is no mount of lklusb", name);
	if (!status && o->all)
		status = umount_others(entry, o);
	if (!status)
		status = umount_one(entry, o);
	free(entry);
	return status;
}

static const char help[] =
	"usage: lklusb umount [--eject] [--all] [-l] [-q] DIR\n"
	"\n"
	"Writes out what is dirty, unmounts, and returns when the source is closed, or as\n"
	"far as other partitions of it are mounted, when all is written.\n"
	"\n"
	"  --eject       stop the stick, too, which writes out its own cache\n"
	"  --all         with the other mounts of the same stick\n"
	"  -l, --lazy    do not wait until nobody uses it\n"
	"  -q, --quiet\n";

int cmd_umount(int argc, char **argv)
{
	static const struct option options[] = {
		{ "eject", no_argument, NULL, 'e' },
		{ "all", no_argument, NULL, 330 },
		{ "lazy", no_argument, NULL, 'l' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct umount_options o = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "lqh", options, NULL)) != -1) {
		if (c == 'l')
			o.lazy = true;
		else if (c == 'e')
			o.eject = true;
		else if (c == 330)
			o.all = true;
		else if (c == 'q')
			report_quiet();
		else
			return fputs(help, c == 'h' ? stdout : stderr), c != 'h';
	}
	if (argc - optind != 1)
		return fputs(help, stderr), REPORT_USAGE;
	return umount_dir(argv[optind], &o);
}
