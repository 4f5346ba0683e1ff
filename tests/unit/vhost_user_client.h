/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vhost_user_client.h - a front end for tests: messages, memory of memfds, and the
 * driver's side of the virtio-usbip rings in it. Does nothing by itself, so that a test
 * can send UML's order of messages, QEMU's, or nonsense.
 *
 * Guest memory is MEM_SIZE bytes at MEM_GPA, at MEM_UADDR in the front end.
 */
#ifndef TESTS_VHOST_USER_CLIENT_H
#define TESTS_VHOST_USER_CLIENT_H

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/virtio_config.h>
#include <linux/virtio_usbip.h>

#include "ring.h"
#include "vhost_user_msg.h"

#define N_RINGS		4u
#define RING_SIZE	256u
#define MEM_GPA		0x10000ull
#define MEM_UADDR	0x7f0000000000ull
#define MEM_SIZE	0x100000ull
#define MEM_DATA	0x40000u	/* behind the rings, 0x8000 each */
#define EXTRA_GPA	0x40000000ull	/* of a second region that some tests add */
#define EXTRA_SIZE	0x10000ull

#define F(bit)		(1ull << (bit))
#define RING_FEATURES	(F(VIRTIO_F_VERSION_1) | F(VIRTIO_RING_F_INDIRECT_DESC))
#define FEATURES	(RING_FEATURES | F(VU_F_PROTOCOL_FEATURES) | \
			 F(VIRTIO_USBIP_F_USBIP_PDU))
#define TIMEOUT		10000		/* ms; a test that waits that long failed */

struct client {
	int sock;
	bool acks;			/* ask for and check an answer to each message */
	uint32_t left_out;		/* a request that is never sent; 0 = none */
	int memfd;
	uint8_t *mem;
	int kick[N_RINGS], call[N_RINGS];	/* our ends */
	struct ring rings[N_RINGS];
	uint32_t seq;
};

/* ---- messages ---- */

static inline void send_raw(struct client *c, const void *bytes, size_t len, const int *fds,
			    unsigned int n_fds)
{
	char control[CMSG_SPACE(16 * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)bytes, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (n_fds) {
		struct cmsghdr *h = (struct cmsghdr *)(void *)control;

		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(h), fds, n_fds * sizeof(int));
	}
	n = sendmsg(c->sock, &m, MSG_NOSIGNAL);
	assert_true(n == (ssize_t)len || errno == EPIPE || errno == ECONNRESET);
}

static inline void send_message(struct client *c, uint32_t request, uint32_t flags,
				const void *payload, uint32_t len, const int *fds,
				unsigned int n_fds)
{
	struct { struct vu_header h; uint8_t payload[512]; } msg = {
		.h = { request, flags, len },
	};

	assert_true(len <= sizeof(msg.payload));
	if (len)
		memcpy(msg.payload, payload, len);
	send_raw(c, &msg, VU_HEADER_SIZE + len, fds, n_fds);
}

/* Bytes read until len are there, or the connection ended. */
static inline size_t read_all(int fd, void *buf, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		assert_int_equal(poll(&p, 1, TIMEOUT), 1);
		n = read(fd, (char *)buf + done, len - done);
		if (n <= 0)
			break;
		done += n;
	}
	return done;
}

static inline void get_reply(struct client *c, uint32_t request, void *payload, uint32_t len)
{
	struct vu_header h;

	assert_int_equal(read_all(c->sock, &h, VU_HEADER_SIZE), VU_HEADER_SIZE);
	assert_int_equal(h.request, request);
	assert_int_equal(h.flags, 0x5);		/* what UML compares with */
	assert_int_equal(h.size, len);
	assert_int_equal(read_all(c->sock, payload, len), len);
}

