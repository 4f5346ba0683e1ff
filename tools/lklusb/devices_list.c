// SPDX-License-Identifier: GPL-2.0-only
/* What lklusb list says of the host's devices. */
#include <stdio.h>
#include <string.h>
#include <json-c/json.h>

#include "devices.h"
#include "output.h"
#include "report.h"

static const char *why_not(const struct device *d)
{
	if (d->access)
		return "no permission";
	if (*d->used)
		return d->used;
	return *d->driver ? "needs --detach-driver" : "free";
}

static int print_row(void *ctx, const struct device *d)
{
	output_row("%-10s %04x:%04x %-12s %-8s %-24.24s %s", d->id, d->vendor, d->product,
		   *d->driver ? d->driver : "-", *d->block ? d->block : "-",
		   *d->name ? d->name : "-", why_not(d));
	return 0;
}

static void add(struct json_object *o, const char *name, const char *text)
{
	json_object_object_add(o, name, *text ? json_object_new_string(text) : NULL);
}

static int add_object(void *list, const struct device *d)
{
	struct json_object *o = json_object_new_object();
	char id[16];

	add(o, "id", d->id);
	add(o, "node", d->node);
	snprintf(id, sizeof(id), "%04x:%04x", d->vendor, d->product);
	add(o, "vid_pid", id);
	add(o, "serial", d->serial);
	add(o, "product", d->name);
	add(o, "driver", d->driver);
	add(o, "block", d->block);
	add(o, "used", d->used);
	json_object_object_add(o, "usable", json_object_new_boolean(
		!d->access && !*d->used && !*d->driver));
	add(o, "why", why_not(d));
	json_object_array_add(list, o);
	return 0;
}

static int print_json(void)
{
	struct json_object *list = json_object_new_array();
	int err = devices_each(add_object, list);

	output_json(list);
	json_object_put(list);
	return err;
}

int devices_print(bool json)
{
	int err;

	if (json) {
		err = print_json();
	} else {
		printf("%-10s %-9s %-12s %-8s %-24s %s\n", "ID", "VID:PID", "DRIVER", "BLOCK",
		       "NAME", "STATE");
		err = devices_each(print_row, NULL);
	}
	return err ? report(REPORT_SYSTEM, "device-list", "the devices cannot be listed: %s",
			    strerror(-err)) : REPORT_OK;
}
