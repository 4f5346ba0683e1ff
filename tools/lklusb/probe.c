// SPDX-License-Identifier: GPL-2.0-only
/*
 * lklusb probe: what the library kernel sees of a device or an image. Nothing is mounted,
 * and a device that does not come up is shown as far as it came.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "devices.h"
#include "disk_show.h"
#include "guest.h"
#include "lvm_list.h"
#include "output.h"
#include "probe.h"
#include "probe_usb.h"
#include "report.h"
#include "source.h"
#include "usbip_source.h"

#define EXCERPT_LINES 20u

static const char help[] =
	"usage: lklusb probe [options] SRC\n"
	"\n"
	"Plugs SRC, which is only read, into the library kernel and shows what that sees: the\n"
	"USB device, the disk, its partition table and what is in the partitions.\n"
	"\n"
	"  -J, --json          with the library kernel's log\n"
	"  -v, --verbose       with the library kernel's log, as it comes\n"
	SOURCE_HELP;

/* ---- the log ---- */

static bool tells(const char *line)
{
	static const char *const words[] = { "usb ", "usb-storage", "uas", "scsi", "sd ", "[sd",
					     "I/O error", "virtio_usbip" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(line, words[i]))
			return true;
	return false;
}

/* Below the message that says what is wrong. Any thread. */
static void report_excerpt(void)
{
	const char *lines[EXCERPT_LINES];
	char *log = guest_log(), *rest = log, *line;
	unsigned int n = 0;

	while (log && (line = strsep(&rest, "\n")))
		if (tells(line))
			lines[n++ % EXCERPT_LINES] = line;
	for (unsigned int i = n > EXCERPT_LINES ? n - EXCERPT_LINES : 0; i < n; i++)
		report_detail("kernel: %s", lines[i % EXCERPT_LINES]);
	free(log);
}

static struct json_object *log_json(void)
{
	struct json_object *list = json_object_new_array();
	char *log = guest_log(), *rest = log, *line;

	while (log && (line = strsep(&rest, "\n")))
		if (*line)
			json_object_array_add(list, json_object_new_string(line));
	free(log);
	return list;
}

static bool file_writable;

/*
 * sd says so when it reads the mode page; afterwards the disk is read-only because it is
 * plugged in so. Of an image it is whether its file may be written to. NULL: not known.
 */
static struct json_object *write_protected(const char *source)
{
	struct json_object *value = NULL;
	char *log;

	if (!devices_named_by(source) && !usbip_source_named_by(source))
		return json_object_new_boolean(!file_writable);
	log = guest_log();
	if (log && strstr(log, "] Write Protect is "))
		value = json_object_new_boolean(!strstr(log, "] Write Protect is off"));
	free(log);
	return value;
}

/* ---- all of it ---- */

static char error[2200];		/* the first message */

static void on_line(void *ctx, bool is_note, const char *line)
{
	if (!is_note && !*error)
		snprintf(error, sizeof(error), "%s", line);
	report_divert(NULL);
	report_line(is_note, line);
	report_divert(ctx);
}

static void add_volume(void *list, const struct lvm_listed *lv)
{
	struct json_object *o = disk_json_part(&lv->part);

	disk_json_add(o, "volume", lv->name);
	json_object_array_add(list, o);
}

static int add_disk(struct json_object *o, const struct disk *disk)
{
	struct json_object *table = json_object_new_object();
	struct json_object *parts = json_object_new_array();
	struct json_object *volumes = json_object_new_array();
	struct disk_table t;

	disk_read_table(disk, &t);
	disk_json_add(table, "type", *t.type ? t.type : NULL);
	disk_json_add(table, "id", *t.id ? t.id : NULL);
	for (unsigned int i = 0; i < disk->n_parts; i++)
		json_object_array_add(parts, disk_json_part(&disk->parts[i]));
	json_object_object_add(o, "table", table);
	json_object_object_add(o, "partitions", parts);
	json_object_object_add(o, "volumes", volumes);
	return lvm_list(disk, add_volume, volumes);
}

/* What is there, up to where it failed. */
static struct json_object *describe(const char *source, const struct disk *disk, int *status)
{
	struct json_object *o = json_object_new_object(), *d = probe_disk();

	disk_json_add(o, "source", source);
	json_object_object_add(o, "usb", probe_usb());
	if (d)
		json_object_object_add(d, "write_protected", write_protected(source));
	json_object_object_add(o, "disk", d);
	if (!*status)
		*status = add_disk(o, disk);
	disk_json_add(o, "error", *error ? error : NULL);
	json_object_object_add(o, "log", log_json());
	return o;
}

