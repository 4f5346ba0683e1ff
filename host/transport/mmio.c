// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-mmio registers, version 2 (virtio 1.2 section 4.2.2), as function calls
 * of the library kernel.
 *
 * Registers are accessed on the thread that drives the guest, one at a time, so
 * they need no lock. The interrupt status, the configuration's generation and
 * `started` are shared with the device's threads: atomic.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <linux/virtio_config.h>
#define VIRTIO_MMIO_NO_LEGACY
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "lkl.h"
#include "log.h"
#include "virtio_mmio.h"
#include "virtq_i.h"

#define MMIO_MAGIC		0x74726976u	/* "virt" */
#define MMIO_VENDOR		0x554c4b4cu	/* "LKLU" */
#define MMIO_MAX_CONFIG		(4096u - VIRTIO_MMIO_CONFIG)
#define MMIO_MAX_QUEUES		64u

#define MMIO_RING_FEATURES	((1ull << VIRTIO_F_VERSION_1) | \
				 (1ull << VIRTIO_RING_F_EVENT_IDX) | \
				 (1ull << VIRTIO_RING_F_INDIRECT_DESC))

struct mmio_queue {
	uint32_t num;
	uint64_t desc, avail, used;
	struct virtq *vq;
};

struct virtio_mmio {
	struct virtio_transport transport;	/* first: mmio_from_transport */
	const struct virtio_device_ops *ops;
	void *dev;
	int irq;
	struct guest_mem mem;
	struct guest_mem_region ram;

	_Atomic uint32_t isr;
	_Atomic uint32_t generation;
	_Atomic bool started;

	uint32_t status;
	uint32_t device_features_sel, driver_features_sel;
	uint64_t driver_features;
	uint32_t queue_sel;
	unsigned int n_queues;
	struct mmio_queue queues[];
};

/* ---- from the device ---- */

/*
 * The line is high while a bit is set: only a bit's change raises. A driver that
 * has not acknowledged it yet looks at the rings after it did.
 */
static void mmio_raise(struct virtio_mmio *m, uint32_t bit)
{
	if (!(atomic_fetch_or(&m->isr, bit) & bit))
		lkl_irq_raise(m->irq);
}

static struct virtio_mmio *mmio_from_transport(struct virtio_transport *t)
{
	return (struct virtio_mmio *)t;
}

static void mmio_interrupt(struct virtio_transport *t, unsigned int queue)
{
	mmio_raise(mmio_from_transport(t), VIRTIO_MMIO_INT_VRING);
}

/* Before DRIVER_OK nobody would acknowledge it, and the driver reads all anyway. */
static void mmio_config_changed(struct virtio_transport *t)
{
	struct virtio_mmio *m = mmio_from_transport(t);

	atomic_fetch_add(&m->generation, 1);
	if (atomic_load(&m->started))
		mmio_raise(m, VIRTIO_MMIO_INT_CONFIG);
}

static const struct virtio_transport_ops mmio_transport_ops = {
	.interrupt = mmio_interrupt,
	.config_changed = mmio_config_changed,
};

/* ---- device status, 2.1 and 3.1 ---- */

static uint64_t mmio_offered(struct virtio_mmio *m)
{
	return m->ops->features(m->dev) | MMIO_RING_FEATURES;
}

static bool mmio_accept_features(struct virtio_mmio *m)
{
	uint64_t f = m->driver_features;

	if ((f & ~mmio_offered(m)) || !(f & (1ull << VIRTIO_F_VERSION_1)))
		return false;
	return !m->ops->set_features(m->dev, f & ~MMIO_RING_FEATURES);
}

static void mmio_fail(struct virtio_mmio *m, const char *why)
{
	log_warn("%s: %s", m->ops->name, why);
	m->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
}

static void mmio_start(struct virtio_mmio *m)
{
	struct virtq *queues[MMIO_MAX_QUEUES];

	for (unsigned int i = 0; i < m->n_queues; i++)
		queues[i] = virtq_is_enabled(m->queues[i].vq) ? m->queues[i].vq
							      : NULL;
	/* Before start: the device may have something to say at once. */
	atomic_store(&m->started, true);
	if (m->ops->start(m->dev, &m->transport, queues, m->n_queues)) {
		atomic_store(&m->started, false);
		mmio_fail(m, "the device does not start with these queues");
		return;
	}
	m->status |= VIRTIO_CONFIG_S_DRIVER_OK;
}

