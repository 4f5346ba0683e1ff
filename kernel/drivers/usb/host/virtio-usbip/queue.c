// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-usbip: URBs and request queues.
 *
 * An URB is in one of three places: on its queue's pending list (no room in the
 * ring or in the device's budget), in the ring (and on vu->inflight), or on a
 * caller's done list, from which it is given back without vu->lock. Only the
 * moves between them, all under vu->lock, decide who gives it back: exactly one
 * call of vusbip_urb_finish per URB.
 */

#include <linux/mm.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>

#include "virtio_usbip_i.h"

static struct kmem_cache *vusbip_urb_cache;

/* The wire has Linux's numbers, so flags are masked instead of translated. */
#define VUSBIP_URB_FLAGS	(URB_SHORT_NOT_OK | URB_ISO_ASAP | URB_ZERO_PACKET | \
				 URB_NO_INTERRUPT)
static_assert(URB_SHORT_NOT_OK == VIRTIO_USBIP_SHORT_NOT_OK);
static_assert(URB_ISO_ASAP == VIRTIO_USBIP_ISO_ASAP);
static_assert(URB_ZERO_PACKET == VIRTIO_USBIP_ZERO_PACKET);
static_assert(URB_NO_INTERRUPT == VIRTIO_USBIP_NO_INTERRUPT);

int vusbip_queue_init(void)
{
	vusbip_urb_cache = KMEM_CACHE(vusbip_urb, 0);
	return vusbip_urb_cache ? 0 : -ENOMEM;
}

void vusbip_queue_exit(void)
{
	kmem_cache_destroy(vusbip_urb_cache);
}

/**
 * vusbip_next_seq - a number that no command in flight has
 * @vu: the device
 *
 * After 2^32 commands an old one may still be in flight (DR-8).
 *
 * Context: vu->lock held.
 * Return: the number, not 0.
 */
u32 vusbip_next_seq(struct vusbip *vu)
{
	struct vusbip_urb *vurb;

again:
	if (!++vu->seq) {
		vu->seq_wrapped = true;
		vu->seq = 1;
	}
	if (vu->seq_wrapped)
		list_for_each_entry(vurb, &vu->inflight, node)
			if (be32_to_cpu(vurb->cmd.seq) == vu->seq)
				goto again;
	return vu->seq;
}

/* ---- making one ---- */

static void vusbip_urb_put(struct vusbip_urb *vurb)
{
	if (!refcount_dec_and_test(&vurb->refs))
		return;
	kfree(vurb->bounce);
	kfree(vurb->iso);
	kmem_cache_free(vusbip_urb_cache, vurb);
}

static int vusbip_urb_check(struct vusbip *vu, struct urb *urb)
{
	unsigned int length = urb->transfer_buffer_length;

	if (length > vu->max_transfer)
		return -EMSGSIZE;
	if (urb->num_sgs > vu->seg_max ||
	    (length && !urb->num_sgs && !urb->transfer_buffer))
		return -EINVAL;
	if (usb_pipeisoc(urb->pipe) && urb->number_of_packets > vu->max_iso_packets)
		return -EINVAL;		/* 0 without F_ISO */
	return 0;
}

/* Stack and vmalloc buffers have no address that the device could use. */
static int vusbip_urb_bounce(struct vusbip_urb *vurb, gfp_t mem_flags)
{
	struct urb *urb = vurb->urb;
	void *buf = urb->transfer_buffer;
	unsigned int length = urb->transfer_buffer_length;

	if (!length || urb->num_sgs)
		return 0;
	if (likely(virt_addr_valid(buf) && !object_is_on_stack(buf)))
		return 0;
	dev_warn_once(&urb->dev->dev, "transfer buffer is not from kmalloc, bounced\n");
	vurb->bounce = kzalloc(length, mem_flags);
	if (!vurb->bounce)
		return -ENOMEM;
	if (!vurb->in)
		memcpy(vurb->bounce, buf, length);
	return 0;
}

