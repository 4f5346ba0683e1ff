// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-usbip: the two emulated root hubs. Requests of usbcore's hub driver
 * change and read the status words of struct vusbip_port; a reset reaches the
 * device, and with F_PORT_PM suspend and power do.
 */

#include <linux/bitfield.h>
#include <linux/unaligned.h>
#include <linux/usb/ch11.h>

#include "virtio_usbip_i.h"

#define VUSBIP_CHANGES	(0xffffu << 16)

int vusbip_hub_status(struct usb_hcd *hcd, char *buf)
{
	struct vusbip *vu = hcd_to_vusbip(hcd);
	struct vusbip_port *port;
	unsigned long flags;
	unsigned int i;
	u32 map = 0;

	spin_lock_irqsave(&vu->lock, flags);
	for (i = 1; (port = vusbip_port(vu, hcd, i)); i++)
		if (port->status & VUSBIP_CHANGES)
			map |= 1u << i;
	spin_unlock_irqrestore(&vu->lock, flags);
	if (!map)
		return 0;
	put_unaligned_le32(map, buf);
	if (hcd->state == HC_STATE_SUSPENDED)
		usb_hcd_resume_root_hub(hcd);
	return DIV_ROUND_UP(i, 8);		/* i is ports + 1: bit 0 is the hub */
}

/* ---- descriptors ---- */

static const struct {
	struct usb_bos_descriptor bos;
	struct usb_ss_cap_descriptor ss_cap;
} __packed vusbip_bos = {
	.bos = {
		.bLength = USB_DT_BOS_SIZE,
		.bDescriptorType = USB_DT_BOS,
		.wTotalLength = cpu_to_le16(sizeof(vusbip_bos)),
		.bNumDeviceCaps = 1,
	},
	.ss_cap = {
		.bLength = USB_DT_USB_SS_CAP_SIZE,
		.bDescriptorType = USB_DT_DEVICE_CAPABILITY,
		.bDevCapabilityType = USB_SS_CAP_TYPE,
		.wSpeedSupported = cpu_to_le16(USB_5GBPS_OPERATION),
		.bFunctionalitySupport = ilog2(USB_5GBPS_OPERATION),
	},
};

/* Speed IDs of a sublink: 4 is 5 Gbit/s, 5 is 10 Gbit/s SuperSpeedPlus. */
#define VUSBIP_SSID_SSP		5
#define VUSBIP_SUBLINK(id, gbps, lp, type)					\
	cpu_to_le32(FIELD_PREP_CONST(USB_SSP_SUBLINK_SPEED_SSID, id) |		\
		    FIELD_PREP_CONST(USB_SSP_SUBLINK_SPEED_LSE,			\
				     USB_SSP_SUBLINK_SPEED_LSE_GBPS) |		\
		    FIELD_PREP_CONST(USB_SSP_SUBLINK_SPEED_ST, type) |		\
		    FIELD_PREP_CONST(USB_SSP_SUBLINK_SPEED_LP, lp) |		\
		    FIELD_PREP_CONST(USB_SSP_SUBLINK_SPEED_LSM, gbps))

/* With F_SSP: struct usb_ssp_cap_descriptor with four sublinks. */
static const struct {
	struct usb_bos_descriptor bos;
	struct usb_ss_cap_descriptor ss_cap;
	struct {
		__u8 bLength, bDescriptorType, bDevCapabilityType, bReserved;
		__le32 bmAttributes;
		__le16 wFunctionalitySupport, wReserved;
		__le32 sublinks[4];
	} __packed ssp_cap;
} __packed vusbip_ssp_bos = {
	.bos = {
		.bLength = USB_DT_BOS_SIZE,
		.bDescriptorType = USB_DT_BOS,
		.wTotalLength = cpu_to_le16(sizeof(vusbip_ssp_bos)),
		.bNumDeviceCaps = 2,
	},
	.ss_cap = {
		.bLength = USB_DT_USB_SS_CAP_SIZE,
		.bDescriptorType = USB_DT_DEVICE_CAPABILITY,
		.bDevCapabilityType = USB_SS_CAP_TYPE,
		.wSpeedSupported = cpu_to_le16(USB_5GBPS_OPERATION),
		.bFunctionalitySupport = ilog2(USB_5GBPS_OPERATION),
	},
	.ssp_cap = {
		.bLength = sizeof(vusbip_ssp_bos.ssp_cap),
		.bDescriptorType = USB_DT_DEVICE_CAPABILITY,
		.bDevCapabilityType = USB_SSP_CAP_TYPE,
		.bmAttributes =
			cpu_to_le32(FIELD_PREP_CONST(USB_SSP_SUBLINK_SPEED_ATTRIBS, 3) |
				    FIELD_PREP_CONST(USB_SSP_SUBLINK_SPEED_IDS, 1)),
		.wFunctionalitySupport =
			cpu_to_le16(FIELD_PREP_CONST(USB_SSP_MIN_SUBLINK_SPEED_ATTRIBUTE_ID, 4) |
				    FIELD_PREP_CONST(USB_SSP_MIN_RX_LANE_COUNT, 1) |
				    FIELD_PREP_CONST(USB_SSP_MIN_TX_LANE_COUNT, 1)),
		.sublinks = {
			VUSBIP_SUBLINK(4, 5, USB_SSP_SUBLINK_SPEED_LP_SS,
				       USB_SSP_SUBLINK_SPEED_ST_SYM_RX),
			VUSBIP_SUBLINK(4, 5, USB_SSP_SUBLINK_SPEED_LP_SS,
				       USB_SSP_SUBLINK_SPEED_ST_SYM_TX),
			VUSBIP_SUBLINK(VUSBIP_SSID_SSP, 10, USB_SSP_SUBLINK_SPEED_LP_SSP,
				       USB_SSP_SUBLINK_SPEED_ST_SYM_RX),
			VUSBIP_SUBLINK(VUSBIP_SSID_SSP, 10, USB_SSP_SUBLINK_SPEED_LP_SSP,
				       USB_SSP_SUBLINK_SPEED_ST_SYM_TX),
		},
	},
};

