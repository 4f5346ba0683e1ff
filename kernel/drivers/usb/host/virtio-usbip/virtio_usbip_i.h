/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-usbip HCD, private.
 *
 * One lock, vu->lock, taken with interrupts off, protects all of struct
 * vusbip, its ports, the virtqueues and the endpoints' URB lists. It is taken
 * outside of usbcore's hcd_urb_list_lock and never held while usbcore is
 * called to give back an URB or to poll a root hub.
 *
 * DR-n in comments are requirements of the protocol, docs/protocol.md.
 */
#ifndef VIRTIO_USBIP_I_H
#define VIRTIO_USBIP_I_H

#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/usb.h>
#include <linux/usb/hcd.h>
#include <linux/virtio.h>
#include <linux/virtio_usbip.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#define VUSBIP_MAX_REQUEST_QUEUES	8
#define VUSBIP_UNLINK_TIMEOUT		(30 * HZ)
#define VUSBIP_GIVEBACK_ROUNDS		4
#define VUSBIP_CONTROL_TIMEOUT		(5 * HZ)

struct vusbip;

/**
 * struct vusbip_ctrl - a command on the control queue
 * @node: in vu->ctrl_pending while the ring is full
 * @done: called exactly once, with vu->lock held; the command is its owner's again
 * @data: kmalloc'ed, or NULL
 * @data_len: bytes of @data
 * @data_in: the device writes @data
 * @actual: bytes that were transferred, checked: at most @data_len
 * @granted: what ALLOC_STREAMS was answered with, not checked
 * @cmd: what the device reads
 * @ret: what the device writes; status has the same place in RET_UNLINK
 *
 * Memory of the device's until @done is called.
 */
struct vusbip_ctrl {
	struct list_head node;
	void (*done)(struct vusbip *vu, struct vusbip_ctrl *ctrl, int status);
	void *data;
	u32 data_len;
	bool data_in;
	u32 actual;
	u32 granted;
	union {
		struct virtio_usbip_cmd_submit submit;
		struct virtio_usbip_cmd_unlink unlink;
	} cmd;
	struct virtio_usbip_ret_submit ret;
};

/**
 * struct vusbip_urb - the driver's part of an URB, urb->hcpriv
 * @urb: the URB
 * @node: in the queue's pending list, vu->inflight or a list of done ones
 * @queue: where it goes
 * @refs: one for the URB until it is given back, one for @unlink until it is done
 * @in_ring: the device has it
 * @unlinking: CMD_UNLINK was sent, at most once (DR-19)
 * @in: its data comes from the device
 * @budget: what it takes of max_inflight_bytes
 * @status: to give it back with
 * @unlink_time: jiffies when @unlinking was set
 * @bounce: buffer in place of urb->transfer_buffer, or NULL
 * @iso: 2 * number_of_packets, what the device reads, then what it writes; or NULL
 * @cmd: what the device reads
 * @ret: what the device writes
 * @unlink: the command that takes it back
 */
struct vusbip_urb {
	struct urb *urb;
	struct list_head node;
	struct vusbip_queue *queue;
	refcount_t refs;
	bool in_ring;
	bool unlinking;
	bool in;
	u32 budget;
	int status;
	unsigned long unlink_time;
	void *bounce;
	struct virtio_usbip_iso_packet *iso;
	struct virtio_usbip_cmd_submit cmd;
	struct virtio_usbip_ret_submit ret;
	struct vusbip_ctrl unlink;
};

/**
 * struct vusbip_queue - a request queue
 * @vq: its virtqueue
 * @pending: struct vusbip_urb that found no room, in order of submission
 */
struct vusbip_queue {
	struct virtqueue *vq;
	struct list_head pending;
};

/**
 * struct vusbip_port - a port of a root hub
 * @num: its number on the wire, from 1
 * @usb3: it is one of the USB 3 root hub's
 * @known: a record came since the device's reset
 * @speed: of @devid
 * @devid: what is plugged in, 0: nothing
 * @change_count: of the newest record
 * @status: wPortStatus | wPortChange << 16
 * @warm: the reset in flight is a warm one
 * @resetting: @reset is in flight
 * @querying: @query is in flight
 * @query_again: ask once more when @query is answered
 * @powered: with F_PORT_PM, what the device was told last
 * @suspended: likewise
 * @pm_busy: @pm is in flight
 * @waking: the device asked to be resumed
 * @reset_devid: @devid when the reset was sent
 * @reset: the command that resets the port
 * @query: the command that asks for its record
 * @pm: the command that says @powered or @suspended
 * @record: the data of @query
 */
struct vusbip_port {
	u16 num;
	bool usb3;
	bool known;
	u8 speed;
	u32 devid;
	u32 change_count;
	u32 status;
	bool warm;
	bool resetting, querying, query_again;
	bool powered, suspended, pm_busy;
	bool waking;
	u32 reset_devid;
	struct vusbip_ctrl reset, query, pm;
	struct virtio_usbip_event record;
};

