// SPDX-License-Identifier: GPL-2.0-only
/*
 * libudev finds the devices in sysfs; it needs no udevd for that. usb:VID:PID[:SERIAL],
 * usb:PORT-PATH, a node of usbfs or an open descriptor name one of them.
 */
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <libudev.h>
#include <linux/usb/ch9.h>

#include "devices_i.h"
#include "report.h"

/* ---- one device ---- */

static void attribute(struct udev_device *usb, const char *name, char *ret, size_t size)
{
	const char *text = udev_device_get_sysattr_value(usb, name);

	snprintf(ret, size, "%s", text ? text : "");
}

static uint16_t id_attribute(struct udev_device *usb, const char *name)
{
	const char *text = udev_device_get_sysattr_value(usb, name);

	return text ? strtoul(text, NULL, 16) : 0;
}

/* Of a mass-storage interface. */
static bool device_read(struct udev_device *interface, struct device *d)
{
	struct udev_device *usb =
		udev_device_get_parent_with_subsystem_devtype(interface, "usb", "usb_device");
	const char *driver = udev_device_get_driver(interface);
	const char *node = usb ? udev_device_get_devnode(usb) : NULL;

	if (!node)
		return false;
	*d = (struct device) {
		.vendor = id_attribute(usb, "idVendor"),
		.product = id_attribute(usb, "idProduct"),
		.access = access(node, R_OK | W_OK) ? -errno : 0,
	};
	snprintf(d->id, sizeof(d->id), "%s", udev_device_get_sysname(usb));
	snprintf(d->interface, sizeof(d->interface), "%s",
		 udev_device_get_sysname(interface));
	snprintf(d->node, sizeof(d->node), "%s", node);
	snprintf(d->driver, sizeof(d->driver), "%s", driver ? driver : "");
	attribute(usb, "serial", d->serial, sizeof(d->serial));
	attribute(usb, "product", d->name, sizeof(d->name));
	devices_look_at_blocks(d, usb);
	return true;
}

/* ---- all of them ---- */

/* A device with several such interfaces is shown once; sysfs has them in order. */
static int each_interface(struct udev *udev, struct udev_enumerate *list,
			  int (*fn)(void *ctx, const struct device *device), void *ctx)
{
	struct udev_list_entry *entry;
	struct udev_device *interface;
	char last[64] = "";
	struct device d;
	int ret = 0;

	udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(list)) {
		interface = udev_device_new_from_syspath(udev,
							 udev_list_entry_get_name(entry));
		if (interface && device_read(interface, &d) && strcmp(d.id, last)) {
			snprintf(last, sizeof(last), "%s", d.id);
			ret = fn(ctx, &d);
		}
		udev_device_unref(interface);
		if (ret)
			break;
	}
	return ret;
}

int devices_each(int (*fn)(void *ctx, const struct device *device), void *ctx)
{
	struct udev *udev = udev_new();
	struct udev_enumerate *list = udev ? udev_enumerate_new(udev) : NULL;
	int ret = -ENOMEM;

	if (list) {
		udev_enumerate_add_match_subsystem(list, "usb");
		udev_enumerate_add_match_sysattr(list, "bInterfaceClass", "08");
		udev_enumerate_scan_devices(list);
		ret = each_interface(udev, list, fn, ctx);
	}
	udev_enumerate_unref(list);
	udev_unref(udev);
	return ret;
}

/* ---- which one ---- */

bool devices_named_by(const char *source)
{
	return !strncmp(source, "usb:", 4) || !strncmp(source, "fd:", 3) ||
	       !strncmp(source, "/dev/bus/usb/", 13);
}

struct search {
	const char *source;
	unsigned int vendor, product;
	char serial[128];
	char id[64];			/* port path instead of the three above */
	char node[64];			/* or this */
	struct device found;
	unsigned int n;
	bool candidates;		/* second time round: show them */
};

static bool is_hex4(const char *s)
{
	return isxdigit(s[0]) && isxdigit(s[1]) && isxdigit(s[2]) && isxdigit(s[3]);
}

