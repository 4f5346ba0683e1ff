// SPDX-License-Identifier: GPL-2.0-only
/* virtio-usbip: what is plugged into the ports, as the device tells. */

#include <linux/slab.h>

#include "virtio_usbip_i.h"

#define VUSBIP_CONNECT_BITS	(USB_PORT_STAT_CONNECTION | USB_PORT_STAT_ENABLE | \
				 USB_PORT_STAT_SUSPEND | USB_PORT_STAT_LOW_SPEED | \
				 USB_PORT_STAT_HIGH_SPEED)
/* USB 3 has other meanings for bits 5..8 (link state) and 9.. */
#define VUSBIP_CONNECT_BITS_SS	(USB_PORT_STAT_CONNECTION | USB_PORT_STAT_ENABLE | \
				 USB_PORT_STAT_LINK_STATE)

static u32 vusbip_connect_bits(struct vusbip_port *port)
{
	return port->usb3 ? VUSBIP_CONNECT_BITS_SS : VUSBIP_CONNECT_BITS;
}

/**
 * vusbip_port - a port by the number that usbcore has for it
 * @vu: the device
 * @hcd: root hub
 * @portnum: from 1
 *
 * Return: the port, or NULL.
 */
struct vusbip_port *vusbip_port(struct vusbip *vu, struct usb_hcd *hcd,
				unsigned int portnum)
{
	bool usb3 = hcd == vu->hcd[1];
	unsigned int n = usb3 ? vu->usb3_ports : vu->usb2_ports;

	if (portnum < 1 || portnum > n)
		return NULL;
	return &vu->ports[portnum - 1 + (usb3 ? vu->usb2_ports : 0)];
}

/**
 * vusbip_devid - where the URBs of a USB device go
 * @vu: the device
 * @hcd: root hub
 * @udev: the USB device
 *
 * It is taken from the port at the first URB, so that URBs for a device that was
 * replaced never reach its successor.
 *
 * Context: vu->lock held.
 * Return: the devid, 0 if the USB device is gone.
 */
u32 vusbip_devid(struct vusbip *vu, struct usb_hcd *hcd, struct usb_device *udev)
{
	struct vusbip_port *port;
	unsigned long devid = (unsigned long)udev->ep0.hcpriv;

	/* What is behind a hub that is a device has no devid. */
	if (udev->parent != hcd->self.root_hub)
		return 0;
	port = vusbip_port(vu, hcd, udev->portnum);
	if (!port)
		return 0;
	if (!devid) {
		devid = port->devid;
		udev->ep0.hcpriv = (void *)devid;
	}
	return devid == port->devid ? devid : 0;
}

/* ---- state ---- */

static void vusbip_port_changed(struct vusbip *vu, struct vusbip_port *port, u32 change)
{
	port->status |= change << 16;
	vu->poll[port->usb3] = true;
}

/* The status bits of a port with power in which port->devid is plugged. */
void vusbip_port_show(struct vusbip *vu, struct vusbip_port *port)
{
	port->status &= ~vusbip_connect_bits(port);
	if (!port->devid) {
		if (port->usb3)
			port->status |= USB_SS_PORT_LS_RX_DETECT;
		return;
	}
	port->status |= USB_PORT_STAT_CONNECTION;
	if (port->usb3)		/* SuperSpeed links come up by themselves */
		port->status |= USB_PORT_STAT_ENABLE | USB_SS_PORT_LS_U0;
	else if (port->speed == USB_SPEED_LOW)
		port->status |= USB_PORT_STAT_LOW_SPEED;
	/*
	 * Not for what was there from the start: that needs no debouncing, which
	 * is 100 ms less until it is usable.
	 */
	if (vu->registered)
		vusbip_port_changed(vu, port, USB_PORT_STAT_C_CONNECTION);
}

static bool vusbip_port_powered(struct vusbip_port *port)
{
	return port->status & (port->usb3 ? USB_SS_PORT_STAT_POWER : USB_PORT_STAT_POWER);
}

static bool vusbip_record_valid(struct vusbip_port *port, u32 devid, u8 speed)
{
	if (!devid)
		return true;
	if (devid >> 16 != port->num)
		return false;
	if (port->usb3)
		return speed == USB_SPEED_SUPER || speed == USB_SPEED_SUPER_PLUS;
	return speed >= USB_SPEED_LOW && speed <= USB_SPEED_HIGH;
}

