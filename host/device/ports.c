// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports: section 5 of docs/protocol.md.
 *
 *             plug                    unplug, gone
 *   free ------------> connected --------------------> leaving -----> free
 *    |                                                   |      close
 *    `---------------------------------------------------'
 *                  (plug closes what left before)
 *
 * Without power a connected device is none for the guest (devid 0), and a new one
 * when there is power again.
 *
 * A device that leaves by itself says so on a thread of its backend, which cannot
 * close that backend. So for the guest the port is empty at once, and the backend
 * is closed by whoever next may block: usbip_dev_plug when it takes the port,
 * usbip_dev_unplug, usbip_dev_free.
 */
#include <endian.h>
#include <errno.h>

#include "device_i.h"
#include "log.h"

#define EVENT_MAX_IOV	sizeof(struct virtio_usbip_event)

static void ports_settle(struct usbip_port *port);

void ports_init(struct usbip_dev *dev)
{
	for (unsigned int i = 0; i < dev->n_ports; i++) {
		dev->ports[i].dev = dev;
		dev->ports[i].num = i + 1;
	}
}

struct usbip_port *ports_get(struct usbip_dev *dev, uint32_t num)
{
	return num && num <= dev->n_ports ? &dev->ports[num - 1] : NULL;
}

struct usbip_port *ports_find(struct usbip_dev *dev, uint32_t devid)
{
	struct usbip_port *port = ports_get(dev, devid >> 16);

	return port && port->devid == devid ? port : NULL;
}

int ports_refuse(const struct usbip_port *port)
{
	if (port->leaving || port->disabled || port->off || port->suspended)
		return -ESHUTDOWN;
	return port->resetting ? -ECONNRESET : 0;
}

bool ports_use(struct usbip_port *port)
{
	if (port->closing)
		return false;
	port->users++;
	return true;
}

void ports_unuse(struct usbip_port *port)
{
	if (!--port->users && port->closing)
		pthread_cond_broadcast(&port->dev->idle);
}

void ports_chain_returned(struct usbip_port *port)
{
	if (--port->n_chains)
		return;
	if (port->closing)
		pthread_cond_broadcast(&port->dev->idle);
	ports_settle(port);
}

/* ---- events ---- */

struct virtio_usbip_event ports_record(const struct usbip_port *port)
{
	struct virtio_usbip_event ev = {
		.type = htole16(port->waking ? VIRTIO_USBIP_EV_WAKE :
					       VIRTIO_USBIP_EV_PORT),
		.port = htole16(port->num),
		.devid = htole32(port->devid),
		.change_count = htole32(port->change_count),
	};

	if (!port->devid)
		return ev;
	ev.speed = port->backend->speed;
	if (ev.speed == USB_SPEED_SUPER_PLUS_ &&
	    !usbip_has_feature(port->dev, VIRTIO_USBIP_F_SSP))
		ev.speed = USB_SPEED_SUPER_;
	return ev;
}

/*
 * DEV-24: that a port is empty is not told while chains are missing, even if an older
 * event of it is still due.
 */
static struct usbip_port *ports_next_due(struct usbip_dev *dev)
{
	for (unsigned int i = 0; i < dev->n_ports; i++) {
		struct usbip_port *port = &dev->ports[i];

		if ((port->changed || port->waking) && (port->devid || !port->n_chains))
			return port;
	}
	return NULL;
}

/* A buffer that is too small goes back empty. */
static bool ports_write_event(const struct usbip_port *port, struct usbip_queue *q,
			      const struct virtq_chain *chain)
{
	struct virtio_usbip_event ev = ports_record(port);
	const struct usb_urb buf = { .iov = chain->iov + chain->n_out };
	bool fits = chain->in_len >= sizeof(ev);

	if (fits)
		pdu_put_data(&buf, &ev, sizeof(ev));
	virtq_push(q->vq, chain->head, fits ? sizeof(ev) : 0);
	q->touched = true;
	return fits;
}

/*
 * The driver's notifications are only of interest while an event waits for a
 * buffer; that is when they are asked for.
 */
void ports_send_events(struct usbip_dev *dev)
{
	struct usbip_queue *q = &dev->queues[VIRTIO_USBIP_VQ_EVENT];
	struct iovec iov[EVENT_MAX_IOV];
	struct usbip_port *port;
	struct virtq_chain chain;
	int got;

	while (q->vq && (port = ports_next_due(dev))) {
		got = virtq_pop(q->vq, iov, EVENT_MAX_IOV, &chain);
		if (got > 0 && ports_write_event(port, q, &chain))
			port->changed = port->waking = false;
		if (got < 0 || (!got && !virtq_enable_notify(q->vq)))
			return;
	}
}

/* DEV-14, DEV-15: a new connection. */
static void ports_show(struct usbip_port *port)
{
	if (!++port->generation)
		port->generation = 1;
	port->devid = port->num << 16 | port->generation;
	port->change_count++;
	port->changed = true;
}

/* ---- leaving ---- */

/* For the guest the port is empty from here; the backend stays to be closed. */
static void ports_leave(struct usbip_port *port)
{
	port->announced = !port->devid;		/* without power it was none */
	if (port->devid)
		port->change_count++;
	port->devid = 0;
	port->leaving = true;
	port->waking = false;
	urbs_stop_port(port, -ESHUTDOWN);
}

/* On a thread of the backend's, or inside one of its operations. */
static void ports_gone(void *ctx)
{
	struct usbip_port *port = ctx;
	struct usbip_dev *dev = port->dev;

	pthread_mutex_lock(&dev->lock);
	if (port->backend && !port->leaving) {
		log_info("virtio-usbip: port %u: the device left", port->num);
		ports_leave(port);
		usbip_dev_interrupt(dev);
	}
	pthread_mutex_unlock(&dev->lock);
}

static void ports_wake(void *ctx)
{
	struct usbip_port *port = ctx;
	struct usbip_dev *dev = port->dev;

	pthread_mutex_lock(&dev->lock);
	if (port->devid && port->suspended) {
		port->waking = true;
		ports_send_events(dev);
		usbip_dev_interrupt(dev);
	}
	pthread_mutex_unlock(&dev->lock);
}

static const struct usb_backend_events ports_backend_events = {
	.gone = ports_gone,
	.wake = ports_wake,
};

void ports_close(struct usbip_port *port)
{
	struct usbip_dev *dev = port->dev;

	if (!port->backend)
		return;
	port->closing = true;
	if (!port->leaving)
		ports_leave(port);
	usbip_dev_interrupt(dev);
	while (port->users)
		pthread_cond_wait(&dev->idle, &dev->lock);
	pthread_mutex_unlock(&dev->lock);
	port->backend->ops->close(port->backend);
	pthread_mutex_lock(&dev->lock);
	/* Completions came already, but one may be waiting for the lock. */
	while (port->n_chains || port->users)
		pthread_cond_wait(&dev->idle, &dev->lock);
	port->backend = NULL;
	port->leaving = port->closing = port->disabled = port->suspended = false;
	port->resetting = port->reset_done = false;
	usbip_dev_interrupt(dev);
}

/* ---- reset ---- */

static void ports_answer_resets(struct usbip_port *port, int status)
{
	struct usbip_req *req = port->waiters, *next;

	port->waiters = NULL;
	for (; req; req = next) {
		next = req->next;
		urbs_fail(req, status);
	}
}

static void ports_finish_reset(struct usbip_port *port)
{
	int status = port->reset_status;

	port->resetting = port->reset_done = false;
	if (!status)
		port->disabled = port->suspended = false;
	ports_answer_resets(port, status);
	if (status == -ENODEV) {
		log_info("virtio-usbip: port %u: the device is gone after a reset",
			 port->num);
		ports_leave(port);		/* DEV-26 */
	}
}

/* Without chains, that power went is told, and it may come again. */
static void ports_power_settle(struct usbip_port *port)
{
	if (port->want_power) {
		port->off = false;
		if (port->backend && !port->leaving)
			ports_show(port);
	}
	ports_send_events(port->dev);
}

/* What has to wait until the port has no chains (DEV-24, DEV-25). */
static void ports_settle(struct usbip_port *port)
{
	if (port->n_chains)
		return;
	if (port->leaving) {
		ports_answer_resets(port, -ENODEV);
		if (!port->announced) {
			port->announced = true;
			port->changed = true;
			ports_send_events(port->dev);
		}
	} else if (port->resetting && port->reset_done) {
		ports_finish_reset(port);
	} else if (port->off) {
		ports_power_settle(port);
	}
}

/* Any thread, perhaps inside the backend's reset. */
static void ports_reset_done(void *ctx, int status)
{
	struct usbip_port *port = ctx;
	struct usbip_dev *dev = port->dev;

	pthread_mutex_lock(&dev->lock);
	if (port->leaving) {
		port->resetting = false;
	} else {
		port->reset_done = true;
		port->reset_status = status;
		ports_settle(port);
	}
	usbip_dev_interrupt(dev);
	pthread_mutex_unlock(&dev->lock);
}

void ports_reset(struct usbip_port *port, struct usbip_req *req)
{
	struct usbip_dev *dev = port->dev;

	req->next = port->waiters;
	port->waiters = req;
	if (port->resetting || !ports_use(port))
		return;
	port->resetting = true;
	port->reset_done = false;
	urbs_stop_port(port, -ECONNRESET);
	pthread_mutex_unlock(&dev->lock);
	port->backend->ops->reset(port->backend, ports_reset_done, port);
	pthread_mutex_lock(&dev->lock);
	ports_unuse(port);
}

/* What is in flight gets no answer from a port that is switched off. */
void ports_disable(struct usbip_port *port)
{
	port->disabled = true;
	urbs_stop_port(port, -ESHUTDOWN);
	urbs_cancel_all(port->dev, port);
}

/* ---- power ---- */

void ports_suspend(struct usbip_port *port, bool suspended)
{
	struct usbip_dev *dev = port->dev;

	if (port->suspended == suspended || !ports_use(port))
		return;
	log_info("virtio-usbip: port %u: %s", port->num, suspended ? "suspended" : "resumed");
	port->suspended = suspended;
	port->waking = false;
	if (suspended) {
		urbs_stop_port(port, -ESHUTDOWN);
		urbs_cancel_all(dev, port);
	}
	if (port->backend->ops->suspend) {
		pthread_mutex_unlock(&dev->lock);
		port->backend->ops->suspend(port->backend, suspended);
		pthread_mutex_lock(&dev->lock);
	}
	ports_unuse(port);
}

static void ports_power_off(struct usbip_port *port)
{
	log_info("virtio-usbip: port %u: without power", port->num);
	port->off = true;
	port->suspended = port->waking = false;
	if (!port->devid)
		return;
	port->devid = 0;
	port->change_count++;
	port->changed = true;
	urbs_stop_port(port, -ESHUTDOWN);
	urbs_cancel_all(port->dev, port);
}

void ports_power(struct usbip_port *port, bool on)
{
	port->want_power = on;
	if (!on && !port->off)
		ports_power_off(port);
	if (port->off && !port->n_chains)
		ports_power_settle(port);
}

void ports_drop_resets(struct usbip_dev *dev)
{
	for (unsigned int i = 0; i < dev->n_ports; i++)
		ports_answer_resets(&dev->ports[i], -ESHUTDOWN);
}

void ports_remind(struct usbip_dev *dev)
{
	for (unsigned int i = 0; i < dev->n_ports; i++)
		dev->ports[i].changed = dev->ports[i].change_count;
}

void ports_forget(struct usbip_dev *dev)
{
	for (unsigned int i = 0; i < dev->n_ports; i++) {
		struct usbip_port *port = &dev->ports[i];

		port->disabled = port->suspended = port->waking = false;
		if (port->off)
			ports_power(port, true);
		port->changed = false;
	}
}

/* ---- plug and unplug ---- */

/* The first port of that speed into which something can be plugged. */
static struct usbip_port *ports_free(struct usbip_dev *dev, enum usb_speed speed)
{
	bool usb3 = speed >= USB_SPEED_SUPER_;
	unsigned int i = usb3 ? dev->n_usb2 : 0;
	unsigned int end = usb3 ? dev->n_ports : dev->n_usb2;

	for (; i < end; i++) {
		struct usbip_port *port = &dev->ports[i];

		if (!port->backend || (port->leaving && !port->closing))
			return port;
	}
	return NULL;
}

static bool ports_speed_ok(enum usb_speed speed)
{
	return (speed >= USB_SPEED_LOW_ && speed <= USB_SPEED_HIGH_) ||
	       speed == USB_SPEED_SUPER_ || speed == USB_SPEED_SUPER_PLUS_;
}

static void ports_connect(struct usbip_port *port, struct usb_backend *backend)
{
	port->backend = backend;
	if (!port->off)
		ports_show(port);
	backend->events_ctx = port;
	backend->events = &ports_backend_events;
	log_info("virtio-usbip: port %u: %s, speed %d", port->num,
		 backend->ops->name, backend->speed);
}

int usbip_dev_plug(struct usbip_dev *dev, struct usb_backend *backend,
		   unsigned int *ret_port)
{
	struct usbip_port *port;

	if (!ports_speed_ok(backend->speed))
		return -EINVAL;
	pthread_mutex_lock(&dev->lock);
	port = ports_free(dev, backend->speed);
	if (port) {
		ports_close(port);
		ports_connect(port, backend);
		ports_send_events(dev);
		usbip_dev_interrupt(dev);
		*ret_port = port->num;
	}
	pthread_mutex_unlock(&dev->lock);
	return port ? 0 : -ENOSPC;
}

int usbip_dev_unplug(struct usbip_dev *dev, unsigned int num)
{
	struct usbip_port *port = ports_get(dev, num);
	int err = 0;

	if (!port)
		return -EINVAL;
	pthread_mutex_lock(&dev->lock);
	if (!port->devid)
		err = -ENODEV;		/* for the guest; a backend may be left over */
	if (!port->closing)
		ports_close(port);
	pthread_mutex_unlock(&dev->lock);
	return err;
}
