// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "log.h"
#include "vhost_user_session.h"

#define VU_RING_FEATURES	((1ull << VIRTIO_F_VERSION_1) | \
				 (1ull << VIRTIO_RING_F_EVENT_IDX) | \
				 (1ull << VIRTIO_RING_F_INDIRECT_DESC))
#define VU_OWN_FEATURES		(1ull << VU_F_PROTOCOL_FEATURES)

/*
 * Not offered: in-band notifications (four times slower with UML than descriptors),
 * STATUS (UML does not know it), migration.
 */
#define VU_PROTOCOL_FEATURES	((1ull << VU_PROTOCOL_F_MQ) | \
				 (1ull << VU_PROTOCOL_F_REPLY_ACK) | \
				 (1ull << VU_PROTOCOL_F_BACKEND_REQ) | \
				 (1ull << VU_PROTOCOL_F_CONFIG) | \
				 (1ull << VU_PROTOCOL_F_RESET_DEVICE) | \
				 (1ull << VU_PROTOCOL_F_CONFIGURE_MEM_SLOTS))

/* A handler's answer to a message that is well-formed but refused. */
#define VU_NACK		1

static int vu_fail(struct vu_session *s, const char *why)
{
	s->why = why;
	return -EPROTO;
}

/* ---- descriptors of events ---- */

static const struct vu_event_fd vu_no_fd = { .fd = -1 };

/*
 * Nobody may make us wait: a front end could pass a file whose server it is. Anonymous
 * inodes are eventfds, or something that fails at once; a descriptor that blocks is
 * made one that does not. (A front end that shares an eventfd can change that again,
 * and fill the counter: it stops its own service then, see docs/threat-model.md.)
 */