static inline void command(struct client *c, uint32_t request, const void *payload,
			   uint32_t len, const int *fds, unsigned int n_fds)
{
	uint64_t ack = 99;

	if (request == c->left_out)
		return;
	send_message(c, request, VU_VERSION | (c->acks ? VU_FLAG_NEED_REPLY : 0), payload,
		     len, fds, n_fds);
	if (!c->acks)
		return;
	get_reply(c, request, &ack, sizeof(ack));
	assert_int_equal(ack, 0);
}

static inline uint64_t ask(struct client *c, uint32_t request)
{
	uint64_t value;

	send_message(c, request, VU_VERSION, NULL, 0, NULL, 0);
	get_reply(c, request, &value, sizeof(value));
	return value;
}

static inline void set_u64(struct client *c, uint32_t request, uint64_t value)
{
	command(c, request, &value, sizeof(value), NULL, 0);
}

static inline void set_state(struct client *c, uint32_t request, uint32_t index,
			     uint32_t num)
{
	uint32_t state[2] = { index, num };

	command(c, request, state, sizeof(state), NULL, 0);
}

static inline void set_ring_fd(struct client *c, uint32_t request, uint64_t index, int fd)
{
	uint64_t value = index | (fd < 0 ? VU_VRING_NOFD : 0);

	command(c, request, &value, sizeof(value), &fd, fd >= 0);
}

/* Stops ring i, and with it the device. */
static inline uint32_t get_base(struct client *c, unsigned int i)
{
	uint32_t s[2] = { i, 0 };

	send_message(c, VU_GET_VRING_BASE, VU_VERSION, s, sizeof(s), NULL, 0);
	get_reply(c, VU_GET_VRING_BASE, s, sizeof(s));
	assert_int_equal(s[0], i);
	return s[1];
}

static inline void get_config(struct client *c, void *buf, uint32_t len)
{
	uint32_t payload[3 + 64] = { 0, len };

	send_message(c, VU_GET_CONFIG, VU_VERSION, payload, 12 + len, NULL, 0);
	get_reply(c, VU_GET_CONFIG, payload, 12 + len);
	assert_int_equal(payload[0], 0);
	assert_int_equal(payload[1], len);
	memcpy(buf, payload + 3, len);
}

/* The server hung up, after what it still had to say. */
static inline void assert_dropped(struct client *c)
{
	char buf[4096];

	while (read_all(c->sock, buf, sizeof(buf)) == sizeof(buf))
		;
}

/* ---- memory ---- */

struct table {
	uint32_t n, padding;
	struct vu_region r[VU_TABLE_REGIONS + 1];
};

static inline struct table main_table(void)
{
	return (struct table){ .n = 1, .r = { { MEM_GPA, MEM_SIZE, MEM_UADDR, 0 } } };
}

static inline void new_memory(struct client *c)
{
	if (c->mem) {
		munmap(c->mem, MEM_SIZE);
		close(c->memfd);
	}
	c->memfd = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(c->memfd, MEM_SIZE), 0);
	c->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, c->memfd, 0);
	assert_ptr_not_equal(c->mem, MAP_FAILED);
}

static inline void *gpa_ptr(struct client *c, uint64_t gpa)
{
	assert_true(gpa >= MEM_GPA && gpa < MEM_GPA + MEM_SIZE);
	return c->mem + (gpa - MEM_GPA);
}

static inline uint64_t ring_gpa(unsigned int i)
{
	return MEM_GPA + i * 0x8000;
}

static inline void new_ring(struct client *c, unsigned int i)
{
	memset(gpa_ptr(c, ring_gpa(i)), 0, 0x8000);
	c->rings[i] = (struct ring){
		.size = RING_SIZE,
		.desc = gpa_ptr(c, ring_gpa(i)),
		.avail = gpa_ptr(c, ring_gpa(i) + 0x2000),
		.used = gpa_ptr(c, ring_gpa(i) + 0x4000),
	};
}

/* ---- connections ---- */

static inline void close_events(struct client *c)
{
	for (unsigned int i = 0; i < N_RINGS; i++) {
		if (c->kick[i] >= 0)
			close(c->kick[i]);
		if (c->call[i] >= 0)
			close(c->call[i]);
		c->kick[i] = c->call[i] = -1;
	}
}

