// SPDX-License-Identifier: GPL-2.0-only
/* lklusb list: what is on a source, as the library kernel and libblkid see it. */
#include <stdio.h>
#include <string.h>
#include <json-c/json.h>

#include "commands.h"
#include "devices.h"
#include "disk_show.h"
#include "list.h"
#include "lvm_list.h"
#include "output.h"
#include "report.h"
#include "source.h"
#include "usbip.h"

static void add_volume(void *list, const struct lvm_listed *lv)
{
	struct json_object *o = json_object_new_object();

	disk_json_add(o, "volume", lv->name);
	disk_json_add(o, "segments", lv->kind);
	json_object_object_add(o, "size", json_object_new_int64(lv->part.size));
	disk_json_add(o, "type", lv->part.type);
	disk_json_add(o, "label", lv->part.label);
	disk_json_add(o, "uuid", lv->part.uuid);
	json_object_object_add(o, "mountable", json_object_new_boolean(
		disk_mountable(&lv->part)));
	json_object_array_add(list, o);
}

static int print_json(const char *source, const struct disk *disk)
{
	struct json_object *o = json_object_new_object();
	struct json_object *parts = json_object_new_array();
	struct json_object *volumes = json_object_new_array();
	int status;

	disk_json_add(o, "source", source);
	json_object_object_add(o, "size", json_object_new_int64(disk->size));
	json_object_object_add(o, "sector_size", json_object_new_int64(disk->sector_size));
	for (unsigned int i = 0; i < disk->n_parts; i++)
		json_object_array_add(parts, disk_json_part(&disk->parts[i]));
	json_object_object_add(o, "partitions", parts);
	status = lvm_list(disk, add_volume, volumes);
	json_object_object_add(o, "volumes", volumes);
	output_json(o);
	json_object_put(o);
	return status;
}

static const char help[] =
	"usage: lklusb list [options] [SRC]\n"
	"\n"
	"Shows the partitions and filesystems on SRC, which is only read; without SRC the\n"
	"USB mass-storage devices of the host; with usbip://HOST the devices that it exports.\n"
	"\n"
	"  -J, --json\n"
	SOURCE_HELP;

/* Closes it in any case. */
int list_source(struct guest_config *config, bool json)
{
	static struct disk disk;
	int end, status;

	config->readonly = true;
	status = guest_open(config);
	if (status)
		return status;
	status = guest_boot();
	if (!status)
		status = disk_read(&disk);
	if (!status)
		status = (json ? print_json : disk_print)(config->source, &disk);
	disk_free(&disk);
	end = guest_close();
	return status ? status : end;
}

int cmd_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'J' },
		{ "help", no_argument, NULL, 'h' },
		SOURCE_OPTIONS,
		{ 0 },
	};
	struct guest_config config;
	int c, status = 0;
	bool json = false;

	source_init(&config);
	while (!status && (c = getopt_long(argc, argv, "Jh", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout), REPORT_OK;
		if (c == 'J')
			json = true;
		else
			status = source_option(&config, c, optarg);
	}
	if (!status && argc == optind)
		return devices_print(json);
	if (!status && argc - optind != 1)
		status = (fputs(help, stderr), REPORT_USAGE);
	if (!status)
		status = source_check(argv[optind]);
	if (status)
		return status;
	if (usbip_is_peer(argv[optind]))
		return usbip_print(argv[optind], json);
	config.source = argv[optind];
	return list_source(&config, json);
}
