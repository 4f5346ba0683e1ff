/* SPDX-License-Identifier: GPL-2.0-only */
/* disk_show.h - sizes and partitions as the commands show them. */
#ifndef DISK_SHOW_H
#define DISK_SHOW_H

#include <json-c/json.h>

#include "disk.h"

/* "4.1M" */
void disk_show_size(uint64_t bytes, char *text, size_t size);

/* A string, or null. */
void disk_json_add(struct json_object *o, const char *name, const char *text);

struct json_object *disk_json_part(const struct disk_part *part);

/* Partitions and volumes, under the name that source ends with. 0 or an exit status. */
int disk_print(const char *source, const struct disk *disk);

#endif
