// SPDX-License-Identifier: GPL-2.0-only
/*
 * vhost-user-usb: the virtio-usbip device with emulated sticks in its ports, for UML,
 * QEMU and any other virtual machine that speaks vhost-user.
 *
 * The main thread serves; another one waits for signals, and one for each USB/IP server
 * to come back.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image.h"
#include "log.h"
#include "options.h"
#include "reimport.h"
#include "stick.h"
#include "unix_listen.h"
#include "usb.h"
#include "vhost_user.h"
#include "virtio_usbip_dev.h"
#include "zero_backend.h"

#define UAS_STREAMS	32u	/* more than usb-storage's drivers ever ask for */

struct server {
	struct options options;
	struct usbip_dev *dev;
	struct vhost_user *vu;
	int fd;				/* the socket */
	bool made_socket;
	sigset_t signals;		/* of the thread that waits for them */
	pthread_mutex_t lock;		/* protects the sticks' ports; held over plug and pull */
	bool closing;			/* likewise: nothing is plugged in any more */
};

/* ---- sticks ---- */

/* *ret_why: what stick_why does not know. */
static int stick_open(const struct stick_spec *spec, struct usb_backend **ret_backend,
		      const char **ret_why)
{
	struct stick_config config = {
		.speed = spec->speed,
		.sector_size = spec->sector_size,
		.serial = spec->serial,
		.uas = spec->uas,
	};
	struct zero_config zero = {
		.speed = spec->speed,
		.pattern = spec->pattern,
		.wake_ms = spec->wake_ms,
	};
	int err;

	if (spec->reimport)
		return reimport_now(spec->reimport, ret_backend, ret_why);
	if (*spec->usbip.busid)
		return usbip_source_import(&spec->usbip, NULL, NULL, ret_backend, ret_why);
	if (spec->usb)
		return usb_open(spec->path, spec->detach, ret_backend);
	if (spec->zero)
		return zero_backend_new(&zero, ret_backend);
	err = image_open(spec->path, spec->readonly ? IMAGE_READONLY : 0, &config.image);
	if (err)
		return err;
	err = stick_new(&config, ret_backend);
	if (err)
		image_close(config.image);
	return err;
}

/* Its own filters are nearer to it than the trace. */
static int stick_plug_filtered(struct server *s, struct stick_spec *spec,
			       struct usb_backend *backend)
{
	int err = chain_wrap(&spec->chain, &backend);

	if (!err)
		err = chain_wrap(&s->options.chain, &backend);
	if (!err)
		err = usbip_dev_plug(s->dev, backend, &spec->port);
	if (err)
		backend->ops->close(backend);
	return err;
}

static const char *stick_why(int err)
{
	switch (-err) {
	case ENOSPC:
		return "no free port of its speed";
	case EBUSY:
		return "somebody else uses it";
	default:
		return strerror(-err);
	}
}

static int stick_plug(struct server *s, struct stick_spec *spec)
{
	struct usb_backend *backend;
	const char *why = NULL;
	int err = stick_open(spec, &backend, &why);

	if (!err)
		err = stick_plug_filtered(s, spec, backend);
	if (err)
		log_err("vhost-user-usb: %s: %s", spec->path, why ? why : stick_why(err));
	return err;
}

static void stick_pull(struct server *s, struct stick_spec *spec)
{
	if (spec->reimport)
		reimport_cancel(spec->reimport);
	usbip_dev_unplug(s->dev, spec->port);
	spec->port = 0;
}

/* A new device: what was lost is unplugged, if the port has not noticed already. */
static void stick_is_back(void *ctx, struct usb_backend *backend)
{
	struct stick_spec *spec = ctx;
	struct server *s = spec->owner;
	int err;

	pthread_mutex_lock(&s->lock);
	if (s->closing || !spec->port) {
		pthread_mutex_unlock(&s->lock);
		backend->ops->close(backend);
		return;
	}
	usbip_dev_unplug(s->dev, spec->port);
	spec->port = 0;
	err = stick_plug_filtered(s, spec, backend);
	if (err)
		log_err("vhost-user-usb: %s: %s", spec->path, stick_why(err));
	pthread_mutex_unlock(&s->lock);
}

/* A socket that somebody else connected cannot be connected again. */
static int sticks_prepare(struct server *s)
{
	int err = 0;

	for (unsigned int i = 0; i < s->options.n_sticks && !err; i++) {
		struct stick_spec *spec = &s->options.sticks[i];
		struct reimport_config config = {
			.source = spec->usbip, .plug = stick_is_back, .ctx = spec,
		};

		spec->owner = s;
		if (*spec->usbip.busid && spec->usbip.kind != USBIP_SOURCE_FD)
			err = reimport_new(&config, &spec->reimport);
	}
	return err;
}

