// SPDX-License-Identifier: GPL-2.0-only
/*
 * One stick: a process of its own plugs it in and says what is on it, as list does; then
 * lklusb mount is run for each filesystem. Neither the stick nor a library kernel that it
 * took over is more to us than the text that comes through a pipe.
 */
#include "hotplug_i.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <json-c/json.h>

#include "disk.h"
#include "list.h"
#include "mount_args.h"
#include "printable.h"
#include "report.h"

#define ACCESS_TRIES	50
#define ACCESS_TRY_US	100000
#define LIST_BYTES	(1u << 20)	/* of what is on a stick, as JSON */
#define MAX_WORDS	128
#define SAME_NAMES	20		/* LABEL, LABEL-2, ... */

/* ---- the command line of a mount ---- */

/* "lklusb mount", its options, the partition, the source and the folder; NULL behind. */
static int make_words(const struct hotplug *h, const char *partition, const char *source,
		      const char *dir, const char **words)
{
	int n = 0;

	words[n++] = "mount";
	for (int i = 0; i < h->n_options; i++)
		words[n++] = h->options[i];
	words[n++] = "-q";
	if (partition) {
		words[n++] = "-p";
		words[n++] = partition;
	}
	words[n++] = "--";
	words[n++] = source;
	words[n++] = dir;
	words[n] = NULL;
	return n;
}

/* They are not freed: args refers to them, once a process. */
static int parse(const struct hotplug *h, const char *source, struct mount_args *args)
{
	const char *words[MAX_WORDS];
	char *copy[MAX_WORDS];
	int n = make_words(h, NULL, source, "dir", words);

	for (int i = 0; i <= n; i++)
		copy[i] = words[i] ? strdup(words[i]) : NULL;
	return mount_args_parse(args, n, copy);
}

int hotplug_check_options(const struct hotplug *h)
{
	static struct mount_args args;
	int status;

	if (h->n_options > MAX_WORDS - 16)
		return report(REPORT_USAGE, "options-too-long", "the options are too long");
	status = parse(h, "usb:1-1", &args);
	if (!status && (args.help || args.foreground || args.guest.n_more ||
			args.volume.partition || args.volume.lv))
		return report(REPORT_USAGE, "usage",
			      "of mount's words behind -- only options, not -h, -f, -p, --lv");
	return status;
}

/* ---- what is on it ---- */

/* udev may not have set the node's rights yet. */
static void wait_for_access(const struct device *device)
{
	for (int i = 0; i < ACCESS_TRIES && access(device->node, R_OK | W_OK); i++)
		usleep(ACCESS_TRY_US);
}

static char *read_all(int fd)
{
	char *text = malloc(LIST_BYTES + 1);
	size_t len = 0;
	ssize_t n;

	while (text && len < LIST_BYTES && (n = read(fd, text + len, LIST_BYTES - len)) > 0)
		len += n;
	if (text)
		text[len] = 0;
	return text;
}

static bool ended_well(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static struct json_object *list(const struct hotplug *h, struct mount_args *args)
{
	struct json_object *o = NULL;
	int fds[2];
	pid_t pid;
	char *text;

	if (pipe2(fds, O_CLOEXEC))
		return NULL;
	pid = hotplug_fork(h);
	if (!pid) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		confine_begin();	/* the watcher's are not for the stick */
		exit(list_source(&args->guest, true));
	}
	close(fds[1]);
	text = read_all(fds[0]);
	close(fds[0]);
	if (pid > 0 && ended_well(pid) && text)
		o = json_tokener_parse(text);
	free(text);
	return o;
}

/* ---- a folder ---- */

/* The label, if it can be a name; that of the port otherwise. */
static void make_name(const char *label, const struct device *d, int partition, char *name)
{
	size_t len = label ? strlen(label) : 0, n, at = 0;
	enum printable_kind kind;
	uint32_t c;

	for (; len && at < HOTPLUG_NAME - 8; label += n, len -= n) {
		n = printable_char(label, len, &kind, &c);
		if (kind != PRINTABLE_PLAIN || c == '/' || (c == '.' && !at))
			name[at++] = '_';
		else
			memcpy(name + at, label, n), at += n;
	}
	name[at] = 0;
	if (!at && partition)
		snprintf(name, HOTPLUG_NAME, "%s-%d", d->id, partition);
	else if (!at)
		snprintf(name, HOTPLUG_NAME, "%s", d->id);
}