/**
 * struct vusbip - a virtio-usbip device
 * @vdev: the virtio device
 * @hcd: root hubs, USB 2 and USB 3; NULL without ports
 * @lock: protects all that follows and is not constant
 * @usb2_ports: number of ports, constant after probe as all up to @event_vq
 * @usb3_ports: number of ports
 * @num_ports: sum of both
 * @num_queues: request queues that are used
 * @seg_max: data descriptors of a chain
 * @max_transfer: bytes of an URB
 * @max_inflight: bytes of control and bulk URBs in rings
 * @max_iso_packets: of an URB, 0: no isochronous transfers
 * @max_streams: of an endpoint, 0: no streams
 * @port_pm: F_PORT_PM is negotiated
 * @ssp: F_SSP is negotiated
 * @ports: @num_ports of them, USB 2 first
 * @ctrl_vq: control queue
 * @event_vq: event queue
 * @queues: request queues
 * @inflight: struct vusbip_urb in rings
 * @ctrl_pending: struct vusbip_ctrl that found no room
 * @events: buffers of the event queue
 * @num_events: number of them
 * @seq: of the last command
 * @seq_wrapped: numbers may be in use already
 * @inflight_bytes: what @max_inflight limits
 * @dead: no virtqueue may be touched, but by vusbip_stop()
 * @stopped: there are no virtqueues any more
 * @removing: usb_hc_died() must not be called any more
 * @registered: there are root hubs, changes are reported as such
 * @poll: root hubs with news, see vusbip_poll()
 * @querying: ports whose query is in flight
 * @wait: for @querying to become 0, for a port's @pm_busy to become false
 * @unlink_watch: looks after URBs that the device does not give back
 * @die_work: what is left to do for a broken device
 */
struct vusbip {
	struct virtio_device *vdev;
	struct usb_hcd *hcd[2];
	spinlock_t lock;	/* protects what follows */

	unsigned int usb2_ports, usb3_ports, num_ports;
	unsigned int num_queues;
	u32 seg_max, max_transfer, max_inflight;
	u16 max_iso_packets, max_streams;
	bool port_pm, ssp;
	struct vusbip_port *ports;
	struct virtqueue *ctrl_vq, *event_vq;

	struct vusbip_queue queues[VUSBIP_MAX_REQUEST_QUEUES];
	struct list_head inflight;
	struct list_head ctrl_pending;
	struct virtio_usbip_event *events;
	unsigned int num_events;
	u32 seq;
	bool seq_wrapped;
	u32 inflight_bytes;
	bool dead;
	bool stopped;
	bool removing;
	bool registered;
	bool poll[2];
	unsigned int querying;
	wait_queue_head_t wait;
	struct delayed_work unlink_watch;
	struct work_struct die_work;
};

static inline struct vusbip *hcd_to_vusbip(struct usb_hcd *hcd)
{
	return *(struct vusbip **)hcd->hcd_priv;
}

/* main.c */
void vusbip_break(struct vusbip *vu, const char *why);

/* queue.c: URBs */
int vusbip_queue_init(void);
void vusbip_queue_exit(void);
int vusbip_urb_enqueue(struct usb_hcd *hcd, struct urb *urb, gfp_t mem_flags);
int vusbip_urb_dequeue(struct usb_hcd *hcd, struct urb *urb, int status);
void vusbip_request_done(struct virtqueue *vq);
void vusbip_urb_drop_all(struct vusbip *vu, struct list_head *done);
void vusbip_urb_giveback(struct list_head *done);
void vusbip_unlink_watch(struct work_struct *work);
u32 vusbip_next_seq(struct vusbip *vu);

/* control.c: the control queue */
int vusbip_errno(__be32 status);
int vusbip_ctrl_send(struct vusbip *vu, struct vusbip_ctrl *ctrl);
void vusbip_ctrl_setup(struct vusbip_ctrl *ctrl, u8 type, u8 request, u16 value,
		       u16 index, void *data, u16 len);
void vusbip_control_done(struct virtqueue *vq);
void vusbip_ctrl_take_back(struct vusbip *vu);
void vusbip_ctrl_drop_all(struct vusbip *vu);
int vusbip_alloc_streams(struct usb_hcd *hcd, struct usb_device *udev,
			 struct usb_host_endpoint **eps, unsigned int num_eps,
			 unsigned int num_streams, gfp_t mem_flags);
int vusbip_free_streams(struct usb_hcd *hcd, struct usb_device *udev,
			struct usb_host_endpoint **eps, unsigned int num_eps,
			gfp_t mem_flags);

/* port.c: what is plugged into the ports */
struct vusbip_port *vusbip_port(struct vusbip *vu, struct usb_hcd *hcd,
				unsigned int portnum);
u32 vusbip_devid(struct vusbip *vu, struct usb_hcd *hcd, struct usb_device *udev);
void vusbip_port_show(struct vusbip *vu, struct vusbip_port *port);
int vusbip_port_reset(struct vusbip *vu, struct vusbip_port *port, bool warm);
void vusbip_port_query_all(struct vusbip *vu);
void vusbip_port_pm(struct vusbip *vu, struct vusbip_port *port);
void vusbip_port_pm_wait(struct vusbip *vu, struct vusbip_port *port);
void vusbip_port_forget(struct vusbip *vu);
int vusbip_ports_init(struct vusbip *vu);
int vusbip_event_fill(struct vusbip *vu);
void vusbip_event_done(struct virtqueue *vq);
void vusbip_poll(struct vusbip *vu);

/* roothub.c: what usbcore sees of them */
int vusbip_hub_status(struct usb_hcd *hcd, char *buf);
int vusbip_hub_control(struct usb_hcd *hcd, u16 type_req, u16 value, u16 index,
		       char *buf, u16 length);
int vusbip_bus_suspend(struct usb_hcd *hcd);
int vusbip_bus_resume(struct usb_hcd *hcd);

#endif
