// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests from the ring to the backend and back.
 *
 * Taking and submitting are two steps. A chain that was taken is in the table of
 * seqs and on its queue's list; one thread at a time submits from that list. So
 * an unlink can take what lies before it in the rings although another thread is
 * just submitting, and an endpoint's transfers start in their order (DEV-3)
 * although submit is called without the lock.
 *
 * A request ends when the last of req->holds does:
 *
 *   complete inside submit, or before submit returned    the submitter returns it
 *   complete later, nobody cancels                       complete returns it
 *   complete while somebody is inside cancel             the canceller returns it
 *   cancel of what has completed (no holds are left)     nothing to cancel
 */
#include <errno.h>

#include "device_i.h"
#include "log.h"

#define SETUP_STANDARD_OUT	0x00
#define SETUP_SET_ADDRESS	5

static void urbs_complete(struct usb_urb *urb);

/* ---- slots ---- */

/*
 * There are as many as chains can be taken from rings no larger than queue_size
 * says, which the transport sees to, and one for a pop that finds nothing.
 */
static struct usbip_req *urbs_get(struct usbip_dev *dev)
{
	struct usbip_req *req = dev->free;

	if (req) {
		dev->free = req->next;
		return req;
	}
	req = &dev->reqs[dev->n_fresh++];
	req->dev = dev;
	req->urb.complete = urbs_complete;
	req->urb.submitter = req;
	return req;
}

static void urbs_put(struct usbip_req *req)
{
	req->state = USBIP_REQ_WAITING;		/* in nobody's way who looks at all */
	req->next = req->dev->free;
	req->dev->free = req;
}

/* ---- table of seqs ---- */

static struct usbip_req **urbs_bucket(struct usbip_dev *dev, uint32_t seq)
{
	return &dev->buckets[seq & (USBIP_SEQ_BUCKETS - 1)];
}

struct usbip_req *urbs_find(struct usbip_dev *dev, uint32_t seq)
{
	struct usbip_req *req = *urbs_bucket(dev, seq);

	while (req && req->cmd.seq != seq)
		req = req->seq_next;
	return req;
}

static void urbs_enter(struct usbip_req *req)
{
	struct usbip_req **bucket = urbs_bucket(req->dev, req->cmd.seq);

	req->seq_next = *bucket;
	*bucket = req;
	req->entered = true;
}

static void urbs_leave(struct usbip_req *req)
{
	struct usbip_req **p = urbs_bucket(req->dev, req->cmd.seq);

	while (*p != req)
		p = &(*p)->seq_next;
	*p = req->seq_next;
}

/* ---- lists of what waits to be submitted ---- */

static void urbs_append(struct usbip_queue *q, struct usbip_req *req)
{
	req->state = USBIP_REQ_QUEUED;
	req->next = NULL;
	*q->last = req;
	q->last = &req->next;
}

/* p points at the link to the one to remove. */
static struct usbip_req *urbs_remove(struct usbip_queue *q, struct usbip_req **p)
{
	struct usbip_req *req = *p;

	*p = req->next;
	if (!*p)
		q->last = p;
	req->state = USBIP_REQ_WAITING;
	return req;
}

/* ---- back to the guest ---- */

void urbs_return(struct usbip_req *req)
{
	struct usbip_dev *dev = req->dev;
	struct usbip_queue *q = req->queue;
	struct usbip_port *port = req->port;

	/* Cancelled because the device is leaving, which is what the guest is told. */
	if (port && (port->leaving || port->off) && req->urb.status == -ECONNRESET)
		req->urb.status = -ESHUTDOWN;	/* DEV-24 */
	if (q->vq) {
		virtq_push(q->vq, req->head, pdu_write_ret(req));
		q->touched = true;
	}
	if (req->entered)
		urbs_leave(req);
	stats_return(req);
	dev->charged -= req->charge;
	urbs_put(req);
	if (!--dev->n_reqs)
		pthread_cond_broadcast(&dev->idle);
	if (port)
		ports_chain_returned(port);
}

void urbs_fail(struct usbip_req *req, int err)
{
	struct usb_urb *urb = &req->urb;

	urb->status = err;
	urb->actual = 0;
	urb->start_frame = 0;
	urb->error_count = err ? req->n_iso : 0;
	for (unsigned int i = 0; i < req->n_iso; i++)
		req->iso[i].status = err;
	urbs_return(req);
}

/* Never resurrects a request that its last holder is about to return. */
static bool urbs_hold(struct usbip_req *req)
{
	unsigned int holds = atomic_load(&req->holds);

	while (holds)
		if (atomic_compare_exchange_weak(&req->holds, &holds, holds + 1))
			return true;
	return false;
}

static void urbs_release(struct usbip_req *req)
{
	if (atomic_fetch_sub(&req->holds, 1) == 1)
		urbs_return(req);
}

/*
 * This thread is inside submit: what it completes there (a UAS command ends the data and
 * the status that were waiting for it) is told with one interrupt, after the submit.
 */
