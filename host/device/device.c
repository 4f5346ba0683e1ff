// SPDX-License-Identifier: GPL-2.0-only
/* The virtio-usbip device as a transport sees it, and its life. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device_i.h"

#define FEATURE(name)	(1ull << VIRTIO_USBIP_F_##name)

void usbip_dev_interrupt(struct usbip_dev *dev)
{
	for (unsigned int i = 0; i < dev->n_queues; i++) {
		struct usbip_queue *q = &dev->queues[i];

		if (!q->touched)
			continue;
		q->touched = false;
		if (q->vq && virtq_wants_interrupt(q->vq))
			dev->transport->ops->interrupt(dev->transport, i);
	}
}

/* ---- virtio device operations ---- */

static unsigned int usbip_dev_num_queues(void *dev)
{
	return ((struct usbip_dev *)dev)->n_queues;
}

static unsigned int usbip_dev_queue_size(void *dev, unsigned int queue)
{
	switch (queue) {
	case VIRTIO_USBIP_VQ_CONTROL:
		return USBIP_CONTROL_SIZE;
	case VIRTIO_USBIP_VQ_EVENT:
		return USBIP_EVENT_SIZE;
	default:
		return USBIP_REQUEST_SIZE;
	}
}

static uint64_t usbip_dev_features(void *dev)
{
	return ((struct usbip_dev *)dev)->offered;
}

/* DEV-1. */
static int usbip_dev_set_features(void *opaque, uint64_t features)
{
	struct usbip_dev *dev = opaque;

	if (!(features & FEATURE(USBIP_PDU)) || (features & ~dev->offered))
		return -EINVAL;
	pthread_mutex_lock(&dev->lock);
	dev->features = features;
	pthread_mutex_unlock(&dev->lock);
	return 0;
}

static uint32_t usbip_dev_config_size(void *dev)
{
	return sizeof(struct virtio_usbip_config);
}

static void usbip_dev_config_read(void *dev, uint32_t offset, void *buf, uint32_t len)
{
	memcpy(buf, (char *)&((struct usbip_dev *)dev)->config + offset, len);
}

/* DR-3: request queues beyond the second may be missing. */
static bool usbip_dev_queues_ok(struct virtq *const *queues, unsigned int n)
{
	const unsigned int needed = VIRTIO_USBIP_VQ_REQUEST +
				    VIRTIO_USBIP_MIN_REQUEST_QUEUES;

	if (n < needed)
		return false;
	for (unsigned int i = 0; i < needed; i++)
		if (!queues[i])
			return false;
	return true;
}

/*
 * DEV-36: a new driver has new rings, which start at 0. That those of an old one are all
 * at a multiple of 65536 by chance is left out of account.
 */
static bool usbip_dev_resumes(struct virtq *const *queues, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (queues[i] && virtq_base(queues[i]))
			return true;
	return false;
}

static int usbip_dev_start(void *opaque, struct virtio_transport *transport,
			   struct virtq *const *queues, unsigned int n)
{
	struct usbip_dev *dev = opaque;

	if (!usbip_dev_queues_ok(queues, n))
		return -EINVAL;
	pthread_mutex_lock(&dev->lock);
	dev->transport = transport;
	dev->complained = dev->said_parked = false;
	if (usbip_dev_resumes(queues, n))
		ports_remind(dev);
	else
		ports_forget(dev);	/* DR-18: the driver asks for what is there now */
	for (unsigned int i = 0; i < dev->n_queues && i < n; i++) {
		dev->queues[i].touched = false;
		dev->queues[i].vq = queues[i];
	}
	pthread_mutex_unlock(&dev->lock);
	return 0;
}

static void usbip_dev_notify(void *opaque, unsigned int queue)
{
	struct usbip_dev *dev = opaque;

	if (queue >= dev->n_queues)
		return;
	pthread_mutex_lock(&dev->lock);
	if (!dev->queues[queue].vq)
		;
	else if (queue == VIRTIO_USBIP_VQ_CONTROL)
		control_service(dev);
	else if (queue == VIRTIO_USBIP_VQ_EVENT)
		ports_send_events(dev);
	else
		urbs_service(dev, &dev->queues[queue]);
	urbs_unpark(dev);
	usbip_dev_interrupt(dev);
	pthread_mutex_unlock(&dev->lock);
}

static void usbip_dev_end_all(struct usbip_dev *dev)
{
	ports_drop_resets(dev);
	urbs_drop_queued(dev);
	urbs_cancel_all(dev, NULL);
	while (dev->n_reqs)
		pthread_cond_wait(&dev->idle, &dev->lock);
}

/* DEV-30. The driver sees transfers that were cancelled, and knows how to repeat them. */
static void usbip_dev_drain(void *opaque)
{
	struct usbip_dev *dev = opaque;

	pthread_mutex_lock(&dev->lock);
	usbip_dev_end_all(dev);
	usbip_dev_interrupt(dev);
	for (unsigned int i = 0; i < dev->n_queues; i++)
		dev->queues[i].vq = NULL;
	pthread_mutex_unlock(&dev->lock);
}