static int vusbip_urb_iso(struct vusbip_urb *vurb, gfp_t mem_flags)
{
	struct urb *urb = vurb->urb;
	struct usb_iso_packet_descriptor *desc = urb->iso_frame_desc;
	int i, n = urb->number_of_packets;

	if (!usb_pipeisoc(urb->pipe))
		return 0;
	vurb->iso = kcalloc(n, 2 * sizeof(*vurb->iso), mem_flags);
	if (!vurb->iso)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		if (desc[i].offset > urb->transfer_buffer_length ||
		    desc[i].length > urb->transfer_buffer_length - desc[i].offset)
			return -EINVAL;
		vurb->iso[i].offset = cpu_to_be32(desc[i].offset);
		vurb->iso[i].length = cpu_to_be32(desc[i].length);
	}
	return 0;
}

/*
 * DR-2: one endpoint, one queue. The second queue is for what may wait for ever;
 * endpoints of control and bulk spread over the others.
 */
static struct vusbip_queue *vusbip_urb_queue(struct vusbip *vu, struct urb *urb)
{
	unsigned int hash;

	if (usb_pipeint(urb->pipe) || usb_pipeisoc(urb->pipe))
		return &vu->queues[1];
	if (usb_pipecontrol(urb->pipe))
		return &vu->queues[0];
	hash = urb->dev->portnum * 32 + usb_pipeendpoint(urb->pipe) * 2 + usb_urb_dir_in(urb);
	hash %= vu->num_queues - 1;
	return &vu->queues[hash ? hash + 1 : 0];
}

static void vusbip_urb_command(struct vusbip_urb *vurb)
{
	struct urb *urb = vurb->urb;
	struct virtio_usbip_cmd_submit *cmd = &vurb->cmd;
	u32 dir = vurb->in ? VIRTIO_USBIP_DIR_IN : VIRTIO_USBIP_DIR_OUT;
	u32 flags = urb->transfer_flags & VUSBIP_URB_FLAGS;

	if (vurb->in)
		flags |= VIRTIO_USBIP_DIR_IN_FLAG;
	*cmd = (struct virtio_usbip_cmd_submit) {
		.command = cpu_to_be32(VIRTIO_USBIP_CMD_SUBMIT),
		.direction = cpu_to_be32(dir),
		.ep = cpu_to_be32(usb_pipeendpoint(urb->pipe)),
		.flags = cpu_to_be32(flags),
		.length = cpu_to_be32(urb->transfer_buffer_length),
	};
	switch (usb_pipetype(urb->pipe)) {
	case PIPE_CONTROL:
		memcpy(cmd->setup, urb->setup_packet, sizeof(cmd->setup));
		break;
	case PIPE_BULK:
		cmd->start_frame = cpu_to_be32(urb->stream_id);
		break;
	case PIPE_ISOCHRONOUS:
		cmd->start_frame = cpu_to_be32(urb->start_frame);
		cmd->num_packets = cpu_to_be32(urb->number_of_packets);
		fallthrough;
	case PIPE_INTERRUPT:
		cmd->interval = cpu_to_be32(urb->interval);
		break;
	}
}

static struct vusbip_urb *vusbip_urb_alloc(struct vusbip *vu, struct urb *urb,
					   gfp_t mem_flags)
{
	struct vusbip_urb *vurb;
	int rc;

	rc = vusbip_urb_check(vu, urb);
	if (rc)
		return ERR_PTR(rc);
	vurb = kmem_cache_alloc(vusbip_urb_cache, mem_flags);
	if (!vurb)
		return ERR_PTR(-ENOMEM);
	vurb->urb = urb;
	vurb->queue = vusbip_urb_queue(vu, urb);
	refcount_set(&vurb->refs, 1);
	vurb->in_ring = false;
	vurb->unlinking = false;
	vurb->in = usb_urb_dir_in(urb);
	/* DR-5: what may wait for ever must not use up the budget */
	vurb->budget = vurb->queue == &vu->queues[1] ? 0 : urb->transfer_buffer_length;
	vurb->bounce = NULL;
	vurb->iso = NULL;
	vusbip_urb_command(vurb);
	rc = vusbip_urb_bounce(vurb, mem_flags) ?: vusbip_urb_iso(vurb, mem_flags);
	if (rc) {
		vusbip_urb_put(vurb);
		return ERR_PTR(rc);
	}
	return vurb;
}

/* ---- into the ring ---- */

