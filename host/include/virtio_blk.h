/* SPDX-License-Identifier: GPL-2.0-only */
/* virtio_blk.h - a plain disk over an image, virtio 1.2 section 5.2. */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include "image.h"
#include "virtio_dev.h"

struct virtio_blk;

/*
 * Opens path as image_open does (errors likewise). sector_size: logical block
 * size, 512 or 4096 (else -EINVAL). image_flags: IMAGE_*.
 */
int virtio_blk_open(const char *path, unsigned int image_flags,
		    unsigned int sector_size, struct virtio_blk **ret_blk);

/* After the transport is gone (it resets the device). NULL is allowed. */
void virtio_blk_close(struct virtio_blk *blk);

bool virtio_blk_is_readonly(const struct virtio_blk *blk);

/* Its `dev` is a struct virtio_blk. */
extern const struct virtio_device_ops virtio_blk_ops;

#endif
