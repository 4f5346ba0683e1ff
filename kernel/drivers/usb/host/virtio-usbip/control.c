// SPDX-License-Identifier: GPL-2.0-only
/* virtio-usbip: the control queue, and the streams that are asked for on it. */

#include <linux/completion.h>
#include <linux/slab.h>

#include "virtio_usbip_i.h"

/**
 * vusbip_errno - errno of a status on the wire
 * @status: as the device wrote it, any number
 *
 * The numbers on the wire are Linux's generic ones on any machine.
 *
 * Return: 0 or a negative errno; -EPROTO for what is not known.
 */
int vusbip_errno(__be32 status)
{
	switch ((s32)be32_to_cpu(status)) {
	case 0:
		return 0;
	case -2:
		return -ENOENT;
	case -12:
		return -ENOMEM;
	case -18:
		return -EXDEV;
	case -19:
		return -ENODEV;
	case -22:
		return -EINVAL;
	case -32:
		return -EPIPE;
	case -62:
		return -ETIME;
	case -63:
		return -ENOSR;
	case -70:
		return -ECOMM;
	case -75:
		return -EOVERFLOW;
	case -84:
		return -EILSEQ;
	case -90:
		return -EMSGSIZE;
	case -104:
		return -ECONNRESET;
	case -108:
		return -ESHUTDOWN;
	case -110:
		return -ETIMEDOUT;
	case -121:
		return -EREMOTEIO;
	default:
		return -EPROTO;
	}
}

static int vusbip_ctrl_add(struct vusbip *vu, struct vusbip_ctrl *ctrl)
{
	struct scatterlist cmd, ret, data, *sgs[3];
	unsigned int out = 0, in = 0;

	sg_init_one(&cmd, &ctrl->cmd, VIRTIO_USBIP_PDU_SIZE);
	sg_init_one(&ret, &ctrl->ret, VIRTIO_USBIP_PDU_SIZE);
	if (ctrl->data_len)
		sg_init_one(&data, ctrl->data, ctrl->data_len);

	sgs[out++] = &cmd;
	if (ctrl->data_len && !ctrl->data_in)
		sgs[out++] = &data;
	sgs[out + in++] = &ret;
	if (ctrl->data_len && ctrl->data_in)
		sgs[out + in++] = &data;
	return virtqueue_add_sgs(vu->ctrl_vq, sgs, out, in, ctrl, GFP_ATOMIC);
}

/**
 * vusbip_ctrl_send - put a command on the control queue
 * @vu: the device
 * @ctrl: complete but for cmd's seq
 *
 * Context: vu->lock held.
 * Return: 0: @ctrl->done will be called; a negative errno: it will not.
 */
int vusbip_ctrl_send(struct vusbip *vu, struct vusbip_ctrl *ctrl)
{
	int rc;

	if (vu->dead)
		return -ESHUTDOWN;
	ctrl->cmd.submit.seq = cpu_to_be32(vusbip_next_seq(vu));
	rc = list_empty(&vu->ctrl_pending) ? vusbip_ctrl_add(vu, ctrl) : -ENOSPC;
	if (!rc) {
		virtqueue_kick(vu->ctrl_vq);
	} else if (rc == -ENOSPC) {
		list_add_tail(&ctrl->node, &vu->ctrl_pending);
		rc = 0;
	} else {
		vusbip_break(vu, "control queue broken");
	}
	return rc;
}

/**
 * vusbip_ctrl_setup - make a command a request to the controller
 * @ctrl: the command; its done stays as it is
 * @type: bRequestType
 * @request: bRequest
 * @value: wValue
 * @index: wIndex
 * @data: kmalloc'ed, or NULL
 * @len: bytes of @data
 */
