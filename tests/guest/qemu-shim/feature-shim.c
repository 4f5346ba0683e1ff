// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test only. QEMU 7.2 has no generic vhost-user device, so our device comes as its
 * vhost-user-blk: with that one's virtio ID, and without the feature bits that it does
 * not know. This puts both right in the guest, between the bus and the driver, so that
 * the driver is the one that is shipped. qemu-proxy.py does the same for the back end.
 */
#include <linux/module.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_usbip.h>

#define SHIM_FEATURES	(BIT_ULL(VIRTIO_USBIP_F_USBIP_PDU) | BIT_ULL(VIRTIO_USBIP_F_STREAMS))

static const struct virtio_config_ops *below;
static struct virtio_config_ops shim_ops;

static u64 shim_get_features(struct virtio_device *vdev)
{
	return below->get_features(vdev) | SHIM_FEATURES;
}

static int shim_finalize_features(struct virtio_device *vdev)
{
	u64 ours = vdev->features & SHIM_FEATURES;
	int rc;

	vdev->features &= ~SHIM_FEATURES;
	rc = below->finalize_features(vdev);
	vdev->features |= ours;
	return rc;
}

/* One device: there is one in the guest. */
static int shim_probe(struct virtio_device *vdev)
{
	if (below)
		return -EBUSY;
	below = vdev->config;
	shim_ops = *below;
	shim_ops.get_features = shim_get_features;
	shim_ops.finalize_features = shim_finalize_features;
	vdev->config = &shim_ops;
	vdev->id.device = VIRTIO_ID_USBIP_DEFAULT;
	return 0;
}

/* For the driver whose device it is. */
static void shim_remove(struct virtio_device *vdev)
{
	virtio_reset_device(vdev);
}

static const struct virtio_device_id shim_ids[] = {
	{ VIRTIO_ID_BLOCK, VIRTIO_DEV_ANY_ID },
	{}
};

static struct virtio_driver shim_driver = {
	.driver.name = "feature_shim",
	.id_table = shim_ids,
	.probe = shim_probe,
	.remove = shim_remove,
};

/* Never unloaded: the device uses shim_ops. */
static int __init shim_init(void)
{
	return register_virtio_driver(&shim_driver);
}
module_init(shim_init);

MODULE_DESCRIPTION("vhost-user-blk as a virtio-usbip device, for a test");
MODULE_LICENSE("GPL");
