// SPDX-License-Identifier: GPL-2.0-only
#include "usbip_msg.h"

#include <errno.h>
#include <sys/socket.h>

#define IOV_BATCH 64u

struct iov_window {
	struct iovec iov[IOV_BATCH];
	unsigned int n;
	size_t skip, left;		/* bytes before and inside the window */
};

static void window_add(struct iov_window *w, const void *base, size_t len)
{
	if (w->skip >= len) {
		w->skip -= len;
		return;
	}
	base = (const char *)base + w->skip;
	len -= w->skip;
	w->skip = 0;
	if (len > w->left)
		len = w->left;
	if (!len || w->n == IOV_BATCH)
		return;
	w->iov[w->n++] = (struct iovec) { (void *)base, len };
	w->left -= len;
}

static void window_add_iov(struct iov_window *w, const struct iovec *iov,
			   unsigned int n_iov, size_t len)
{
	for (unsigned int i = 0; i < n_iov && len && w->n < IOV_BATCH; i++) {
		size_t part = iov[i].iov_len < len ? iov[i].iov_len : len;

		window_add(w, iov[i].iov_base, part);
		len -= part;
	}
}

/* ---- sending ---- */

void usbip_msg_queue_init(struct usbip_msg_queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

void usbip_msg_queue_put(struct usbip_msg_queue *q, struct usbip_msg *msg)
{
	msg->next = NULL;
	msg->queued = true;
	*q->last = msg;
	q->last = &msg->next;
}

static void msg_unlink(struct usbip_msg_queue *q, struct usbip_msg **p)
{
	struct usbip_msg *msg = *p;

	*p = msg->next;
	if (!*p)
		q->last = p;
	msg->queued = false;
}

bool usbip_msg_queue_remove(struct usbip_msg_queue *q, struct usbip_msg *msg)
{
	struct usbip_msg **p = &q->first;

	if (!msg->queued || msg->pos)
		return false;
	while (*p != msg)
		p = &(*p)->next;
	msg_unlink(q, p);
	return true;
}

static size_t msg_len(const struct usbip_msg *msg)
{
	return sizeof(msg->head) + msg->data_len + msg->tail_len;
}

/* A piece of the first message. */
static ssize_t msg_send(struct usbip_msg *msg, int fd)
{
	struct iov_window w = { .skip = msg->pos, .left = msg_len(msg) - msg->pos };
	struct msghdr hdr = { .msg_iov = w.iov };
	ssize_t n;

	window_add(&w, msg->head, sizeof(msg->head));
	window_add_iov(&w, msg->data, msg->n_data, msg->data_len);
	if (w.n < IOV_BATCH)
		window_add(&w, msg->tail, msg->tail_len);
	hdr.msg_iovlen = w.n;
	do
		n = sendmsg(fd, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int usbip_msg_queue_send(struct usbip_msg_queue *q, int fd,
			 void (*sent)(void *ctx, struct usbip_msg *msg), void *ctx)
{
	while (q->first) {
		struct usbip_msg *msg = q->first;
		ssize_t n = msg_send(msg, fd);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return n;
		msg->pos += n;
		if (msg->pos < msg_len(msg))
			continue;
		msg_unlink(q, &q->first);
		if (sent)
			sent(ctx, msg);
	}
	return 0;
}

/* ---- receiving ---- */

int usbip_piece_receive(struct usbip_piece *p, int fd)
{
	while (p->pos < p->len) {
		struct iov_window w = { .skip = p->pos, .left = p->len - p->pos };
		struct msghdr hdr = { .msg_iov = w.iov };
		ssize_t n;

		window_add_iov(&w, p->iov, p->n_iov, p->len);
		hdr.msg_iovlen = w.n;
		n = recvmsg(fd, &hdr, MSG_DONTWAIT);
		if (n > 0)
			p->pos += n;
		else if (!n)
			return -EPIPE;
		else if (errno == EAGAIN)
			return 0;
		else if (errno != EINTR)
			return -errno;
	}
	return 1;
}
