// SPDX-License-Identifier: GPL-2.0-only
/* What is plugged into the library kernel: an image or a USB device, behind filters. */
#include <errno.h>
#include <string.h>

#include "guest_i.h"
#include "image.h"
#include "readonly_filter.h"
#include "report.h"
#include "stick.h"
#include "usbfs_backend.h"
#include "usbip.h"
#include "usbip_source.h"

#define USB_MAX_STREAMS	256u	/* more than a disk's queue is deep */

static int open_failed(const char *source, int err)
{
	switch (-err) {
	case ENOENT:
		report(REPORT_MOUNT, "source-missing", "%s: no such file", source);
		break;
	case EACCES:
	case EPERM:
		report(REPORT_MOUNT, "source-access", "%s: permission denied", source);
		break;
	case EBUSY:
		report(REPORT_MOUNT, "source-busy", "%s is in use", source);
		report_hint("somebody else has it mounted or locked; readers share it: --ro");
		break;
	case EISDIR:
		report(REPORT_MOUNT, "source-type", "%s is a folder, not an image",
		       source);
		break;
	case EINVAL:
		report(REPORT_MOUNT, "source-type",
		       "%s is no image: neither a file nor a block device, or empty",
		       source);
		break;
	default:
		report(REPORT_MOUNT, "source-open", "%s: %s", source, strerror(-err));
	}
	return REPORT_MOUNT;
}

/* After the source, whose lock keeps the trace from overwriting it. */
static int open_trace(void)
{
	int err = chain_open(&guest.config.chain);

	if (err)
		return report(REPORT_USAGE, "trace", "%s: %s",
			      guest.config.chain.trace_config.path,
			      err == -EINVAL ? "not a regular file" :
			      err == -EBUSY ? "in use" : strerror(-err));
	return 0;
}

/* With the filters of the command line between. The backend is closed if that fails. */
static int plug_in(struct usb_backend *backend)
{
	unsigned int port;
	int err = chain_wrap(&guest.config.chain, &backend);

	if (!err)
		err = usbip_dev_plug(guest.usb, backend, &port);
	if (err)
		backend->ops->close(backend);
	return err;
}

static unsigned int image_flags(void)
{
	return (guest.config.readonly ? IMAGE_READONLY : 0) |
	       (guest.config.powercut ? IMAGE_POWERCUT : 0);
}

static int open_stick(const char *source, struct usb_backend **ret_backend)
{
	struct stick_config config = {
		.speed = guest.config.speed,
		.sector_size = guest.config.sector_size,
		.uas = guest.config.uas,
	};
	int err = image_open(source, image_flags(), &config.image);

	if (err)
		return open_failed(source, err);
	guest.readonly |= image_is_readonly(config.image);
	err = stick_new(&config, ret_backend);
	if (!err)
		return 0;
	image_close(config.image);
	return open_failed(source, err);
}

/* What is on the others may be enough for the filesystem. */
static void report_one_gone(void)
{
	const struct report_sink *sink = report_divert(NULL);

	report(REPORT_MOUNT, "device-gone", "%s: one of %u devices was unplugged",
	       guest.config.source, guest.config.n_more + 1);
	report_divert(sink);
}

/* As long as it may come back nobody is told. */
static void device_gone(void *ctx)
{
	guest.left = true;
	if (++guest.n_gone <= guest.config.n_more) {
		if (guest.has_disk)
			report_one_gone();
		return;
	}
	guest.gone = true;
	if (guest.has_disk && guest.config.on_gone)
		guest.config.on_gone();
}

void guest_disk_is_there(void)
{
	guest.has_disk = true;
	if (guest.gone && guest.config.on_gone)
		guest.config.on_gone();
}

/* The guest may be read-only, but does not decide about that. */
static int protect(struct usb_backend **backend)
{
	int err = guest.config.readonly ? readonly_filter_new(*backend, backend) : 0;

	if (err)
		(*backend)->ops->close(*backend);
	return err;
}