static int vusbip_get_bos(struct usb_hcd *hcd, u16 value, char *buf, u16 length)
{
	bool ssp = hcd->speed >= HCD_USB31;

	length = min_t(u16, length, ssp ? sizeof(vusbip_ssp_bos) : sizeof(vusbip_bos));
	if (hcd->speed < HCD_USB3 || value >> 8 != USB_DT_BOS)
		return -EPIPE;
	memcpy(buf, ssp ? (void *)&vusbip_ssp_bos : (void *)&vusbip_bos, length);
	return length;
}

/* bPwrOn2PwrGood 0: nothing has to settle, so nothing waits for it. */
static int vusbip_get_hub_descriptor(struct vusbip *vu, struct usb_hcd *hcd, char *buf,
				     u16 length)
{
	struct usb_hub_descriptor *desc = (struct usb_hub_descriptor *)buf;
	u16 features = HUB_CHAR_INDV_PORT_LPSM | HUB_CHAR_NO_OCPM;
	unsigned int bitmap;

	if (hcd->speed >= HCD_USB3) {
		if (length < USB_DT_SS_HUB_SIZE)
			return -EPIPE;
		memset(desc, 0, USB_DT_SS_HUB_SIZE);
		desc->bDescLength = USB_DT_SS_HUB_SIZE;
		desc->bDescriptorType = USB_DT_SS_HUB;
		desc->bNbrPorts = vu->usb3_ports;
	} else {
		bitmap = vu->usb2_ports / 8 + 1;
		memset(desc, 0, sizeof(*desc));
		desc->bDescLength = USB_DT_HUB_NONVAR_SIZE + 2 * bitmap;
		desc->bDescriptorType = USB_DT_HUB;
		desc->bNbrPorts = vu->usb2_ports;
		memset(&desc->u.hs.DeviceRemovable[bitmap], 0xff, bitmap);
	}
	desc->wHubCharacteristics = cpu_to_le16(features);
	return 0;
}

/* ---- port features ---- */

static void vusbip_port_power(struct vusbip *vu, struct vusbip_port *port, bool on)
{
	u32 power = port->usb3 ? USB_SS_PORT_STAT_POWER : USB_PORT_STAT_POWER;

	if (on == !!(port->status & power))
		return;
	if (on) {
		port->status |= power;
		vusbip_port_show(vu, port);
	} else {
		port->status = 0;
	}
}

/* SuperSpeed: the link states that usbcore sets, to disable and to suspend. */
static int vusbip_set_link_state(struct vusbip *vu, struct vusbip_port *port, u16 index)
{
	u32 state = (u32)(index & 0xff00) >> 3 & USB_PORT_STAT_LINK_STATE;

	if (!port->usb3)
		return -EPIPE;
	switch (state) {
	case USB_SS_PORT_LS_U0:
	case USB_SS_PORT_LS_U3:
		if (!(port->status & USB_PORT_STAT_ENABLE))
			return 0;
		break;
	case USB_SS_PORT_LS_SS_DISABLED:
		port->status &= ~(USB_PORT_STAT_CONNECTION | USB_PORT_STAT_ENABLE);
		break;
	case USB_SS_PORT_LS_RX_DETECT:
		/*
		 * A disabled port looks for the next device; the one that usbcore
		 * gave up would only be given up again.
		 */
		break;
	default:
		return 0;
	}
	port->status = (port->status & ~USB_PORT_STAT_LINK_STATE) | state;
	return 0;
}

static int vusbip_set_port_feature(struct vusbip *vu, struct vusbip_port *port, u16 feature,
				   u16 index)
{
	switch (feature) {
	case USB_PORT_FEAT_RESET:
		return vusbip_port_reset(vu, port, false);
	case USB_PORT_FEAT_BH_PORT_RESET:
		return port->usb3 ? vusbip_port_reset(vu, port, true) : -EPIPE;
	case USB_PORT_FEAT_POWER:
		vusbip_port_power(vu, port, true);
		return 0;
	case USB_PORT_FEAT_LINK_STATE:
		return vusbip_set_link_state(vu, port, index);
	case USB_PORT_FEAT_SUSPEND:
		if (port->usb3)
			return -EPIPE;
		if (port->status & USB_PORT_STAT_ENABLE)
			port->status |= USB_PORT_STAT_SUSPEND;
		return 0;
	case USB_PORT_FEAT_U1_TIMEOUT:
	case USB_PORT_FEAT_U2_TIMEOUT:
	case USB_PORT_FEAT_REMOTE_WAKE_MASK:
		return port->usb3 ? 0 : -EPIPE;
	default:
		return -EPIPE;
	}
}

