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
#include <sys/sysmacros.h>
#include <unistd.h>
#include <json-c/json.h>
#include <libudev.h>
#include <linux/usb/ch9.h>
#include <lkl.h>

#include "broker.h"
#include "devices_i.h"
#include "log.h"
#include "output.h"
#include "report.h"

#define MASS_STORAGE	8		/* interface class */

/* ---- what the host does with it ---- */

/* Calls with each mount of this process's namespace that has the device number. */
static bool find_mount(dev_t dev, char *ret_dir, size_t size)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[8192], dir[4096];
	unsigned int maj, min;
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*d %*d %u:%u %*s %4095s", &maj, &min, dir) == 3 &&
		    makedev(maj, min) == dev) {
			snprintf(ret_dir, size, "%.*s", (int)size - 1, dir);
			found = true;
		}
	if (f)
		fclose(f);
	return found;
}

static bool is_swap(const char *node)
{
	FILE *f = fopen("/proc/swaps", "re");
	char line[4096], path[4096];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%4095s", path) == 1 && !strcmp(path, node);
	if (f)
		fclose(f);
	return found;
}

/* Mounts of other namespaces, RAID, device mapper: whoever has it, has it for himself. */
static bool is_held(const char *node)
{
	int fd = open(node, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	bool held = fd < 0 && errno == EBUSY;

	if (fd >= 0)
		close(fd);
	return held;
}

static void look_at_block(struct device *d, struct udev_device *block)
{
	const char *node = udev_device_get_devnode(block);
	char dir[100];

	if (!node)
		return;
	if (!*d->block || strlen(node) - 5 < strlen(d->block))
		snprintf(d->block, sizeof(d->block), "%s", node + 5);	/* /dev/ */
	if (*d->used)
		return;
	if (find_mount(udev_device_get_devnum(block), dir, sizeof(dir)))
		snprintf(d->used, sizeof(d->used), "%.40s mounted on %s", node, dir);
	else if (is_swap(node))
		snprintf(d->used, sizeof(d->used), "%.40s is swap space", node);
	else if (is_held(node))
		snprintf(d->used, sizeof(d->used), "%.40s is in use", node);
}

/* ---- one device ---- */

static void look_at_blocks(struct device *d, struct udev_device *usb)
{
	struct udev *udev = udev_device_get_udev(usb);
	struct udev_enumerate *list = udev_enumerate_new(udev);
	struct udev_list_entry *entry;
	struct udev_device *block;

	if (!list)
		return;
	udev_enumerate_add_match_parent(list, usb);
	udev_enumerate_add_match_subsystem(list, "block");
	udev_enumerate_scan_devices(list);
	udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(list)) {
		block = udev_device_new_from_syspath(udev, udev_list_entry_get_name(entry));
		if (block)
			look_at_block(d, block);
		udev_device_unref(block);
	}
	udev_enumerate_unref(list);
}

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
	look_at_blocks(d, usb);
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

/* ---- lklusb list ---- */

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

static int find(const char *source, struct device *ret)
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

/* ---- taking it ---- */

static int busy(const struct device *d, const char *driver)
{
	if (*d->used)
		report(REPORT_MOUNT, "device-busy", "%s bound to %s; %s", d->interface, driver,
		       d->used);
	else
		report(REPORT_MOUNT, "device-busy", "%s bound to %s%s%s", d->interface, driver,
		       *d->block ? ", which made /dev/" : "", d->block);
	if (!strcmp(driver, "usbfs"))
		report_hint("another program has it");
	else if (*d->used)
		report_hint("the host has already parsed it; unmount, then add --detach-driver");
	else
		report_hint("--detach-driver takes it from the host, which gets it back at the end");
	return REPORT_MOUNT;
}