static bool search_parse(struct search *s)
{
	const char *spec = s->source + 4;

	if (!strncmp(s->source, "/dev/", 5)) {
		snprintf(s->node, sizeof(s->node), "%s", s->source);
		return true;
	}
	if (is_hex4(spec) && spec[4] == ':' && is_hex4(spec + 5) &&
	    (!spec[9] || (spec[9] == ':' && spec[10]))) {
		s->vendor = strtoul(spec, NULL, 16);
		s->product = strtoul(spec + 5, NULL, 16);
		snprintf(s->serial, sizeof(s->serial), "%s", spec[9] ? spec + 10 : "");
		return true;
	}
	snprintf(s->id, sizeof(s->id), "%s", spec);
	return isdigit(spec[0]) && strchr(spec, '-') && strspn(spec, "0123456789-.") == strlen(spec);
}

static bool search_matches(const struct search *s, const struct device *d)
{
	if (*s->node)
		return !strcmp(s->node, d->node);
	if (*s->id)
		return !strcmp(s->id, d->id);
	return s->vendor == d->vendor && s->product == d->product &&
	       (!*s->serial || !strcmp(s->serial, d->serial));
}

static int search_step(void *ctx, const struct device *d)
{
	struct search *s = ctx;

	if (!search_matches(s, d))
		return 0;
	if (s->candidates)
		report_hint("usb:%s  (%04x:%04x%s%s, %s)", d->id, d->vendor, d->product,
			    *d->serial ? ":" : "", d->serial, *d->name ? d->name : "-");
	s->found = *d;
	s->n++;
	return 0;
}

static int search_failed(struct search *s)
{
	struct stat st;

	if (s->n) {
		report(REPORT_USAGE, "device-ambiguous", "%s: %u devices fit", s->source, s->n);
		s->candidates = true;
		devices_each(search_step, s);
		return REPORT_USAGE;
	}
	if (*s->node && !stat(s->node, &st))
		return report(REPORT_MOUNT, "device-type", "%s is no mass-storage device",
			      s->source);
	report(REPORT_MOUNT, "device-missing", "%s: no such mass-storage device", s->source);
	report_hint("lklusb list shows those that are plugged in");
	return REPORT_MOUNT;
}

int devices_find(const char *source, struct device *ret)
{
	struct search s = { .source = source };

	if (!search_parse(&s))
		return report(REPORT_USAGE, "usage",
			      "%s: usb:VID:PID, usb:VID:PID:SERIAL or usb:BUS-PORT.PORT", source);
	devices_each(search_step, &s);
	if (s.n != 1)
		return search_failed(&s);
	*ret = s.found;
	return 0;
}

/* fd:N may be all that we have: no sysfs, no node. */
void devices_describe_fd(int fd, struct device *d)
{
	struct stat st;
	struct search s = { .source = "" };
	struct usb_device_descriptor desc;
	char path[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, s.node, sizeof(s.node) - 1);
	if (n > 0 && !fstat(fd, &st) && S_ISCHR(st.st_mode))
		devices_each(search_step, &s);
	*d = s.found;
	if (s.n)
		return;
	if (pread(fd, &desc, sizeof(desc), 0) == sizeof(desc)) {
		d->vendor = le16toh(desc.idVendor);
		d->product = le16toh(desc.idProduct);
	}
	snprintf(d->id, sizeof(d->id), "fd:%d", fd);
	snprintf(d->interface, sizeof(d->interface), "fd:%d", fd);
	snprintf(d->node, sizeof(d->node), "fd:%d", fd);
}

bool devices_identity(const char *source, char *ret, size_t size)
{
	struct search s = { .source = source };
	char *end;
	long n;

	if (!strncmp(source, "fd:", 3)) {
		n = strtol(source + 3, &end, 10);
		if (end == source + 3 || *end || n < 0 || fcntl(n, F_GETFD) < 0)
			return false;
		devices_describe_fd(n, &s.found);
		s.n = strncmp(s.found.id, "fd:", 3) != 0;
	} else if (search_parse(&s)) {
		devices_each(search_step, &s);
	}
	return s.n == 1 && (size_t)snprintf(ret, size, "usb %s", s.found.id) < size;
}

static int find_by_id(void *ctx, const struct device *d)
{
	struct search *s = ctx;

	if (strcmp(d->id, s->id))
		return 0;
	s->found = *d;
	s->n = 1;
	return 1;
}

bool devices_by_id(const char *id, struct device *ret)
{
	struct search s = { .source = "" };

	snprintf(s.id, sizeof(s.id), "%s", id);
	devices_each(find_by_id, &s);
	if (s.n)
		*ret = s.found;
	return s.n;
}
