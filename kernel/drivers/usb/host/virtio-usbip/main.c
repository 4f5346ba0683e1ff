// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-usbip: a USB host controller whose transfers are USB/IP PDUs in
 * virtqueues. Life and death of the device. The protocol:
 * docs/protocol.md
 *
 *   main.c     probe, remove, freeze, and what happens to a broken device
 *   queue.c    URB <-> request queue
 *   control.c  control queue, streams
 *   port.c     ports as the device tells: records, events, resets
 *   roothub.c  ports as usbcore sees them
 */

#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include "virtio_usbip_i.h"

static unsigned int virtio_id = VIRTIO_ID_USBIP_DEFAULT;
module_param(virtio_id, uint, 0444);
MODULE_PARM_DESC(virtio_id, "virtio device ID to bind to");

static unsigned long long features_off;
module_param(features_off, ullong, 0444);
MODULE_PARM_DESC(features_off, "optional features not to use, a mask of their bits");

/* ---- the host controllers ---- */

/* Milliseconds, as a full-speed bus counts. */
static int vusbip_frame_number(struct usb_hcd *hcd)
{
	return ktime_to_ms(ktime_get()) & 0x7ff;
}

static int vusbip_hcd_start(struct usb_hcd *hcd)
{
	hcd->uses_new_polling = 1;
	return 0;
}

/* usb_remove_hcd has taken all URBs back by unlinking them. */
static void vusbip_hcd_stop(struct usb_hcd *hcd)
{
}

/* devid is the address (DR-15). */
static int vusbip_address_device(struct usb_hcd *hcd, struct usb_device *udev,
				 unsigned int timeout_ms)
{
	return 0;
}

/* virtio maps what it is given, if that is needed. */
static int vusbip_map_urb(struct usb_hcd *hcd, struct urb *urb, gfp_t mem_flags)
{
	return 0;
}

static void vusbip_unmap_urb(struct usb_hcd *hcd, struct urb *urb)
{
}

/*
 * No HCD_BH: its work item costs more than what is done in the interrupt.
 * HCD_DMA says that any memory will do: for a controller without, usb-storage
 * wants bounce buffers, with which a disk can have no integrity metadata.
 */
static const struct hc_driver vusbip_hc_driver = {
	.description = "virtio-usbip",
	.product_desc = "USB/IP over virtio host controller",
	.hcd_priv_size = sizeof(struct vusbip *),
	.flags = HCD_USB3 | HCD_SHARED | HCD_DMA,
	.start = vusbip_hcd_start,
	.stop = vusbip_hcd_stop,
	.get_frame_number = vusbip_frame_number,
	.urb_enqueue = vusbip_urb_enqueue,
	.urb_dequeue = vusbip_urb_dequeue,
	.map_urb_for_dma = vusbip_map_urb,
	.unmap_urb_for_dma = vusbip_unmap_urb,
	.hub_status_data = vusbip_hub_status,
	.hub_control = vusbip_hub_control,
	.bus_suspend = vusbip_bus_suspend,
	.bus_resume = vusbip_bus_resume,
	.address_device = vusbip_address_device,
	.alloc_streams = vusbip_alloc_streams,
	.free_streams = vusbip_free_streams,
};

static struct usb_hcd *vusbip_create_hcd(struct vusbip *vu, bool usb3)
{
	struct device *dev = &vu->vdev->dev;
	struct usb_hcd *hcd;

	/* The transport's device is the one that does DMA. */
	hcd = __usb_create_hcd(&vusbip_hc_driver, dev->parent, dev, dev_name(dev),
			       usb3 ? vu->hcd[0] : NULL);
	if (!hcd)
		return NULL;
	*(struct vusbip **)hcd->hcd_priv = vu;
	/* The driver's flags say USB 3 for both; usb_add_hcd goes by speed. */
	hcd->speed = !usb3 ? HCD_USB2 : vu->ssp ? HCD_USB31 : HCD_USB3;
	hcd->has_tt = !usb3;
	hcd->can_do_streams = usb3 && vu->max_streams;
	hcd->skip_phy_initialization = 1;
	hcd->cant_recv_wakeups = !vu->port_pm;
	hcd->self.sg_tablesize = vu->seg_max;
	hcd->self.no_sg_constraint = 1;
	hcd->self.no_stop_on_short = 1;
	return hcd;
}

