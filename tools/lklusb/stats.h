/* SPDX-License-Identifier: GPL-2.0-only */
/* stats.h - where the time of a mount goes: counted by who serves it, shown by status. */
#ifndef STATS_H
#define STATS_H

#include <json-c/json.h>

/* In the serving process: adds what is counted to a status. */
void stats_add(struct json_object *status);

/* Prints what a status has of that. */
void stats_print(struct json_object *status);

#endif