/* A record of the port's state, our copy. With vu->lock held. */
static void vusbip_port_record(struct vusbip *vu, struct vusbip_port *port,
			       const struct virtio_usbip_event *record)
{
	u32 devid = le32_to_cpu(record->devid);
	u32 count = le32_to_cpu(record->change_count);

	if (!vusbip_record_valid(port, devid, record->speed)) {
		vusbip_break(vu, "wrong port record");
		return;
	}
	if (port->known && (s32)(count - port->change_count) <= 0)
		return;				/* DR-14 */
	port->known = true;
	port->change_count = count;
	if (devid == port->devid)
		return;
	/* DR-21: a replaced device shows as a change with the port not enabled. */
	if (port->devid && vusbip_port_powered(port))
		vusbip_port_changed(vu, port, USB_PORT_STAT_C_CONNECTION);
	port->devid = devid;
	port->speed = record->speed;
	if (vusbip_port_powered(port))
		vusbip_port_show(vu, port);
}

/* ---- asking ---- */

static void vusbip_port_query(struct vusbip *vu, struct vusbip_port *port)
{
	if (port->querying) {
		port->query_again = true;
		return;
	}
	port->query_again = false;
	vusbip_ctrl_setup(&port->query, VIRTIO_USBIP_REQ_TYPE_VENDOR_IN,
			  VIRTIO_USBIP_REQ_GET_PORT, 0, port->num, &port->record,
			  sizeof(port->record));
	if (vusbip_ctrl_send(vu, &port->query))
		return;
	port->querying = true;
	vu->querying++;
}

static void vusbip_query_done(struct vusbip *vu, struct vusbip_ctrl *ctrl, int status)
{
	struct vusbip_port *port = container_of(ctrl, struct vusbip_port, query);
	struct virtio_usbip_event record;

	port->querying = false;
	if (!status && ctrl->actual == sizeof(record)) {
		memcpy(&record, &port->record, sizeof(record));
		vusbip_port_record(vu, port, &record);
	}
	if (port->query_again)
		vusbip_port_query(vu, port);
	if (!--vu->querying)
		wake_up(&vu->wait);
}

/* With vu->lock held. */
void vusbip_port_query_all(struct vusbip *vu)
{
	unsigned int i;

	for (i = 0; i < vu->num_ports; i++)
		vusbip_port_query(vu, &vu->ports[i]);
}

/* ---- reset ---- */

static void vusbip_reset_done(struct vusbip *vu, struct vusbip_ctrl *ctrl, int status)
{
	struct vusbip_port *port = container_of(ctrl, struct vusbip_port, reset);
	u32 change = USB_PORT_STAT_C_RESET;

	port->resetting = false;
	port->status &= ~USB_PORT_STAT_RESET;
	if (port->warm)
		change |= USB_PORT_STAT_C_BH_RESET;
	if (!status && port->devid && port->devid == port->reset_devid &&
	    port->status & USB_PORT_STAT_CONNECTION) {
		port->status |= USB_PORT_STAT_ENABLE;
		if (!port->usb3 && port->speed == USB_SPEED_HIGH)
			port->status |= USB_PORT_STAT_HIGH_SPEED;
	} else {
		vusbip_port_query(vu, port);
	}
	vusbip_port_changed(vu, port, change);
}

/**
 * vusbip_port_reset - start a reset of a port
 * @vu: the device
 * @port: the port
 * @warm: usbcore asked for a warm reset
 *
 * usbcore polls the port's status, for at most 800 ms, and asks again. If the
 * reset for which it asked before is still running, or ended and was not noticed,
 * that one answers (DR-22).
 *
 * Context: vu->lock held.
 * Return: 0, or -ENODEV when the device is broken.
 */
int vusbip_port_reset(struct vusbip *vu, struct vusbip_port *port, bool warm)
{
	u32 unnoticed = USB_PORT_STAT_C_RESET << 16 | USB_PORT_STAT_ENABLE;

	if (!(port->status & USB_PORT_STAT_CONNECTION))
		return 0;
	if (port->resetting || (port->status & unnoticed) == unnoticed)
		return 0;
	port->warm = warm;
	port->reset_devid = port->devid;
	vusbip_ctrl_setup(&port->reset, VIRTIO_USBIP_REQ_TYPE_PORT, USB_REQ_SET_FEATURE,
			  USB_PORT_FEAT_RESET, port->num, NULL, 0);
	port->status &= ~(vusbip_connect_bits(port) & ~USB_PORT_STAT_CONNECTION);
	if (!port->usb3 && port->speed == USB_SPEED_LOW)
		port->status |= USB_PORT_STAT_LOW_SPEED;
	port->status |= USB_PORT_STAT_RESET;
	port->resetting = true;
	if (vusbip_ctrl_send(vu, &port->reset)) {
		port->resetting = false;
		port->status &= ~USB_PORT_STAT_RESET;
		return -ENODEV;		/* for usbcore: the hub is gone */
	}
	return 0;
}