/* How a caller's SG list was shortened, to put it right again. */
struct vusbip_sg_cut {
	struct scatterlist *last;
	unsigned int length;
	bool was_last;
};

/*
 * The list may be longer than the transfer (usb-storage near the end of a disk
 * with last_sector_bug), but every byte of it would get into the chain. So it
 * ends where the transfer ends for as long as virtqueue_add_sgs looks at it.
 * Nobody else may: the URB is ours.
 */
static int vusbip_sg_shorten(struct urb *urb, struct vusbip_sg_cut *cut)
{
	unsigned int left = urb->transfer_buffer_length;
	struct scatterlist *sg;
	int i;

	for (i = 0, sg = urb->sg; i < urb->num_sgs && sg; i++, sg = sg_next(sg)) {
		if (sg->length < left) {
			left -= sg->length;
			continue;
		}
		*cut = (struct vusbip_sg_cut) { sg, sg->length, sg_is_last(sg) };
		sg->length = left;
		sg_mark_end(sg);
		return 0;
	}
	return -EINVAL;
}

static void vusbip_sg_restore(struct vusbip_sg_cut *cut)
{
	if (!cut->last)
		return;
	cut->last->length = cut->length;
	if (!cut->was_last)
		sg_unmark_end(cut->last);
}

/* With vu->lock held. -ENOSPC: no room now. */
static int vusbip_urb_add(struct vusbip_urb *vurb)
{
	struct urb *urb = vurb->urb;
	unsigned int length = urb->transfer_buffer_length, n_iso = 0;
	struct scatterlist cmd, ret, buf, iso_out, iso_in, *data = NULL, *sgs[5];
	struct vusbip_sg_cut cut = {};
	unsigned int out = 0, in = 0;
	int rc;

	if (length && urb->num_sgs) {
		rc = vusbip_sg_shorten(urb, &cut);
		if (rc)
			return rc;
		data = urb->sg;
	} else if (length) {
		data = &buf;
		sg_init_one(data, vurb->bounce ?: urb->transfer_buffer, length);
	}
	sg_init_one(&cmd, &vurb->cmd, VIRTIO_USBIP_PDU_SIZE);
	sg_init_one(&ret, &vurb->ret, VIRTIO_USBIP_PDU_SIZE);
	if (vurb->iso) {
		n_iso = urb->number_of_packets;
		sg_init_one(&iso_out, vurb->iso, n_iso * sizeof(*vurb->iso));
		sg_init_one(&iso_in, vurb->iso + n_iso, n_iso * sizeof(*vurb->iso));
	}

	sgs[out++] = &cmd;
	if (data && !vurb->in)
		sgs[out++] = data;
	if (n_iso)
		sgs[out++] = &iso_out;
	sgs[out + in++] = &ret;
	if (n_iso)
		sgs[out + in++] = &iso_in;
	if (data && vurb->in)
		sgs[out + in++] = data;
	rc = virtqueue_add_sgs(vurb->queue->vq, sgs, out, in, vurb, GFP_ATOMIC);
	vusbip_sg_restore(&cut);
	return rc;
}

/* With vu->lock held. -ENOSPC: no room now, in the ring or in the budget (DR-5). */
static int vusbip_urb_start(struct vusbip *vu, struct vusbip_urb *vurb)
{
	int rc;

	if (vu->dead)
		return -ESHUTDOWN;
	if (vu->inflight_bytes && vurb->budget > vu->max_inflight - vu->inflight_bytes)
		return -ENOSPC;
	vurb->cmd.seq = cpu_to_be32(vusbip_next_seq(vu));
	rc = vusbip_urb_add(vurb);
	if (rc == -EIO)
		vusbip_break(vu, "request queue broken");
	if (rc)
		return rc;
	vu->inflight_bytes += vurb->budget;
	vurb->in_ring = true;
	list_add_tail(&vurb->node, &vu->inflight);
	return 0;
}

/* Whoever takes vurb out of a ring or a pending list. With vu->lock held. */
static void vusbip_urb_finish(struct vusbip *vu, struct vusbip_urb *vurb, int status,
			      struct list_head *done)
{
	struct urb *urb = vurb->urb;