/* A root hub without ports is left out. */
static int vusbip_create_hcds(struct vusbip *vu)
{
	if (vu->usb2_ports) {
		vu->hcd[0] = vusbip_create_hcd(vu, false);
		if (!vu->hcd[0])
			return -ENOMEM;
	}
	if (vu->usb3_ports) {
		vu->hcd[1] = vusbip_create_hcd(vu, true);
		if (!vu->hcd[1])
			return -ENOMEM;
	}
	return 0;
}

static void vusbip_put_hcds(struct vusbip *vu)
{
	if (vu->hcd[1])
		usb_put_hcd(vu->hcd[1]);
	if (vu->hcd[0])
		usb_put_hcd(vu->hcd[0]);
}

static void vusbip_remove_hcds(struct vusbip *vu)
{
	if (vu->hcd[1])
		usb_remove_hcd(vu->hcd[1]);
	if (vu->hcd[0])
		usb_remove_hcd(vu->hcd[0]);
}

/* From here vusbip_die leaves usbcore alone: a removed hcd must not die. */
static void vusbip_retire(struct vusbip *vu)
{
	unsigned long flags;

	spin_lock_irqsave(&vu->lock, flags);
	vu->removing = true;
	spin_unlock_irqrestore(&vu->lock, flags);
	flush_work(&vu->die_work);
}

static int vusbip_add_hcds(struct vusbip *vu)
{
	unsigned long flags;
	int rc = 0;

	spin_lock_irqsave(&vu->lock, flags);
	vu->registered = true;
	spin_unlock_irqrestore(&vu->lock, flags);
	if (vu->hcd[0])
		rc = usb_add_hcd(vu->hcd[0], 0, 0);
	if (rc || !vu->hcd[1])
		return rc;
	rc = usb_add_hcd(vu->hcd[1], 0, 0);
	if (rc && vu->hcd[0]) {
		vusbip_retire(vu);
		usb_remove_hcd(vu->hcd[0]);
	}
	return rc;
}

/* ---- the virtio device ---- */

/*
 * Resets the device, after which it touches no memory, and gives back all that it had
 * (DR-23). Not before the virtqueues are gone: virtio_uml does not pass a reset on, and
 * its device stops with them (DR-13). Once, until vusbip_start.
 */
static void vusbip_stop(struct vusbip *vu)
{
	struct virtio_usbip_event *event;
	unsigned long flags;
	LIST_HEAD(done);
	bool stopped;

	spin_lock_irqsave(&vu->lock, flags);
	stopped = vu->stopped;
	vu->dead = true;
	vu->stopped = true;
	spin_unlock_irqrestore(&vu->lock, flags);
	/* Always: the core makes a device ready that died before probe returned. */
	virtio_reset_device(vu->vdev);
	if (stopped)
		return;

	spin_lock_irqsave(&vu->lock, flags);
	vusbip_urb_drop_all(vu, &done);
	vusbip_ctrl_take_back(vu);
	do {
		event = virtqueue_detach_unused_buf(vu->event_vq);
	} while (event);
	spin_unlock_irqrestore(&vu->lock, flags);
	vu->vdev->config->del_vqs(vu->vdev);

	spin_lock_irqsave(&vu->lock, flags);
	vusbip_ctrl_drop_all(vu);
	spin_unlock_irqrestore(&vu->lock, flags);
	vusbip_urb_giveback(&done);
}

/**
 * vusbip_break - give a device up that cannot be trusted or does not answer
 * @vu: the device; only the first call has an effect
 * @why: for the log
 *
 * Context: vu->lock held.
 */
void vusbip_break(struct vusbip *vu, const char *why)
{
	if (vu->dead)
		return;
	vu->dead = true;
	dev_err(&vu->vdev->dev, "%s, giving the device up\n", why);
	schedule_work(&vu->die_work);
}