static void mmio_reset(struct virtio_mmio *m)
{
	if (atomic_exchange(&m->started, false))
		m->ops->reset(m->dev);
	for (unsigned int i = 0; i < m->n_queues; i++) {
		struct virtq *vq = m->queues[i].vq;

		virtq_reset(vq);
		m->queues[i] = (struct mmio_queue){ .vq = vq };
	}
	m->status = 0;
	m->device_features_sel = m->driver_features_sel = 0;
	m->driver_features = 0;
	m->queue_sel = 0;
	atomic_store(&m->isr, 0);
}

/* Bits are only ever added; those that must be earned are left out when not. */
static void mmio_write_status(struct virtio_mmio *m, uint32_t value)
{
	uint32_t added = value & ~m->status;
	const uint32_t plain = VIRTIO_CONFIG_S_ACKNOWLEDGE |
			       VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FAILED;

	if (!value) {
		mmio_reset(m);
		return;
	}
	m->status |= added & plain;
	if ((added & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    (m->status & VIRTIO_CONFIG_S_DRIVER) && mmio_accept_features(m))
		m->status |= VIRTIO_CONFIG_S_FEATURES_OK;
	if (!(added & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	if (!(m->status & VIRTIO_CONFIG_S_FEATURES_OK))
		mmio_fail(m, "DRIVER_OK without FEATURES_OK");
	else if (!(m->status & VIRTIO_CONFIG_S_NEEDS_RESET))
		mmio_start(m);
}

/* ---- queues ---- */

static struct mmio_queue *mmio_selected(struct virtio_mmio *m)
{
	return m->queue_sel < m->n_queues ? &m->queues[m->queue_sel] : NULL;
}

static uint32_t mmio_queue_max(struct virtio_mmio *m)
{
	uint32_t max;

	if (!mmio_selected(m))
		return 0;
	max = m->ops->queue_size(m->dev, m->queue_sel);
	return max < VIRTQ_MAX_SIZE ? max : VIRTQ_MAX_SIZE;
}

static void mmio_queue_ready(struct virtio_mmio *m, struct mmio_queue *q,
			     uint32_t value)
{
	if (!value) {
		virtq_reset(q->vq);
		return;
	}
	if (!(m->status & VIRTIO_CONFIG_S_FEATURES_OK) || virtq_is_enabled(q->vq))
		return;
	if (q->num > mmio_queue_max(m) ||
	    virtq_enable(q->vq, q->num, q->desc, q->avail, q->used)) {
		log_warn("%s: queue %u: bad size or address", m->ops->name,
			 m->queue_sel);
		return;
	}
	virtq_set_features(q->vq, m->driver_features);
}

static void mmio_set_half(uint64_t *addr, bool high, uint32_t value)
{
	if (high)
		*addr = (*addr & UINT32_MAX) | (uint64_t)value << 32;
	else
		*addr = (*addr & ~(uint64_t)UINT32_MAX) | value;
}

/*
 * A running queue is the device's until reset, whatever the guest writes here:
 * without VIRTIO_F_RING_RESET there is no way to stop a single one.
 */
static void mmio_write_queue(struct virtio_mmio *m, uint32_t offset,
			     uint32_t value)
{
	struct mmio_queue *q = mmio_selected(m);

	if (!q || atomic_load(&m->started))
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		q->num = value;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		mmio_queue_ready(m, q, value);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		mmio_set_half(&q->desc, offset & 4, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		mmio_set_half(&q->avail, offset & 4, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		mmio_set_half(&q->used, offset & 4, value);
		break;
	}
}

static void mmio_notify(struct virtio_mmio *m, uint32_t queue)
{
	if (queue < m->n_queues && atomic_load(&m->started) &&
	    virtq_is_enabled(m->queues[queue].vq))
		m->ops->notify(m->dev, queue);
}

/* ---- configuration space ---- */

static bool mmio_config_range(struct virtio_mmio *m, uint32_t offset,
			      unsigned int size)
{
	uint32_t config_size = m->ops->config_size(m->dev);

	return (size == 1 || size == 2 || size == 4) && offset <= config_size &&
	       size <= config_size - offset;
}

/* Values travel as the CPU's integers, configuration space is little-endian. */
static uint32_t mmio_read_config(struct virtio_mmio *m, uint32_t offset,
				 unsigned int size)
{
	uint8_t b[4] = { 0 };

	if (mmio_config_range(m, offset, size))
		m->ops->config_read(m->dev, offset, b, size);
	return b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24;
}

static void mmio_write_config(struct virtio_mmio *m, uint32_t offset,
			      uint32_t value, unsigned int size)
{
	uint8_t b[4] = { value, value >> 8, value >> 16, value >> 24 };

	if (m->ops->config_write && mmio_config_range(m, offset, size))
		m->ops->config_write(m->dev, offset, b, size);
}

/* ---- register file ---- */

static uint32_t mmio_read(void *dev, uint32_t offset, unsigned int size)
{
	struct virtio_mmio *m = dev;
	struct mmio_queue *q = mmio_selected(m);

	if (offset >= VIRTIO_MMIO_CONFIG)
		return mmio_read_config(m, offset - VIRTIO_MMIO_CONFIG, size);
	if (size != 4)
		return 0;
	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MMIO_MAGIC;
	case VIRTIO_MMIO_VERSION:
		return 2;
	case VIRTIO_MMIO_DEVICE_ID:
		return m->ops->device_id;
	case VIRTIO_MMIO_VENDOR_ID:
		return MMIO_VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return m->device_features_sel > 1 ? 0 :
		       mmio_offered(m) >> (32 * m->device_features_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return mmio_queue_max(m);
	case VIRTIO_MMIO_QUEUE_READY:
		return q && virtq_is_enabled(q->vq);
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return atomic_load(&m->isr);
	case VIRTIO_MMIO_STATUS:
		return m->status;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return atomic_load(&m->generation);
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
		return UINT32_MAX;	/* no such region, 4.2.2 */
	default:
		return 0;
	}
}

static void mmio_write(void *dev, uint32_t offset, uint32_t value,
		       unsigned int size)
{
	struct virtio_mmio *m = dev;

	if (offset >= VIRTIO_MMIO_CONFIG) {
		mmio_write_config(m, offset - VIRTIO_MMIO_CONFIG, value, size);
		return;
	}
	if (size != 4)
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		mmio_notify(m, value);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		atomic_fetch_and(&m->isr, ~value);
		break;
	case VIRTIO_MMIO_STATUS:
		mmio_write_status(m, value);
		break;
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		m->device_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		m->driver_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if (m->driver_features_sel <= 1 &&
		    !(m->status & VIRTIO_CONFIG_S_FEATURES_OK))
			mmio_set_half(&m->driver_features, m->driver_features_sel,
				      value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		m->queue_sel = value;
		break;
	default:
		mmio_write_queue(m, offset, value);
		break;
	}
}

static const struct lkl_mmio_ops mmio_ops = {
	.read = mmio_read,
	.write = mmio_write,
};

/* ---- life ---- */

static void mmio_free_queues(struct virtio_mmio *m)
{
	for (unsigned int i = 0; i < m->n_queues; i++)
		virtq_free(m->queues[i].vq);
}

static int mmio_new_queues(struct virtio_mmio *m)
{
	for (unsigned int i = 0; i < m->n_queues; i++) {
		m->queues[i].vq = virtq_new(&m->mem, m->ops->name, i);
		if (!m->queues[i].vq)
			return -ENOMEM;
	}
	return 0;
}

int virtio_mmio_add(const struct virtio_device_ops *ops, void *dev,
		    struct virtio_mmio **ret_mmio)
{
	const struct lkl_ram *ram = lkl_ram();
	unsigned int n = ops->num_queues(dev);
	uint32_t config_size = ops->config_size(dev);
	struct virtio_mmio *m;
	int err;

	if (n > MMIO_MAX_QUEUES || config_size > MMIO_MAX_CONFIG || !ram)
		return -EINVAL;
	m = calloc(1, sizeof(*m) + n * sizeof(m->queues[0]));
	if (!m)
		return -ENOMEM;
	m->transport.ops = &mmio_transport_ops;
	m->ops = ops;
	m->dev = dev;
	m->ram = (struct guest_mem_region){ ram->gpa, ram->size, ram->hva };
	m->mem = (struct guest_mem){ 1, &m->ram };
	m->n_queues = n;
	err = mmio_new_queues(m);
	if (err)
		goto free;
	err = lkl_add_mmio(&mmio_ops, m, VIRTIO_MMIO_CONFIG + config_size);
	if (err < 0)
		goto free;
	m->irq = err;
	*ret_mmio = m;
	return 0;
free:
	mmio_free_queues(m);
	free(m);
	return err;
}

void virtio_mmio_reset(struct virtio_mmio *m)
{
	mmio_reset(m);
}

void virtio_mmio_free(struct virtio_mmio *m)
{
	if (!m)
		return;
	mmio_reset(m);
	mmio_free_queues(m);
	free(m);
}