static _Thread_local struct { bool submitting, untold; } urbs_here;

/*
 * The backend's last word, on any thread and without the lock. If it was not the
 * last hold, the request may be another one already: not to be looked at.
 */
static void urbs_complete(struct usb_urb *urb)
{
	struct usbip_req *req = urb->submitter;
	struct usbip_dev *dev = req->dev;

	if (atomic_fetch_sub(&req->holds, 1) != 1)
		return;
	pthread_mutex_lock(&dev->lock);
	urbs_return(req);
	urbs_unpark(dev);
	urbs_here.untold = urbs_here.submitting;
	if (!urbs_here.submitting)
		usbip_dev_interrupt(dev);
	pthread_mutex_unlock(&dev->lock);
}

/* ---- from the guest ---- */

static void urbs_complain(struct usbip_dev *dev, unsigned int queue)
{
	if (!dev->complained)
		log_warn("virtio-usbip: queue %u: the guest sent a malformed command",
			 queue);
	dev->complained = true;
}

static bool urbs_command_ok(const struct usbip_req *req)
{
	const struct usbip_cmd *cmd = &req->cmd;
	bool control = req->queue->index == VIRTIO_USBIP_VQ_CONTROL;

	return cmd->command == VIRTIO_USBIP_CMD_SUBMIT ||
	       (cmd->command == VIRTIO_USBIP_CMD_UNLINK && control);
}

/* W, R, command, seq: in the order of "Malformed commands". */
static int urbs_check_header(struct usbip_req *req, const struct virtq_chain *chain)
{
	struct usbip_dev *dev = req->dev;
	int err = pdu_decode(req, chain);

	if (err || req->in_len < VIRTIO_USBIP_PDU_SIZE)
		return -EINVAL;		/* with such a W nothing is written */
	if (!urbs_command_ok(req) || !req->cmd.seq || urbs_find(dev, req->cmd.seq))
		return -EINVAL;
	return 0;
}

struct usbip_req *urbs_next(struct usbip_dev *dev, struct usbip_queue *q)
{
	struct virtq_chain chain;
	struct usbip_req *req;

	for (;;) {
		req = urbs_get(dev);
		if (virtq_pop(q->vq, req->iov, USBIP_MAX_IOV, &chain) <= 0) {
			urbs_put(req);
			return NULL;
		}
		dev->n_reqs++;
		req->queue = q;
		req->port = NULL;
		req->charge = 0;
		req->state = USBIP_REQ_WAITING;
		req->cancel_wanted = req->cancelled = req->entered = req->counted = false;
		if (!urbs_check_header(req, &chain)) {
			urbs_enter(req);
			return req;
		}
		urbs_complain(dev, q->index);
		urbs_fail(req, -EINVAL);
	}
}

void urbs_take(struct usbip_dev *dev, struct usbip_queue *q)
{
	struct usbip_req *req;
	int err;

	while (q->vq && (req = urbs_next(dev, q))) {
		struct usbip_port *port = ports_find(dev, req->cmd.devid);

		err = port ? pdu_decode_submit(req) : -ENODEV;
		if (err) {
			urbs_fail(req, err);
			continue;
		}
		req->port = port;
		port->n_chains++;
		urbs_append(q, req);
	}
}

/* ---- to the backend ---- */

/* devid is the address: there is nothing to set (DEV-16). */
static bool urbs_is_set_address(const struct usb_urb *urb)
{
	return !urb->ep && urb->setup[0] == SETUP_STANDARD_OUT &&
	       urb->setup[1] == SETUP_SET_ADDRESS;
}

static int urbs_call_submit(struct usbip_req *req)
{
	struct usb_backend *backend = req->port->backend;

	/*
	 * DEV-10 wants zeros where no packet brought anything. Packets may come in
	 * any order and overlap, so the gaps are not looked for.
	 */
	if (req->n_iso && req->urb.in)
		pdu_zero_data(&req->urb);
	return backend->ops->submit(backend, &req->urb);
}

static void urbs_cancel(struct usbip_req *req)
{
	struct usbip_port *port = req->port;
	struct usbip_dev *dev = req->dev;

	/* Closing ends everything anyway. */
	if (!urbs_hold(req))
		return;
	if (ports_use(port)) {
		pthread_mutex_unlock(&dev->lock);
		port->backend->ops->cancel(port->backend, &req->urb);
		pthread_mutex_lock(&dev->lock);
		ports_unuse(port);
	}
	urbs_release(req);
}

/* What waits for ever (interrupt, isochronous) has a queue of its own. */
static bool urbs_is_charged(const struct usbip_req *req)
{
	return req->queue->index != VIRTIO_USBIP_VQ_REQUEST + 1;
}

static void urbs_charge(struct usbip_req *req)
{
	req->charge = urbs_is_charged(req) ? req->cmd.length : 0;
	req->dev->charged += req->charge;
}

