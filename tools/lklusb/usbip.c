// SPDX-License-Identifier: GPL-2.0-only
#include "usbip.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <json-c/json.h>

#include "broker.h"
#include "log.h"
#include "output.h"
#include "report.h"
#include "usbip_source.h"

#define REOPEN_MS	5000u
#define REOPEN_TRY_US	100000

bool usbip_is_valid(const char *source)
{
	struct usbip_source s;

	return usbip_source_parse(source, &s);
}

bool usbip_is_peer(const char *source)
{
	struct usbip_source s;

	return usbip_source_parse(source, &s) && !*s.busid;
}

bool usbip_identity(const char *source, char *ret, size_t size)
{
	struct usbip_source s;

	if (!usbip_source_parse(source, &s) || s.kind == USBIP_SOURCE_FD)
		return false;
	if (s.kind == USBIP_SOURCE_UNIX)
		return (size_t)snprintf(ret, size, "usbip unix %s %s", s.busid, s.path) < size;
	return (size_t)snprintf(ret, size, "usbip %s %s %s", s.busid, s.port, s.host) < size;
}

static int failed(const char *source, int err, const char *why)
{
	switch (-err) {
	case ECONNREFUSED:
	case ENOENT:
		report(REPORT_MOUNT, "usbip-refused", "%s: %s", source, why);
		report_hint("is usbipd, or lklusb export, running there?");
		break;
	case ENOTSOCK:
		return report(REPORT_USAGE, "usage", "%s: %s", source, why);
	case ENODEV:
		report(REPORT_MOUNT, "usbip-missing", "%s: %s", source, why);
		report_hint("lklusb list usbip://HOST shows those that can be imported");
		break;
	case EBUSY:
		return report(REPORT_MOUNT, "usbip-busy", "%s: %s", source, why);
	case EIO:
		return report(REPORT_MOUNT, "usbip-device", "%s: %s", source, why);
	case EPROTONOSUPPORT:
		return report(REPORT_MOUNT, "usbip-version", "%s: %s", source, why);
	case EPROTO:
	case EPIPE:
		return report(REPORT_MOUNT, "usbip-protocol", "%s: %s", source, why);
	default:
		return report(REPORT_MOUNT, "usbip-unreachable", "%s: %s", source, why);
	}
	return REPORT_MOUNT;
}

int usbip_open(const char *source, void (*gone)(void *ctx), struct usb_backend **ret_backend)
{
	struct usbip_source s;
	const char *why;
	int err;

	if (!usbip_source_parse(source, &s) || !*s.busid)
		return report(REPORT_USAGE, "usage", "%s: which device? Add its /BUSID", source);
	err = usbip_source_import(&s, gone, NULL, ret_backend, &why);
	return err ? failed(source, err, why) : 0;
}

/* The broker connects. */
static int import_again(const struct usbip_source *s, void (*gone)(void *ctx),
			struct usb_backend **ret_backend, const char **ret_why)
{
	int fd, err = broker_reopen(&fd);

	if (!err)
		return usbip_source_import_on(s, fd, gone, NULL, ret_backend, ret_why);
	*ret_why = usbip_source_why(err);
	return err;
}

bool usbip_reopen(const char *source, void (*gone)(void *ctx), struct usb_backend **ret_backend)
{
	int64_t deadline = usbip_deadline(REOPEN_MS);
	struct usbip_source s;
	const char *why = "not imported again";

	if (!usbip_source_parse(source, &s) || s.kind == USBIP_SOURCE_FD)
		return false;
	do {
		if (!import_again(&s, gone, ret_backend, &why))
			return true;
		usleep(REOPEN_TRY_US);
	} while (usbip_deadline(0) < deadline);
	log_warn("%s does not come back: %s", source, why);
	return false;
}

/* ---- listing ---- */

static const char *speed_name(uint32_t speed)
{
	static const char *const names[] = {
		[USB_SPEED_LOW_] = "low", [USB_SPEED_FULL_] = "full",
		[USB_SPEED_HIGH_] = "high", [USB_SPEED_SUPER_] = "super",
		[USB_SPEED_SUPER_PLUS_] = "super-plus",
	};

	return names[speed];
}

static bool is_storage(const struct usbip_interface *interfaces, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (interfaces[i].class == 8)
			return true;
	return false;
}

static int print_row(void *ctx, const struct usbip_device *d,
		     const struct usbip_interface *interfaces, unsigned int n)
{
	output_row("%-20s %04x:%04x %-10s %s", d->busid, d->vendor, d->product,
		   speed_name(d->speed), is_storage(interfaces, n) ? "mass storage" : "-");
	return 0;
}

static int add_object(void *list, const struct usbip_device *d,
		      const struct usbip_interface *interfaces, unsigned int n)
{
	struct json_object *o = json_object_new_object();
	char id[16];

	snprintf(id, sizeof(id), "%04x:%04x", d->vendor, d->product);
	json_object_object_add(o, "busid", json_object_new_string(d->busid));
	json_object_object_add(o, "vid_pid", json_object_new_string(id));
	json_object_object_add(o, "speed", json_object_new_string(speed_name(d->speed)));
	json_object_object_add(o, "mass_storage",
			       json_object_new_boolean(is_storage(interfaces, n)));
	json_object_array_add(list, o);
	return 0;
}

int usbip_print(const char *source, bool json)
{
	struct json_object *list = json ? json_object_new_array() : NULL;
	struct usbip_source s;
	const char *why;
	int fd, err;

	usbip_source_parse(source, &s);
	err = usbip_source_connect(&s, &fd, &why);
	if (err) {
		json_object_put(list);
		return failed(source, err, why);
	}
	if (!json)
		printf("%-20s %-9s %-10s %s\n", "BUSID", "VID:PID", "SPEED", "CLASS");
	err = usbip_list(fd, USBIP_ANSWER_TIMEOUT_MS, json ? add_object : print_row, list);
	if (json && !err)
		output_json(list);
	json_object_put(list);
	close(fd);
	return err ? failed(source, err, usbip_source_why(err)) : REPORT_OK;
}
