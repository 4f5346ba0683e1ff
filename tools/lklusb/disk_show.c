// SPDX-License-Identifier: GPL-2.0-only
#include "disk_show.h"

#include <stdio.h>
#include <string.h>

#include "lvm_list.h"
#include "output.h"

void disk_show_size(uint64_t bytes, char *text, size_t size)
{
	static const char units[] = "BKMGTPE";
	double n = bytes;
	int u = 0;

	for (; n >= 1024 && units[u + 1]; u++)
		n /= 1024;
	snprintf(text, size, n < 10 && u ? "%.1f%c" : "%.0f%c", n, units[u]);
}

void disk_json_add(struct json_object *o, const char *name, const char *text)
{
	json_object_object_add(o, name, text ? json_object_new_string(text) : NULL);
}

struct json_object *disk_json_part(const struct disk_part *p)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "partition", json_object_new_int(p->number));
	json_object_object_add(o, "start", json_object_new_int64(p->start));
	json_object_object_add(o, "size", json_object_new_int64(p->size));
	disk_json_add(o, "type", p->type);
	disk_json_add(o, "label", p->label);
	disk_json_add(o, "uuid", p->uuid);
	disk_json_add(o, "partuuid", p->part_uuid);
	disk_json_add(o, "partlabel", p->part_label);
	json_object_object_add(o, "mountable", json_object_new_boolean(disk_mountable(p)));
	return o;
}

/* ---- as a table ---- */

static void print_row(const char *name, const char *number, const char *type,
		      const struct disk_part *p)
{
	char size[16];

	disk_show_size(p->size, size, sizeof(size));
	output_row("%-20s %4s %-12s %-16s %6s %s", name, number, type ? type : "-",
		   p->label ? p->label : "-", size, p->uuid ? p->uuid : "-");
}

static void print_part(const char *name, const struct disk_part *p)
{
	char number[16] = "-";

	if (p->number)
		snprintf(number, sizeof(number), "%d", p->number);
	print_row(name, number, p->type, p);
}

static void print_volume(void *unused, const struct lvm_listed *lv)
{
	print_row(lv->name, "lv", lv->why_not ? lv->why_not : lv->part.type, &lv->part);
}

int disk_print(const char *source, const struct disk *disk)
{
	const char *slash = strrchr(source, '/');

	printf("%-20s %4s %-12s %-16s %6s %s\n", "ID", "PART", "TYPE", "LABEL", "SIZE",
	       "UUID");
	for (unsigned int i = 0; i < disk->n_parts; i++)
		print_part(slash ? slash + 1 : source, &disk->parts[i]);
	return lvm_list(disk, print_volume, NULL);
}