/* Ours or left over, it is empty; anything else gets a number. */
static bool make_folder(const struct hotplug *h, char *name)
{
	size_t len = strlen(name);

	for (int i = 2; i < SAME_NAMES; i++) {
		unlinkat(h->dir, name, AT_REMOVEDIR);
		if (!mkdirat(h->dir, name, 0700))
			return true;
		if (errno != EEXIST)
			break;
		snprintf(name + len, HOTPLUG_NAME - len, "-%d", i);
	}
	report(REPORT_MOUNT, "watch-folder", "%s/%s: %s", h->mount_on, name, strerror(errno));
	return false;
}

/* ---- a mount ---- */

static bool run(const struct hotplug *h, const char **words)
{
	pid_t pid = hotplug_fork(h);

	if (!pid) {
		execv("/proc/self/exe", (char **)words);
		_exit(127);
	}
	return pid > 0 && ended_well(pid);
}

static bool mount_on(const struct hotplug *h, const struct device *d, int partition,
		     const char *name)
{
	const char *words[MAX_WORDS + 1] = { "lklusb" };
	char number[16], source[80], dir[PATH_MAX];

	snprintf(number, sizeof(number), "%d", partition);
	snprintf(source, sizeof(source), "usb:%s", d->id);
	if (snprintf(dir, sizeof(dir), "%s/%s", h->mount_on, name) >= (int)sizeof(dir))
		return false;
	make_words(h, partition ? number : NULL, source, dir, words + 1);
	return run(h, words);
}

static void tell_watcher(const struct hotplug *h, const struct device *d, const char *name)
{
	struct hotplug_news news = { 0 };

	snprintf(news.id, sizeof(news.id), "%s", d->id);
	snprintf(news.name, sizeof(news.name), "%s", name);
	if (write(h->to_watcher, &news, sizeof(news)) < 0)
		_exit(REPORT_SYSTEM);		/* it is gone */
}

static void mount_part(const struct hotplug *h, const struct device *d, int partition,
		       const char *label)
{
	char name[HOTPLUG_NAME];
	bool made;

	make_name(label, d, partition, name);
	made = make_folder(h, name);
	if (made && mount_on(h, d, partition, name)) {
		tell_watcher(h, d, name);
		return;
	}
	if (made)
		unlinkat(h->dir, name, AT_REMOVEDIR);
	tell_watcher(h, d, "");
}

/* Nobody can be asked for a passphrase, and of volumes for one. */
static bool is_wanted(const char *type, const struct unlock_config *u)
{
	if (type && !strcmp(type, DISK_LUKS))
		return u->key_file || u->key_fd || u->keyring || u->askpass;
	return type && disk_kernel_type(type);
}

static struct json_object *get(struct json_object *o, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(o, name, &value);
	return value;
}

void hotplug_mount(const struct hotplug *h, const struct device *d)
{
	static struct mount_args args;
	struct json_object *o, *parts;
	char source[80];

	snprintf(source, sizeof(source), "usb:%s", d->id);
	wait_for_access(d);
	if (parse(h, source, &args))
		return;
	args.guest.source = source;
	o = list(h, &args);
	parts = get(o, "partitions");
	if (!json_object_is_type(parts, json_type_array))
		return tell_watcher(h, d, "");
	for (size_t i = 0; i < json_object_array_length(parts); i++) {
		struct json_object *p = json_object_array_get_idx(parts, i);
		int64_t number = json_object_get_int64(get(p, "partition"));

		if (is_wanted(json_object_get_string(get(p, "type")), &args.volume.unlock) &&
		    number >= 0 && number <= INT_MAX)
			mount_part(h, d, number, json_object_get_string(get(p, "label")));
	}
	json_object_put(o);
}

void hotplug_umount(const struct hotplug *h, const char *dir)
{
	const char *words[] = { "lklusb", "umount", "-q", dir, NULL };

	run(h, words);
}
