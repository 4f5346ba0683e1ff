// SPDX-License-Identifier: GPL-2.0-only
#include "usbip_source.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS	10000u

/* ---- names ---- */

static const struct {
	const char *prefix;
	enum usbip_source_kind kind;
} kinds[] = {
	{ "usbip://", USBIP_SOURCE_TCP },
	{ "usbip+unix:", USBIP_SOURCE_UNIX },
	{ "usbip+fd:", USBIP_SOURCE_FD },
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
static bool parse_host(struct usbip_source *a, const char *text, size_t len)
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

static bool parse_fd(struct usbip_source *a, const char *text, size_t len)
{
	char *end;
	long n = strtol(text, &end, 10);

	a->fd = n;
	return len && end == text + len && n >= 0 && n <= 1 << 20;
}

static bool parse_rest(struct usbip_source *a, const char *rest)
{
	const char *slash = strrchr(rest, '/');
	size_t len = slash ? (size_t)(slash - rest) : strlen(rest);

	if (slash && !copy(a->busid, sizeof(a->busid), slash + 1, strlen(slash + 1)))
		return false;
	switch (a->kind) {
	case USBIP_SOURCE_TCP:
		return !memchr(rest, '/', len) && parse_host(a, rest, len);
	case USBIP_SOURCE_UNIX:
		return len && slash && copy(a->path, sizeof(a->path), rest, len);
	default:
		return parse_fd(a, rest, len);
	}
}

bool usbip_source_parse(const char *text, struct usbip_source *ret_source)
{
	struct usbip_source a = { .fd = -1 };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, len))
			continue;
		a.kind = kinds[i].kind;
		if (!parse_rest(&a, text + len))
			return false;
		*ret_source = a;
		return true;
	}
	return false;
}

bool usbip_source_named_by(const char *text)
{
	return !strncmp(text, "usbip:", 6) || !strncmp(text, "usbip+", 6);
}

/* ---- connecting ---- */

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

static int connect_tcp(const struct usbip_source *s, int *ret_fd, const char **ret_why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *ai;
	int err = getaddrinfo(s->host, s->port, &hints, &list);
	int fd = -EHOSTUNREACH;

	if (err) {
		*ret_why = gai_strerror(err);
		return -ENONET;
	}
	for (ai = list; ai && fd < 0; ai = ai->ai_next)
		fd = connect_one(ai->ai_family, ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(list);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

static int connect_unix(const struct usbip_source *s, int *ret_fd)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (!copy(addr.sun_path, sizeof(addr.sun_path), s->path, strlen(s->path)))
		return -ENAMETOOLONG;
	fd = connect_one(AF_UNIX, (struct sockaddr *)&addr, sizeof(addr));
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

static int take_fd(const struct usbip_source *s, int *ret_fd)
{
	socklen_t size = sizeof(int);
	int type, fd;

	if (getsockopt(s->fd, SOL_SOCKET, SO_TYPE, &type, &size) || type != SOCK_STREAM)
		return -ENOTSOCK;
	fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

const char *usbip_source_why(int err)
{
	switch (-err) {
	case ECONNREFUSED:
	case ENOENT:
		return "nobody listens there";
	case ENONET:
		return "its name or port is not known";
	case ENOTSOCK:
		return "not a connected stream socket";
	case ENODEV:
		return "no such device is exported";
	case EBUSY:
		return "somebody else has imported it";
	case EIO:
		return "the server says it does not work";
	case EPROTONOSUPPORT:
		return "not version 1.1.1 of USB/IP";
	case EPROTO:
		return "the server's answer makes no sense";
	case EPIPE:
		return "the connection was closed";
	default:
		return strerror(-err);
	}
}

int usbip_source_connect(const struct usbip_source *s, int *ret_fd, const char **ret_why)
{
	const char *text = NULL;
	int err;

	if (s->kind == USBIP_SOURCE_TCP)
		err = connect_tcp(s, ret_fd, &text);
	else if (s->kind == USBIP_SOURCE_UNIX)
		err = connect_unix(s, ret_fd);
	else
		err = take_fd(s, ret_fd);
	if (err)
		*ret_why = text ? text : usbip_source_why(err);
	return err;
}

/* ---- importing ---- */

int usbip_source_import_on(const struct usbip_source *s, int fd, void (*gone)(void *ctx),
			   void *ctx, struct usb_backend **ret_backend, const char **ret_why)
{
	struct usbip_backend_config config = { .fd = fd, .gone = gone, .gone_ctx = ctx };
	struct usbip_device device;
	int err;

	usbip_tune(config.fd);
	err = usbip_import(config.fd, s->busid, USBIP_ANSWER_TIMEOUT_MS, &device);
	config.device = &device;
	if (!err)
		err = usbip_backend_new(&config, ret_backend);
	if (!err)
		return 0;
	close(config.fd);
	*ret_why = usbip_source_why(err);
	return err;
}

int usbip_source_import(const struct usbip_source *s, void (*gone)(void *ctx), void *ctx,
			struct usb_backend **ret_backend, const char **ret_why)
{
	int fd, err = usbip_source_connect(s, &fd, ret_why);

	return err ? err : usbip_source_import_on(s, fd, gone, ctx, ret_backend, ret_why);
}
