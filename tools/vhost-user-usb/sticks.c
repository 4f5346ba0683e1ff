// SPDX-License-Identifier: GPL-2.0-only
#include "sticks.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "image.h"
#include "log.h"
#include "opener.h"
#include "reimport.h"
#include "stick.h"
#include "usb.h"
#include "virtio_usbip_dev.h"
#include "zero_backend.h"

/* ---- opening ---- */

static int zero_open(const struct stick_spec *spec, struct usb_backend **ret_backend)
{
	struct zero_config config = {
		.speed = spec->speed,
		.pattern = spec->pattern,
		.wake_ms = spec->wake_ms,
	};

	return zero_backend_new(&config, ret_backend);
}

/* The descriptor is somebody else's afterwards, or closed. */
static int image_stick_open(const struct stick_spec *spec, int fd,
			    struct usb_backend **ret_backend)
{
	struct stick_config config = {
		.speed = spec->speed,
		.sector_size = spec->sector_size,
		.serial = spec->serial,
		.uas = spec->uas,
	};
	int err = image_from_fd(fd, &config.image);

	if (err) {
		close(fd);
		return err;
	}
	err = stick_new(&config, ret_backend);
	if (err)
		image_close(config.image);
	return err;
}

static int usbip_connect(void *ctx, int *ret_fd, const char **ret_why)
{
	const struct stick_spec *spec = ctx;
	struct sticks *s = spec->owner;
	int err = opener_open(s->options, spec, ret_fd);

	if (err)
		*ret_why = usbip_source_why(err);
	return err;
}

/* *ret_why: what stick_why does not know. */
static int usbip_open(struct stick_spec *spec, struct usb_backend **ret_backend,
		      const char **ret_why)
{
	int fd, err;

	if (spec->reimport)
		return reimport_now(spec->reimport, ret_backend, ret_why);
	err = usbip_connect(spec, &fd, ret_why);
	return err ? err : usbip_source_import_on(&spec->usbip, fd, NULL, NULL, ret_backend,
						  ret_why);
}

static int stick_open(struct sticks *s, struct stick_spec *spec,
		      struct usb_backend **ret_backend, const char **ret_why)
{
	int fd, err;

	if (spec->zero)
		return zero_open(spec, ret_backend);
	if (*spec->usbip.busid)
		return usbip_open(spec, ret_backend, ret_why);
	err = opener_open(s->options, spec, &fd);
	if (err)
		return err;
	return spec->usb ? usb_open(spec->path, spec->detach, fd, ret_backend) :
			   image_stick_open(spec, fd, ret_backend);
}

/* ---- plugging ---- */

/* Its own filters are nearer to it than the trace. */
static int stick_plug_filtered(struct sticks *s, struct stick_spec *spec,
			       struct usb_backend *backend)
{
	int err = chain_wrap(&spec->chain, &backend);

	if (!err)
		err = chain_wrap(&s->options->chain, &backend);
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
	case EPIPE:
		return "the process that opens it has ended";
	default:
		return strerror(-err);
	}
}

static int stick_plug(struct sticks *s, struct stick_spec *spec)
{
	struct usb_backend *backend;
	const char *why = NULL;
	int err = stick_open(s, spec, &backend, &why);

	if (!err)
		err = stick_plug_filtered(s, spec, backend);
	if (err)
		log_err("vhost-user-usb: %s: %s", spec->path, why ? why : stick_why(err));
	if (err)
		opener_give_back(s->options, spec);
	return err;
}

static void stick_pull(struct sticks *s, struct stick_spec *spec)
{
	if (spec->reimport)
		reimport_cancel(spec->reimport);
	usbip_dev_unplug(s->dev, spec->port);
	spec->port = 0;
	opener_give_back(s->options, spec);
}

/* A new device: what was lost is unplugged, if the port has not noticed already. */
static void stick_is_back(void *ctx, struct usb_backend *backend)
{
	struct stick_spec *spec = ctx;
	struct sticks *s = spec->owner;
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
int sticks_prepare(struct sticks *s)
{
	int err = 0;

	for (unsigned int i = 0; i < s->options->n_sticks && !err; i++) {
		struct stick_spec *spec = &s->options->sticks[i];
		struct reimport_config config = {
			.source = spec->usbip, .connect = usbip_connect,
			.plug = stick_is_back, .ctx = spec,
		};

		spec->owner = s;
		if (*spec->usbip.busid && spec->usbip.kind != USBIP_SOURCE_FD)
			err = reimport_new(&config, &spec->reimport);
	}
	return err;
}

void sticks_close(struct sticks *s)
{
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_mutex_unlock(&s->lock);
}

void sticks_free(struct sticks *s)
{
	for (unsigned int i = 0; i < s->options->n_sticks; i++)
		reimport_free(s->options->sticks[i].reimport);
}

int sticks_plug(struct sticks *s)
{
	int ret = 0;

	pthread_mutex_lock(&s->lock);
	for (unsigned int i = 0; i < s->options->n_sticks; i++) {
		struct stick_spec *spec = &s->options->sticks[i];
		int err = spec->port ? 0 : stick_plug(s, spec);

		ret = ret ? ret : err;
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

void sticks_pull(struct sticks *s)
{
	pthread_mutex_lock(&s->lock);
	for (unsigned int i = 0; i < s->options->n_sticks; i++)
		if (s->options->sticks[i].port)
			stick_pull(s, &s->options->sticks[i]);
	pthread_mutex_unlock(&s->lock);
}
