// SPDX-License-Identifier: GPL-2.0-only
/* Claiming a device, the backend's operations, giving the device back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <linux/usb/ch9.h>

#include "log.h"
#include "thread.h"
#include "usbfs_i.h"

#define DESCRIPTORS_MAX		16384u	/* bytes, of all configurations */
#define CONTROL_TIMEOUT_MS	1000u
#define NO_SG_PIECE		(64u << 10)
#define OLD_HOST_PIECE		(16u << 10)

/* ---- interfaces ---- */

uint32_t usbfs_interfaces_of(const struct usbfs *b, uint8_t configuration)
{
	for (unsigned int i = 0; i < b->n_configs; i++)
		if (b->configs[i].value == configuration)
			return b->configs[i].interfaces;
	return 0;
}

static void driver_of(struct usbfs *b, unsigned int interface, char *ret_name)
{
	struct usbdevfs_getdriver arg = { .interface = interface };

	*ret_name = 0;
	if (!usbfs_ioctl(b, USBDEVFS_GETDRIVER, &arg)) {
		arg.driver[USBDEVFS_MAXDRIVERNAME] = 0;
		strcpy(ret_name, arg.driver);
	}
}

/* Another program's claim is not ours to end. */
static int claim_from_driver(struct usbfs *b, unsigned int interface)
{
	struct usbdevfs_disconnect_claim arg = {
		.interface = interface,
		.flags = USBDEVFS_DISCONNECT_CLAIM_EXCEPT_DRIVER,
		.driver = "usbfs",
	};
	int err = usbfs_ioctl(b, USBDEVFS_DISCONNECT_CLAIM, &arg);

	if (!err)
		b->detached |= 1u << interface;
	return err;
}

static int claim_one(struct usbfs *b, unsigned int interface, char *driver)
{
	char name[USBFS_DRIVER_NAME];
	int err = usbfs_ioctl(b, USBDEVFS_CLAIMINTERFACE, &interface);

	if (err == -EBUSY) {
		driver_of(b, interface, name);
		if (b->config.detach && strcmp(name, "usbfs"))
			err = claim_from_driver(b, interface);
		if (err && driver)
			strcpy(driver, name);
	}
	if (!err)
		b->claimed |= 1u << interface;
	return err;
}

int usbfs_claim(struct usbfs *b, uint32_t interfaces, char *driver)
{
	int err = 0;

	for (unsigned int i = 0; i < 32 && !err; i++)
		if (interfaces >> i & 1)
			err = claim_one(b, i, driver);
	return err;
}

void usbfs_release(struct usbfs *b)
{
	for (unsigned int i = 0; i < 32; i++)
		if (b->claimed >> i & 1)
			usbfs_ioctl(b, USBDEVFS_RELEASEINTERFACE, &i);
	b->claimed = 0;
}

/* Only what we took: what had no driver before gets none. */
static void give_back(struct usbfs *b)
{
	int fd = b->config.give_back_fd >= 0 ? b->config.give_back_fd : b->config.fd;

	usbfs_release(b);
	for (unsigned int i = 0; i < 32; i++) {
		struct usbdevfs_ioctl arg = { .ifno = i, .ioctl_code = USBDEVFS_CONNECT };
		int ret;

		if (!(b->detached >> i & 1) || b->config.others_give_back)
			continue;
		ret = b->host->ioctl(b->config.host_ctx, fd, USBDEVFS_IOCTL, &arg);
		if (ret < 0 && ret != -ENODEV)
			log_warn("usbfs: interface %u gets no driver back: %d", i, ret);
	}
	b->detached = 0;
}

/*
 * From here on the descriptor is good for these interfaces only, whoever gets hold of
 * it. Hosts before Linux 4.8 cannot do that.
 */
static void drop_privileges(struct usbfs *b)
{
	uint32_t mask = 0;

	if (b->config.keep_rights)
		return;
	if (b->detached && b->config.give_back_fd < 0 && !b->config.others_give_back)
		return;
	for (unsigned int i = 0; i < b->n_configs; i++)
		mask |= b->configs[i].interfaces;
	if (usbfs_ioctl(b, USBDEVFS_DROP_PRIVILEGES, &mask))
		log_info("usbfs: the descriptor keeps its rights");
}