/* ---- power and suspend, with F_PORT_PM ---- */

static bool vusbip_port_is_suspended(struct vusbip_port *port)
{
	if (!(port->status & USB_PORT_STAT_ENABLE))
		return false;
	if (port->usb3)
		return (port->status & USB_PORT_STAT_LINK_STATE) == USB_SS_PORT_LS_U3;
	return port->status & USB_PORT_STAT_SUSPEND;
}

static void vusbip_port_pm_send(struct vusbip *vu, struct vusbip_port *port, bool set,
				u16 feature)
{
	vusbip_ctrl_setup(&port->pm, VIRTIO_USBIP_REQ_TYPE_PORT,
			  set ? USB_REQ_SET_FEATURE : USB_REQ_CLEAR_FEATURE, feature,
			  port->num, NULL, 0);
	port->pm_busy = !vusbip_ctrl_send(vu, &port->pm);
}

/*
 * Tells the device how the port differs from what it was told last, one request at a
 * time; the answer looks again. With vu->lock held.
 */
void vusbip_port_pm(struct vusbip *vu, struct vusbip_port *port)
{
	bool powered = vusbip_port_powered(port);
	bool suspended = vusbip_port_is_suspended(port) && !port->waking;

	if (!vu->port_pm || port->pm_busy || vu->dead)
		return;
	if (port->powered != powered) {
		port->powered = powered;
		port->suspended = false;
		vusbip_port_pm_send(vu, port, powered, USB_PORT_FEAT_POWER);
	} else if (port->suspended != suspended) {
		port->suspended = suspended;
		vusbip_port_pm_send(vu, port, suspended, USB_PORT_FEAT_SUSPEND);
	}
}

/* A remote wakeup shows when the device has been resumed, for then usbcore talks to it. */
static void vusbip_port_awake(struct vusbip *vu, struct vusbip_port *port)
{
	port->waking = false;
	if (!vusbip_port_is_suspended(port))
		return;
	if (port->usb3) {
		port->status &= ~USB_PORT_STAT_LINK_STATE;	/* U0 */
		vusbip_port_changed(vu, port, USB_PORT_STAT_C_LINK_STATE);
	} else {
		port->status &= ~USB_PORT_STAT_SUSPEND;
		vusbip_port_changed(vu, port, USB_PORT_STAT_C_SUSPEND);
	}
}

/* A port that has become empty refuses; then there is nothing to suspend either. */
static void vusbip_pm_done(struct vusbip *vu, struct vusbip_ctrl *ctrl, int status)
{
	struct vusbip_port *port = container_of(ctrl, struct vusbip_port, pm);

	port->pm_busy = false;
	if (port->waking && !port->suspended)
		vusbip_port_awake(vu, port);
	vusbip_port_pm(vu, port);
	wake_up(&vu->wait);
}

static void vusbip_port_wake(struct vusbip *vu, struct vusbip_port *port)
{
	if (!vusbip_port_is_suspended(port))
		return;
	port->waking = true;
	vusbip_port_pm(vu, port);
}

/* Transfers that follow must find the port as it was asked for. Without vu->lock. */
void vusbip_port_pm_wait(struct vusbip *vu, struct vusbip_port *port)
{
	unsigned long flags;

	if (wait_event_timeout(vu->wait, !READ_ONCE(port->pm_busy), VUSBIP_CONTROL_TIMEOUT))
		return;
	spin_lock_irqsave(&vu->lock, flags);
	vusbip_break(vu, "port request not answered");
	spin_unlock_irqrestore(&vu->lock, flags);
}

/* ---- set-up ---- */

