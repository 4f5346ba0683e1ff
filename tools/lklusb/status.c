// SPDX-License-Identifier: GPL-2.0-only
/* lklusb status, lklusb dmesg: questions to the process that serves a mount. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <json-c/json.h>

#include "ask.h"
#include "commands.h"
#include "mounts.h"
#include "output.h"
#include "plain_args.h"
#include "report.h"
#include "stats.h"

/* ---- status ---- */

static const char *field(struct json_object *o, const char *name)
{
	const char *text = json_object_get_string(json_object_object_get(o, name));

	return text ? text : "-";
}

static void print_row(struct json_object *o)
{
	output_row("%-24s %-32s %-8s %4s %-12s %s", field(o, "dir"), field(o, "source"),
		   field(o, "type"), field(o, "partition"), field(o, "transport"),
		   json_object_object_get(o, "code") ? "gone" : field(o, "pid"));
}

struct listing {
	struct json_object *mounts;
	const char *dir;		/* only this one, or NULL */
};

static int add_mount(void *ctx, const struct mounts_entry *entry)
{
	struct listing *list = ctx;
	struct json_object *o;
	char *text;

	if (list->dir && strcmp(list->dir, entry->dir))
		return 0;
	text = ask(entry->dev, entry->uid, REQUEST_STATUS);
	o = text ? json_tokener_parse(text) : NULL;
	free(text);
	if (!o) {
		o = json_object_new_object();
		json_object_object_add(o, "dir", json_object_new_string(entry->dir));
		json_object_object_add(o, "source", json_object_new_string(entry->source));
		json_object_object_add(o, "code", json_object_new_string("daemon-gone"));
	}
	json_object_array_add(list->mounts, o);
	return 0;
}

static const char status_help[] =
	"usage: lklusb status [--stats] [-J] [DIR]\n"
	"\n"
	"Shows this user's mounts, or the one on DIR.\n"
	"\n"
	"  --stats     with transfers, their latency, and what the library kernel did\n"
	"  -J, --json  everything, as JSON\n";

static const struct option status_options[] = {
	{ "stats", no_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'J' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const char dmesg_help[] =
	"usage: lklusb dmesg DIR\n"
	"\n"
	"Shows the log of the library kernel that serves DIR.\n";

int cmd_status(int argc, char **argv)
{
	struct listing list = { .mounts = json_object_new_array() };
	bool json = false, stats = false;
	char dir[4096];
	int c;

	while ((c = getopt_long(argc, argv, "Jh", status_options, NULL)) != -1) {
		if (c != 'J' && c != 's')
			return fputs(status_help, c == 'h' ? stdout : stderr), c != 'h';
		json |= c == 'J';
		stats |= c == 's';
	}
	if (optind < argc && !mounts_resolve(argv[optind], dir, sizeof(dir)))
		list.dir = dir;
	if (mounts_each(add_mount, &list))
		return report(REPORT_SYSTEM, "mount-table", "the mount table cannot be read");
	if (optind < argc && !json_object_array_length(list.mounts))
		return report(REPORT_USAGE, "not-mounted", "%s is no mount of lklusb",
			      argv[optind]);
	if (json) {
		output_json(list.mounts);
	} else {
		printf("%-24s %-32s %-8s %4s %-12s %s\n", "DIR", "SOURCE", "TYPE", "PART",
		       "TRANSPORT", "PID");
		for (size_t i = 0; i < json_object_array_length(list.mounts); i++) {
			struct json_object *o = json_object_array_get_idx(list.mounts, i);

			print_row(o);
			if (stats && !json_object_object_get(o, "code"))
				stats_print(o);
		}
	}
	json_object_put(list.mounts);
	return REPORT_OK;
}

/* ---- dmesg ---- */

int cmd_dmesg(int argc, char **argv)
{
	static struct mounts_entry entry;
	char dir[4096], *text;
	int status = plain_args(argc, argv, dmesg_help, 1, 1, NULL);

	if (status >= 0)
		return status;
	status = REPORT_OK;
	if (mounts_resolve(argv[optind], dir, sizeof(dir)) || mounts_find(dir, &entry))
		return report(REPORT_USAGE, "not-mounted", "%s is no mount of lklusb",
			      argv[optind]);
	text = ask(entry.dev, entry.uid, REQUEST_DMESG);
	if (text)
		output_log(text);
	else
		status = report(REPORT_MOUNT, "daemon-gone", "%s: nobody serves it", dir);
	free(text);
	return status;
}
