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

static int open_failed(int err)
{
	const char *source = guest.config.source;

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

/* Makes the controller first. Likewise; an exit status was reported. */
static int plug_backend(const struct usbip_dev_config *ports, struct usb_backend *backend)
{
	int err = open_trace();

	if (!err)
		err = usbip_dev_new(ports, &guest.usb);
	if (!err)
		return plug_in(backend);
	backend->ops->close(backend);
	return err;
}

static int plug_stick(unsigned int flags)
{
	static const struct usbip_dev_config ports = {
		.usb2_ports = 1, .usb3_ports = 1, .max_streams = USB_MAX_STREAMS,
	};
	struct stick_config config = {
		.speed = guest.config.speed,
		.sector_size = guest.config.sector_size,
		.uas = guest.config.uas,
	};
	struct usb_backend *stick;
	int err;

	err = image_open(guest.config.source, flags, &config.image);
	if (err)
		return err;
	guest.readonly = image_is_readonly(config.image);
	err = stick_new(&config, &stick);
	if (err) {
		image_close(config.image);
		return err;
	}
	guest.disk = "sda";
	return plug_backend(&ports, stick);
}

/* As long as it may come back nobody is told. */
static void device_gone(void *ctx)
{
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

static int plug_usb(void)
{
	bool remote = usbip_source_named_by(guest.config.source);
	struct usbip_dev_config ports = { .usb2_ports = 1, .usb3_ports = 1 };
	struct usb_backend *backend;
	int err, status;

	if (guest.config.virtio_blk)
		return report(REPORT_USAGE, "usage", "%s: --virtio-blk is for images",
			      guest.config.source);
	status = remote ? usbip_open(guest.config.source, device_gone, &backend) :
		 devices_open(guest.config.source, guest.config.detach_driver, device_gone,
			      &guest.device, &backend);
	if (status)
		return status;
	/* USB/IP has no streams: without them the device's Bulk-Only side is taken. */
	ports.max_streams = remote ? 0 : usbfs_backend_streams(backend);
	err = protect(&backend);
	if (!err)
		err = plug_backend(&ports, backend);
	if (err > 0)
		return err;
	if (err)
		return report(REPORT_SYSTEM, "device-open", "%s: %s", guest.config.source,
			      strerror(-err));
	guest.disk = "sda";
	guest.real = true;
	return 0;
}

bool guest_came_back(void)
{
	struct usb_backend *backend;

	if (!guest.real || !*guest.device.id || !guest.n_returns)
		return false;		/* from a peer, or too often */
	guest.n_returns--;
	guest.gone = false;		/* first: it may leave again */
	if (devices_reopen(&guest.device, guest.config.detach_driver, device_gone, &backend) &&
	    !protect(&backend) && !plug_in(backend))
		return true;
	guest.gone = true;
	return false;
}

static int plug_blk(unsigned int flags)
{
	int err = virtio_blk_open(guest.config.source, flags, guest.config.sector_size,
				  &guest.blk);

	if (err)
		return err;
	guest.readonly = virtio_blk_is_readonly(guest.blk);
	guest.disk = "vda";
	return 0;
}

static int plug_image(void)
{
	unsigned int flags = (guest.config.readonly ? IMAGE_READONLY : 0) |
			     (guest.config.powercut ? IMAGE_POWERCUT : 0);
	int err;

	if (guest.config.virtio_blk && chain_is_used(&guest.config.chain))
		return report(REPORT_USAGE, "usage", "--virtio-blk has no USB to trace or filter");
	err = guest.config.virtio_blk ? plug_blk(flags) : plug_stick(flags);
	return err < 0 ? open_failed(err) : err;
}

int guest_plug(void)
{
	const char *source = guest.config.source;

	return devices_named_by(source) || usbip_source_named_by(source) ? plug_usb() : plug_image();
}