int vusbip_ports_init(struct vusbip *vu)
{
	unsigned int i;

	vu->ports = kcalloc(vu->num_ports, sizeof(*vu->ports), GFP_KERNEL);
	if (!vu->ports)
		return -ENOMEM;
	for (i = 0; i < vu->num_ports; i++) {
		struct vusbip_port *port = &vu->ports[i];

		port->num = i + 1;
		port->usb3 = i >= vu->usb2_ports;
		port->status = port->usb3 ? USB_SS_PORT_STAT_POWER | USB_SS_PORT_LS_RX_DETECT :
					    USB_PORT_STAT_POWER;
		port->reset.done = vusbip_reset_done;
		port->query.done = vusbip_query_done;
		port->pm.done = vusbip_pm_done;
		port->powered = true;
	}
	return 0;
}

/* After a reset of the device: counts start anew, nothing is enabled. */
void vusbip_port_forget(struct vusbip *vu)
{
	struct vusbip_port *port;

	for (port = vu->ports; port < vu->ports + vu->num_ports; port++) {
		port->known = false;
		port->status &= ~USB_PORT_STAT_ENABLE;
		port->powered = true;
		port->suspended = false;
		port->waking = false;
	}
}

/* ---- events ---- */

static int vusbip_event_add(struct vusbip *vu, struct virtio_usbip_event *event)
{
	struct scatterlist sg;

	sg_init_one(&sg, event, sizeof(*event));
	return virtqueue_add_inbuf(vu->event_vq, &sg, 1, event, GFP_ATOMIC);
}

/* DR-16. With vu->lock held. */
int vusbip_event_fill(struct vusbip *vu)
{
	unsigned int i;
	int rc;

	for (i = 0; i < vu->num_events; i++) {
		rc = vusbip_event_add(vu, &vu->events[i]);
		if (rc)
			return rc;
	}
	virtqueue_kick(vu->event_vq);
	return 0;
}

static void vusbip_event(struct vusbip *vu, const struct virtio_usbip_event *event)
{
	u16 type = le16_to_cpu(event->type);
	u16 num = le16_to_cpu(event->port);

	if (num < 1 || num > vu->num_ports) {
		vusbip_break(vu, "event of a port that does not exist");
		return;
	}
	switch (type & ~VIRTIO_USBIP_EV_MISSED) {
	case VIRTIO_USBIP_EV_WAKE:
	case VIRTIO_USBIP_EV_PORT:
		vusbip_port_record(vu, &vu->ports[num - 1], event);
	}
	if (type == VIRTIO_USBIP_EV_WAKE && vu->port_pm && !vu->dead)
		vusbip_port_wake(vu, &vu->ports[num - 1]);
	if (type & VIRTIO_USBIP_EV_MISSED)
		vusbip_port_query_all(vu);	/* DR-17 */
}

void vusbip_event_done(struct virtqueue *vq)
{
	struct vusbip *vu = vq->vdev->priv;
	struct virtio_usbip_event *buf, event;
	unsigned long flags;
	unsigned int len;

	spin_lock_irqsave(&vu->lock, flags);
	while (!vu->dead) {
		virtqueue_disable_cb(vq);
		while (!vu->dead && (buf = virtqueue_get_buf(vq, &len))) {
			memcpy(&event, buf, sizeof(event));
			if (len < sizeof(event))
				vusbip_break(vu, "short event");
			else
				vusbip_event(vu, &event);
			if (!vu->dead)
				vusbip_event_add(vu, buf);
		}
		if (vu->dead)
			break;
		virtqueue_kick(vq);
		if (virtqueue_is_broken(vq))
			vusbip_break(vu, "event queue broken");
		else if (virtqueue_enable_cb(vq))
			break;
	}
	spin_unlock_irqrestore(&vu->lock, flags);
	vusbip_poll(vu);
}

/**
 * vusbip_poll - tell usbcore of changed ports
 * @vu: the device
 *
 * Context: vu->lock not held: usbcore calls hub_status_data.
 */
void vusbip_poll(struct vusbip *vu)
{
	unsigned long flags;
	bool poll[2];

	spin_lock_irqsave(&vu->lock, flags);
	memcpy(poll, vu->poll, sizeof(poll));
	memset(vu->poll, 0, sizeof(vu->poll));
	spin_unlock_irqrestore(&vu->lock, flags);
	if (poll[0] && vu->hcd[0])
		usb_hcd_poll_rh_status(vu->hcd[0]);
	if (poll[1] && vu->hcd[1])
		usb_hcd_poll_rh_status(vu->hcd[1]);
}