static int cannot_open(const struct device *d, int err)
{
	switch (-err) {
	case EACCES:
	case EPERM:
		report(REPORT_MOUNT, "usbfs-access", "%s (%04x:%04x): permission denied", d->node,
		       d->vendor, d->product);
		report_hint("install 70-lklusb.rules, then replug");
		break;
	case ENOENT:
	case ENODEV:
		report(REPORT_MOUNT, "device-missing", "%s (%s) has just gone", d->id, d->node);
		break;
	case ENXIO:
		report(REPORT_MOUNT, "device-type", "%s is no mass-storage device", d->id);
		break;
	case EINVAL:
		report(REPORT_MOUNT, "device-type", "%s: not usbfs, or its descriptors make no sense",
		       d->node);
		break;
	default:
		report(REPORT_MOUNT, "device-open", "%s (%s): %s", d->id, d->node, strerror(-err));
	}
	return REPORT_MOUNT;
}

/* fd:N may be all that we have: no sysfs, no node. */
static void describe_fd(int fd, struct device *d)
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

static int open_fd(const char *source, struct device *d, int *ret_fd)
{
	char *end;
	long n = strtol(source + 3, &end, 10);

	if (end == source + 3 || *end || n < 0 || fcntl(n, F_GETFD) < 0)
		return report(REPORT_USAGE, "usage", "%s: no such open descriptor", source);
	*ret_fd = fcntl(n, F_DUPFD_CLOEXEC, 3);
	if (*ret_fd < 0)
		return cannot_open(d, -errno);
	describe_fd(n, d);
	return 0;
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
		describe_fd(n, &s.found);
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

static int open_node(const char *source, struct device *d, int *ret_fd)
{
	int status = find(source, d);

	if (status)
		return status;
	*ret_fd = open(d->node, O_RDWR | O_CLOEXEC);
	return *ret_fd < 0 ? cannot_open(d, -errno) : 0;
}

/* Without a node of its own to open (fd:N), our descriptor keeps its rights instead. */
static bool start_guardian(const struct device *d)
{
	const char *number = strrchr(d->interface, '.');
	int fd = open(d->node, O_RDWR | O_CLOEXEC);
	bool guarded = fd >= 0 && number && !broker_guard(fd, strtoul(number + 1, NULL, 10));

	if (fd >= 0)
		close(fd);
	return guarded;
}

/*
 * There was no guardian, and a driver was detached: the broker has our descriptor as well,
 * with its rights, which the sandbox keeps from us.
 */
static void hand_over(struct usb_backend *backend, int fd)
{
	uint32_t detached = usbfs_backend_hand_over(backend);

	if (detached && broker_guard(fd, __builtin_ctz(detached)))
		log_warn("usbfs: the host will not get its driver back");
}

void devices_close(void)
{
	broker_give_back();
}

struct usbfs_config devices_usbfs_config(bool detach, void (*gone)(void *ctx))
{
	return (struct usbfs_config) {
		.fd = -1,
		.give_back_fd = -1,
		.detach = detach,
		.interface_class = MASS_STORAGE,
		.gone = gone,
		.before = lkl_drive_begin,
		.after = lkl_drive_end,
	};
}

int devices_open(const char *source, bool detach, void (*gone)(void *ctx),
		 struct device *ret_device, struct usb_backend **ret_backend)
{
	struct usbfs_config config = devices_usbfs_config(detach, gone);
	char driver[USBFS_DRIVER_NAME];
	struct device d = { 0 };
	int err, status;

	status = !strncmp(source, "fd:", 3) ? open_fd(source, &d, &config.fd) :
					      open_node(source, &d, &config.fd);
	if (status)
		return status;
	/* With a filesystem of the host on it, not even when we are asked to. */
	if (*d.used) {
		close(config.fd);
		return busy(&d, *d.driver ? d.driver : "a driver");
	}
	broker_device(d.id);
	config.others_give_back = detach && *d.driver && start_guardian(&d);
	err = usbfs_backend_new(&config, ret_backend, driver);
	*ret_device = d;
	if (!err) {
		hand_over(*ret_backend, config.fd);
		return 0;
	}
	close(config.fd);
	devices_close();
	return err == -EBUSY ? busy(&d, *driver ? driver : "a driver") : cannot_open(&d, err);
}