/* ---- operations ---- */

static void start_worker(struct work *work)
{
}

static int start_threads(struct usbfs *b)
{
	int err;

	if (b->started)
		return 0;
	err = b->worker_runs ? 0 : worker_submit(b->worker, &b->first_work);
	if (err)
		return err;
	b->worker_runs = true;
	err = thread_start(&b->reaper, usbfs_reaper_main, b);
	b->started = !err;
	return err;
}

static int usbfs_submit(struct usb_backend *base, struct usb_urb *urb)
{
	struct usbfs *b = usbfs_from_base(base);
	struct usbfs_ep *ep = usbfs_ep_of(b, urb);
	struct usbfs_xfer *x;
	int err;

	if (urb->n_iso)
		return -EINVAL;
	err = usbfs_xfer_new(b, urb, &x);
	if (err)
		return err;
	pthread_mutex_lock(&b->lock);
	err = b->gone || b->lost || b->closing ? -ESHUTDOWN : start_threads(b);
	if (!err) {
		b->dirty |= urb->ep;
		usbfs_append(ep, x);
		usbfs_issue(b, ep);
		usbfs_complete_ended(b);
	}
	pthread_mutex_unlock(&b->lock);
	if (err)
		usbfs_xfer_free(x);
	return err;
}

/*
 *   WAITING        ends here
 *   ISSUING        the issuer discards it as soon as the host has it
 *   FLYING         the worker discards it; inside config.after, whose thread nobody
 *                  can wait for, it is discarded and reaped here
 *   SLOW           ends by itself
 *   not there      has ended
 */
static void usbfs_cancel(struct usb_backend *base, struct usb_urb *urb)
{
	struct usbfs *b = usbfs_from_base(base);
	struct usbfs_xfer *x;

	pthread_mutex_lock(&b->lock);
	x = usbfs_ep_of(b, urb)->first;
	while (x && x->urb != urb)
		x = x->next;
	if (x && x->state == XFER_WAITING) {
		usbfs_end(b, x, -ECONNRESET);
	} else if (x && !x->wanted && x->state != XFER_SLOW) {
		x->wanted = -ECONNRESET;
		if (x->state == XFER_FLYING && usbfs_is_reaper(b))
			usbfs_discard_here(x);
		else if (x->state == XFER_FLYING)
			usbfs_discard_start(x);
	}
	usbfs_complete_ended(b);
	pthread_mutex_unlock(&b->lock);
}

/*
 * A guest resets what it has just found, up to twice; a device that the host has
 * reset and configured, and that nobody used since, needs no more of it.
 */
static void usbfs_reset(struct usb_backend *base, void (*done)(void *ctx, int status),
			void *ctx)
{
	struct usbfs *b = usbfs_from_base(base);
	bool started = false;
	int err = 0;

	pthread_mutex_lock(&b->lock);
	usbfs_end_all(b, -ECONNRESET);
	if (b->gone || b->lost) {
		err = -ENODEV;
	} else if (b->dirty || b->n_held || b->n_slow) {
		err = usbfs_reset_start(b, done, ctx);
		started = !err;
	}
	usbfs_complete_ended(b);
	pthread_mutex_unlock(&b->lock);
	if (!started)
		done(ctx, err);
}

/* The reaper last: what the worker discards has to be reaped. */
static void stop_threads(struct usbfs *b)
{
	bool started;

	pthread_mutex_lock(&b->lock);
	b->closing = true;
	started = b->started;
	usbfs_end_all(b, -ESHUTDOWN);
	usbfs_complete_ended(b);
	usbfs_discard_all(b);
	pthread_mutex_unlock(&b->lock);
	worker_pool_destroy(b->worker);
	if (!started)
		return;
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	usbfs_wake_reaper(b);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->reaper, NULL);
}