void vusbip_ctrl_setup(struct vusbip_ctrl *ctrl, u8 type, u8 request, u16 value,
		       u16 index, void *data, u16 len)
{
	struct usb_ctrlrequest setup = {
		.bRequestType = type,
		.bRequest = request,
		.wValue = cpu_to_le16(value),
		.wIndex = cpu_to_le16(index),
		.wLength = cpu_to_le16(len),
	};
	bool in = len && (type & USB_DIR_IN);

	ctrl->data = data;
	ctrl->data_len = len;
	ctrl->data_in = in;
	ctrl->cmd.submit = (struct virtio_usbip_cmd_submit) {
		.command = cpu_to_be32(VIRTIO_USBIP_CMD_SUBMIT),
		.direction = cpu_to_be32(in ? VIRTIO_USBIP_DIR_IN : VIRTIO_USBIP_DIR_OUT),
		.flags = cpu_to_be32(in ? VIRTIO_USBIP_DIR_IN_FLAG : 0),
		.length = cpu_to_be32(len),
	};
	memcpy(ctrl->cmd.submit.setup, &setup, sizeof(setup));
}

/* DR-12. Everything that the device wrote is read once. */
static int vusbip_ctrl_check(struct vusbip_ctrl *ctrl, u32 len)
{
	u32 want = be32_to_cpu(ctrl->cmd.submit.command) +
		   VIRTIO_USBIP_RET_SUBMIT - VIRTIO_USBIP_CMD_SUBMIT;
	__be32 status = READ_ONCE(ctrl->ret.status);
	u32 actual = be32_to_cpu(READ_ONCE(ctrl->ret.actual));

	if (len < VIRTIO_USBIP_PDU_SIZE ||
	    be32_to_cpu(READ_ONCE(ctrl->ret.command)) != want ||
	    READ_ONCE(ctrl->ret.seq) != ctrl->cmd.submit.seq)
		return -EBADMSG;
	if (want == VIRTIO_USBIP_RET_SUBMIT) {
		if (actual > ctrl->data_len ||
		    (ctrl->data_in && actual > len - VIRTIO_USBIP_PDU_SIZE))
			return -EBADMSG;
		ctrl->actual = actual;
		ctrl->granted = be32_to_cpu(READ_ONCE(ctrl->ret.start_frame));
	}
	return vusbip_errno(status);
}

static void vusbip_ctrl_refill(struct vusbip *vu)
{
	struct vusbip_ctrl *ctrl;
	bool kick = false;

	while (!vu->dead && !list_empty(&vu->ctrl_pending)) {
		ctrl = list_first_entry(&vu->ctrl_pending, struct vusbip_ctrl, node);
		if (vusbip_ctrl_add(vu, ctrl))
			break;
		list_del(&ctrl->node);
		kick = true;
	}
	if (kick)
		virtqueue_kick(vu->ctrl_vq);
}

void vusbip_control_done(struct virtqueue *vq)
{
	struct vusbip *vu = vq->vdev->priv;
	struct vusbip_ctrl *ctrl;
	unsigned long flags;
	unsigned int len;
	int status;

	spin_lock_irqsave(&vu->lock, flags);
	while (!vu->dead) {
		virtqueue_disable_cb(vq);
		while (!vu->dead && (ctrl = virtqueue_get_buf(vq, &len))) {
			status = vusbip_ctrl_check(ctrl, len);
			if (status == -EBADMSG)
				vusbip_break(vu, "wrong answer on the control queue");
			ctrl->done(vu, ctrl, status);
		}
		if (virtqueue_is_broken(vq))
			vusbip_break(vu, "control queue broken");
		else if (virtqueue_enable_cb(vq))
			break;
	}
	vusbip_ctrl_refill(vu);
	spin_unlock_irqrestore(&vu->lock, flags);
	vusbip_poll(vu);
}

/**
 * vusbip_ctrl_take_back - take what the control queue has, after a reset
 * @vu: the device
 *
 * The device may still write there, until the virtqueues are gone.
 *
 * Context: vu->lock held.
 */
void vusbip_ctrl_take_back(struct vusbip *vu)
{
	struct vusbip_ctrl *ctrl;

	while ((ctrl = virtqueue_detach_unused_buf(vu->ctrl_vq)))
		list_add_tail(&ctrl->node, &vu->ctrl_pending);
}

/**
 * vusbip_ctrl_drop_all - end all commands of a device that was stopped
 * @vu: the device
 *
 * Context: vu->lock held.
 */
