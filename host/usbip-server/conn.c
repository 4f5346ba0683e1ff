// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log.h"
#include "server_i.h"

static void expect(struct conn *c, int state, void *to, size_t len)
{
	c->state = state;
	c->iov = (struct iovec) { to, len };
	c->piece = (struct usbip_piece) { &c->iov, 1, len, 0 };
}

static void expect_head(struct conn *c)
{
	c->req = NULL;
	expect(c, CONN_HEAD, &c->head, sizeof(c->head));
}

/* Data, then packets, then the next command. */
static int advance(struct conn *c)
{
	struct req *r = c->req;

	if (c->state == CONN_HEAD && req_out_len(r)) {
		expect(c, CONN_DATA, r->data, req_out_len(r));
		return 0;
	}
	if (c->state != CONN_ISO && req_iso_len(r)) {
		expect(c, CONN_ISO, r->raw_iso, req_iso_len(r));
		return 0;
	}
	expect_head(c);
	return req_submit(r);
}

static int piece_done(struct conn *c)
{
	int err = 0;

	if (c->state == CONN_HEAD)
		err = req_start(c, &c->req);
	if (!err && c->req)
		return advance(c);
	expect_head(c);
	return err;
}

/* One more request at its largest still fits. */
static bool has_room(struct conn *c)
{
	bool room;

	pthread_mutex_lock(&c->lock);
	room = !c->lost && c->n_reqs < CONN_MAX_REQS &&
	       c->bytes <= CONN_MAX_BYTES - REQ_MAX_LENGTH;
	pthread_mutex_unlock(&c->lock);
	return room;
}

static int receive(struct conn *c)
{
	int ret = 0;

	while (c->req || has_room(c)) {
		ret = usbip_piece_receive(&c->piece, c->fd);
		if (ret != 1)
			return ret;
		ret = piece_done(c);
		if (ret)
			return ret;
	}
	return 0;
}

static bool conn_lost(struct conn *c, bool *ret_waiting)
{
	bool lost;

	pthread_mutex_lock(&c->lock);
	if (!c->lost)
		req_send(c);
	lost = c->lost;
	*ret_waiting = c->out.first;
	pthread_mutex_unlock(&c->lock);
	return lost;
}

/* Why it ended: -errno. */
static int serve(struct conn *c)
{
	bool waiting;
	eventfd_t n;
	int err = 0;

	while (!err) {
		struct pollfd fds[] = {
			{ .fd = c->fd },
			{ .fd = c->wake, .events = POLLIN },
			{ .fd = c->server->stop_fd, .events = POLLIN },
		};

		if (conn_lost(c, &waiting))
			return -ESHUTDOWN;
		fds[0].events = (c->req || has_room(c) ? POLLIN : 0) |
				(waiting ? POLLOUT : 0);
		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents)
			eventfd_read(c->wake, &n);
		if (fds[2].revents)
			return -ECANCELED;
		if (fds[0].revents & POLLIN)
			err = receive(c);
		else if (fds[0].revents & (POLLERR | POLLHUP))
			err = -EPIPE;
	}
	return err;
}

/* The thread is the only one that makes requests, so the list only gets shorter. */
static void cancel_all(struct conn *c)
{
	struct req *r;

	pthread_mutex_lock(&c->lock);
	c->ending = true;
	for (r = c->reqs; r; r = c->reqs) {
		while (r && !(r->flying && !r->unlinked))
			r = r->next;
		if (!r)
			break;
		r->unlinked = true;
		r->held = true;
		pthread_mutex_unlock(&c->lock);
		req_cancel(r);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
}

static void drain(struct conn *c)
{
	cancel_all(c);
	pthread_mutex_lock(&c->lock);
	while (c->n_flying)
		pthread_cond_wait(&c->changed, &c->lock);
	while (c->reqs)
		req_free(c->reqs);
	pthread_mutex_unlock(&c->lock);
}

void conn_lose(struct conn *c)
{
	pthread_mutex_lock(&c->lock);
	c->lost = true;
	eventfd_write(c->wake, 1);
	pthread_mutex_unlock(&c->lock);
}

static void attach(struct conn *c, struct conn *conn)
{
	pthread_mutex_lock(&c->server->lock);
	c->export->conn = conn;
	c->lost = conn && c->export->gone;
	pthread_mutex_unlock(&c->server->lock);
}

void conn_run(struct usbip_server *server, struct export *export, int fd)
{
	struct conn c = { .server = server, .export = export, .fd = fd };
	int err;

	c.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c.wake < 0) {
		log_warn("usbip: %s: %s", export->device.busid, strerror(errno));
		return;
	}
	pthread_mutex_init(&c.lock, NULL);
	pthread_cond_init(&c.changed, NULL);
	usbip_msg_queue_init(&c.out);
	expect_head(&c);
	attach(&c, &c);
	err = serve(&c);
	attach(&c, NULL);
	drain(&c);
	if (err == -EPROTO || err == -EMSGSIZE)
		log_warn("usbip: %s: the peer's command makes no sense: disconnected",
			 export->device.busid);
	else
		log_info("usbip: %s: disconnected: %s", export->device.busid,
			 err == -EPIPE ? "closed by the peer" : strerror(-err));
	close(c.wake);
	pthread_cond_destroy(&c.changed);
	pthread_mutex_destroy(&c.lock);
}
