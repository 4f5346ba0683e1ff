/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the driver expects of its kernel and older ones have in other words. The driver
 * is written for the newest; this is included in front of each of its files, and each
 * part names the release from which on it is not needed.
 */
#ifndef VIRTIO_USBIP_COMPAT_H
#define VIRTIO_USBIP_COMPAT_H

#include <linux/bitfield.h>
#include <linux/usb/quirks.h>
#include <linux/version.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "Linux 6.1 is the oldest that is tried"
#endif

/*
 * 6.8 and stable releases before it gave hc_driver's address_device a time limit, with a
 * quirk that needs it. The macro changes the definition: no other place has arguments.
 */
#ifndef USB_QUIRK_SHORT_SET_ADDRESS_REQ_TIMEOUT
#define vusbip_address_device(hcd, udev, timeout) vusbip_address_device(hcd, udev)
#endif

/* 6.3. A constant for a constant mask: times the mask's lowest bit is a shift to it. */
#ifndef FIELD_PREP_CONST
#define FIELD_PREP_CONST(mask, val)	((mask) & ((val) * ((mask) & -(mask))))
#endif

/* 6.11 put what virtio_find_vqs takes into one array. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
struct virtqueue_info {
	const char *name;
	vq_callback_t *callback;
	bool ctx;
};

#define VUSBIP_COMPAT_MAX_VQS	16

static inline int vusbip_compat_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
					 struct virtqueue *vqs[],
					 struct virtqueue_info info[],
					 struct irq_affinity *desc)
{
	vq_callback_t *callbacks[VUSBIP_COMPAT_MAX_VQS];
	const char *names[VUSBIP_COMPAT_MAX_VQS];
	unsigned int i;

	if (WARN_ON(nvqs > VUSBIP_COMPAT_MAX_VQS))
		return -EINVAL;
	for (i = 0; i < nvqs; i++) {
		callbacks[i] = info[i].callback;
		names[i] = info[i].name;
	}
	return virtio_find_vqs(vdev, nvqs, vqs, callbacks, names, desc);
}

#define virtio_find_vqs vusbip_compat_find_vqs
#endif

#endif