static void vusbip_die(struct work_struct *work)
{
	struct vusbip *vu = container_of(work, struct vusbip, die_work);
	unsigned long flags;
	bool removing;

	vusbip_stop(vu);
	spin_lock_irqsave(&vu->lock, flags);
	removing = vu->removing || !vu->registered;
	spin_unlock_irqrestore(&vu->lock, flags);
	if (!removing)
		usb_hc_died(vu->hcd[0] ?: vu->hcd[1]);
}

static int vusbip_read_config(struct vusbip *vu)
{
	struct virtio_device *vdev = vu->vdev;
	u16 version, event_size, num_queues;
	u8 usb2_ports, usb3_ports;

	vu->port_pm = virtio_has_feature(vdev, VIRTIO_USBIP_F_PORT_PM);
	vu->ssp = virtio_has_feature(vdev, VIRTIO_USBIP_F_SSP);
	virtio_cread_le(vdev, struct virtio_usbip_config, usbip_version, &version);
	virtio_cread_le(vdev, struct virtio_usbip_config, usb2_ports, &usb2_ports);
	virtio_cread_le(vdev, struct virtio_usbip_config, usb3_ports, &usb3_ports);
	virtio_cread_le(vdev, struct virtio_usbip_config, num_request_queues, &num_queues);
	virtio_cread_le(vdev, struct virtio_usbip_config, seg_max, &vu->seg_max);
	virtio_cread_le(vdev, struct virtio_usbip_config, max_transfer, &vu->max_transfer);
	virtio_cread_le(vdev, struct virtio_usbip_config, max_inflight_bytes,
			&vu->max_inflight);
	virtio_cread_le(vdev, struct virtio_usbip_config, event_size, &event_size);
	if (virtio_has_feature(vdev, VIRTIO_USBIP_F_ISO))
		virtio_cread_le(vdev, struct virtio_usbip_config, max_iso_packets,
				&vu->max_iso_packets);
	if (virtio_has_feature(vdev, VIRTIO_USBIP_F_STREAMS))
		virtio_cread_le(vdev, struct virtio_usbip_config, max_streams,
				&vu->max_streams);

	/* DR-7 */
	if (version != VIRTIO_USBIP_VERSION || num_queues < VIRTIO_USBIP_MIN_REQUEST_QUEUES ||
	    event_size != sizeof(struct virtio_usbip_event) ||
	    usb2_ports > VIRTIO_USBIP_MAX_USB2_PORTS ||
	    usb3_ports > VIRTIO_USBIP_MAX_USB3_PORTS || !(usb2_ports + usb3_ports)) {
		dev_err(&vdev->dev, "configuration space out of range\n");
		return -EINVAL;
	}
	vu->usb2_ports = usb2_ports;
	vu->usb3_ports = usb3_ports;
	vu->num_ports = usb2_ports + usb3_ports;
	vu->num_queues = min_t(u16, num_queues, VUSBIP_MAX_REQUEST_QUEUES);
	vu->max_transfer = min_t(u32, vu->max_transfer, INT_MAX);
	vu->max_inflight = vu->max_inflight ? max(vu->max_inflight, vu->max_transfer) : U32_MAX;
	return 0;
}

static int vusbip_find_vqs(struct vusbip *vu)
{
	struct virtqueue_info info[VIRTIO_USBIP_VQ_REQUEST + VUSBIP_MAX_REQUEST_QUEUES] = {
		[VIRTIO_USBIP_VQ_CONTROL] = { "control", vusbip_control_done },
		[VIRTIO_USBIP_VQ_EVENT] = { "event", vusbip_event_done },
	};
	struct virtqueue *vqs[ARRAY_SIZE(info)];
	unsigned int i;
	int rc;

	for (i = 0; i < vu->num_queues; i++)
		info[VIRTIO_USBIP_VQ_REQUEST + i] =
			(struct virtqueue_info) { "request", vusbip_request_done };
	rc = virtio_find_vqs(vu->vdev, VIRTIO_USBIP_VQ_REQUEST + vu->num_queues, vqs, info,
			     NULL);
	if (rc)
		return rc;
	vu->ctrl_vq = vqs[VIRTIO_USBIP_VQ_CONTROL];
	vu->event_vq = vqs[VIRTIO_USBIP_VQ_EVENT];
	for (i = 0; i < vu->num_queues; i++)
		vu->queues[i].vq = vqs[VIRTIO_USBIP_VQ_REQUEST + i];
	return 0;
}