/*
 * DEV-28. Backends write into guest memory until they complete, so the last of
 * them must have done so. A port's reset may go on: it touches no chain.
 */
static void usbip_dev_reset(void *opaque)
{
	struct usbip_dev *dev = opaque;

	pthread_mutex_lock(&dev->lock);
	for (unsigned int i = 0; i < dev->n_queues; i++)
		dev->queues[i].vq = NULL;
	usbip_dev_end_all(dev);
	ports_forget(dev);
	pthread_mutex_unlock(&dev->lock);
}

const struct virtio_device_ops usbip_dev_ops = {
	.name = "virtio-usbip",
	.device_id = VIRTIO_ID_USBIP_DEFAULT,
	.num_queues = usbip_dev_num_queues,
	.queue_size = usbip_dev_queue_size,
	.features = usbip_dev_features,
	.set_features = usbip_dev_set_features,
	.config_size = usbip_dev_config_size,
	.config_read = usbip_dev_config_read,
	.start = usbip_dev_start,
	.notify = usbip_dev_notify,
	.drain = usbip_dev_drain,
	.reset = usbip_dev_reset,
};

/* ---- life ---- */

static bool usbip_dev_config_ok(const struct usbip_dev_config *c)
{
	return c->usb2_ports <= VIRTIO_USBIP_MAX_USB2_PORTS &&
	       c->usb3_ports <= VIRTIO_USBIP_MAX_USB3_PORTS &&
	       c->usb2_ports + c->usb3_ports &&
	       (!c->request_queues ||
		(c->request_queues >= VIRTIO_USBIP_MIN_REQUEST_QUEUES &&
		 c->request_queues <= USBIP_MAX_REQUEST_QUEUES)) &&
	       c->max_streams <= USBIP_MAX_STREAMS &&
	       (!c->max_inflight_bytes ||
		c->max_inflight_bytes >= 2 * USBIP_MAX_TRANSFER);	/* DEV-5 */
}

static void usbip_dev_init(struct usbip_dev *dev, const struct usbip_dev_config *c,
			   unsigned int request_queues)
{
	uint64_t optional = FEATURE(ISO) | FEATURE(SSP) | FEATURE(PORT_PM);
	struct virtio_usbip_config *space = &dev->config;

	if (c->max_streams)
		optional |= FEATURE(STREAMS);
	dev->offered = FEATURE(USBIP_PDU) | (optional & ~c->features_off);
	dev->budget = c->budget_bytes;
	dev->n_usb2 = c->usb2_ports;
	dev->n_ports = c->usb2_ports + c->usb3_ports;
	dev->n_queues = VIRTIO_USBIP_VQ_REQUEST + request_queues;

	space->usbip_version = htole16(VIRTIO_USBIP_VERSION);
	space->usb2_ports = c->usb2_ports;
	space->usb3_ports = c->usb3_ports;
	space->num_request_queues = htole16(request_queues);
	if (dev->offered & FEATURE(ISO))
		space->max_iso_packets = htole16(USBIP_MAX_ISO);
	space->seg_max = htole32(USBIP_SEG_MAX);
	space->max_transfer = htole32(USBIP_MAX_TRANSFER);
	space->max_inflight_bytes = htole32(c->max_inflight_bytes);
	if (dev->offered & FEATURE(STREAMS))
		space->max_streams = htole16(c->max_streams);
	space->event_size = htole16(sizeof(struct virtio_usbip_event));

	pthread_mutex_init(&dev->lock, NULL);
	pthread_cond_init(&dev->idle, NULL);
	for (unsigned int i = 0; i < dev->n_queues; i++) {
		dev->queues[i].index = i;
		dev->queues[i].last = &dev->queues[i].first;
	}
	ports_init(dev);
}

int usbip_dev_new(const struct usbip_dev_config *config, struct usbip_dev **ret_dev)
{
	unsigned int request_queues, n_reqs;
	struct usbip_dev *dev;

	if (!usbip_dev_config_ok(config))
		return -EINVAL;
	request_queues = config->request_queues ? config->request_queues :
						  VIRTIO_USBIP_MIN_REQUEST_QUEUES;
	n_reqs = USBIP_CONTROL_SIZE + request_queues * USBIP_REQUEST_SIZE + 1;
	/* Mostly never touched, so the host gives no memory for it. */
	dev = calloc(1, sizeof(*dev) + n_reqs * sizeof(dev->reqs[0]));
	if (!dev)
		return -ENOMEM;
	usbip_dev_init(dev, config, request_queues);
	*ret_dev = dev;
	return 0;
}

void usbip_dev_free(struct usbip_dev *dev)
{
	if (!dev)
		return;
	pthread_mutex_lock(&dev->lock);
	for (unsigned int i = 0; i < dev->n_ports; i++)
		ports_close(&dev->ports[i]);
	pthread_mutex_unlock(&dev->lock);
	pthread_cond_destroy(&dev->idle);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
}
