/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtq_i.h - life of a virtqueue, for transports. Devices use virtio_dev.h.
 *
 * A virtq has no lock of its own. Transports call these while the device is not
 * started (or after its reset), devices call virtio_dev.h's with their lock held.
 */
#ifndef VIRTQ_I_H
#define VIRTQ_I_H

#include "virtio_dev.h"

/* mem must outlive the queue's last use. name: for the log, stays the caller's. */
struct virtq *virtq_new(const struct guest_mem *mem, const char *name,
			unsigned int index);
void virtq_free(struct virtq *vq);

/*
 * Checks and maps the three parts of a ring of `size` entries. -EINVAL: size not
 * a power of two up to VIRTQ_MAX_SIZE, a part misaligned (2.7) or outside memory.
 */
int virtq_enable(struct virtq *vq, unsigned int size, uint64_t desc_gpa,
		 uint64_t avail_gpa, uint64_t used_gpa);
bool virtq_is_enabled(const struct virtq *vq);

/* VIRTIO_RING_F_EVENT_IDX and VIRTIO_RING_F_INDIRECT_DESC of what was negotiated. */
void virtq_set_features(struct virtq *vq, uint64_t features);

/* Where to go on after a stop (vhost-user's VRING_BASE); 0 after enable. */
void virtq_set_base(struct virtq *vq, uint16_t avail_idx);

/* Disabled, not broken, indexes 0, no features. */
void virtq_reset(struct virtq *vq);

#endif