static void usbfs_free(struct usbfs *b)
{
	if (b->wake >= 0)
		close(b->wake);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

static void usbfs_close(struct usb_backend *base)
{
	struct usbfs *b = usbfs_from_base(base);

	stop_threads(b);
	give_back(b);
	b->host->close(b->config.host_ctx, b->config.fd);
	if (b->config.give_back_fd >= 0)
		b->host->close(b->config.host_ctx, b->config.give_back_fd);
	usbfs_free(b);
}

uint32_t usbfs_backend_hand_over(struct usb_backend *base)
{
	struct usbfs *b = usbfs_from_base(base);
	uint32_t detached = b->config.others_give_back ? 0 : b->detached;

	b->config.others_give_back = true;
	return detached;
}

static const struct usb_backend_ops usbfs_ops = {
	.name = "usbfs",
	.submit = usbfs_submit,
	.cancel = usbfs_cancel,
	.reset = usbfs_reset,
	.alloc_streams = usbfs_alloc_streams,
	.free_streams = usbfs_free_streams,
	.close = usbfs_close,
};

/* ---- life ---- */

static int read_host(struct usbfs *b)
{
	uint32_t caps = 0;
	int speed, err = usbfs_ioctl(b, USBDEVFS_GET_CAPABILITIES, &caps);

	if (err)
		return err == -ENOTTY ? -EINVAL : err == -EPERM ? -EACCES : err;
	if (caps & USBDEVFS_CAP_BULK_SCATTER_GATHER)
		b->max_piece = UINT32_MAX;
	else
		b->max_piece = caps & USBDEVFS_CAP_NO_PACKET_SIZE_LIM ? NO_SG_PIECE :
									OLD_HOST_PIECE;
	speed = usbfs_ioctl(b, USBDEVFS_GET_SPEED, NULL);
	if (speed < USB_SPEED_LOW_ || speed > USB_SPEED_SUPER_PLUS_ || speed == 4)
		speed = USB_SPEED_HIGH_;	/* wireless, or a host that cannot say */
	b->base.speed = speed;
	return 0;
}

static int read_descriptors(struct usbfs *b)
{
	uint8_t *desc = malloc(DESCRIPTORS_MAX);
	ssize_t n;
	int err = -ENOMEM;

	if (!desc)
		return err;
	n = b->host->pread(b->config.host_ctx, b->config.fd, desc, DESCRIPTORS_MAX, 0);
	err = n < 0 ? n : usbfs_parse(desc, n, b->config.interface_class, b->configs,
				      &b->n_configs);
	free(desc);
	return err;
}

/* usbfs does not say which configuration is set; the device does. */
static int read_configuration(struct usbfs *b)
{
	uint8_t value = 0;
	struct usbdevfs_ctrltransfer arg = {
		.bRequestType = USB_DIR_IN,
		.bRequest = USB_REQ_GET_CONFIGURATION,
		.wLength = 1,
		.timeout = CONTROL_TIMEOUT_MS,
		.data = &value,
	};
	int ret = usbfs_ioctl(b, USBDEVFS_CONTROL, &arg);

	if (ret == -ENODEV)
		return ret;
	b->configuration = ret == 1 && value ? value : b->configs[0].value;
	return usbfs_interfaces_of(b, b->configuration) ? 0 : -ENXIO;
}

static void usbfs_init(struct usbfs *b, const struct usbfs_config *config)
{
	b->base.ops = &usbfs_ops;
	b->config = *config;
	b->host = config->host ? config->host : &usbfs_system;
	b->ended_last = &b->ended;
	b->first_work.fn = start_worker;
	b->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	b->worker = worker_pool_new(1);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
}

static int usbfs_take(struct usbfs *b, char *driver)
{
	int err = read_host(b);

	if (!err)
		err = read_descriptors(b);
	if (!err)
		err = read_configuration(b);
	if (!err)
		err = usbfs_claim(b, usbfs_interfaces_of(b, b->configuration), driver);
	if (err)
		give_back(b);
	return err;
}

int usbfs_backend_new(const struct usbfs_config *config, struct usb_backend **ret_backend,
		      char driver[USBFS_DRIVER_NAME])
{
	struct usbfs *b = calloc(1, sizeof(*b));
	int err = -ENOMEM;

	*driver = 0;
	if (!b)
		return err;
	usbfs_init(b, config);
	if (b->wake < 0)
		err = -errno;
	else if (b->worker)
		err = usbfs_take(b, driver);
	if (err) {
		worker_pool_destroy(b->worker);
		usbfs_free(b);
		return err;
	}
	b->n_streams = usbfs_streams_probe(b);
	drop_privileges(b);
	*ret_backend = &b->base;
	return 0;
}
