// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bulk streams. Whether the host's controller has them is nowhere to be read. A guest
 * that is told it has, and then gets none, is left without a driver, as uas does not
 * fall back to Bulk-Only once it has started. So the host is asked beforehand.
 */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "usbfs_i.h"

#define PROBE_STREAMS	256u		/* what Linux's uas asks for */

static int call_streams(struct usbfs *b, unsigned long request, const uint8_t *eps,
			unsigned int n_eps, unsigned int n_streams)
{
	union {
		struct usbdevfs_streams arg;
		uint8_t room[sizeof(struct usbdevfs_streams) + USBFS_STREAM_EPS];
	} u = { .arg = { .num_streams = n_streams, .num_eps = n_eps } };

	if (n_eps > USBFS_STREAM_EPS)
		return -EINVAL;
	memcpy(u.arg.eps, eps, n_eps);
	return usbfs_ioctl(b, request, &u.arg);
}

/* The host kills what is in flight on the interface; that ends as it is reaped. */
int usbfs_alloc_streams(struct usb_backend *base, const uint8_t *eps, unsigned int n_eps,
			unsigned int n_streams)
{
	return call_streams(usbfs_from_base(base), USBDEVFS_ALLOC_STREAMS, eps, n_eps,
			    n_streams);
}

int usbfs_free_streams(struct usb_backend *base, const uint8_t *eps, unsigned int n_eps)
{
	return call_streams(usbfs_from_base(base), USBDEVFS_FREE_STREAMS, eps, n_eps, 0);
}

static const struct usbfs_stream_setting *setting_of(const struct usbfs *b)
{
	for (unsigned int i = 0; i < b->n_configs; i++)
		if (b->configs[i].value == b->configuration && b->configs[i].streams.n_eps)
			return &b->configs[i].streams;
	return NULL;
}

static int set_setting(struct usbfs *b, unsigned int interface, unsigned int setting)
{
	struct usbdevfs_setinterface arg = { interface, setting };

	return usbfs_ioctl(b, USBDEVFS_SETINTERFACE, &arg);
}

/* The endpoints exist for the host only while their setting is the current one. */
unsigned int usbfs_streams_probe(struct usbfs *b)
{
	const struct usbfs_stream_setting *s = setting_of(b);
	int granted;

	if (!s || b->base.speed < USB_SPEED_SUPER_)
		return 0;
	granted = set_setting(b, s->interface, s->setting);
	if (!granted) {
		granted = call_streams(b, USBDEVFS_ALLOC_STREAMS, s->eps, s->n_eps,
				       PROBE_STREAMS);
		if (granted >= 0)
			call_streams(b, USBDEVFS_FREE_STREAMS, s->eps, s->n_eps, 0);
	}
	set_setting(b, s->interface, 0);
	if (granted <= 0)
		log_info("usbfs: the host has no streams (%d)", granted);
	return granted > 0 ? granted : 0;
}

unsigned int usbfs_backend_streams(const struct usb_backend *base)
{
	return ((const struct usbfs *)base)->n_streams;
}
