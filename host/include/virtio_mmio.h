/* SPDX-License-Identifier: GPL-2.0-only */
/* virtio_mmio.h - puts a virtio device on the library kernel's virtio-mmio bus. */
#ifndef VIRTIO_MMIO_H
#define VIRTIO_MMIO_H

#include "virtio_dev.h"

struct virtio_mmio;

/*
 * Registers the device; between lkl_init and lkl_start_kernel. ops and dev stay
 * the caller's and must live until virtio_mmio_free.
 * -ENOSPC: no free slot; -ENOMEM; -EINVAL: more queues or configuration than fit.
 */
int virtio_mmio_add(const struct virtio_device_ops *ops, void *dev,
		    struct virtio_mmio **ret_mmio);

/*
 * Resets the device from the host's side: no thread touches guest memory through
 * it afterwards. Only while no guest code runs: an orderly lkl_halt makes the
 * guest reset its devices itself, but a panicked guest does not, so call this
 * between the panic and the end of guest memory.
 */
void virtio_mmio_reset(struct virtio_mmio *mmio);

/*
 * After lkl_halt (or when the kernel never started), before the device is freed:
 * resets the device if the guest did not. NULL is allowed.
 */
void virtio_mmio_free(struct virtio_mmio *mmio);

#endif
