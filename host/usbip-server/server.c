// SPDX-License-Identifier: GPL-2.0-only
/* What is exported, who asks for it, life. */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log.h"
#include "server_i.h"
#include "thread.h"

#define MAX_ASKING	16u	/* connections that have imported nothing */
#define ASK_TIMEOUT_MS	10000u
#define BUSNUM		1u

/* ---- DEVLIST ---- */

static bool is_available(const struct export *e)
{
	return !e->gone && !e->imported;
}

static size_t put_export(uint8_t *to, const struct export *e)
{
	const struct usbip_device *d = &e->device;

	usbip_device_encode(to, d);
	to += USBIP_DEVICE_SIZE;
	for (unsigned int i = 0; i < d->n_interfaces; i++, to += USBIP_INTERFACE_SIZE) {
		to[0] = e->interfaces[i].class;
		to[1] = e->interfaces[i].subclass;
		to[2] = e->interfaces[i].protocol;
		to[3] = 0;
	}
	return USBIP_DEVICE_SIZE + d->n_interfaces * USBIP_INTERFACE_SIZE;
}

/* Only what can be imported now, as Linux's usbipd. */
static size_t put_exports(struct usbip_server *s, uint8_t *to)
{
	size_t len = USBIP_OP_SIZE + sizeof(uint32_t);
	uint32_t n = 0;

	pthread_mutex_lock(&s->lock);
	for (unsigned int i = 0; i < s->n_exports; i++)
		if (is_available(s->exports[i])) {
			len += put_export(to + len, s->exports[i]);
			n++;
		}
	pthread_mutex_unlock(&s->lock);
	usbip_op_encode(to, USBIP_OP_REP_DEVLIST, USBIP_OP_OK);
	n = htobe32(n);
	memcpy(to + USBIP_OP_SIZE, &n, sizeof(n));
	return len;
}

static int answer_list(struct usbip_server *s, int fd, int64_t deadline)
{
	uint8_t *reply = malloc(USBIP_OP_SIZE + sizeof(uint32_t) + USBIP_SERVER_MAX_EXPORTS *
				(USBIP_DEVICE_SIZE +
				 USBIP_MAX_INTERFACES * USBIP_INTERFACE_SIZE));
	int err;

	if (!reply)
		return -ENOMEM;
	err = usbip_write(fd, reply, put_exports(s, reply), deadline, s->stop_fd);
	free(reply);
	return err;
}

/* ---- IMPORT ---- */

static enum usbip_op_status take_export(struct usbip_server *s, const char *busid,
					struct export **ret_export)
{
	enum usbip_op_status status = USBIP_OP_NODEV;

	pthread_mutex_lock(&s->lock);
	for (unsigned int i = 0; i < s->n_exports; i++) {
		struct export *e = s->exports[i];

		if (e->gone || strcmp(e->device.busid, busid))
			continue;
		status = e->imported ? USBIP_OP_BUSY : USBIP_OP_OK;
		if (e->imported)
			continue;
		e->imported = true;
		*ret_export = e;
		s->n_conns--;		/* it does not count as asking */
	}
	pthread_mutex_unlock(&s->lock);
	return status;
}

static void give_export(struct export *e)
{
	pthread_mutex_lock(&e->server->lock);
	e->imported = false;
	e->server->n_conns++;
	pthread_mutex_unlock(&e->server->lock);
}

static int answer_import(struct usbip_server *s, int fd, int64_t deadline,
			 enum usbip_op_status status, const struct export *e)
{
	uint8_t reply[USBIP_OP_SIZE + USBIP_DEVICE_SIZE];
	size_t len = USBIP_OP_SIZE;

	usbip_op_encode(reply, USBIP_OP_REP_IMPORT, status);
	if (status == USBIP_OP_OK) {
		usbip_device_encode(reply + len, &e->device);
		len += USBIP_DEVICE_SIZE;
	}
	return usbip_write(fd, reply, len, deadline, s->stop_fd);
}

/* Every importer finds the device as if it had just been plugged in. */
static int import(struct usbip_server *s, int fd, int64_t deadline)
{
	char busid[USBIP_BUSID_SIZE];
	enum usbip_op_status status;
	struct export *e = NULL;
	int err = usbip_read(fd, busid, sizeof(busid), deadline, s->stop_fd);

	if (!err && !memchr(busid, 0, sizeof(busid)))
		err = -EPROTO;
	if (err)
		return err;
	status = take_export(s, busid, &e);
	if (e && describe_reset(e->backend))
		status = USBIP_OP_DEV_ERR;
	err = answer_import(s, fd, usbip_deadline(ASK_TIMEOUT_MS), status, e);
	if (e && !err && status == USBIP_OP_OK) {
		log_info("usbip: %s: imported", busid);
		conn_run(s, e, fd);
	}
	if (e)
		give_export(e);
	return err;
}

/* ---- connections ---- */