static inline struct client *client_new(int sock)
{
	struct client *c = calloc(1, sizeof(*c));

	c->sock = sock;
	for (unsigned int i = 0; i < N_RINGS; i++)
		c->kick[i] = c->call[i] = -1;
	new_memory(c);
	return c;
}

static inline int client_socket(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	assert_int_equal(connect(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return sock;
}

static inline struct client *client_connect(const char *path)
{
	return client_new(client_socket(path));
}

static inline void client_delete(struct client *c)
{
	close_events(c);
	munmap(c->mem, MEM_SIZE);
	close(c->memfd);
	close(c->sock);
	free(c);
}

/* ---- UML's order, as in its virtio_uml.c ---- */

static inline void uml_probe(struct client *c)
{
	uint64_t features;
	int req[2];

	command(c, VU_SET_OWNER, NULL, 0, NULL, 0);
	features = ask(c, VU_GET_FEATURES);
	assert_true(features & F(VU_F_PROTOCOL_FEATURES));
	features = ask(c, VU_GET_PROTOCOL_FEATURES);
	assert_false(features & F(14));		/* in-band notifications */
	features &= F(3) | F(5) | F(9);
	assert_int_equal(features, F(3) | F(5) | F(9));
	c->acks = true;			/* of this message already */
	set_u64(c, VU_SET_PROTOCOL_FEATURES, features);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, req), 0);
	command(c, VU_SET_BACKEND_REQ_FD, NULL, 0, &req[1], 1);
	close(req[1]);
	close(req[0]);
}

static inline void uml_ring(struct client *c, unsigned int i)
{
	uint64_t addr[5] = {
		i, MEM_UADDR + ring_gpa(i) - MEM_GPA, MEM_UADDR + ring_gpa(i) - MEM_GPA + 0x4000,
		MEM_UADDR + ring_gpa(i) - MEM_GPA + 0x2000, UINT64_MAX,
	};
	int pair[2];

	new_ring(c, i);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	c->call[i] = pair[0];
	set_ring_fd(c, VU_SET_VRING_CALL, i, pair[1]);
	close(pair[1]);
	set_state(c, VU_SET_VRING_NUM, i, RING_SIZE);
	set_state(c, VU_SET_VRING_BASE, i, 0);
	command(c, VU_SET_VRING_ADDR, addr, sizeof(addr), NULL, 0);
}

static inline void uml_bind(struct client *c)
{
	struct table t = main_table();

	set_u64(c, VU_SET_FEATURES, FEATURES);
	command(c, VU_SET_MEM_TABLE, &t, 72, &c->memfd, 1);
	for (unsigned int i = 0; i < N_RINGS; i++)
		uml_ring(c, i);
	for (unsigned int i = 0; i < N_RINGS; i++) {
		c->kick[i] = eventfd(0, 0);
		set_ring_fd(c, VU_SET_VRING_KICK, i, c->kick[i]);
		set_state(c, VU_SET_VRING_ENABLE, i, 1);
	}
}

static inline void uml_unbind(struct client *c)
{
	for (unsigned int i = N_RINGS; i--;)
		set_state(c, VU_SET_VRING_ENABLE, i, 0);
	ask(c, VU_GET_FEATURES);
	close_events(c);
}

/* ---- commands of the virtio-usbip driver ---- */

static inline void kick(struct client *c, unsigned int q)
{
	const uint64_t one = 1;

	assert_int_equal(write(c->kick[q], &one, sizeof(one)), sizeof(one));
}

/* Eight bytes came on the ring's call descriptor, whatever it is. */
static inline void wait_call(struct client *c, unsigned int q)
{
	uint64_t n;

	assert_int_equal(read_all(c->call[q], &n, sizeof(n)), sizeof(n));
	assert_true(n >= 1);
}