/* ---- as text ---- */

static struct json_object *get(struct json_object *o, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(o, name, &value);
	return value;
}

static const char *text(struct json_object *o, const char *name)
{
	struct json_object *value = get(o, name);

	return value ? json_object_get_string(value) : "-";
}

static void print_device(struct json_object *d)
{
	struct json_object *list = get(d, "interfaces");

	output_row("device     %s:%s revision %s, USB %s, %s Mbit/s", text(d, "vendor_id"),
		   text(d, "product_id"), text(d, "revision"), text(d, "usb_version"),
		   text(d, "speed_mbits"));
	output_row("  maker    %s", text(d, "manufacturer"));
	output_row("  product  %s", text(d, "product"));
	output_row("  serial   %s", text(d, "serial"));
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *f = json_object_array_get_idx(list, i);

		output_row("  interface %s  class %s/%s/%s, driver %s", text(f, "number"),
			   text(f, "class"), text(f, "subclass"), text(f, "protocol"),
			   text(f, "driver"));
	}
}

void probe_print_usb(struct json_object *usb)
{
	for (size_t i = 0; i < json_object_array_length(usb); i++)
		print_device(json_object_array_get_idx(usb, i));
}

static void print_disk(struct json_object *d)
{
	char size[16];

	disk_show_size(json_object_get_int64(get(d, "size")), size, sizeof(size));
	output_row("disk       %s, sectors of %s (%s) bytes, cache %s", size,
		   text(d, "sector_size"), text(d, "physical_sector_size"), text(d, "cache"));
	output_row("  inquiry  %s, %s, %s", text(d, "vendor"), text(d, "model"),
		   text(d, "firmware"));
	output_row("  write-protected %s, removable %s", text(d, "write_protected"),
		   text(d, "removable"));
}

static void print_row(struct json_object *p, const char *name)
{
	char size[16];

	disk_show_size(json_object_get_int64(get(p, "size")), size, sizeof(size));
	output_row("  %-8s %6s %-12s %-16s %-36s %s", name, size, text(p, "type"),
		   text(p, "label"), text(p, "uuid"), text(p, "partlabel"));
}

static void print_rows(struct json_object *list, const char *name)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *p = json_object_array_get_idx(list, i);

		print_row(p, text(p, name));
	}
}

static void print(struct json_object *o)
{
	struct json_object *usb = get(o, "usb"), *table = get(o, "table");

	output_row("source     %s", text(o, "source"));
	probe_print_usb(usb);
	if (get(o, "disk"))
		print_disk(get(o, "disk"));
	if (!table)
		return;
	output_row("table      %s %s", text(table, "type"), text(table, "id"));
	print_rows(get(o, "partitions"), "partition");
	print_rows(get(o, "volumes"), "volume");
}

/* ---- the command ---- */

static int probe(struct guest_config *config, bool json)
{
	static struct report_sink sink = { .line = on_line, .ctx = &sink };
	static struct disk disk;
	struct json_object *o;
	int end, status;

	file_writable = !access(config->source, W_OK);	/* while paths are there */
	status = guest_open(config);
	if (status)
		return status;
	report_divert(&sink);
	status = guest_boot();
	if (!status)
		status = disk_read(&disk);
	guest_disk_was_read();
	if (status && !config->verbose)
		report_excerpt();
	o = describe(config->source, &disk, &status);
	report_divert(NULL);
	(json ? output_json : print)(o);
	json_object_put(o);
	disk_free(&disk);
	end = guest_close();
	return status ? status : end;
}

int cmd_probe(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'J' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		SOURCE_OPTIONS,
		{ 0 },
	};
	struct guest_config config;
	bool json = false;
	int c, status = 0;

	source_init(&config);
	while (!status && (c = getopt_long(argc, argv, "Jvh", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout), REPORT_OK;
		if (c == 'J')
			json = true;
		else if (c == 'v')
			config.verbose = true;
		else
			status = source_option(&config, c, optarg);
	}
	if (!status && argc - optind != 1)
		return fputs(help, stderr), REPORT_USAGE;
	if (!status)
		status = source_check(argv[optind]);
	if (status)
		return status;
	config.source = argv[optind];
	config.readonly = true;
	config.on_stuck = report_excerpt;
	return probe(&config, json);
}
