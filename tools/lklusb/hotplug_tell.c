// SPDX-License-Identifier: GPL-2.0-only
#include "hotplug_i.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk_show.h"
#include "output.h"
#include "printable.h"
#include "report.h"

pid_t hotplug_fork(const struct hotplug *h)
{
	pid_t pid = fork();

	if (!pid)
		sigprocmask(SIG_SETMASK, &h->signals, NULL);
	if (pid < 0)
		report(REPORT_SYSTEM, "fork", "fork: %s", strerror(errno));
	return pid;
}

static void print_json(const char *event, const struct device *d, const char *dir)
{
	struct json_object *o = json_object_new_object();
	char text[80];

	disk_json_add(o, "event", event);
	snprintf(text, sizeof(text), "usb:%s", d->id);
	disk_json_add(o, "source", text);
	snprintf(text, sizeof(text), "%04x:%04x", d->vendor, d->product);
	disk_json_add(o, "vid_pid", text);
	disk_json_add(o, "serial", *d->serial ? d->serial : NULL);
	disk_json_add(o, "product", *d->name ? d->name : NULL);
	disk_json_add(o, "dir", dir);
	output_json_line(o);
	json_object_put(o);
}

/* What the device says of itself cannot steer a terminal that the program writes to. */
static void set(const char *name, const char *text)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", text ? text : "");
	printable_text(copy);
	setenv(name, copy, 1);
}

static void run_program(const struct hotplug *h, const char *event, const struct device *d,
			const char *dir)
{
	char source[80], ids[16];

	if (hotplug_fork(h))
		return;
	snprintf(source, sizeof(source), "usb:%s", d->id);
	snprintf(ids, sizeof(ids), "%04x:%04x", d->vendor, d->product);
	set("LKLUSB_VID_PID", ids);
	set("LKLUSB_SERIAL", d->serial);
	set("LKLUSB_PRODUCT", d->name);
	execlp(h->program, h->program, event, source, dir, NULL);
	report(REPORT_SYSTEM, "watch-exec", "%s: %s", h->program, strerror(errno));
	_exit(127);
}

void hotplug_tell(const struct hotplug *h, const char *event, const struct device *d,
		  const char *dir)
{
	if (h->json)
		print_json(event, d, dir);
	else
		output_row("%-8s %-10s %04x:%04x  %s", event, d->id, d->vendor, d->product,
			   dir ? dir : d->name);
	fflush(stdout);
	if (h->program)
		run_program(h, event, d, dir);
}