static inline struct vring_used_elem *wait_used(struct client *c, unsigned int q)
{
	struct vring_used_elem *e;

	for (int i = 0; i < TIMEOUT; i++) {
		e = ring_take_used(&c->rings[q]);
		if (e)
			return e;
		usleep(1000);
	}
	fail_msg("nothing came back");
	return NULL;
}

/* A chain in ring q: 48 bytes of command, 48 of answer, `in` bytes of data at data_gpa. */
static inline void offer_command(struct client *c, unsigned int q, unsigned int slot,
				 const struct virtio_usbip_cmd_submit *cmd,
				 uint64_t data_gpa)
{
	struct ring *r = &c->rings[q];
	uint64_t gpa = MEM_GPA + MEM_DATA + (q * 16 + slot) * 0x100;
	uint32_t in = be32toh(cmd->length);

	memcpy(gpa_ptr(c, gpa), cmd, 48);
	memset(gpa_ptr(c, gpa + 0x40), 0xee, 48);
	ring_desc(r, 3 * slot, gpa, 48, VRING_DESC_F_NEXT, 3 * slot + 1);
	ring_desc(r, 3 * slot + 1, gpa + 0x40, 48,
		  VRING_DESC_F_WRITE | (in ? VRING_DESC_F_NEXT : 0), 3 * slot + 2);
	ring_desc(r, 3 * slot + 2, data_gpa, in, VRING_DESC_F_WRITE, 0);
	ring_offer(r, 3 * slot);
}

static inline struct virtio_usbip_ret_submit *answer(struct client *c, unsigned int q,
						     unsigned int slot)
{
	return gpa_ptr(c, MEM_GPA + MEM_DATA + (q * 16 + slot) * 0x100 + 0x40);
}

static inline struct virtio_usbip_cmd_submit in_command(struct client *c, uint32_t devid,
							unsigned int ep, uint32_t length)
{
	return (struct virtio_usbip_cmd_submit){
		.command = htobe32(VIRTIO_USBIP_CMD_SUBMIT),
		.seq = htobe32(++c->seq),
		.devid = htobe32(devid),
		.direction = htobe32(VIRTIO_USBIP_DIR_IN),
		.ep = htobe32(ep),
		.length = htobe32(length),
	};
}

/* The record of a port, through the control queue. data_gpa: where it is to go. */
static inline uint32_t ask_port(struct client *c, unsigned int port, uint64_t data_gpa,
				const void *data)
{
	struct virtio_usbip_cmd_submit cmd = in_command(c, 0, 0, 16);
	const uint8_t setup[8] = { 0xc0, 1, 0, 0, port, 0, 16, 0 };
	struct virtio_usbip_event ev;
	struct vring_used_elem *e;

	memcpy(cmd.setup, setup, sizeof(setup));
	offer_command(c, 0, 0, &cmd, data_gpa);
	kick(c, 0);
	e = wait_used(c, 0);
	assert_int_equal(e->len, 64);
	assert_int_equal(answer(c, 0, 0)->status, 0);
	memcpy(&ev, data, sizeof(ev));
	assert_int_equal(ev.type, VIRTIO_USBIP_EV_PORT);
	assert_int_equal(ev.port, port);
	return ev.devid;
}

#define PORT_DATA	(MEM_GPA + 0x80000)

static inline uint32_t port_devid(struct client *c, unsigned int port)
{
	return ask_port(c, port, PORT_DATA, gpa_ptr(c, PORT_DATA));
}

/* A transfer of ring q that waits for ever: interrupt IN of the null device. */
static inline void offer_parked(struct client *c, unsigned int q, unsigned int slot,
				uint32_t devid)
{
	struct virtio_usbip_cmd_submit cmd = in_command(c, devid, 1, 8);

	cmd.interval = htobe32(1);
	offer_command(c, q, slot, &cmd, PORT_DATA + 0x100);
}

static inline void park(struct client *c, unsigned int q, unsigned int slot, uint32_t devid)
{
	offer_parked(c, q, slot, devid);
	kick(c, q);
}

#endif
