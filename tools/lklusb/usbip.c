// SPDX-License-Identifier: GPL-2.0-only
#include "usbip.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <json-c/json.h>

#include "report.h"
#include "usbip_backend.h"

#define CONNECT_TIMEOUT_MS	10000u
#define ANSWER_TIMEOUT_MS	20000u	/* usbipd may have to reset the device first */

/* ---- addresses ---- */

enum kind { KIND_TCP, KIND_UNIX, KIND_FD };

struct address {
	enum kind kind;
	char host[256], port[32];
	char path[108];
	int fd;
	char busid[USBIP_BUSID_SIZE];	/* may be empty */
};

static const struct {
	const char *prefix;
	enum kind kind;
} kinds[] = {
	{ "usbip://", KIND_TCP },
	{ "usbip+unix:", KIND_UNIX },
	{ "usbip+fd:", KIND_FD },
};

static bool copy(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size)
		return false;
	memcpy(to, from, len);
	to[len] = 0;
	return true;
}

/* HOST, HOST:PORT, [V6] or [V6]:PORT. */
static bool parse_host(struct address *a, const char *text, size_t len)
{
	const char *end = text + len, *host = text, *colon;
	size_t n;

	if (len && *text == '[') {
		host++;
		colon = memchr(host, ']', end - host);
		if (!colon)
			return false;
		n = colon++ - host;
		if (colon != end && *colon != ':')
			return false;
	} else {
		colon = memchr(text, ':', len);
		n = colon ? (size_t)(colon - text) : len;
	}
	if (!n || !copy(a->host, sizeof(a->host), host, n))
		return false;
	if (!colon || colon == end)
		return copy(a->port, sizeof(a->port), USBIP_PORT, strlen(USBIP_PORT));
	colon++;
	return colon < end && strspn(colon, "0123456789") >= (size_t)(end - colon) &&
	       copy(a->port, sizeof(a->port), colon, end - colon);
}

static bool parse_fd(struct address *a, const char *text, size_t len)
{
	char *end;
	long n = strtol(text, &end, 10);

	a->fd = n;
	return len && end == text + len && n >= 0 && n <= 1 << 20;
}

static bool parse_rest(struct address *a, const char *rest)
{
	const char *slash = strrchr(rest, '/');
	size_t len = slash ? (size_t)(slash - rest) : strlen(rest);

	if (slash && !copy(a->busid, sizeof(a->busid), slash + 1, strlen(slash + 1)))
		return false;
	switch (a->kind) {
	case KIND_TCP:
		return !memchr(rest, '/', len) && parse_host(a, rest, len);
	case KIND_UNIX:
		return len && slash && copy(a->path, sizeof(a->path), rest, len);
	default:
		return parse_fd(a, rest, len);
	}
}

static bool parse(const char *source, struct address *a)
{
	memset(a, 0, sizeof(*a));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i].prefix);

		if (strncmp(source, kinds[i].prefix, len))
			continue;
		a->kind = kinds[i].kind;
		return parse_rest(a, source + len);
	}
	return false;
}

bool usbip_named_by(const char *source)
{
	return !strncmp(source, "usbip:", 6) || !strncmp(source, "usbip+", 6);
}

bool usbip_is_valid(const char *source)
{
	struct address a;

	return parse(source, &a);
}

bool usbip_is_peer(const char *source)
{
	struct address a;

	return parse(source, &a) && !*a.busid;
}

/* ---- connecting ---- */

static int connect_failed(const char *source, int err)
{
	if (err == -ECONNREFUSED || err == -ENOENT) {
		report(REPORT_MOUNT, "usbip-refused", "%s: nobody listens there", source);
		report_hint("is usbipd, or lklusb export, running there?");
		return REPORT_MOUNT;
	}
	return report(REPORT_MOUNT, "usbip-unreachable", "%s: %s", source, strerror(-err));
}

/* Within the time: a connected socket, or -errno. */
static int connect_one(int family, const struct sockaddr *addr, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(int);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, addr, len))
		err = errno;
	if (err == EINPROGRESS) {
		err = poll(&p, 1, CONNECT_TIMEOUT_MS) == 1 ? 0 : ETIMEDOUT;
		if (!err && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size))
			err = errno;
	}
	if (!err)
		return fd;
	close(fd);
	return -err;
}