static int serve_asking(struct usbip_server *s, int fd)
{
	int64_t deadline = usbip_deadline(ASK_TIMEOUT_MS);
	uint8_t raw[USBIP_OP_SIZE];
	struct usbip_op op;
	int err;

	usbip_tune(fd);
	err = usbip_read(fd, raw, sizeof(raw), deadline, s->stop_fd);
	if (err)
		return err;
	usbip_op_decode(&op, raw);
	if (op.version != USBIP_VERSION)
		return -EPROTONOSUPPORT;
	switch (op.code) {
	case USBIP_OP_REQ_DEVLIST:
		return answer_list(s, fd, deadline);
	case USBIP_OP_REQ_IMPORT:
		return import(s, fd, deadline);
	default:
		return -EPROTO;
	}
}

/* The stopping server waits for those that were admitted. */
static int admit(struct usbip_server *s)
{
	int err = 0;

	pthread_mutex_lock(&s->lock);
	if (s->stopping || s->n_conns >= MAX_ASKING)
		err = -EUSERS;
	else
		s->n_conns++;
	pthread_mutex_unlock(&s->lock);
	return err;
}

static void dismiss(struct usbip_server *s)
{
	pthread_mutex_lock(&s->lock);
	s->n_conns--;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static void serve_admitted(struct usbip_server *s, int fd)
{
	int err = serve_asking(s, fd);

	if (err)
		log_info("usbip: a connection ended: %s", strerror(-err));
	close(fd);
	dismiss(s);
}

int usbip_server_serve(struct usbip_server *s, int fd)
{
	int err = admit(s);

	if (err)
		close(fd);
	else
		serve_admitted(s, fd);
	return err;
}

struct start {
	struct usbip_server *server;
	int fd;
};

static void *thread_main(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	serve_admitted(start.server, start.fd);
	return NULL;
}

static int start_thread(struct usbip_server *s, int fd)
{
	struct start *start = malloc(sizeof(*start));
	pthread_t thread;
	int err;

	if (!start)
		return -ENOMEM;
	*start = (struct start) { s, fd };
	err = thread_start(&thread, thread_main, start);
	if (err)
		free(start);
	else
		pthread_detach(thread);
	return err;
}

int usbip_server_connect(struct usbip_server *s, int fd)
{
	int err = admit(s);

	if (err) {
		close(fd);
		return err;
	}
	err = start_thread(s, fd);
	if (err) {
		close(fd);
		dismiss(s);
	}
	return err;
}

/* ---- exports ---- */

static void export_gone(void *ctx)
{
	struct export *e = ctx;
	struct usbip_server *s = e->server;
	bool empty;

	log_info("usbip: %s: the device left", e->device.busid);
	pthread_mutex_lock(&s->lock);
	e->gone = true;
	empty = ++s->n_gone == s->n_exports;
	if (e->conn)
		conn_lose(e->conn);
	pthread_mutex_unlock(&s->lock);
	if (empty && s->config.empty)
		s->config.empty(s->config.ctx);
}

static const struct usb_backend_events export_events = {
	.gone = export_gone,
};

/* 0, or why it cannot be one more. */
static int add_export(struct usbip_server *s, struct export *e)
{
	int err = 0;

	pthread_mutex_lock(&s->lock);
	for (unsigned int i = 0; i < s->n_exports; i++)
		if (!strcmp(s->exports[i]->device.busid, e->device.busid))
			err = -EEXIST;
	if (s->n_exports == USBIP_SERVER_MAX_EXPORTS)
		err = -ENOSPC;
	if (!err) {
		e->device.busnum = BUSNUM;
		e->device.devnum = s->n_exports + 2;	/* 1 would be the root hub */
		s->exports[s->n_exports++] = e;
	}
	pthread_mutex_unlock(&s->lock);
	return err;
}

int usbip_server_export(struct usbip_server *s, struct usb_backend *backend,
			const char *busid)
{
	struct export *e;
	int err;

	if (!*busid || strlen(busid) >= USBIP_BUSID_SIZE)
		return -EINVAL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->server = s;
	e->backend = backend;
	strcpy(e->device.busid, busid);
	snprintf(e->device.path, sizeof(e->device.path), "/lklusb/%s", busid);
	err = describe(backend, &e->device, e->interfaces);
	if (!err)
		err = add_export(s, e);
	if (err) {
		free(e);
		return err;
	}
	backend->events_ctx = e;
	backend->events = &export_events;
	return 0;
}

/* ---- life ---- */

int usbip_server_new(const struct usbip_server_config *config,
		     struct usbip_server **ret_server)
{
	struct usbip_server *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->config = *config;
	s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->stop_fd < 0) {
		int err = -errno;

		free(s);
		return err;
	}
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	*ret_server = s;
	return 0;
}

static bool is_imported(const struct usbip_server *s)
{
	for (unsigned int i = 0; i < s->n_exports; i++)
		if (s->exports[i]->imported)
			return true;
	return false;
}

void usbip_server_free(struct usbip_server *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	eventfd_write(s->stop_fd, 1);
	while (s->n_conns || is_imported(s))
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
	for (unsigned int i = 0; i < s->n_exports; i++) {
		s->exports[i]->backend->ops->close(s->exports[i]->backend);
		free(s->exports[i]);
	}
	close(s->stop_fd);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