static void sticks_close(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_mutex_unlock(&s->lock);
}

static void sticks_free(struct server *s)
{
	for (unsigned int i = 0; i < s->options.n_sticks; i++)
		reimport_free(s->options.sticks[i].reimport);
}

static int sticks_plug(struct server *s)
{
	int ret = 0;

	pthread_mutex_lock(&s->lock);
	for (unsigned int i = 0; i < s->options.n_sticks; i++) {
		struct stick_spec *spec = &s->options.sticks[i];
		int err = spec->port ? 0 : stick_plug(s, spec);

		ret = ret ? ret : err;
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

static void sticks_pull(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	for (unsigned int i = 0; i < s->options.n_sticks; i++)
		if (s->options.sticks[i].port)
			stick_pull(s, &s->options.sticks[i]);
	pthread_mutex_unlock(&s->lock);
}

static int device_new(struct server *s)
{
	struct usbip_dev_config config = {
		.usb2_ports = s->options.usb2_ports,
		.usb3_ports = s->options.usb3_ports,
		.request_queues = s->options.request_queues,
		.features_off = s->options.features_off,
		.max_inflight_bytes = s->options.budget,
		.budget_bytes = s->options.budget,
		.max_streams = UAS_STREAMS,
	};
	int err = usbip_dev_new(&config, &s->dev);

	if (err)
		log_err("vhost-user-usb: no device: %s", strerror(-err));
	return err;
}

static int trace_start(struct server *s)
{
	int err = chain_open(&s->options.chain);

	if (err)
		log_err("vhost-user-usb: %s: %s", s->options.chain.trace_config.path,
			err == -EINVAL ? "not a regular file" :
			err == -EBUSY ? "in use" : strerror(-err));
	return err;
}

/* ---- socket ---- */

static int socket_open(struct server *s)
{
	const struct options *o = &s->options;
	int err = 0;

	s->fd = o->fd;
	if (o->socket_path)
		err = unix_listen(o->socket_path, &s->fd);
	s->made_socket = o->socket_path && !err;
	if (!err)
		err = vhost_user_new(&usbip_dev_ops, s->dev, s->fd, &s->vu);
	if (err && o->socket_path)
		log_err("vhost-user-usb: %s: %s", o->socket_path, strerror(-err));
	else if (err)
		log_err("vhost-user-usb: descriptor %d: %s", o->fd, strerror(-err));
	return err;
}

/* ---- signals ---- */

static void *wait_for_signals(void *arg)
{
	struct server *s = arg;
	int sig;

	while (!sigwait(&s->signals, &sig)) {
		if (sig == SIGUSR1) {
			sticks_pull(s);
		} else if (sig == SIGUSR2) {
			sticks_plug(s);
		} else {
			vhost_user_stop(s->vu);
			break;
		}
	}
	return NULL;
}

/* Before there are threads: they inherit the mask. */
static void block_signals(struct server *s)
{
	static const int wanted[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 };

	sigemptyset(&s->signals);
	for (unsigned int i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&s->signals, wanted[i]);
	pthread_sigmask(SIG_BLOCK, &s->signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- life ---- */

static int serve(struct server *s)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, wait_for_signals, s);

	if (err)
		return -err;
	log_info("vhost-user-usb: ready");
	err = vhost_user_run(s->vu);
	pthread_kill(thread, SIGTERM);
	pthread_join(thread, NULL);
	return err;
}

static int server_run(struct server *s)
{
	int err = device_new(s);

	if (!err)
		err = sticks_prepare(s);
	if (!err)
		err = trace_start(s);
	if (!err)
		err = sticks_plug(s);
	if (!err)
		err = socket_open(s);
	if (!err)
		err = serve(s);
	sticks_close(s);
	vhost_user_free(s->vu);
	usbip_dev_free(s->dev);
	sticks_free(s);
	chain_close(&s->options.chain);
	if (s->made_socket) {
		unlink(s->options.socket_path);
		close(s->fd);
	}
	return err;
}

int main(int argc, char **argv)
{
	struct server s = { .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };
	int err = options_parse(argc, argv, &s.options);

	if (err) {
		options_free(&s.options);
		return err - 1;
	}
	if (s.options.print_capabilities) {
		puts("{ \"type\": \"usb\", \"features\": [] }");
		options_free(&s.options);
		return 0;
	}
	log_set_level(s.options.verbose > 1 ? LOG_LEVEL_DEBUG :
		      s.options.verbose ? LOG_LEVEL_INFO : LOG_LEVEL_WARN);
	block_signals(&s);
	err = server_run(&s);
	options_free(&s.options);
	return err ? 1 : 0;
}
