// SPDX-License-Identifier: GPL-2.0-only
/*
 * The thread that receives, and sends what the socket did not take at once. All that a
 * peer says is checked here; what is wrong ends the connection.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client_i.h"
#include "log.h"

void client_wake(struct client *b)
{
	eventfd_write(b->wake, 1);
}

/* ---- pieces ---- */

static void rx_expect(struct client_rx *rx, int state, void *to, size_t len)
{
	rx->state = state;
	rx->iov = (struct iovec) { to, len };
	rx->piece = (struct usbip_piece) { &rx->iov, 1, len, 0 };
}

static void rx_reset(struct client_rx *rx)
{
	free(rx->bounce);
	free(rx->iso);
	rx->bounce = NULL;
	rx->iso = NULL;
	rx->xfer = NULL;
	rx_expect(rx, RX_HEAD, &rx->head, sizeof(rx->head));
}

/* ---- RET_SUBMIT ---- */

static int rx_expect_iso(struct client_rx *rx)
{
	size_t len = rx->xfer->urb->n_iso * sizeof(rx->iso[0]);

	rx->iso = malloc(len);
	if (!rx->iso)
		return -ENOMEM;
	rx_expect(rx, RX_ISO, rx->iso, len);
	return 0;
}

static int rx_expect_data(struct client_rx *rx)
{
	const struct usb_urb *urb = rx->xfer->urb;

	if (!urb->n_iso) {
		rx->state = RX_DATA;
		rx->piece = (struct usbip_piece) { urb->iov, urb->n_iov, rx->ret.actual, 0 };
		return 0;
	}
	rx->bounce = malloc(rx->ret.actual);
	if (!rx->bounce)
		return -ENOMEM;
	rx_expect(rx, RX_DATA, rx->bounce, rx->ret.actual);
	return 0;
}

/* The packets' data lies one behind the other, each with its own actual length. */
static int rx_unpack_iso(struct client_rx *rx)
{
	struct usb_urb *urb = rx->xfer->urb;
	uint32_t pos = 0;

	for (unsigned int i = 0; i < urb->n_iso; i++) {
		struct usb_iso_packet p;

		usbip_iso_decode(&p, &rx->iso[i]);
		if (p.actual > urb->iso[i].length)
			return -EPROTO;
		urb->iso[i].actual = p.actual;
		urb->iso[i].status = p.status;
		if (!rx->bounce)
			continue;
		if (p.actual > rx->ret.actual - pos)
			return -EPROTO;
		usbip_iov_put(urb->iov, urb->iso[i].offset, rx->bounce + pos, p.actual);
		pos += p.actual;
	}
	return rx->bounce && pos != rx->ret.actual ? -EPROTO : 0;
}

static int rx_finish(struct client *b)
{
	struct client_rx *rx = &b->rx;
	struct client_xfer *x = rx->xfer;
	struct usbip_ret ret = rx->ret;
	int err = rx->iso ? rx_unpack_iso(rx) : 0;

	if (err)
		return err;
	rx_reset(rx);
	x->urb->start_frame = ret.start_frame;
	x->urb->error_count = ret.error_count;
	pthread_mutex_lock(&b->lock);
	client_end(b, x, ret.status, ret.actual);
	client_complete_ended(b);
	pthread_mutex_unlock(&b->lock);
	return 0;
}

/* Not what waits to be sent still: the peer cannot know of it. */
static int rx_ret_submit(struct client *b)
{
	struct client_rx *rx = &b->rx;
	struct client_xfer *x;

	pthread_mutex_lock(&b->lock);
	x = client_find(b, rx->ret.seq);
	if (x && x->msg.queued)
		x = NULL;
	pthread_mutex_unlock(&b->lock);
	if (!x || rx->ret.actual > x->urb->length ||
	    (x->urb->n_iso && rx->ret.num_packets != x->urb->n_iso))
		return -EPROTO;
	rx->xfer = x;
	if (x->urb->in && rx->ret.actual)
		return rx_expect_data(rx);
	return x->urb->n_iso ? rx_expect_iso(rx) : rx_finish(b);
}