	if (vurb->in_ring) {
		vurb->in_ring = false;
		vu->inflight_bytes -= vurb->budget;
	}
	vurb->status = status;
	usb_hcd_unlink_urb_from_ep(bus_to_hcd(urb->dev->bus), urb);
	list_move_tail(&vurb->node, done);
}

/* Starts what waits for room, in order. With vu->lock held. */
static void vusbip_refill(struct vusbip *vu, struct list_head *done)
{
	struct vusbip_queue *queue;
	struct vusbip_urb *vurb;
	bool kick;
	int rc;

	for (queue = vu->queues; queue < vu->queues + vu->num_queues; queue++) {
		kick = false;
		while (!list_empty(&queue->pending)) {
			vurb = list_first_entry(&queue->pending, struct vusbip_urb, node);
			list_del_init(&vurb->node);
			rc = vusbip_urb_start(vu, vurb);
			if (rc == -ENOSPC) {
				list_add(&vurb->node, &queue->pending);
				break;
			}
			if (rc)
				vusbip_urb_finish(vu, vurb, rc, done);
			else
				kick = true;
		}
		if (kick)
			virtqueue_kick(queue->vq);
	}
}

int vusbip_urb_enqueue(struct usb_hcd *hcd, struct urb *urb, gfp_t mem_flags)
{
	struct vusbip *vu = hcd_to_vusbip(hcd);
	struct vusbip_urb *vurb;
	unsigned long flags;
	u32 devid;
	int rc;

	vurb = vusbip_urb_alloc(vu, urb, mem_flags);
	if (IS_ERR(vurb))
		return PTR_ERR(vurb);

	spin_lock_irqsave(&vu->lock, flags);
	rc = usb_hcd_link_urb_to_ep(hcd, urb);
	if (rc)
		goto err_put;
	devid = vusbip_devid(vu, hcd, urb->dev);
	if (!devid) {
		rc = -ENODEV;
		goto err_unlink;
	}
	vurb->cmd.devid = cpu_to_be32(devid);
	urb->hcpriv = vurb;
	rc = list_empty(&vurb->queue->pending) ? vusbip_urb_start(vu, vurb) : -ENOSPC;
	if (!rc) {
		/* Inside the lock: an answer that is there at once then comes at unlock. */
		virtqueue_kick(vurb->queue->vq);
	} else if (rc == -ENOSPC) {
		list_add_tail(&vurb->node, &vurb->queue->pending);	/* DR-4 */
	} else {
		goto err_unlink;
	}
	spin_unlock_irqrestore(&vu->lock, flags);
	return 0;

err_unlink:
	usb_hcd_unlink_urb_from_ep(hcd, urb);
err_put:
	spin_unlock_irqrestore(&vu->lock, flags);
	vusbip_urb_put(vurb);
	return rc;
}

/* ---- out of the ring ---- */

/* DR-12 for isochronous packets; every number of the device's is read once. */
static int vusbip_iso_result(struct vusbip_urb *vurb, u32 data_len)
{
	struct urb *urb = vurb->urb;
	struct virtio_usbip_iso_packet *iso = vurb->iso + urb->number_of_packets;
	struct usb_iso_packet_descriptor *desc = urb->iso_frame_desc;
	int i;

	urb->start_frame = be32_to_cpu(READ_ONCE(vurb->ret.start_frame));
	urb->error_count = 0;
	for (i = 0; i < urb->number_of_packets; i++) {
		u32 actual = be32_to_cpu(READ_ONCE(iso[i].actual));

		if (actual > desc[i].length ||
		    (vurb->in && actual &&
		     (desc[i].offset > data_len || actual > data_len - desc[i].offset)))
			return -EBADMSG;
		desc[i].actual_length = actual;
		desc[i].status = vusbip_errno(READ_ONCE(iso[i].status));
		urb->error_count += !!desc[i].status;
	}
	return 0;
}

/* A transfer that the device refused comes back without packets. */
static int vusbip_iso_refused(struct urb *urb, __be32 status)
{
	int i, err = vusbip_errno(status);

	if (!err)
		return -EBADMSG;
	urb->actual_length = 0;
	urb->error_count = urb->number_of_packets;
	for (i = 0; i < urb->number_of_packets; i++) {
		urb->iso_frame_desc[i].actual_length = 0;
		urb->iso_frame_desc[i].status = err;
	}
	return err;
}

