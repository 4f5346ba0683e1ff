// SPDX-License-Identifier: GPL-2.0-only
#include "disk_show.h"

#include <stdio.h>

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