static int rx_ret_unlink(struct client *b)
{
	int err;

	pthread_mutex_lock(&b->lock);
	err = client_unlinked(b, b->rx.ret.seq);
	client_complete_ended(b);
	pthread_mutex_unlock(&b->lock);
	rx_reset(&b->rx);
	return err;
}

static int rx_head(struct client *b)
{
	usbip_ret_decode(&b->rx.ret, &b->rx.head);
	switch (b->rx.ret.command) {
	case VIRTIO_USBIP_RET_SUBMIT:
		return rx_ret_submit(b);
	case VIRTIO_USBIP_RET_UNLINK:
		return rx_ret_unlink(b);
	default:
		return -EPROTO;
	}
}

/* As much as there is. */
static int receive(struct client *b)
{
	struct client_rx *rx = &b->rx;
	int ret;

	while ((ret = usbip_piece_receive(&rx->piece, b->config.fd)) == 1) {
		if (rx->state == RX_HEAD)
			ret = rx_head(b);
		else if (rx->state == RX_DATA && rx->xfer->urb->n_iso)
			ret = rx_expect_iso(rx);
		else
			ret = rx_finish(b);
		if (ret)
			return ret;
	}
	return ret;
}

/* ---- the thread ---- */

static void connection_lost(struct client *b, int err)
{
	const struct usb_backend_events *events;
	bool closing;

	log_info("usbip: the connection is lost: %s",
		 err == -EPIPE ? "closed by the peer" : strerror(-err));
	rx_reset(&b->rx);
	pthread_mutex_lock(&b->lock);
	b->gone = true;
	client_end_all(b, -ESHUTDOWN);
	client_complete_ended(b);
	while (b->n_completing)
		pthread_cond_wait(&b->changed, &b->lock);
	client_complete_ended(b);
	closing = b->closing;
	events = b->base.events;
	pthread_mutex_unlock(&b->lock);
	if (closing)
		return;
	if (events && events->gone)
		events->gone(b->base.events_ctx);
	if (b->config.gone)
		b->config.gone(b->config.gone_ctx);
}

/* Milliseconds until the oldest unlink is overdue, -1: there is none. */
static int patience_left(const struct client *b)
{
	int64_t left;

	if (!b->unlinks)
		return -1;
	left = b->unlinks->deadline - usbip_deadline(0);
	return left > 0 ? left : 0;
}

static int wait_for_peer(struct client *b, bool room, int timeout)
{
	struct pollfd fds[] = {
		{ .fd = b->config.fd, .events = POLLIN | (room ? POLLOUT : 0) },
		{ .fd = b->wake, .events = POLLIN },
	};
	int ret = poll(fds, 2, timeout);
	eventfd_t n;

	if (ret < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[1].revents)
		eventfd_read(b->wake, &n);
	return fds[0].revents & ~POLLOUT ? receive(b) : 0;
}

void *client_main(void *backend)
{
	struct client *b = backend;
	int err = 0;

	rx_reset(&b->rx);
	pthread_mutex_lock(&b->lock);
	while (!b->stop && !err) {
		int timeout = patience_left(b);
		bool room = b->out.first;

		pthread_mutex_unlock(&b->lock);
		err = wait_for_peer(b, room, timeout);
		pthread_mutex_lock(&b->lock);
		if (!err && b->lost)
			err = b->lost;
		if (!err && !patience_left(b))
			err = -ETIMEDOUT;
		if (!err && b->out.first)
			client_send(b);
	}
	if (err)
		b->lost = err;
	pthread_mutex_unlock(&b->lock);
	if (err)
		connection_lost(b, err);
	else
		rx_reset(&b->rx);
	return NULL;
}