void vusbip_ctrl_drop_all(struct vusbip *vu)
{
	struct vusbip_ctrl *ctrl, *next;

	list_for_each_entry_safe(ctrl, next, &vu->ctrl_pending, node) {
		list_del(&ctrl->node);
		ctrl->done(vu, ctrl, -ESHUTDOWN);
	}
}

/* ---- streams ---- */

struct vusbip_stream_request {
	struct vusbip_ctrl ctrl;
	struct completion completion;
	int status;
	u8 addresses[2 * 15];
};

static void vusbip_streams_done(struct vusbip *vu, struct vusbip_ctrl *ctrl, int status)
{
	struct vusbip_stream_request *req =
		container_of(ctrl, struct vusbip_stream_request, ctrl);

	req->status = status;
	complete(&req->completion);
}

static int vusbip_streams_send(struct vusbip *vu, struct usb_hcd *hcd,
			       struct usb_device *udev, struct vusbip_stream_request *req)
{
	unsigned long flags;
	int rc = -ENODEV;

	spin_lock_irqsave(&vu->lock, flags);
	if (vusbip_devid(vu, hcd, udev))
		rc = vusbip_ctrl_send(vu, &req->ctrl);
	spin_unlock_irqrestore(&vu->lock, flags);
	if (rc)
		return rc;

	/* req is the device's: a timeout must reset it first, which calls done. */
	if (!wait_for_completion_timeout(&req->completion, VUSBIP_CONTROL_TIMEOUT)) {
		spin_lock_irqsave(&vu->lock, flags);
		vusbip_break(vu, "streams request not answered");
		spin_unlock_irqrestore(&vu->lock, flags);
		wait_for_completion(&req->completion);
	}
	return req->status;
}

static int vusbip_streams(struct usb_hcd *hcd, struct usb_device *udev, u8 request,
			  struct usb_host_endpoint **eps, unsigned int num_eps,
			  u16 count, gfp_t mem_flags)
{
	struct vusbip *vu = hcd_to_vusbip(hcd);
	struct vusbip_stream_request *req;
	struct vusbip_port *port;
	unsigned int i;
	int rc;

	port = vusbip_port(vu, hcd, udev->portnum);
	if (!port || num_eps > sizeof(req->addresses))
		return -EINVAL;
	req = kzalloc(sizeof(*req), mem_flags);
	if (!req)
		return -ENOMEM;
	init_completion(&req->completion);
	req->ctrl.done = vusbip_streams_done;
	for (i = 0; i < num_eps; i++)
		req->addresses[i] = eps[i]->desc.bEndpointAddress;
	vusbip_ctrl_setup(&req->ctrl, VIRTIO_USBIP_REQ_TYPE_VENDOR_OUT, request, count,
			  port->num, req->addresses, num_eps);

	rc = vusbip_streams_send(vu, hcd, udev, req);
	if (!rc)
		rc = min_t(u32, req->ctrl.granted, count);
	kfree(req);
	return rc;
}

int vusbip_alloc_streams(struct usb_hcd *hcd, struct usb_device *udev,
			 struct usb_host_endpoint **eps, unsigned int num_eps,
			 unsigned int num_streams, gfp_t mem_flags)
{
	struct vusbip *vu = hcd_to_vusbip(hcd);
	u16 count = min_t(unsigned int, num_streams, vu->max_streams);
	int rc;

	if (!count)
		return -EOPNOTSUPP;
	rc = vusbip_streams(hcd, udev, VIRTIO_USBIP_REQ_ALLOC_STREAMS, eps, num_eps,
			    count, mem_flags);
	return rc ?: -ENOSPC;
}

int vusbip_free_streams(struct usb_hcd *hcd, struct usb_device *udev,
			struct usb_host_endpoint **eps, unsigned int num_eps,
			gfp_t mem_flags)
{
	return vusbip_streams(hcd, udev, VIRTIO_USBIP_REQ_FREE_STREAMS, eps, num_eps, 0,
			      mem_flags);
}