static int vusbip_clear_port_feature(struct vusbip *vu, struct vusbip_port *port, u16 feature)
{
	switch (feature) {
	case USB_PORT_FEAT_ENABLE:
		port->status &= ~USB_PORT_STAT_ENABLE;
		return 0;
	case USB_PORT_FEAT_POWER:
		vusbip_port_power(vu, port, false);
		return 0;
	case USB_PORT_FEAT_SUSPEND:
		if (port->usb3)
			return -EPIPE;
		if (port->status & USB_PORT_STAT_SUSPEND)
			port->status |= USB_PORT_STAT_C_SUSPEND << 16;
		port->status &= ~USB_PORT_STAT_SUSPEND;
		return 0;
	case USB_PORT_FEAT_C_CONNECTION:
	case USB_PORT_FEAT_C_ENABLE:
	case USB_PORT_FEAT_C_SUSPEND:
	case USB_PORT_FEAT_C_OVER_CURRENT:
	case USB_PORT_FEAT_C_RESET:
		port->status &= ~BIT(feature);
		return 0;
	case USB_PORT_FEAT_C_BH_PORT_RESET:
		port->status &= ~(USB_PORT_STAT_C_BH_RESET << 16);
		return 0;
	case USB_PORT_FEAT_C_PORT_LINK_STATE:
		port->status &= ~(USB_PORT_STAT_C_LINK_STATE << 16);
		return 0;
	case USB_PORT_FEAT_C_PORT_CONFIG_ERROR:
		port->status &= ~(USB_PORT_STAT_C_CONFIG_ERROR << 16);
		return 0;
	default:
		return -EPIPE;
	}
}

/* wValue of GetPortStatus: the usual status, or with what SuperSpeedPlus adds. */
static int vusbip_get_port_status(struct usb_hcd *hcd, struct vusbip_port *port, u16 value,
				  char *buf, u16 length)
{
	bool ssp = port->speed == USB_SPEED_SUPER_PLUS;

	put_unaligned_le32(port->status, buf);
	if (value == HUB_PORT_STATUS)
		return 0;
	if (value != HUB_EXT_PORT_STATUS || hcd->speed < HCD_USB31 || length != 8)
		return -EPIPE;
	/* Speed IDs of both directions; one lane each, counted from 0 */
	put_unaligned_le32(ssp ? VUSBIP_SSID_SSP | VUSBIP_SSID_SSP << 4 : 4 | 4 << 4, buf + 4);
	return 0;
}

static int vusbip_port_control(struct vusbip *vu, struct usb_hcd *hcd, u16 type_req,
			       u16 value, u16 index, char *buf, u16 length)
{
	struct vusbip_port *port = vusbip_port(vu, hcd, index & 0xff);
	unsigned long flags;
	int rc = 0;

	if (!port)
		return -EPIPE;
	spin_lock_irqsave(&vu->lock, flags);
	if (type_req == SetPortFeature)
		rc = vusbip_set_port_feature(vu, port, value, index);
	else if (type_req == ClearPortFeature)
		rc = vusbip_clear_port_feature(vu, port, value);
	else
		rc = vusbip_get_port_status(hcd, port, value, buf, length);
	vusbip_port_pm(vu, port);
	spin_unlock_irqrestore(&vu->lock, flags);
	if (type_req != GetPortStatus)
		vusbip_port_pm_wait(vu, port);
	vusbip_poll(vu);
	return rc;
}

int vusbip_hub_control(struct usb_hcd *hcd, u16 type_req, u16 value, u16 index,
		       char *buf, u16 length)
{
	struct vusbip *vu = hcd_to_vusbip(hcd);

	switch (type_req) {
	case GetPortStatus:
	case SetPortFeature:
	case ClearPortFeature:
		return vusbip_port_control(vu, hcd, type_req, value, index, buf, length);
	case GetHubDescriptor:
		return vusbip_get_hub_descriptor(vu, hcd, buf, length);
	case DeviceRequest | USB_REQ_GET_DESCRIPTOR:
		return vusbip_get_bos(hcd, value, buf, length);
	case GetHubStatus:
		put_unaligned_le32(0, buf);
		return 0;
	case ClearHubFeature:
	case SetHubDepth:
		return 0;
	default:
		return -EPIPE;
	}
}

/* Nothing runs that could be stopped: a suspended hub gets no URBs from usbcore. */
int vusbip_bus_suspend(struct usb_hcd *hcd)
{
	hcd->state = HC_STATE_SUSPENDED;
	return 0;
}

int vusbip_bus_resume(struct usb_hcd *hcd)
{
	hcd->state = HC_STATE_RUNNING;
	return 0;
}