static int vu_event_fd_take(struct vu_session *s, int fd, struct vu_event_fd *ret_fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (fstat(fd, &st) || flags < 0)
		return vu_fail(s, "a bad descriptor");
	*ret_fd = (struct vu_event_fd){
		.fd = fd,
		.counter = !(st.st_mode & S_IFMT),
		.socket = S_ISSOCK(st.st_mode),
	};
	if (!ret_fd->counter && !ret_fd->socket && !S_ISFIFO(st.st_mode))
		return vu_fail(s, "a descriptor that is no eventfd, pipe or socket");
	if (!(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	return 0;
}

static void vu_event_fd_close(struct vu_event_fd *e)
{
	if (e->fd >= 0)
		close(e->fd);
	*e = vu_no_fd;
}

/*
 * Pipes and sockets of UML take the same eight bytes as an eventfd. One that is full
 * has an event in it that was not seen yet, so nothing is lost.
 */
static void vu_event_fd_write(const struct vu_event_fd *e, const void *buf, size_t len)
{
	ssize_t n;

	do
		n = e->socket ? send(e->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) :
				write(e->fd, buf, len);
	while (n < 0 && errno == EINTR);
}

static void vu_event_fd_signal(const struct vu_event_fd *e)
{
	const uint64_t one = 1;

	vu_event_fd_write(e, &one, sizeof(one));
}

/* ---- from the device, on any of its threads ---- */

static void vu_interrupt(struct virtio_transport *t, unsigned int queue)
{
	struct vu_session *s = (struct vu_session *)t;
	struct vu_ring *r = &s->rings[queue];

	pthread_mutex_lock(&s->call_lock);
	if (r->call.fd >= 0)
		vu_event_fd_signal(&r->call);
	else
		r->missed = true;
	pthread_mutex_unlock(&s->call_lock);
}

static void vu_config_changed(struct virtio_transport *t)
{
	struct vu_session *s = (struct vu_session *)t;
	const struct vu_header h = {
		.request = VU_BACKEND_CONFIG_CHANGE_MSG,
		.flags = VU_VERSION,	/* never NEED_REPLY: UML's channel has one way */
	};

	pthread_mutex_lock(&s->call_lock);
	if (s->backend.fd >= 0)
		vu_event_fd_write(&s->backend, &h, VU_HEADER_SIZE);
	pthread_mutex_unlock(&s->call_lock);
}

static const struct virtio_transport_ops vu_transport_ops = {
	.interrupt = vu_interrupt,
	.config_changed = vu_config_changed,
};

/* ---- start and stop ---- */

/* Without the feature there is no ENABLE: a kick descriptor is enough. */
static bool vu_ring_enabled(const struct vu_session *s, const struct vu_ring *r)
{
	return r->enabled || !(s->features & VU_OWN_FEATURES);
}

static bool vu_ring_ready(const struct vu_session *s, const struct vu_ring *r)
{
	return r->has_addr && r->kick.fd >= 0 && vu_ring_enabled(s, r);
}

static bool vu_ring_awaited(const struct vu_session *s, const struct vu_ring *r)
{
	return r->fresh || (r->kick.fd >= 0 && vu_ring_enabled(s, r));
}

static bool vu_all_ready(const struct vu_session *s)
{
	bool any = false;

	for (unsigned int i = 0; i < s->n_rings; i++) {
		const struct vu_ring *r = &s->rings[i];

		if (vu_ring_awaited(s, r) && !vu_ring_ready(s, r))
			return false;
		any |= vu_ring_ready(s, r);
	}
	return any;
}

static int vu_ring_map(struct vu_session *s, struct vu_ring *r)
{
	uint64_t desc, used, avail;

	if (!vu_mem_translate(&s->mem, r->desc, &desc) ||
	    !vu_mem_translate(&s->mem, r->used, &used) ||
	    !vu_mem_translate(&s->mem, r->avail, &avail) ||
	    virtq_enable(r->vq, r->size, desc, avail, used)) {
		if (r->err.fd >= 0)
			vu_event_fd_signal(&r->err);
		return vu_fail(s, "a ring without size, misaligned or outside memory");
	}
	virtq_set_features(r->vq, s->features);
	virtq_set_base(r->vq, r->base);
	return 0;
}

static void vu_unmap_rings(struct vu_session *s)
{
	for (unsigned int i = 0; i < s->n_rings; i++) {
		struct vu_ring *r = &s->rings[i];

		if (virtq_is_enabled(r->vq))
			r->base = virtq_base(r->vq);
		virtq_reset(r->vq);
	}
}

static int vu_call_start(struct vu_session *s)
{
	struct virtq *queues[VU_MAX_QUEUES];
	int err = 0;

	for (unsigned int i = 0; i < s->n_rings && !err; i++) {
		struct vu_ring *r = &s->rings[i];

		queues[i] = NULL;
		if (!vu_ring_ready(s, r))
			continue;
		err = vu_ring_map(s, r);
		queues[i] = r->vq;
	}
	if (err)
		return err;
	s->why = "the device does not start";
	return s->ops->start(s->dev, &s->transport, queues, s->n_rings);
}

static int vu_start(struct vu_session *s)
{
	int err;

	if (!(s->features & (1ull << VIRTIO_F_VERSION_1)) ||
	    s->ops->set_features(s->dev, s->features & ~(VU_RING_FEATURES | VU_OWN_FEATURES)))
		return vu_fail(s, "a driver without the features that the device needs");
	s->mem.live = true;
	err = vu_call_start(s);
	if (err) {
		vu_unmap_rings(s);
		s->mem.live = false;
		/* Perhaps there are more rings to come. */
		return err == -EINVAL ? 0 : err;
	}
	s->started = true;
	/* Kicks that came before found nobody. */
	for (unsigned int i = 0; i < s->n_rings; i++)
		vu_session_kick(s, i);
	return 0;
}

static int vu_try_start(struct vu_session *s)
{
	bool ready = vu_all_ready(s);

	if (!s->started)
		return ready ? vu_start(s) : 0;
	/* Nothing can be added to a running device; the same again is harmless. */
	for (unsigned int i = 0; i < s->n_rings; i++)
		if (vu_ring_ready(s, &s->rings[i]) && !virtq_is_enabled(s->rings[i].vq))
			return vu_fail(s, "a ring was added to a running device");
	return 0;
}

static void vu_stop(struct vu_session *s, bool drain)
{
	if (!s->started)
		return;
	if (drain && s->ops->drain)
		s->ops->drain(s->dev);
	else
		s->ops->reset(s->dev);
	s->started = false;
	vu_unmap_rings(s);
	for (unsigned int i = 0; i < s->n_rings; i++)
		s->rings[i].fresh = false;
	vu_mem_reap(&s->mem);
}

void vu_session_kick(struct vu_session *s, unsigned int queue)
{
	if (s->started && queue < s->n_rings && virtq_is_enabled(s->rings[queue].vq))
		s->ops->notify(s->dev, queue);
}

/* ---- a ring's settings ---- */

static void vu_ring_set_call(struct vu_session *s, struct vu_ring *r,
			     const struct vu_event_fd *call)
{
	struct vu_event_fd old;

	pthread_mutex_lock(&s->call_lock);
	old = r->call;
	r->call = *call;
	if (call->fd >= 0 && r->missed) {
		r->missed = false;
		vu_event_fd_signal(call);
	}
	pthread_mutex_unlock(&s->call_lock);
	vu_event_fd_close(&old);
}

static void vu_ring_close_kick(struct vu_session *s, unsigned int queue)
{
	struct vu_ring *r = &s->rings[queue];

	if (r->kick.fd < 0)
		return;
	s->events->kick_changed(s->events_ctx, queue, &r->kick, false);
	vu_event_fd_close(&r->kick);
}

static int vu_set_kick(struct vu_session *s, const struct vu_msg *msg, int *fds)
{
	struct vu_ring *r = &s->rings[msg->index];
	struct vu_event_fd kick;

	vu_ring_close_kick(s, msg->index);
	if (msg->nofd)
		return vu_fail(s, "a ring that is to be polled");
	if (vu_event_fd_take(s, fds[0], &kick))
		return -EPROTO;
	if (s->events->kick_changed(s->events_ctx, msg->index, &kick, true))
		return vu_fail(s, "a kick descriptor that cannot be waited for");
	r->kick = kick;
	fds[0] = -1;
	return vu_try_start(s);
}

/* Front ends change it while the device runs: an interrupt is masked, or moves. */
static int vu_set_call(struct vu_session *s, const struct vu_msg *msg, int *fds)
{
	struct vu_event_fd call = vu_no_fd;

	if (!msg->nofd) {
		if (vu_event_fd_take(s, fds[0], &call))
			return -EPROTO;
		fds[0] = -1;
	}
	vu_ring_set_call(s, &s->rings[msg->index], &call);
	return 0;
}

static int vu_set_err(struct vu_session *s, const struct vu_msg *msg, int *fds)
{
	struct vu_ring *r = &s->rings[msg->index];

	vu_event_fd_close(&r->err);
	if (msg->nofd)
		return 0;
	if (vu_event_fd_take(s, fds[0], &r->err)) {
		r->err = vu_no_fd;
		return -EPROTO;
	}
	fds[0] = -1;
	return 0;
}

static int vu_set_size(struct vu_session *s, const struct vu_msg *msg)
{
	uint32_t max = s->ops->queue_size(s->dev, msg->index);

	if (!msg->num || msg->num > max || msg->num > VIRTQ_MAX_SIZE ||
	    (msg->num & (msg->num - 1)))
		return vu_fail(s, "a ring of a size that is not possible");
	s->rings[msg->index].size = msg->num;
	return 0;
}

static int vu_set_base(struct vu_session *s, const struct vu_msg *msg)
{
	if (msg->num > UINT16_MAX)
		return vu_fail(s, "an index that no ring has");
	s->rings[msg->index].base = msg->num;
	return 0;
}

static int vu_set_addr(struct vu_session *s, const struct vu_msg *msg)
{
	struct vu_ring *r = &s->rings[msg->index];

	r->desc = msg->desc;
	r->used = msg->used;
	r->avail = msg->avail;
	r->has_addr = r->fresh = true;
	return 0;
}

static int vu_set_enable(struct vu_session *s, const struct vu_msg *msg)
{
	struct vu_ring *r = &s->rings[msg->index];

	r->enabled = msg->num;
	if (r->enabled)
		return vu_try_start(s);
	if (virtq_is_enabled(r->vq))
		vu_stop(s, false);
	return 0;
}

static int vu_set_ring(struct vu_session *s, const struct vu_msg *msg)
{
	if (virtq_is_enabled(s->rings[msg->index].vq))
		return vu_fail(s, "a ring that is changed while it is used");
	switch (msg->request) {
	case VU_SET_VRING_NUM:
		return vu_set_size(s, msg);
	case VU_SET_VRING_BASE:
		return vu_set_base(s, msg);
	default:
		return vu_set_addr(s, msg);
	}
}

/* ---- the device's settings ---- */

static uint64_t vu_offered(const struct vu_session *s)
{
	return s->ops->features(s->dev) | VU_RING_FEATURES | VU_OWN_FEATURES;
}

static int vu_set_features(struct vu_session *s, const struct vu_msg *msg)
{
	if (msg->value & ~vu_offered(s))
		return vu_fail(s, "features that were not offered");
	if (s->started && msg->value != s->features)
		return vu_fail(s, "features that change while the device runs");
	s->features = msg->value;
	return 0;
}

static int vu_set_protocol_features(struct vu_session *s, const struct vu_msg *msg)
{
	if (msg->value & ~VU_PROTOCOL_FEATURES)
		return vu_fail(s, "protocol features that were not offered");
	s->protocol_features = msg->value;
	return 0;
}

static int vu_set_backend_fd(struct vu_session *s, int *fds)
{
	struct vu_event_fd backend, old;

	if (vu_event_fd_take(s, fds[0], &backend))
		return -EPROTO;
	fds[0] = -1;
	pthread_mutex_lock(&s->call_lock);
	old = s->backend;
	s->backend = backend;
	pthread_mutex_unlock(&s->call_lock);
	vu_event_fd_close(&old);
	return 0;
}

static int vu_set_config(struct vu_session *s, const struct vu_msg *msg)
{
	uint32_t size = s->ops->config_size(s->dev);

	if (!s->ops->config_write || msg->config_offset > size ||
	    msg->config_size > size - msg->config_offset)
		return VU_NACK;
	s->ops->config_write(s->dev, msg->config_offset, msg->config, msg->config_size);
	return 0;
}

/* Rings that run must still be where they were; the virtqueues have their addresses. */
static int vu_check_rings(struct vu_session *s)
{
	uint64_t gpa;

	for (unsigned int i = 0; i < s->n_rings; i++) {
		const struct vu_ring *r = &s->rings[i];

		if (virtq_is_enabled(r->vq) &&
		    (!vu_mem_translate(&s->mem, r->desc, &gpa) ||
		     !vu_mem_translate(&s->mem, r->used, &gpa) ||
		     !vu_mem_translate(&s->mem, r->avail, &gpa)))
			return vu_fail(s, "memory of a ring in use was taken away");
	}
	return 0;
}

static int vu_change_memory(struct vu_session *s, const struct vu_msg *msg, const int *fds)
{
	if (msg->request == VU_SET_MEM_TABLE)
		return vu_mem_set(&s->mem, msg->regions, fds, msg->n_regions, &s->why);
	if (msg->request == VU_ADD_MEM_REG)
		return vu_mem_add(&s->mem, &msg->regions[0], fds[0], &s->why);
	return vu_mem_remove(&s->mem, &msg->regions[0], &s->why);
}

/*
 * What was taken away while the device runs stays mapped for chains that are in flight.
 * When there is no room for more of it, a pause ends them.
 */
static int vu_set_memory(struct vu_session *s, const struct vu_msg *msg, const int *fds)
{
	int err = vu_change_memory(s, msg, fds);

	if (err == -ENOSPC && s->started) {
		vu_stop(s, true);
		err = vu_change_memory(s, msg, fds);
		if (!err)
			err = vu_try_start(s);
	}
	return err ? err : vu_check_rings(s);
}

static void vu_forget_rings(struct vu_session *s)
{
	for (unsigned int i = 0; i < s->n_rings; i++) {
		struct vu_ring *r = &s->rings[i];
		struct virtq *vq = r->vq;

		vu_ring_close_kick(s, i);
		vu_event_fd_close(&r->err);
		vu_ring_set_call(s, r, &vu_no_fd);
		*r = (struct vu_ring){ .vq = vq, .kick = vu_no_fd, .call = vu_no_fd,
				       .err = vu_no_fd };
	}
}

static int vu_reset(struct vu_session *s)
{
	vu_stop(s, false);
	vu_forget_rings(s);
	return 0;
}

/* ---- messages ---- */

static size_t vu_reply_u64(const struct vu_msg *msg, uint64_t value, uint8_t *reply)
{
	return vu_encode_reply(msg->request, &value, sizeof(value), reply);
}

/* What the guest has not got back by then never comes: the front end goes on here. */
static size_t vu_get_base(struct vu_session *s, const struct vu_msg *msg, uint8_t *reply)
{
	uint32_t state[2] = { msg->index };

	vu_stop(s, true);
	vu_ring_close_kick(s, msg->index);
	state[1] = s->rings[msg->index].base;
	return vu_encode_reply(msg->request, state, sizeof(state), reply);
}

/* Beyond the end are zeros: front ends ask for more than there is. */
static size_t vu_get_config(struct vu_session *s, const struct vu_msg *msg, uint8_t *reply)
{
	uint8_t payload[VU_MAX_PAYLOAD] = { 0 };
	uint32_t size = s->ops->config_size(s->dev), head[3] = { msg->config_offset,
								  msg->config_size };
	uint32_t n = msg->config_offset < size ? size - msg->config_offset : 0;

	memcpy(payload, head, VU_CONFIG_HEADER);
	if (n > msg->config_size)
		n = msg->config_size;
	if (n)
		s->ops->config_read(s->dev, msg->config_offset, payload + VU_CONFIG_HEADER, n);
	return vu_encode_reply(msg->request, payload, VU_CONFIG_HEADER + msg->config_size,
			       reply);
}

/* Requests that are questions: bytes of the answer; 0 = it is none. */
static size_t vu_question(struct vu_session *s, const struct vu_msg *msg, uint8_t *reply)
{
	switch (msg->request) {
	case VU_GET_FEATURES:
		return vu_reply_u64(msg, vu_offered(s), reply);
	case VU_GET_PROTOCOL_FEATURES:
		return vu_reply_u64(msg, VU_PROTOCOL_FEATURES, reply);
	case VU_GET_QUEUE_NUM:
		return vu_reply_u64(msg, s->n_rings, reply);
	case VU_GET_MAX_MEM_SLOTS:
		return vu_reply_u64(msg, VU_MAX_REGIONS, reply);
	case VU_GET_VRING_BASE:
		return vu_get_base(s, msg, reply);
	case VU_GET_CONFIG:
		return vu_get_config(s, msg, reply);
	default:
		return 0;
	}
}

/* Requests that change something: 0, VU_NACK or -errno. What is kept of fds is -1. */
static int vu_command(struct vu_session *s, const struct vu_msg *msg, int *fds)
{
	switch (msg->request) {
	case VU_SET_OWNER:
		return 0;
	case VU_SET_FEATURES:
		return vu_set_features(s, msg);
	case VU_SET_PROTOCOL_FEATURES:
		return vu_set_protocol_features(s, msg);
	case VU_SET_BACKEND_REQ_FD:
		return vu_set_backend_fd(s, fds);
	case VU_SET_CONFIG:
		return vu_set_config(s, msg);
	case VU_SET_MEM_TABLE:
	case VU_ADD_MEM_REG:
	case VU_REM_MEM_REG:
		return vu_set_memory(s, msg, fds);
	case VU_SET_VRING_NUM:
	case VU_SET_VRING_BASE:
	case VU_SET_VRING_ADDR:
		return vu_set_ring(s, msg);
	case VU_SET_VRING_KICK:
		return vu_set_kick(s, msg, fds);
	case VU_SET_VRING_CALL:
		return vu_set_call(s, msg, fds);
	case VU_SET_VRING_ERR:
		return vu_set_err(s, msg, fds);
	case VU_SET_VRING_ENABLE:
		return vu_set_enable(s, msg);
	case VU_RESET_OWNER:
	case VU_RESET_DEVICE:
		return vu_reset(s);
	default:
		return vu_fail(s, "a request that was not offered");
	}
}

static bool vu_names_ring(const struct vu_msg *msg)
{
	switch (msg->request) {
	case VU_SET_VRING_NUM:
	case VU_SET_VRING_BASE:
	case VU_SET_VRING_ADDR:
	case VU_GET_VRING_BASE:
	case VU_SET_VRING_KICK:
	case VU_SET_VRING_CALL:
	case VU_SET_VRING_ERR:
	case VU_SET_VRING_ENABLE:
		return true;
	default:
		return false;
	}
}

static int vu_execute(struct vu_session *s, const struct vu_msg *msg, int *fds,
		      uint8_t *reply)
{
	size_t len;
	int ret;

	log_debug("vhost-user: %s", msg->name);
	if (vu_names_ring(msg) && msg->index >= s->n_rings)
		return vu_fail(s, "a ring that the device does not have");
	len = vu_question(s, msg, reply);
	if (len)
		return len;
	ret = vu_command(s, msg, fds);
	if (ret < 0)
		return ret;
	/* Also for the message that negotiates it: UML waits for that. */
	if (!msg->need_reply || !(s->protocol_features & (1ull << VU_PROTOCOL_F_REPLY_ACK)))
		return 0;
	return vu_reply_u64(msg, ret, reply);
}

int vu_session_message(struct vu_session *s, const struct vu_header *h,
		       const uint8_t *payload, const int *fds, unsigned int n_fds,
		       uint8_t *reply)
{
	int left[VU_MAX_FDS];
	struct vu_msg msg;
	int ret;

	for (unsigned int i = 0; i < n_fds; i++)
		left[i] = fds[i];
	ret = vu_decode(h, payload, n_fds, &msg, &s->why);
	if (!ret)
		ret = vu_execute(s, &msg, left, reply);
	for (unsigned int i = 0; i < n_fds; i++)
		if (left[i] >= 0)
			close(left[i]);
	if (ret < 0)
		log_debug("vhost-user: %s: %s", msg.name, s->why);
	return ret;
}

int vu_session_check(struct vu_session *s)
{
	if (!atomic_load(&s->mem.lost))
		return 0;
	s->why = "its memory was truncated";
	return -EFAULT;
}

/* ---- life ---- */

void vu_session_end(struct vu_session *s)
{
	struct vu_event_fd backend;

	vu_stop(s, false);
	vu_forget_rings(s);
	vu_mem_clear(&s->mem);
	pthread_mutex_lock(&s->call_lock);
	backend = s->backend;
	s->backend = vu_no_fd;
	pthread_mutex_unlock(&s->call_lock);
	vu_event_fd_close(&backend);
	s->features = s->protocol_features = 0;
}

int vu_session_new(const struct virtio_device_ops *ops, void *dev,
		   const struct vu_session_events *events, void *events_ctx, int wake_fd,
		   struct vu_session **ret_session)
{
	unsigned int n = ops->num_queues(dev);
	struct vu_session *s;
	int err = 0;

	if (n > VU_MAX_QUEUES || ops->config_size(dev) > VU_MAX_CONFIG)
		return -EINVAL;
	s = calloc(1, sizeof(*s) + n * sizeof(s->rings[0]));
	if (!s)
		return -ENOMEM;
	s->transport.ops = &vu_transport_ops;
	s->ops = ops;
	s->dev = dev;
	s->events = events;
	s->events_ctx = events_ctx;
	s->backend = vu_no_fd;
	pthread_mutex_init(&s->call_lock, NULL);
	vu_mem_init(&s->mem, wake_fd);
	for (; s->n_rings < n && !err; s->n_rings++) {
		struct vu_ring *r = &s->rings[s->n_rings];

		r->kick = r->call = r->err = vu_no_fd;
		r->vq = virtq_new(&s->mem.mem, ops->name, s->n_rings);
		if (!r->vq)
			err = -ENOMEM;
	}
	if (err) {
		vu_session_free(s);
		return err;
	}
	*ret_session = s;
	return 0;
}

void vu_session_free(struct vu_session *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < s->n_rings; i++)
		if (!s->rings[i].vq)
			s->n_rings = i;		/* it never came to life */
	vu_session_end(s);
	for (unsigned int i = 0; i < s->n_rings; i++)
		virtq_free(s->rings[i].vq);
	pthread_mutex_destroy(&s->call_lock);
	free(s);
}