/* DR-12. Sets urb->actual_length; the URB's status, or -EBADMSG. */
static int vusbip_urb_result(struct vusbip_urb *vurb, u32 len)
{
	struct virtio_usbip_ret_submit *ret = &vurb->ret;
	struct urb *urb = vurb->urb;
	u32 meta = VIRTIO_USBIP_PDU_SIZE;
	__be32 status = READ_ONCE(ret->status);
	u32 actual = be32_to_cpu(READ_ONCE(ret->actual));

	if (vurb->iso)
		meta += urb->number_of_packets * sizeof(*vurb->iso);
	if (len < VIRTIO_USBIP_PDU_SIZE || actual > urb->transfer_buffer_length ||
	    READ_ONCE(ret->command) != cpu_to_be32(VIRTIO_USBIP_RET_SUBMIT) ||
	    READ_ONCE(ret->seq) != vurb->cmd.seq)
		return -EBADMSG;
	if (len < meta)
		return vusbip_iso_refused(urb, status);
	if (vurb->iso) {
		if (vusbip_iso_result(vurb, len - meta))
			return -EBADMSG;
	} else if (vurb->in && actual > len - meta) {
		return -EBADMSG;
	}
	urb->actual_length = actual;
	return vusbip_errno(status);
}

static void vusbip_urb_returned(struct vusbip *vu, struct vusbip_urb *vurb, u32 len,
				struct list_head *done)
{
	int status = vusbip_urb_result(vurb, len);

	if (status == -EBADMSG) {
		vusbip_break(vu, "wrong answer on a request queue");
		vurb->urb->actual_length = 0;
		status = -EPROTO;
	}
	vusbip_urb_finish(vu, vurb, status, done);
}

/* All that the device has returned so far. With vu->lock held. */
static void vusbip_collect(struct vusbip *vu, struct virtqueue *vq, struct list_head *done)
{
	struct vusbip_urb *vurb;
	unsigned int len;

	while (!vu->dead && (vurb = virtqueue_get_buf(vq, &len)))
		vusbip_urb_returned(vu, vurb, len, done);
	if (virtqueue_is_broken(vq))
		vusbip_break(vu, "request queue broken");
	if (!vu->dead)
		vusbip_refill(vu, done);
}

/*
 * Completion handlers submit, and the device may answer at once (UAS at high speed:
 * data after a Read Ready IU). While interrupts are off, that is found here instead of
 * by another interrupt; a bounded number of times, as it may go on for ever.
 */
void vusbip_request_done(struct virtqueue *vq)
{
	struct vusbip *vu = vq->vdev->priv;
	unsigned long flags;
	unsigned int round;
	LIST_HEAD(done);

	spin_lock_irqsave(&vu->lock, flags);
	for (round = 0; !vu->dead; round++) {
		virtqueue_disable_cb(vq);
		vusbip_collect(vu, vq, &done);
		if (round < VUSBIP_GIVEBACK_ROUNDS && !list_empty(&done)) {
			spin_unlock_irqrestore(&vu->lock, flags);
			vusbip_urb_giveback(&done);
			spin_lock_irqsave(&vu->lock, flags);
		}
		if (!vu->dead && virtqueue_enable_cb(vq))
			break;
	}
	spin_unlock_irqrestore(&vu->lock, flags);
	vusbip_urb_giveback(&done);
}

/**
 * vusbip_urb_giveback - give finished URBs back to their drivers
 * @done: list of struct vusbip_urb, whose own references end
 *
 * Context: vu->lock not held: completion handlers submit.
 */
void vusbip_urb_giveback(struct list_head *done)
{
	struct vusbip_urb *vurb, *next;
	unsigned long flags;

	list_for_each_entry_safe(vurb, next, done, node) {
		struct urb *urb = vurb->urb;

		list_del(&vurb->node);
		if (vurb->bounce && vurb->in)
			memcpy(urb->transfer_buffer, vurb->bounce,
			       vurb->iso ? urb->transfer_buffer_length :
					   urb->actual_length);
		/* Completion handlers may expect what a host controller's IRQ gives. */
		local_irq_save(flags);
		usb_hcd_giveback_urb(bus_to_hcd(urb->dev->bus), urb, vurb->status);
		local_irq_restore(flags);
		vusbip_urb_put(vurb);
	}
}

