/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * virtio-usbip: USB/IP PDUs over virtqueues. The wire format and nothing else.
 * What each side must do: docs/protocol.md
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

/**
 * struct virtio_usbip_config - device configuration space, constant
 * @usbip_version: VIRTIO_USBIP_VERSION
 * @usb2_ports: at most VIRTIO_USBIP_MAX_USB2_PORTS
 * @usb3_ports: at most VIRTIO_USBIP_MAX_USB3_PORTS
 * @num_request_queues: at least VIRTIO_USBIP_MIN_REQUEST_QUEUES
 * @max_iso_packets: packets of one isochronous transfer
 * @seg_max: data descriptors of one chain
 * @max_transfer: bytes of data of one transfer
 * @max_inflight_bytes: sum of lengths of control and bulk transfers in flight; 0: no limit
 * @max_streams: streams of one endpoint; 0 without VIRTIO_USBIP_F_STREAMS
 * @event_size: sizeof(struct virtio_usbip_event)
 * @reserved: 0
 */
struct virtio_usbip_config {
	__le16 usbip_version;
	__u8 usb2_ports;
	__u8 usb3_ports;
	__le16 num_request_queues;
	__le16 max_iso_packets;
	__le32 seg_max;
	__le32 max_transfer;
	__le32 max_inflight_bytes;
	__le16 max_streams;
	__le16 event_size;
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

/**
 * struct virtio_usbip_cmd_submit - a transfer, or a request on the control queue
 * @command: VIRTIO_USBIP_CMD_SUBMIT
 * @seq: not 0, unique among the commands in flight
 * @devid: (port << 16) | generation; 0 on the control queue
 * @direction: VIRTIO_USBIP_DIR_OUT or VIRTIO_USBIP_DIR_IN
 * @ep: endpoint, 0 to 15
 * @flags: VIRTIO_USBIP_SHORT_NOT_OK and others
 * @length: bytes of data
 * @start_frame: of an isochronous transfer; the stream ID of a bulk transfer
 * @num_packets: of an isochronous transfer, else 0
 * @interval: of interrupt and isochronous transfers
 * @setup: setup packet of a control transfer, as on the bus
 */
struct virtio_usbip_cmd_submit {
	__be32 command;
	__be32 seq;
	__be32 devid;
	__be32 direction;
	__be32 ep;
	__be32 flags;
	__be32 length;
	__be32 start_frame;
	__be32 num_packets;
	__be32 interval;
	__u8 setup[8];
};

/**
 * struct virtio_usbip_ret_submit - how a transfer ended
 * @command: VIRTIO_USBIP_RET_SUBMIT
 * @seq: of the command
 * @zero: 0
 * @status: 0 or a negative errno of Linux
 * @actual: bytes of data that were transferred
 * @start_frame: of an isochronous transfer; what ALLOC_STREAMS granted
 * @num_packets: of the command
 * @error_count: isochronous packets that failed
 * @pad: 0
 */
struct virtio_usbip_ret_submit {
	__be32 command;
	__be32 seq;
	__be32 zero[3];
	__be32 status;
	__be32 actual;
	__be32 start_frame;
	__be32 num_packets;
	__be32 error_count;
	__u8 pad[8];
};

/**
 * struct virtio_usbip_cmd_unlink - cancels a transfer
 * @command: VIRTIO_USBIP_CMD_UNLINK
 * @seq: its own
 * @devid: of the transfer
 * @zero: 0
 * @victim: seq of the transfer
 * @pad: 0
 */
struct virtio_usbip_cmd_unlink {
	__be32 command;
	__be32 seq;
	__be32 devid;
	__be32 zero[2];
	__be32 victim;
	__u8 pad[24];
};

/**
 * struct virtio_usbip_ret_unlink - answer to it; the transfer comes back by itself
 * @command: VIRTIO_USBIP_RET_UNLINK
 * @seq: of the command
 * @zero: 0
 * @status: 0: not in flight; -104: being cancelled
 * @pad: 0
 */
struct virtio_usbip_ret_unlink {
	__be32 command;
	__be32 seq;
	__be32 zero[3];
	__be32 status;
	__u8 pad[24];
};

/**
 * struct virtio_usbip_iso_packet - one of num_packets, in commands and in answers
 * @offset: of its data in that of the transfer
 * @length: bytes that it may have
 * @actual: bytes that it had
 * @status: 0 or a negative errno of Linux
 */
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
/* c0: wIndex port, returns a struct virtio_usbip_event */
#define VIRTIO_USBIP_REQ_GET_PORT	0x01
/* 40: wValue count, wIndex port, data: endpoint addresses */
#define VIRTIO_USBIP_REQ_ALLOC_STREAMS	0x02
/* 40: wIndex port, data: endpoint addresses */
#define VIRTIO_USBIP_REQ_FREE_STREAMS	0x03

/* Event queue: level snapshots, at most one pending per port */
#define VIRTIO_USBIP_EV_PORT		1
#define VIRTIO_USBIP_EV_WAKE		2
#define VIRTIO_USBIP_EV_MISSED		0x8000	/* ask for every port's record */

/**
 * struct virtio_usbip_event - the state of a port when it was written
 * @type: VIRTIO_USBIP_EV_PORT, VIRTIO_USBIP_EV_WAKE; VIRTIO_USBIP_EV_MISSED
 * @port: from 1: USB 2 ports, then USB 3
 * @devid: what is plugged in, 0: nothing
 * @speed: enum usb_device_speed
 * @flags: 0
 * @reserved: 0
 * @change_count: grows with every change of @devid
 */
struct virtio_usbip_event {
	__le16 type;
	__le16 port;
	__le32 devid;
	__u8 speed;
	__u8 flags;
	__le16 reserved;
	__le32 change_count;
};

#endif
