/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-usbip HCD, private.
 *
 * One lock, vu->lock, taken with interrupts off, protects all of struct
 * vusbip, its ports, the virtqueues and the endpoints' URB lists. It is taken
 * outside of usbcore's hcd_urb_list_lock and never held while usbcore is
 * called to give back an URB or to poll a root hub.
 *
 * docs/protocol.md is the protocol; DR-n in comments are its requirements.
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

/* A command on the control queue; memory of the device's until done is called. */
struct vusbip_ctrl {
	struct list_head node;		/* vu->ctrl_pending while the ring is full */
	/* Exactly once, with vu->lock held; ctrl is the owner's again. */
	void (*done)(struct vusbip *vu, struct vusbip_ctrl *ctrl, int status);
	void *data;			/* kmalloc'ed, or NULL */
	u32 data_len;
	bool data_in;
	u32 actual;			/* checked: <= data_len */
	u32 granted;			/* of ALLOC_STREAMS, not checked */
	union {
		struct virtio_usbip_cmd_submit submit;
		struct virtio_usbip_cmd_unlink unlink;
	} cmd;
	/* status is at the same place in struct virtio_usbip_ret_unlink */
	struct virtio_usbip_ret_submit ret;
};

/* Our part of an URB, urb->hcpriv. */
struct vusbip_urb {
	struct urb *urb;
	struct list_head node;		/* queue's pending, vu->inflight or a done list */
	struct vusbip_queue *queue;
	/* One for the URB until given back, one for unlink until it is done. */
	refcount_t refs;
	bool in_ring;			/* the device has it */
	bool unlinking;			/* CMD_UNLINK sent, at most once (DR-19) */
	bool in;
	u32 budget;			/* what it takes of max_inflight_bytes */
	int status;			/* to give back with */
	unsigned long unlink_time;	/* jiffies when unlinking was set */
	void *bounce;			/* instead of transfer_buffer, or NULL */
	/* 2 * number_of_packets: what the device reads, what it writes; or NULL */
	struct virtio_usbip_iso_packet *iso;
	struct virtio_usbip_cmd_submit cmd;
	struct virtio_usbip_ret_submit ret;
	struct vusbip_ctrl unlink;
};

struct vusbip_queue {
	struct virtqueue *vq;
	struct list_head pending;	/* struct vusbip_urb, in order of submission */
};

struct vusbip_port {
	u16 num;			/* on the wire, from 1 */
	bool usb3;
	bool known;			/* a record came since the device's reset */
	u8 speed;			/* of devid */
	u32 devid;			/* 0 = empty */
	u32 change_count;		/* of the newest record */
	u32 status;			/* wPortStatus | wPortChange << 16 */
	bool warm;			/* the reset in flight is a warm one */
	bool resetting, querying, query_again;
	/* With F_PORT_PM: what the device was told last, and whether it has not answered */
	bool powered, suspended, pm_busy;
	bool waking;			/* the device asked to be resumed */
	u32 reset_devid;		/* devid when the reset was sent */
	struct vusbip_ctrl reset, query, pm;
	struct virtio_usbip_event record;	/* query's data */
};

struct vusbip {
	struct virtio_device *vdev;
	struct usb_hcd *hcd[2];		/* USB 2, USB 3; NULL without ports */
	spinlock_t lock;

	/* Constant after probe */
	unsigned int usb2_ports, usb3_ports, num_ports;
	unsigned int num_queues;
	u32 seg_max, max_transfer, max_inflight;
	u16 max_iso_packets, max_streams;
	bool port_pm, ssp;		/* negotiated */
	struct vusbip_port *ports;

	struct virtqueue *ctrl_vq, *event_vq;
	struct vusbip_queue queues[VUSBIP_MAX_REQUEST_QUEUES];
	struct list_head inflight;	/* struct vusbip_urb in rings */
	struct list_head ctrl_pending;	/* struct vusbip_ctrl */
	struct virtio_usbip_event *events;	/* buffers of the event queue */
	unsigned int num_events;

	u32 seq;
	bool seq_wrapped;
	u32 inflight_bytes;
	bool dead;			/* no virtqueue may be touched, but by stop */
	bool removing;			/* usb_hc_died must not be called any more */
	bool registered;		/* root hubs: changes are reported as such */
	bool poll[2];			/* root hubs with news, see vusbip_poll */
	unsigned int querying;		/* ports whose query is in flight */
	wait_queue_head_t wait;		/* for querying to become 0, a port's pm_busy false */
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
