// SPDX-License-Identifier: GPL-2.0-only
/* The control queue: section 6 of docs/protocol.md. */
#include <endian.h>
#include <errno.h>

#include "device_i.h"

#define PORT_SET_FEATURE	0x03
#define PORT_CLEAR_FEATURE	0x01
#define PORT_FEAT_ENABLE	1u
#define PORT_FEAT_SUSPEND	2u
#define PORT_FEAT_RESET		4u
#define PORT_FEAT_POWER		8u
#define CONTROL_MAX_EPS		30u	/* endpoints a device can have, without 0 */

#define SETUP(type, request)	((type) << 8 | (request))

/* DEV-22: what the guest queued before the unlink is looked for, too. */
static void control_unlink(struct usbip_dev *dev, struct usbip_req *req)
{
	struct usbip_req *victim;

	if (req->out_len != VIRTIO_USBIP_PDU_SIZE || req->in_len != VIRTIO_USBIP_PDU_SIZE) {
		urbs_fail(req, -EINVAL);
		return;
	}
	for (unsigned int i = VIRTIO_USBIP_VQ_REQUEST; i < dev->n_queues; i++)
		urbs_take(dev, &dev->queues[i]);
	victim = urbs_find(dev, usbip_cmd_victim(&req->cmd));
	if (victim && (victim == req || victim->cmd.devid != req->cmd.devid))
		victim = NULL;
	if (victim)
		urbs_unlink(victim);
	urbs_fail(req, victim ? -ECONNRESET : 0);
}

/* ---- requests to the controller: each answers req, at once but for resets ---- */

static void control_record(struct usbip_port *port, struct usbip_req *req)
{
	struct virtio_usbip_event ev = ports_record(port);
	struct usb_urb *urb = &req->urb;

	urb->actual = urb->length < sizeof(ev) ? urb->length : sizeof(ev);
	pdu_put_data(urb, &ev, urb->actual);
	urbs_return(req);
}

static int control_read_eps(const struct usbip_req *req, uint8_t *eps)
{
	const struct usb_urb *urb = &req->urb;

	if (!urb->length || urb->length > CONTROL_MAX_EPS)
		return -EINVAL;
	pdu_get_data(urb, eps, urb->length);
	for (unsigned int i = 0; i < urb->length; i++)
		if (!(eps[i] & 0x0f) || (eps[i] & 0x70))
			return -ENOENT;
	return 0;
}

/* count 0: free them. Streams granted, or -errno. Without the lock. */
static int control_call_streams(struct usb_backend *b, const uint8_t *eps,
				unsigned int n_eps, unsigned int count)
{
	int granted;

	if (!b->ops->alloc_streams || !b->ops->free_streams)
		return -EPIPE;
	if (!count)
		return b->ops->free_streams(b, eps, n_eps);
	granted = b->ops->alloc_streams(b, eps, n_eps, count);
	if (!granted)
		return -ENOMEM;
	return granted > (int)count ? (int)count : granted;
}

/* DEV-21. */
static void control_streams(struct usbip_port *port, struct usbip_req *req,
			    unsigned int count)
{
	struct usbip_dev *dev = port->dev;
	uint8_t eps[CONTROL_MAX_EPS];
	int ret = control_read_eps(req, eps);

	if (!ret)
		ret = ports_refuse(port);
	if (!ret && !ports_use(port))
		ret = -ENODEV;
	if (ret) {
		urbs_fail(req, ret);
		return;
	}
	pthread_mutex_unlock(&dev->lock);
	ret = control_call_streams(port->backend, eps, req->urb.length, count);
	pthread_mutex_lock(&dev->lock);
	ports_unuse(port);
	if (ret < 0) {
		urbs_fail(req, ret);
		return;
	}
	req->urb.start_frame = count ? ret : 0;
	req->urb.actual = req->urb.length;
	urbs_return(req);
}

static void control_alloc_streams(struct usbip_port *port, struct usbip_req *req)
{
	unsigned int count = pdu_setup_value(req->urb.setup);
	unsigned int max = le16toh(port->dev->config.max_streams);

	if (!count)
		urbs_fail(req, -EINVAL);
	else
		control_streams(port, req, count < max ? count : max);
}

/* The kinds of requests there are; what they need is checked in one place. */
struct control_request {
	uint16_t type_request;
	bool any_value;			/* else wValue must be `value` */
	uint16_t value;
	bool data;			/* there may be a data stage */
	bool needs_device;
	unsigned int feature;		/* bit that must be negotiated; 0: none */
	void (*execute)(struct usbip_port *port, struct usbip_req *req);
};

static void control_disable(struct usbip_port *port, struct usbip_req *req)
{
	if (port->devid)
		ports_disable(port);
	urbs_fail(req, 0);
}

static void control_suspend(struct usbip_port *port, struct usbip_req *req)
{
	ports_suspend(port, true);
	urbs_fail(req, 0);
}

static void control_resume(struct usbip_port *port, struct usbip_req *req)
{
	ports_suspend(port, false);
	urbs_fail(req, 0);
}

static void control_power_on(struct usbip_port *port, struct usbip_req *req)
{
	ports_power(port, true);
	urbs_fail(req, 0);
}

