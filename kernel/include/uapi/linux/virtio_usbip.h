/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * virtio-usbip: USB/IP PDUs over virtqueues. The wire format and nothing else;
 * docs/protocol.md says what each side must do.
 */
#ifndef _UAPI_LINUX_VIRTIO_USBIP_H
#define _UAPI_LINUX_VIRTIO_USBIP_H

#include <linux/types.h>

/* Reserved by the virtio registry for a USB controller; both sides can override. */
#define VIRTIO_ID_USBIP_DEFAULT		49

/* Feature bits */
#define VIRTIO_USBIP_F_USBIP_PDU	50	/* mandatory */
#define VIRTIO_USBIP_F_STREAMS		51	/* bulk streams */
#define VIRTIO_USBIP_F_ISO		52	/* isochronous transfers */
#define VIRTIO_USBIP_F_PORT_PM		53	/* port suspend and power */
#define VIRTIO_USBIP_F_SSP		54	/* SuperSpeedPlus reported as such */
#define VIRTIO_USBIP_F_IMPORT_INFO	55	/* device descriptors before import */

/* Virtqueues; request queues are VIRTIO_USBIP_VQ_REQUEST + n */
#define VIRTIO_USBIP_VQ_CONTROL		0
#define VIRTIO_USBIP_VQ_EVENT		1
#define VIRTIO_USBIP_VQ_REQUEST		2
/* The first request queue takes control and bulk, the second interrupt and iso */
#define VIRTIO_USBIP_MIN_REQUEST_QUEUES	2

#define VIRTIO_USBIP_VERSION		0x0111
#define VIRTIO_USBIP_MAX_USB2_PORTS	31
#define VIRTIO_USBIP_MAX_USB3_PORTS	15

/* Device configuration space, constant after initialisation */
struct virtio_usbip_config {
	__le16 usbip_version;		/* VIRTIO_USBIP_VERSION */
	__u8 usb2_ports;		/* <= 31 */
	__u8 usb3_ports;		/* <= 15 */
	__le16 num_request_queues;	/* >= 2 */
	__le16 max_iso_packets;		/* of one transfer */
	__le32 seg_max;			/* data descriptors of one chain */
	__le32 max_transfer;		/* bytes of data of one transfer */
	__le32 max_inflight_bytes;	/* sum of lengths in flight; 0 = no limit */
	__le16 max_streams;		/* of one endpoint; 0 without F_STREAMS */
	__le16 event_size;		/* sizeof(struct virtio_usbip_event) */
	__le32 reserved[2];
};

/* PDUs: big-endian, byte-identical to USB/IP */
#define VIRTIO_USBIP_CMD_SUBMIT		1
#define VIRTIO_USBIP_CMD_UNLINK		2
#define VIRTIO_USBIP_RET_SUBMIT		3
#define VIRTIO_USBIP_RET_UNLINK		4

#define VIRTIO_USBIP_DIR_OUT		0
#define VIRTIO_USBIP_DIR_IN		1

/* Flags of CMD_SUBMIT */
#define VIRTIO_USBIP_SHORT_NOT_OK	0x0001
#define VIRTIO_USBIP_ISO_ASAP		0x0002
#define VIRTIO_USBIP_ZERO_PACKET	0x0040
#define VIRTIO_USBIP_NO_INTERRUPT	0x0080
#define VIRTIO_USBIP_DIR_IN_FLAG	0x0200

#define VIRTIO_USBIP_PDU_SIZE		48

struct virtio_usbip_cmd_submit {
	__be32 command;			/* VIRTIO_USBIP_CMD_SUBMIT */
	__be32 seq;			/* not 0, unique among those in flight */
	__be32 devid;			/* (port << 16) | generation */
	__be32 direction;
	__be32 ep;
	__be32 flags;
	__be32 length;			/* bytes of data */
	__be32 start_frame;		/* iso; stream ID for bulk */
	__be32 num_packets;		/* 0 unless iso */
	__be32 interval;
	__u8 setup[8];			/* control, as on the bus */
};

struct virtio_usbip_ret_submit {
	__be32 command;			/* VIRTIO_USBIP_RET_SUBMIT */
	__be32 seq;
	__be32 zero[3];
	__be32 status;
	__be32 actual;
	__be32 start_frame;		/* iso; grant of ALLOC_STREAMS */
	__be32 num_packets;
	__be32 error_count;
	__u8 pad[8];
};

struct virtio_usbip_cmd_unlink {
	__be32 command;			/* VIRTIO_USBIP_CMD_UNLINK */
	__be32 seq;
	__be32 devid;
	__be32 zero[2];
	__be32 victim;			/* seq of the CMD_SUBMIT */
	__u8 pad[24];
};

struct virtio_usbip_ret_unlink {
	__be32 command;			/* VIRTIO_USBIP_RET_UNLINK */
	__be32 seq;
	__be32 zero[3];
	__be32 status;			/* 0: not in flight; -104: cancelling */
	__u8 pad[24];
};

struct virtio_usbip_iso_packet {
	__be32 offset;
	__be32 length;
	__be32 actual;
	__be32 status;
};

/*
 * Control queue: CMD_SUBMIT on ep 0 with devid 0 and these setup packets.
 * Port feature requests are those of the hub class (wIndex = port):
 * 23 03 (SET_FEATURE) and 23 01 (CLEAR_FEATURE) with wValue 1 ENABLE,
 * 2 SUSPEND, 4 RESET, 8 POWER.
 */
#define VIRTIO_USBIP_REQ_TYPE_PORT	0x23
#define VIRTIO_USBIP_REQ_TYPE_VENDOR_IN	0xc0
#define VIRTIO_USBIP_REQ_TYPE_VENDOR_OUT 0x40
#define VIRTIO_USBIP_REQ_GET_PORT	0x01	/* C0: returns a struct virtio_usbip_event */
#define VIRTIO_USBIP_REQ_ALLOC_STREAMS	0x02	/* 40: wValue count, wIndex port, data: ep addresses */
#define VIRTIO_USBIP_REQ_FREE_STREAMS	0x03	/* 40: wIndex port, data: ep addresses */

/* Event queue: level snapshots, at most one pending per port */
#define VIRTIO_USBIP_EV_PORT		1
#define VIRTIO_USBIP_EV_WAKE		2
#define VIRTIO_USBIP_EV_MISSED		0x8000	/* ask for every port's record */

struct virtio_usbip_event {
	__le16 type;
	__le16 port;			/* from 1: USB 2 ports, then USB 3 */
	__le32 devid;			/* 0 = empty */
	__u8 speed;			/* enum usb_device_speed */
	__u8 flags;
	__le16 reserved;
	__le32 change_count;
};

#endif
