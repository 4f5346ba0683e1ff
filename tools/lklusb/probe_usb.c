// SPDX-License-Identifier: GPL-2.0-only
#include "probe_usb.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <lkl.h>

#include "guest.h"
#include "names.h"

#define USB	"/sys/bus/usb/devices"
#define MAX_SHOWN 64	/* devices, interfaces */

struct attribute {
	const char *key, *file;
	bool number;
};

static char *trim(char *text)
{
	size_t len = strlen(text);

	while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
		text[--len] = 0;
	return text + strspn(text, " ");
}

static void add_file(struct json_object *o, const char *dir, const struct attribute *a)
{
	char path[PATH_MAX], text[512];
	struct json_object *value = NULL;

	snprintf(path, sizeof(path), "%s/%s", dir, a->file);
	if (lkl_read_file(path, text, sizeof(text)) > 0) {
		value = a->number ? json_object_new_int64(strtoll(text, NULL, 10)) :
				    json_object_new_string(trim(text));
	}
	json_object_object_add(o, a->key, value);
}

static void add_files(struct json_object *o, const char *dir, const struct attribute *a)
{
	for (; a->key; a++)
		add_file(o, dir, a);
}

static void add_driver(struct json_object *o, const char *dir)
{
	char path[PATH_MAX + 8], target[PATH_MAX];
	const char *slash;
	long n;

	snprintf(path, sizeof(path), "%s/driver", dir);
	n = LKL_CALL4(SYS_readlinkat, AT_FDCWD, path, target, sizeof(target) - 1);
	target[n > 0 && n < (long)sizeof(target) ? n : 0] = 0;
	slash = strrchr(target, '/');
	json_object_object_add(o, "driver", slash ? json_object_new_string(slash + 1) : NULL);
}

/* ---- USB ---- */

static struct json_object *interface(const char *name)
{
	static const struct attribute attributes[] = {
		{ "number", "bInterfaceNumber", false },
		{ "setting", "bAlternateSetting", true },
		{ "class", "bInterfaceClass", false },
		{ "subclass", "bInterfaceSubClass", false },
		{ "protocol", "bInterfaceProtocol", false },
		{ "endpoints", "bNumEndpoints", true },
		{ 0 },
	};
	struct json_object *o = json_object_new_object();
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), USB "/%s", name);
	add_files(o, dir, attributes);
	add_driver(o, dir);
	return o;
}

static struct json_object *device(const char *name)
{
	static const struct attribute attributes[] = {
		{ "vendor_id", "idVendor", false },
		{ "product_id", "idProduct", false },
		{ "revision", "bcdDevice", false },
		{ "manufacturer", "manufacturer", false },
		{ "product", "product", false },
		{ "serial", "serial", false },
		{ "usb_version", "version", false },
		{ "speed_mbits", "speed", true },
		{ "class", "bDeviceClass", false },
		{ "max_power", "bMaxPower", false },
		{ 0 },
	};
	struct json_object *o = json_object_new_object();
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), USB "/%s", name);
	json_object_object_add(o, "port", json_object_new_string(name));
	add_files(o, dir, attributes);
	json_object_object_add(o, "interfaces", json_object_new_array());
	return o;
}

static bool is_device(const char *name)
{
	return *name >= '0' && *name <= '9' && !strchr(name, ':');
}

/* "1-1:1.0" is an interface of "1-1", whose devices come in any order. */
static bool is_of(const char *name, const char *dev)
{
	size_t len = strlen(dev);

	return !strncmp(name, dev, len) && name[len] == ':';
}

static void add_interfaces(struct json_object *o, const char *dev, const struct names *names)
{
	struct json_object *list;

	json_object_object_get_ex(o, "interfaces", &list);
	for (size_t i = 0; i < names->n; i++)
		if (is_of(names->names[i], dev))
			json_object_array_add(list, interface(names->names[i]));
}

static int add_name(void *ctx, const char *name)
{
	struct names *names = ctx;

	return names->n < MAX_SHOWN ? names_add(names, name) : 1;
}

struct json_object *probe_usb(void)
{
	struct json_object *list = json_object_new_array(), *o;
	struct names names = { 0 };

	guest_names_of(USB, add_name, &names);
	names_sort(&names);
	for (size_t i = 0; i < names.n; i++) {
		if (!is_device(names.names[i]))
			continue;
		o = device(names.names[i]);
		add_interfaces(o, names.names[i], &names);
		json_object_array_add(list, o);
	}
	names_free(&names);
	return list;
}

/* ---- the disk ---- */

static void add_cache(struct json_object *o)
{
	static const struct attribute cache = { "cache", "queue/write_cache", false };
	char dir[64];

	snprintf(dir, sizeof(dir), "/sys/block/%s", guest_disk(0));
	add_file(o, dir, &cache);
}

struct json_object *probe_disk(void)
{
	static const struct attribute attributes[] = {
		{ "sectors", "size", true },
		{ "sector_size", "queue/logical_block_size", true },
		{ "physical_sector_size", "queue/physical_block_size", true },
		{ "removable", "removable", true },
		{ 0 },
	};
	static const struct attribute inquiry[] = {
		{ "vendor", "device/vendor", false },
		{ "model", "device/model", false },
		{ "firmware", "device/rev", false },
		{ 0 },
	};
	struct json_object *o, *sectors;
	char dir[64], size[32];

	snprintf(dir, sizeof(dir), "/sys/block/%s/size", guest_disk(0) ? guest_disk(0) : "");
	if (lkl_read_file(dir, size, sizeof(size)) <= 0)
		return NULL;
	*strrchr(dir, '/') = 0;
	o = json_object_new_object();
	json_object_object_add(o, "name", json_object_new_string(guest_disk(0)));
	add_files(o, dir, attributes);
	if (*guest_disk(0) == 's')	/* SCSI */
		add_files(o, dir, inquiry);
	json_object_object_get_ex(o, "sectors", &sectors);
	json_object_object_add(o, "size", json_object_new_int64(
		(int64_t)((uint64_t)json_object_get_int64(sectors) * 512)));
	json_object_object_del(o, "sectors");	/* of 512 bytes, whatever the disk's are */
	add_cache(o);
	return o;
}