static void urbs_submit(struct usbip_req *req)
{
	struct usbip_dev *dev = req->dev;
	bool outer = urbs_here.submitting;
	int err;

	req->state = USBIP_REQ_SUBMITTING;
	urbs_charge(req);
	stats_submit(req);
	atomic_store_explicit(&req->holds, 2, memory_order_relaxed);
	pthread_mutex_unlock(&dev->lock);
	urbs_here.submitting = true;
	err = urbs_call_submit(req);
	urbs_here.submitting = outer;
	pthread_mutex_lock(&dev->lock);
	ports_unuse(req->port);
	if (err) {
		urbs_fail(req, err);	/* both holds are ours */
		return;
	}
	req->state = USBIP_REQ_FLYING;
	if (req->cancel_wanted)
		urbs_cancel(req);
	urbs_release(req);
}

static void urbs_start(struct usbip_req *req)
{
	int err = ports_refuse(req->port);

	if (err || urbs_is_set_address(&req->urb))
		urbs_fail(req, err);
	else if (!ports_use(req->port))
		urbs_fail(req, -ESHUTDOWN);
	else
		urbs_submit(req);
}

/* DEV-6: whether there is budget for req. One transfer may always run. */
static bool urbs_afford(struct usbip_dev *dev, const struct usbip_req *req)
{
	if (!dev->budget || !urbs_is_charged(req))
		return true;
	return !dev->charged || dev->charged + req->cmd.length <= dev->budget;
}

/* A thread that is in here already looks at the budget again before it leaves. */
static void urbs_run(struct usbip_dev *dev, struct usbip_queue *q)
{
	if (q->running)
		return;
	q->running = true;
	while (q->first && urbs_afford(dev, q->first)) {
		urbs_start(urbs_remove(q, &q->first));
		if (!urbs_here.untold || urbs_here.submitting)
			continue;
		urbs_here.untold = false;
		usbip_dev_interrupt(dev);
	}
	q->parked = q->first;
	if (q->parked && !dev->said_parked)
		log_info("virtio-usbip: queue %u: over budget, transfers wait", q->index);
	dev->said_parked |= q->parked;
	q->running = false;
}

void urbs_unpark(struct usbip_dev *dev)
{
	for (unsigned int i = VIRTIO_USBIP_VQ_REQUEST; i < dev->n_queues; i++)
		if (dev->queues[i].parked)
			urbs_run(dev, &dev->queues[i]);
}

void urbs_service(struct usbip_dev *dev, struct usbip_queue *q)
{
	if (!q->vq)
		return;
	do {
		virtq_disable_notify(q->vq);
		urbs_take(dev, q);
		urbs_run(dev, q);
	} while (virtq_enable_notify(q->vq));
}

/* ---- early ends ---- */

static void urbs_unlink_queued(struct usbip_req *req)
{
	struct usbip_queue *q = req->queue;
	struct usbip_req **p = &q->first;

	while (*p != req)
		p = &(*p)->next;
	urbs_fail(urbs_remove(q, p), -ECONNRESET);
}

void urbs_unlink(struct usbip_req *req)
{
	switch (req->state) {
	case USBIP_REQ_QUEUED:
		urbs_unlink_queued(req);
		break;
	case USBIP_REQ_SUBMITTING:
		req->cancel_wanted = true;
		break;
	case USBIP_REQ_FLYING:
		urbs_cancel(req);
		break;
	case USBIP_REQ_WAITING:
		break;		/* a port's reset, which ends by itself */
	}
}

static void urbs_fail_queued(struct usbip_queue *q, const struct usbip_port *port,
			     int err)
{
	struct usbip_req **p = &q->first;

	while (*p) {
		if (!port || (*p)->port == port)
			urbs_fail(urbs_remove(q, p), err);
		else
			p = &(*p)->next;
	}
}

void urbs_stop_port(struct usbip_port *port, int err)
{
	struct usbip_dev *dev = port->dev;

	/* The port must not settle (all chains returned) halfway through the list. */
	port->n_chains++;
	for (unsigned int i = VIRTIO_USBIP_VQ_REQUEST; i < dev->n_queues; i++)
		urbs_fail_queued(&dev->queues[i], port, err);
	for (unsigned int i = 0; i < dev->n_fresh; i++) {
		struct usbip_req *req = &dev->reqs[i];

		if (req->port == port && req->state == USBIP_REQ_SUBMITTING)
			req->cancel_wanted = true;
	}
	ports_chain_returned(port);
}

void urbs_cancel_all(struct usbip_dev *dev, const struct usbip_port *port)
{
	for (unsigned int i = 0; i < dev->n_fresh; i++) {
		struct usbip_req *req = &dev->reqs[i];

		if (req->state != USBIP_REQ_FLYING || req->cancelled ||
		    (port && req->port != port))
			continue;
		req->cancelled = true;
		urbs_cancel(req);
	}
}

void urbs_drop_queued(struct usbip_dev *dev)
{
	for (unsigned int i = VIRTIO_USBIP_VQ_REQUEST; i < dev->n_queues; i++)
		urbs_fail_queued(&dev->queues[i], NULL, -ESHUTDOWN);
}