static int open_usb(const char *source, unsigned int *streams, struct usb_backend **ret_backend)
{
	bool remote = usbip_source_named_by(source);
	int err, status;

	status = remote ? usbip_open(source, device_gone, ret_backend) :
		 devices_open(source, guest.config.detach_driver, device_gone, &guest.device,
			      ret_backend);
	if (status)
		return status;
	/* USB/IP has no streams: without them the device's Bulk-Only side is taken. */
	*streams = remote ? 0 : usbfs_backend_streams(*ret_backend);
	guest.real = true;
	err = protect(ret_backend);
	return err ? report(REPORT_SYSTEM, "device-open", "%s: %s", source, strerror(-err)) : 0;
}

static bool is_usb(const char *source)
{
	return devices_named_by(source) || usbip_source_named_by(source);
}

/* streams: those that all sources have. */
static int open_backend(const char *source, unsigned int *streams,
			struct usb_backend **ret_backend)
{
	unsigned int n = USB_MAX_STREAMS;
	int status = is_usb(source) ? open_usb(source, &n, ret_backend) :
		     open_stick(source, ret_backend);

	*streams = n < *streams ? n : *streams;
	return status;
}

/* All of the backends, or none: those that are not plugged in are closed. */
static int plug_backends(const struct usbip_dev_config *ports, struct usb_backend **backends,
			 unsigned int n)
{
	int err = usbip_dev_new(ports, &guest.usb);
	unsigned int i;

	for (i = 0; !err && i < n; i++)
		err = plug_in(backends[i]);
	for (; i < n; i++)
		backends[i]->ops->close(backends[i]);
	return err ? report(REPORT_SYSTEM, "device-open", "%s: %s", guest.config.source,
			    strerror(-err)) : 0;
}

/* A guardian, and a quirk, are one device's. */
static int check_for_one(void)
{
	unsigned int n = devices_named_by(guest.config.source);

	for (unsigned int i = 0; i < guest.config.n_more; i++)
		n += devices_named_by(guest.config.more[i]);
	return n > 1 && (guest.config.detach_driver || guest.config.no_uas) ?
	       report(REPORT_USAGE, "usage", "--detach-driver and --no-uas are for one USB device") :
	       0;
}

static int plug_usb(void)
{
	struct usb_backend *backends[GUEST_MAX_SOURCES];
	unsigned int n = 0, streams = USB_MAX_STREAMS, n_sources = guest.config.n_more + 1;
	struct usbip_dev_config ports = { .usb2_ports = n_sources, .usb3_ports = n_sources };
	int status = check_for_one();

	if (!status)
		status = open_backend(guest.config.source, &streams, &backends[0]);
	while (!status && ++n < n_sources)
		status = open_backend(guest.config.more[n - 1], &streams, &backends[n]);
	if (!status)
		status = open_trace();
	ports.max_streams = streams;
	if (!status)
		return plug_backends(&ports, backends, n);
	while (n--)
		backends[n]->ops->close(backends[n]);
	return status;
}

static bool reopen(struct usb_backend **ret_backend)
{
	if (usbip_source_named_by(guest.config.source))
		return usbip_reopen(guest.config.source, device_gone, ret_backend);
	return *guest.device.id && devices_reopen(&guest.device, device_gone, ret_backend);
}

bool guest_came_back(void)
{
	struct usb_backend *backend;

	if (!guest.real || guest.config.n_more || !guest.n_returns)
		return false;		/* one of several, or too often */
	guest.n_returns--;
	guest.n_gone = 0;
	guest.left = guest.gone = false;	/* first: it may leave again */
	if (reopen(&backend) && !protect(&backend) && !plug_in(backend))
		return true;
	guest.left = guest.gone = true;
	return false;
}

static int plug_blk(void)
{
	const char *source = guest.config.source;
	int err;

	if (guest.config.n_more || is_usb(source))
		return report(REPORT_USAGE, "usage", "%s: --virtio-blk is for one image", source);
	if (chain_is_used(&guest.config.chain))
		return report(REPORT_USAGE, "usage", "--virtio-blk has no USB to trace or filter");
	err = virtio_blk_open(source, image_flags(), guest.config.sector_size, &guest.blk);
	if (err)
		return open_failed(source, err);
	guest.readonly = virtio_blk_is_readonly(guest.blk);
	return 0;
}

int guest_plug(void)
{
	return guest.config.virtio_blk ? plug_blk() : plug_usb();
}