static int connect_tcp(const char *source, const struct address *a, int *ret_fd)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *ai;
	int err = getaddrinfo(a->host, a->port, &hints, &list);
	int fd = -EHOSTUNREACH;

	if (err)
		return report(REPORT_MOUNT, "usbip-unreachable", "%s: %s", source,
			      gai_strerror(err));
	for (ai = list; ai && fd < 0; ai = ai->ai_next)
		fd = connect_one(ai->ai_family, ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(list);
	if (fd < 0)
		return connect_failed(source, fd);
	*ret_fd = fd;
	return 0;
}

static int connect_unix(const char *source, const struct address *a, int *ret_fd)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (!copy(addr.sun_path, sizeof(addr.sun_path), a->path, strlen(a->path)))
		return connect_failed(source, -ENAMETOOLONG);
	fd = connect_one(AF_UNIX, (struct sockaddr *)&addr, sizeof(addr));
	if (fd < 0)
		return connect_failed(source, fd);
	*ret_fd = fd;
	return 0;
}

static int take_fd(const char *source, const struct address *a, int *ret_fd)
{
	socklen_t size = sizeof(int);
	int type, fd;

	if (getsockopt(a->fd, SOL_SOCKET, SO_TYPE, &type, &size) || type != SOCK_STREAM)
		return report(REPORT_USAGE, "usage", "%s: not a connected stream socket",
			      source);
	fd = fcntl(a->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return connect_failed(source, -errno);
	*ret_fd = fd;
	return 0;
}

static int connect_to(const char *source, const struct address *a, int *ret_fd)
{
	switch (a->kind) {
	case KIND_TCP:
		return connect_tcp(source, a, ret_fd);
	case KIND_UNIX:
		return connect_unix(source, a, ret_fd);
	default:
		return take_fd(source, a, ret_fd);
	}
}

static int peer_failed(const char *source, int err)
{
	switch (-err) {
	case ENODEV:
		report(REPORT_MOUNT, "usbip-missing", "%s: no such device is exported", source);
		report_hint("lklusb list usbip://HOST shows those that can be imported");
		break;
	case EBUSY:
		report(REPORT_MOUNT, "usbip-busy", "%s: somebody else has imported it", source);
		break;
	case EIO:
		report(REPORT_MOUNT, "usbip-device", "%s: the server says it does not work",
		       source);
		break;
	case EPROTONOSUPPORT:
		report(REPORT_MOUNT, "usbip-version", "%s: not version 1.1.1 of USB/IP", source);
		break;
	case EPROTO:
	case EPIPE:
		report(REPORT_MOUNT, "usbip-protocol", "%s: %s", source, err == -EPIPE ?
		       "the connection was closed" : "the server's answer makes no sense");
		break;
	default:
		report(REPORT_MOUNT, "usbip-unreachable", "%s: %s", source, strerror(-err));
	}
	return REPORT_MOUNT;
}

/* ---- importing ---- */

int usbip_open(const char *source, void (*gone)(void *ctx), struct usb_backend **ret_backend)
{
	struct usbip_backend_config config = { .gone = gone };
	struct usbip_device device;
	struct address a;
	int err, status;

	if (!parse(source, &a) || !*a.busid)
		return report(REPORT_USAGE, "usage", "%s: which device? Add its /BUSID", source);
	status = connect_to(source, &a, &config.fd);
	if (status)
		return status;
	usbip_tune(config.fd);
	err = usbip_import(config.fd, a.busid, ANSWER_TIMEOUT_MS, &device);
	config.device = &device;
	if (!err)
		err = usbip_backend_new(&config, ret_backend);
	if (!err)
		return 0;
	close(config.fd);
	return peer_failed(source, err);
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

/* A peer's text must not steer a terminal. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static int print_row(void *ctx, const struct usbip_device *device,
		     const struct usbip_interface *interfaces, unsigned int n)
{
	struct usbip_device d = *device;

	clean(d.busid);
	printf("%-20s %04x:%04x %-10s %s\n", d.busid, d.vendor, d.product,
	       speed_name(d.speed), is_storage(interfaces, n) ? "mass storage" : "-");
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
	struct address a;
	int fd, err, status;

	parse(source, &a);
	status = connect_to(source, &a, &fd);
	if (status) {
		json_object_put(list);
		return status;
	}
	if (!json)
		printf("%-20s %-9s %-10s %s\n", "BUSID", "VID:PID", "SPEED", "CLASS");
	err = usbip_list(fd, ANSWER_TIMEOUT_MS, json ? add_object : print_row, list);
	if (json && !err)
		puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY));
	json_object_put(list);
	close(fd);
	return err ? peer_failed(source, err) : REPORT_OK;
}