/**
 * vusbip_urb_drop_all - finish all URBs of a device that was reset
 * @vu: the device, which writes no buffers any more
 * @done: list for vusbip_urb_giveback()
 *
 * Context: vu->lock held.
 */
void vusbip_urb_drop_all(struct vusbip *vu, struct list_head *done)
{
	struct vusbip_urb *vurb, *next;
	unsigned int i;

	for (i = 0; i < vu->num_queues; i++) {
		struct vusbip_queue *queue = &vu->queues[i];

		while ((vurb = virtqueue_detach_unused_buf(queue->vq)))
			vusbip_urb_finish(vu, vurb, -ESHUTDOWN, done);
		list_for_each_entry_safe(vurb, next, &queue->pending, node)
			vusbip_urb_finish(vu, vurb, -ESHUTDOWN, done);
	}
}

/* ---- unlink ---- */

static void vusbip_unlink_done(struct vusbip *vu, struct vusbip_ctrl *ctrl, int status)
{
	/* What the device found does not matter: the chain itself tells (DR-19). */
	vusbip_urb_put(container_of(ctrl, struct vusbip_urb, unlink));
}

static void vusbip_unlink_send(struct vusbip *vu, struct vusbip_urb *vurb)
{
	struct vusbip_ctrl *ctrl = &vurb->unlink;

	ctrl->done = vusbip_unlink_done;
	ctrl->data_len = 0;
	ctrl->cmd.unlink = (struct virtio_usbip_cmd_unlink) {
		.command = cpu_to_be32(VIRTIO_USBIP_CMD_UNLINK),
		.devid = vurb->cmd.devid,
		.victim = vurb->cmd.seq,
	};
	vurb->unlinking = true;
	vurb->unlink_time = jiffies;
	refcount_inc(&vurb->refs);
	if (vusbip_ctrl_send(vu, ctrl))
		vusbip_urb_put(vurb);		/* dead: stop gives the URB back */
	schedule_delayed_work(&vu->unlink_watch, VUSBIP_UNLINK_TIMEOUT);
}

int vusbip_urb_dequeue(struct usb_hcd *hcd, struct urb *urb, int status)
{
	struct vusbip *vu = hcd_to_vusbip(hcd);
	struct vusbip_urb *vurb;
	unsigned long flags;
	LIST_HEAD(done);
	int rc;

	spin_lock_irqsave(&vu->lock, flags);
	rc = usb_hcd_check_unlink_urb(hcd, urb, status);
	if (!rc) {
		vurb = urb->hcpriv;
		if (!vurb->in_ring) {
			vusbip_urb_finish(vu, vurb, status, &done);
			vusbip_refill(vu, &done);
		} else if (!vurb->unlinking && !vu->dead) {
			vusbip_unlink_send(vu, vurb);
		}
	}
	spin_unlock_irqrestore(&vu->lock, flags);
	vusbip_urb_giveback(&done);
	return rc;
}

/**
 * vusbip_unlink_watch - give up a device that keeps what was unlinked (DR-20)
 * @work: vu->unlink_watch
 */
void vusbip_unlink_watch(struct work_struct *work)
{
	struct vusbip *vu = container_of(to_delayed_work(work), struct vusbip, unlink_watch);
	struct vusbip_urb *vurb;
	unsigned long flags;
	bool again = false;

	spin_lock_irqsave(&vu->lock, flags);
	list_for_each_entry(vurb, &vu->inflight, node) {
		if (!vurb->unlinking)
			continue;
		again = true;
		if (time_after_eq(jiffies, vurb->unlink_time + VUSBIP_UNLINK_TIMEOUT))
			vusbip_break(vu, "unlinked transfer not returned");
	}
	if (again && !vu->dead)
		schedule_delayed_work(&vu->unlink_watch, VUSBIP_UNLINK_TIMEOUT / 4);
	spin_unlock_irqrestore(&vu->lock, flags);
}
