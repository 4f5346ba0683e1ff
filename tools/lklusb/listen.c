// SPDX-License-Identifier: GPL-2.0-only
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "report.h"
#include "unix_listen.h"
#include "usbip_op.h"

#define BACKLOG 16

/* ---- TCP ---- */

/* An address with more than one colon is one of IPv6 without a port. */
static bool split(const char *where, char *host, size_t size, const char **ret_port)
{
	const char *end = strrchr(where, ':');
	size_t len = strlen(where);

	*ret_port = USBIP_PORT;
	if (*where == '[') {
		const char *bracket = strchr(where, ']');

		if (!bracket || (bracket[1] && bracket[1] != ':'))
			return false;
		if (bracket[1])
			*ret_port = bracket + 2;
		where++;
		len = bracket - where;
	} else if (end && strchr(where, ':') == end) {
		*ret_port = end + 1;
		len = end - where;
	}
	if (!len || len >= size)
		return false;
	memcpy(host, where, len);
	host[len] = 0;
	return **ret_port && strspn(*ret_port, "0123456789") == strlen(*ret_port);
}

static bool is_any(const struct sockaddr *addr)
{
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)addr)->sin6_addr;

	if (addr->sa_family == AF_INET)
		return !((const struct sockaddr_in *)addr)->sin_addr.s_addr;
	return IN6_IS_ADDR_UNSPECIFIED(v6) ||
	       (IN6_IS_ADDR_V4MAPPED(v6) && !v6->s6_addr32[3]);
}

static bool is_loopback(const struct sockaddr *addr)
{
	if (addr->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)addr)->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)addr)->sin6_addr);
}

static void note(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char host[64], port[16];

	if (getsockname(fd, (struct sockaddr *)&addr, &len) ||
	    getnameinfo((struct sockaddr *)&addr, len, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	report_note(addr.ss_family == AF_INET6 ? "listening on [%s]:%s" :
						 "listening on %s:%s", host, port);
	if (!is_loopback((struct sockaddr *)&addr))
		report_hint("USB/IP has neither passwords nor encryption: whoever reaches this "
			    "address reads and writes the devices");
}

static int listen_one(struct listener *l, const struct addrinfo *ai)
{
	int one = 1, err;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, BACKLOG)) {
		err = -errno;
		close(fd);
		return err;
	}
	l->fds[l->n++] = fd;
	note(fd);
	return 0;
}

static int listen_list(struct listener *l, const char *where, const struct addrinfo *list,
		       bool all)
{
	int err = 0;

	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next)
		if (!all && is_any(ai->ai_addr)) {
			report(REPORT_USAGE, "listen-all", "%s: all addresses of this host",
			       where);
			report_hint("USB/IP has neither passwords nor encryption; if that is "
				    "wanted: --all-addresses");
			return REPORT_USAGE;
		}
	for (const struct addrinfo *ai = list; ai && !err && l->n < LISTEN_MAX;
	     ai = ai->ai_next)
		err = listen_one(l, ai);
	return err ? report(REPORT_SYSTEM, "listen", "%s: %s", where, strerror(-err)) : 0;
}

int listen_tcp(struct listener *l, const char *where, bool all)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list;
	const char *port;
	char host[256];
	int err, status;

	if (!split(where, host, sizeof(host), &port))
		return report(REPORT_USAGE, "usage", "--listen %s: ADDRESS or ADDRESS:PORT",
			      where);
	err = getaddrinfo(host, port, &hints, &list);
	if (err)
		return report(REPORT_SYSTEM, "listen", "%s: %s", where, gai_strerror(err));
	status = listen_list(l, where, list, all);
	freeaddrinfo(list);
	return status;
}

/* ---- unix ---- */

int listen_unix(struct listener *l, const char *path)
{
	int err = unix_listen(path, &l->fds[l->n]);

	if (err)
		return report(REPORT_SYSTEM, "listen", "%s: %s", path, strerror(-err));
	l->n++;
	l->unix_path = path;
	report_note("listening on %s", path);
	return 0;
}

void listen_close(struct listener *l)
{
	for (unsigned int i = 0; i < l->n; i++)
		close(l->fds[i]);
	l->n = 0;
}