/* What the rings' sizes allow. Without indirect descriptors all is in the ring. */
static int vusbip_size(struct vusbip *vu)
{
	unsigned int i, size, smallest = UINT_MAX;

	for (i = 0; i < vu->num_queues; i++)
		smallest = min(smallest, virtqueue_get_vring_size(vu->queues[i].vq));
	/* Command, answer and both tables of isochronous packets are no data. */
	if (smallest < 5 || virtqueue_get_vring_size(vu->ctrl_vq) < 3 || !vu->seg_max) {
		dev_err(&vu->vdev->dev, "virtqueues too small\n");
		return -EINVAL;
	}
	vu->seg_max = min(vu->seg_max, smallest - 4);

	size = virtqueue_get_vring_size(vu->event_vq);
	vu->num_events = min(size, vu->num_ports);
	vu->events = kcalloc(vu->num_events, sizeof(*vu->events), GFP_KERNEL);
	return vu->events ? 0 : -ENOMEM;
}

/*
 * From here the device works. Waits for the ports' records, for a root hub that
 * shows them from its start needs no debouncing. A device that is slow is not
 * waited for: later records are changes like any other.
 */
static int vusbip_start(struct vusbip *vu)
{
	unsigned long flags;
	int rc;

	virtio_device_ready(vu->vdev);
	spin_lock_irqsave(&vu->lock, flags);
	vu->dead = false;
	vu->stopped = false;
	rc = vusbip_event_fill(vu);
	if (!rc)
		vusbip_port_query_all(vu);		/* DR-18 */
	spin_unlock_irqrestore(&vu->lock, flags);
	if (rc)
		return rc;
	wait_event_timeout(vu->wait, !READ_ONCE(vu->querying), VUSBIP_CONTROL_TIMEOUT);
	return 0;
}

static struct vusbip *vusbip_alloc(struct virtio_device *vdev)
{
	struct vusbip *vu = kzalloc(sizeof(*vu), GFP_KERNEL);
	unsigned int i;

	if (!vu)
		return NULL;
	vu->vdev = vdev;
	vu->dead = true;
	spin_lock_init(&vu->lock);
	for (i = 0; i < ARRAY_SIZE(vu->queues); i++)
		INIT_LIST_HEAD(&vu->queues[i].pending);
	INIT_LIST_HEAD(&vu->inflight);
	INIT_LIST_HEAD(&vu->ctrl_pending);
	init_waitqueue_head(&vu->wait);
	INIT_DELAYED_WORK(&vu->unlink_watch, vusbip_unlink_watch);
	INIT_WORK(&vu->die_work, vusbip_die);
	vdev->priv = vu;
	return vu;
}

static void vusbip_free(struct vusbip *vu)
{
	vusbip_put_hcds(vu);
	kfree(vu->events);
	kfree(vu->ports);
	kfree(vu);
}

static int vusbip_validate(struct virtio_device *vdev)
{
	/* DR-1: another kind of USB controller may have the same ID */
	if (!virtio_has_feature(vdev, VIRTIO_USBIP_F_USBIP_PDU) ||
	    !virtio_has_feature(vdev, VIRTIO_F_VERSION_1))
		return -ENODEV;
	return 0;
}

/* Dead first: what the device still says must not schedule them again. */
static void vusbip_cancel_works(struct vusbip *vu)
{
	unsigned long flags;

	spin_lock_irqsave(&vu->lock, flags);
	vu->dead = true;
	spin_unlock_irqrestore(&vu->lock, flags);
	cancel_delayed_work_sync(&vu->unlink_watch);
	cancel_work_sync(&vu->die_work);
}