static void control_power_off(struct usbip_port *port, struct usbip_req *req)
{
	ports_power(port, false);
	urbs_fail(req, 0);
}

static void control_free_streams(struct usbip_port *port, struct usbip_req *req)
{
	control_streams(port, req, 0);
}

static const struct control_request control_requests[] = {
	{
		.type_request = SETUP(VIRTIO_USBIP_REQ_TYPE_PORT, PORT_SET_FEATURE),
		.value = PORT_FEAT_RESET,
		.needs_device = true,
		.execute = ports_reset,
	}, {
		.type_request = SETUP(VIRTIO_USBIP_REQ_TYPE_PORT, PORT_CLEAR_FEATURE),
		.value = PORT_FEAT_ENABLE,
		.execute = control_disable,
	}, {
		.type_request = SETUP(VIRTIO_USBIP_REQ_TYPE_PORT, PORT_SET_FEATURE),
		.value = PORT_FEAT_SUSPEND,
		.needs_device = true,
		.feature = VIRTIO_USBIP_F_PORT_PM,
		.execute = control_suspend,
	}, {
		.type_request = SETUP(VIRTIO_USBIP_REQ_TYPE_PORT, PORT_CLEAR_FEATURE),
		.value = PORT_FEAT_SUSPEND,
		.needs_device = true,
		.feature = VIRTIO_USBIP_F_PORT_PM,
		.execute = control_resume,
	}, {
		.type_request = SETUP(VIRTIO_USBIP_REQ_TYPE_PORT, PORT_SET_FEATURE),
		.value = PORT_FEAT_POWER,
		.feature = VIRTIO_USBIP_F_PORT_PM,
		.execute = control_power_on,
	}, {
		.type_request = SETUP(VIRTIO_USBIP_REQ_TYPE_PORT, PORT_CLEAR_FEATURE),
		.value = PORT_FEAT_POWER,
		.feature = VIRTIO_USBIP_F_PORT_PM,
		.execute = control_power_off,
	}, {
		.type_request = SETUP(VIRTIO_USBIP_REQ_TYPE_VENDOR_IN,
				      VIRTIO_USBIP_REQ_GET_PORT),
		.data = true,
		.execute = control_record,
	}, {
		.type_request = SETUP(VIRTIO_USBIP_REQ_TYPE_VENDOR_OUT,
				      VIRTIO_USBIP_REQ_ALLOC_STREAMS),
		.any_value = true,
		.data = true,
		.needs_device = true,
		.feature = VIRTIO_USBIP_F_STREAMS,
		.execute = control_alloc_streams,
	}, {
		.type_request = SETUP(VIRTIO_USBIP_REQ_TYPE_VENDOR_OUT,
				      VIRTIO_USBIP_REQ_FREE_STREAMS),
		.data = true,
		.needs_device = true,
		.feature = VIRTIO_USBIP_F_STREAMS,
		.execute = control_free_streams,
	},
};

static const struct control_request *control_find(const struct usbip_dev *dev,
						  const uint8_t *setup)
{
	for (unsigned int i = 0;
	     i < sizeof(control_requests) / sizeof(control_requests[0]); i++) {
		const struct control_request *r = &control_requests[i];

		if (r->type_request != SETUP(setup[0], setup[1]) ||
		    (!r->any_value && r->value != pdu_setup_value(setup)) ||
		    (!r->data && pdu_setup_length(setup)))
			continue;
		if (r->feature && !usbip_has_feature(dev, r->feature))
			continue;
		return r;
	}
	return NULL;
}

static int control_check(struct usbip_dev *dev, struct usbip_req *req,
			 const struct control_request **ret_request,
			 struct usbip_port **ret_port)
{
	const uint8_t *setup = req->urb.setup;
	int err;

	if (req->cmd.devid)
		return -ENODEV;
	err = pdu_decode_submit(req);
	if (err)
		return err;
	if (req->cmd.ep)
		return -ENOENT;
	*ret_request = control_find(dev, setup);
	if (!*ret_request)
		return -EPIPE;			/* DEV-20 */
	*ret_port = ports_get(dev, pdu_setup_index(setup));
	if (!*ret_port)
		return -EINVAL;
	return (*ret_request)->needs_device && !(*ret_port)->devid ? -ENODEV : 0;
}

static void control_submit(struct usbip_dev *dev, struct usbip_req *req)
{
	const struct control_request *request;
	struct usbip_port *port;
	int err = control_check(dev, req, &request, &port);

	if (err)
		urbs_fail(req, err);
	else
		request->execute(port, req);
}

void control_service(struct usbip_dev *dev)
{
	struct usbip_queue *q = &dev->queues[VIRTIO_USBIP_VQ_CONTROL];
	struct usbip_req *req;
	bool took = false;

	do {
		virtq_disable_notify(q->vq);
		while ((req = urbs_next(dev, q))) {
			if (req->cmd.command == VIRTIO_USBIP_CMD_UNLINK) {
				control_unlink(dev, req);
				took = true;
			} else {
				control_submit(dev, req);
			}
		}
	} while (virtq_enable_notify(q->vq));
	/* What unlinks took and did not end is still to be submitted. */
	for (unsigned int i = VIRTIO_USBIP_VQ_REQUEST; took && i < dev->n_queues; i++)
		urbs_service(dev, &dev->queues[i]);
}
