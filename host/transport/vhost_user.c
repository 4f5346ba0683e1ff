// SPDX-License-Identifier: GPL-2.0-only
/*
 * The socket and the event loop of vhost-user: one thread, one epoll instance.
 *
 * Messages and kicks are handled where they are seen. UML waits for each answer with
 * a spinlock held, so nothing here waits for a peer: sockets do not block, and a front
 * end that does not take its answers is dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "vhost_user.h"
#include "vhost_user_session.h"

#define VU_EVENTS	32

/* What an epoll event is about; kicks are VU_EV_KICK + queue. */
enum { VU_EV_LISTEN, VU_EV_FRONT_END, VU_EV_WAKE, VU_EV_KICK };

struct vhost_user {
	struct vu_session *session;
	int epoll_fd;
	int wake_fd;		/* eventfd: stop, or memory was lost */
	int listen_fd;		/* the caller's, or -1 */
	int fd;			/* the front end, or -1; the caller's if there is no listen_fd */
	_Atomic bool stop;
	bool done;		/* the only front end is gone */
	int result;		/* of run */

	/* a message that is coming in */
	uint8_t buf[VU_MAX_MESSAGE];
	size_t len;
	int fds[VU_MAX_FDS];
	unsigned int n_fds;
};

static int vu_watch(struct vhost_user *vu, int fd, uint32_t events, uint32_t what)
{
	struct epoll_event ev = { .events = events, .data.u32 = what };

	return epoll_ctl(vu->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/*
 * Closing is not enough: the front end holds the same file open, and epoll would
 * go on telling of it.
 */
static void vu_unwatch(struct vhost_user *vu, int fd)
{
	epoll_ctl(vu->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* ---- kicks ---- */

/*
 * An eventfd is edge-triggered and never read: each write is an edge, which saves a
 * system call for each kick. Pipes and sockets would fill up.
 */
static int vu_kick_changed(void *ctx, unsigned int queue, const struct vu_event_fd *kick,
			   bool watch)
{
	struct vhost_user *vu = ctx;

	if (watch)
		return vu_watch(vu, kick->fd, EPOLLIN | (kick->counter ? EPOLLET : 0),
				VU_EV_KICK + queue);
	vu_unwatch(vu, kick->fd);
	return 0;
}

static const struct vu_session_events vu_events = { .kick_changed = vu_kick_changed };

/* One read; never waits, even if somebody else emptied it and made it block again. */
static ssize_t vu_kick_read(const struct vu_event_fd *kick)
{
	uint8_t bytes[1024];
	struct iovec iov = { bytes, sizeof(bytes) };
	ssize_t n;

	if (kick->socket)
		return recv(kick->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	n = preadv2(kick->fd, &iov, 1, -1, RWF_NOWAIT);
	if (n < 0 && errno == EOPNOTSUPP)	/* pipes before Linux 6.4 */
		n = read(kick->fd, bytes, sizeof(bytes));
	return n;
}

/* Events of one epoll_wait may be about a descriptor that was closed meanwhile. */
static void vu_kicked(struct vhost_user *vu, unsigned int queue)
{
	struct vu_event_fd *kick = &vu->session->rings[queue].kick;
	ssize_t n;

	if (kick->fd < 0)
		return;
	n = kick->counter ? 1 : vu_kick_read(kick);
	/* The other end was closed: an event for ever. */
	if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
		vu_unwatch(vu, kick->fd);
	vu_session_kick(vu->session, queue);
}

/* ---- the front end ---- */

static void vu_forget_message(struct vhost_user *vu, bool close_fds)
{
	while (vu->n_fds) {
		vu->n_fds--;
		if (close_fds)
			close(vu->fds[vu->n_fds]);
	}
	vu->len = 0;
}

static void vu_disconnect(struct vhost_user *vu)
{
	vu_forget_message(vu, true);
	vu_session_end(vu->session);
	vu_unwatch(vu, vu->fd);
	if (vu->listen_fd >= 0) {
		close(vu->fd);
		vu_watch(vu, vu->listen_fd, EPOLLIN, VU_EV_LISTEN);
	} else {
		vu->done = true;
	}
	vu->fd = -1;
}

static void vu_drop(struct vhost_user *vu, const char *why)
{
	log_warn("vhost-user: front end dropped: %s", why);
	vu->result = -EPROTO;
	vu_disconnect(vu);
}

static int vu_connect(struct vhost_user *vu, int fd)
{
	int err = vu_watch(vu, fd, EPOLLIN, VU_EV_FRONT_END);

	if (err)
		return err;
	vu->fd = fd;
	vu->result = 0;
	log_info("vhost-user: front end connected");
	return 0;
}

/* The next ones wait in the socket's queue. */
static void vu_accept(struct vhost_user *vu)
{
	int fd = accept4(vu->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (vu_connect(vu, fd))
		close(fd);
	else
		vu_unwatch(vu, vu->listen_fd);
}

/* More descriptors than a message can have: the kernel closed those that did not fit. */
static int vu_take_fds(struct vhost_user *vu, struct msghdr *m)
{
	bool too_many = m->msg_flags & MSG_CTRUNC;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		unsigned int n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (unsigned int i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (vu->n_fds < VU_MAX_FDS) {
				vu->fds[vu->n_fds++] = fd;
			} else {
				close(fd);
				too_many = true;
			}
		}
	}
	return too_many ? -EPROTO : 0;
}

/* Up to `want` bytes of this message in all. 1: they are there; 0: not yet. */
static int vu_read(struct vhost_user *vu, size_t want, const char **ret_why)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(VU_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = { vu->buf + vu->len, want - vu->len };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t n;

	if (vu->len == want)
		return 1;
	n = recvmsg(vu->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		*ret_why = vu->len ? "the connection ended within a message" : NULL;
		return -ECONNRESET;
	}
	vu->len += n;
	if (vu_take_fds(vu, &m)) {
		*ret_why = "too many descriptors";
		return -EPROTO;
	}
	return vu->len == want;
}

static int vu_reply(struct vhost_user *vu, const uint8_t *reply, size_t len,
		    const char **ret_why)
{
	if (send(vu->fd, reply, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len)
		return 1;
	*ret_why = "it does not take its answers";
	return -EPROTO;
}

/* 1: handled one message; 0: there is none yet; negative: *ret_why, NULL = hung up. */
static int vu_message(struct vhost_user *vu, const char **ret_why)
{
	uint8_t reply[VU_MAX_MESSAGE];
	struct vu_header h;
	int ret = vu->len < VU_HEADER_SIZE ? vu_read(vu, VU_HEADER_SIZE, ret_why) : 1;

	if (ret <= 0)
		return ret;
	memcpy(&h, vu->buf, VU_HEADER_SIZE);
	ret = vu_check_header(&h, ret_why);
	if (!ret)
		ret = vu_read(vu, VU_HEADER_SIZE + h.size, ret_why);
	if (ret <= 0)
		return ret;
	ret = vu_session_message(vu->session, &h, vu->buf + VU_HEADER_SIZE, vu->fds,
				 vu->n_fds, reply);
	vu_forget_message(vu, false);
	if (ret < 0)
		*ret_why = vu->session->why;
	else if (ret > 0)
		ret = vu_reply(vu, reply, ret, ret_why);
	else
		ret = 1;
	return ret;
}

static void vu_readable(struct vhost_user *vu)
{
	const char *why = NULL;
	int ret;

	/* What a front end sends at once is short; kicks get their turn after it. */
	for (unsigned int i = 0; i < 64; i++) {
		ret = vu_message(vu, &why);
		if (!ret)
			return;
		if (ret > 0)
			continue;
		if (why) {
			vu_drop(vu, why);
		} else {
			log_info("vhost-user: front end disconnected");
			vu_disconnect(vu);
		}
		return;
	}
}

/* ---- the loop ---- */

static void vu_woken(struct vhost_user *vu)
{
	uint64_t n;

	if (read(vu->wake_fd, &n, sizeof(n)) < 0)
		return;
	if (vu->fd >= 0 && vu_session_check(vu->session))
		vu_drop(vu, vu->session->why);
}

static void vu_dispatch(struct vhost_user *vu, uint32_t what)
{
	switch (what) {
	case VU_EV_LISTEN:
		if (vu->fd < 0)
			vu_accept(vu);
		break;
	case VU_EV_FRONT_END:
		if (vu->fd >= 0)
			vu_readable(vu);
		break;
	case VU_EV_WAKE:
		vu_woken(vu);
		break;
	default:
		vu_kicked(vu, what - VU_EV_KICK);
		break;
	}
}

int vhost_user_run(struct vhost_user *vu)
{
	struct epoll_event ev[VU_EVENTS];
	int n;

	while (!atomic_load(&vu->stop) && !vu->done) {
		n = epoll_wait(vu->epoll_fd, ev, VU_EVENTS, -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && !vu->done; i++)
			vu_dispatch(vu, ev[i].data.u32);
	}
	if (vu->fd >= 0)
		vu_disconnect(vu);
	return vu->listen_fd >= 0 ? 0 : vu->result;
}

void vhost_user_stop(struct vhost_user *vu)
{
	const uint64_t one = 1;

	atomic_store(&vu->stop, true);
	if (write(vu->wake_fd, &one, sizeof(one)) < 0)
		log_debug("vhost-user: stop: %s", strerror(errno));
}

/* ---- life ---- */

static int vu_use_socket(struct vhost_user *vu, int fd)
{
	socklen_t len = sizeof(int);
	int listening;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len))
		return -EINVAL;
	if (!listening)
		return vu_connect(vu, fd);
	/* A front end may be gone again before it is accepted. */
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK))
		return -errno;
	vu->listen_fd = fd;
	return vu_watch(vu, fd, EPOLLIN, VU_EV_LISTEN);
}

int vhost_user_new(const struct virtio_device_ops *ops, void *dev, int fd,
		   struct vhost_user **ret_vu)
{
	struct vhost_user *vu = calloc(1, sizeof(*vu));
	int err = -ENOMEM;

	if (!vu)
		return -ENOMEM;
	vu->listen_fd = vu->fd = -1;
	vu->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	vu->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vu->epoll_fd < 0 || vu->wake_fd < 0)
		goto free;
	err = vu_watch(vu, vu->wake_fd, EPOLLIN, VU_EV_WAKE);
	if (!err)
		err = vu_session_new(ops, dev, &vu_events, vu, vu->wake_fd, &vu->session);
	if (!err)
		err = vu_use_socket(vu, fd);
	if (err)
		goto free;
	*ret_vu = vu;
	return 0;
free:
	vhost_user_free(vu);
	return err;
}

void vhost_user_free(struct vhost_user *vu)
{
	if (!vu)
		return;
	vu_forget_message(vu, true);
	vu_session_free(vu->session);
	if (vu->listen_fd >= 0 && vu->fd >= 0)
		close(vu->fd);
	if (vu->wake_fd >= 0)
		close(vu->wake_fd);
	if (vu->epoll_fd >= 0)
		close(vu->epoll_fd);
	free(vu);
}