static int vusbip_probe(struct virtio_device *vdev)
{
	struct vusbip *vu = vusbip_alloc(vdev);
	int rc;

	if (!vu)
		return -ENOMEM;
	rc = vusbip_read_config(vu) ?: vusbip_ports_init(vu) ?: vusbip_find_vqs(vu);
	if (rc)
		goto err_free;
	rc = vusbip_size(vu) ?: vusbip_create_hcds(vu);
	if (rc)
		goto err_vqs;
	rc = vusbip_start(vu) ?: vusbip_add_hcds(vu);
	if (rc)
		goto err_stop;
	return 0;

err_stop:
	vusbip_cancel_works(vu);
	vusbip_stop(vu);
	goto err_free;
err_vqs:
	vdev->config->del_vqs(vdev);
err_free:
	vusbip_free(vu);
	return rc;
}

static void vusbip_remove(struct virtio_device *vdev)
{
	struct vusbip *vu = vdev->priv;
	unsigned long flags;

	/*
	 * Drivers of USB devices may still write back what they have, unless the
	 * device went first: then what it had is given back before usbcore
	 * waits for it.
	 */
	spin_lock_irqsave(&vu->lock, flags);
	if (!vu->dead && virtqueue_is_broken(vu->ctrl_vq))
		vusbip_break(vu, "device removed");
	spin_unlock_irqrestore(&vu->lock, flags);
	vusbip_retire(vu);
	vusbip_remove_hcds(vu);
	vusbip_cancel_works(vu);
	vusbip_stop(vu);
	vusbip_free(vu);
}

#ifdef CONFIG_PM_SLEEP
/* usbcore has suspended the root hubs and all below. */
static int vusbip_freeze(struct virtio_device *vdev)
{
	struct vusbip *vu = vdev->priv;

	vusbip_cancel_works(vu);
	vusbip_stop(vu);
	return 0;
}

static int vusbip_restore(struct virtio_device *vdev)
{
	struct vusbip *vu = vdev->priv;
	int i, rc;

	rc = vusbip_find_vqs(vu);
	if (rc)
		return rc;
	vusbip_port_forget(vu);
	for (i = 0; i < ARRAY_SIZE(vu->hcd); i++)
		if (vu->hcd[i])
			usb_root_hub_lost_power(vu->hcd[i]->self.root_hub);
	return vusbip_start(vu);
}
#endif

/* The first stays; those of features_off are taken out before anybody sees them. */
static unsigned int vusbip_features[] = {
	VIRTIO_USBIP_F_USBIP_PDU,
	VIRTIO_USBIP_F_STREAMS,
	VIRTIO_USBIP_F_ISO,
	VIRTIO_USBIP_F_PORT_PM,
	VIRTIO_USBIP_F_SSP,
};

static struct virtio_device_id vusbip_ids[] = {
	{ VIRTIO_ID_USBIP_DEFAULT, VIRTIO_DEV_ANY_ID },
	{}
};
MODULE_DEVICE_TABLE(virtio, vusbip_ids);

static struct virtio_driver vusbip_driver = {
	.driver.name = "virtio_usbip",
	.id_table = vusbip_ids,
	.feature_table = vusbip_features,
	.validate = vusbip_validate,
	.probe = vusbip_probe,
	.remove = vusbip_remove,
#ifdef CONFIG_PM_SLEEP
	.freeze = vusbip_freeze,
	.restore = vusbip_restore,
#endif
};

static unsigned int __init vusbip_choose_features(void)
{
	unsigned int i, n = 1;

	for (i = 1; i < ARRAY_SIZE(vusbip_features); i++)
		if (!(features_off & BIT_ULL(vusbip_features[i])))
			vusbip_features[n++] = vusbip_features[i];
	return n;
}

static int __init vusbip_init(void)
{
	int rc = vusbip_queue_init();

	if (rc)
		return rc;
	vusbip_driver.feature_table_size = vusbip_choose_features();
	vusbip_ids[0].device = virtio_id;
	rc = register_virtio_driver(&vusbip_driver);
	if (rc)
		vusbip_queue_exit();
	return rc;
}
module_init(vusbip_init);

static void __exit vusbip_exit(void)
{
	unregister_virtio_driver(&vusbip_driver);
	vusbip_queue_exit();
}
module_exit(vusbip_exit);

MODULE_DESCRIPTION("USB host controller over virtio with USB/IP PDUs");
MODULE_LICENSE("GPL");
