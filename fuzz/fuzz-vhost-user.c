// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile front ends: the input is a sequence of vhost-user messages, with memfds,
 * eventfds, pipes and files as their descriptors, and of kicks, truncations and writes
 * to guest memory between them. The virtio-usbip device with the null USB device is
 * behind it, so rings that come to life are used.
 *
 * What must hold: answers fit, no descriptor is left open, nothing runs after the end.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_usbip.h>

#include "log.h"
#include "null_backend.h"
#include "vhost_user_session.h"
#include "virtio_usbip_dev.h"

#define MEM_SIZE	0x10000u
#define UADDR		0x10000000ull
#define N_RINGS		4u
#define RING_STEP	0x1000u		/* 64 entries */

enum { FD_MEM, FD_MEM2, FD_EVENT, FD_PIPE, FD_FILE, N_KINDS };

struct fuzz {
	const uint8_t *in;
	size_t left;
	struct vu_session *s;
	int kinds[N_KINDS];
	uint8_t *mem;
	bool dropped;
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void no_log(void *ctx, enum log_level level, const char *line)
{
}

static uint8_t take(struct fuzz *f)
{
	if (!f->left)
		return 0;
	f->left--;
	return *f->in++;
}

static void take_bytes(struct fuzz *f, void *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = take(f);
}

static int kick_changed(void *ctx, unsigned int queue, const struct vu_event_fd *kick,
			bool watch)
{
	check(queue < N_RINGS && kick->fd >= 0);
	return 0;
}

static const struct vu_session_events events = { .kick_changed = kick_changed };

/* ---- messages ---- */

/* kinds: two bits of each descriptor's number of kind; the session owns what it gets. */
static void message(struct fuzz *f, uint32_t request, uint32_t flags, const void *payload,
		    uint32_t len, const uint8_t *kinds, unsigned int n_fds)
{
	struct vu_header h = { request, flags, len };
	uint8_t reply[VU_MAX_MESSAGE];
	int fds[VU_MAX_FDS];
	const char *why = NULL;
	int ret;

	if (f->dropped)
		return;
	if (vu_check_header(&h, &why)) {
		check(why != NULL);
		f->dropped = true;
		return;
	}
	check(len <= VU_MAX_PAYLOAD);
	for (unsigned int i = 0; i < n_fds; i++)
		fds[i] = fcntl(f->kinds[kinds[i] % N_KINDS], F_DUPFD_CLOEXEC, 0);
	f->s->why = NULL;
	ret = vu_session_message(f->s, &h, payload, fds, n_fds, reply);
	check(ret <= (int)VU_MAX_MESSAGE && (ret >= 0 || f->s->why));
	f->dropped = ret < 0;
}

static void raw_message(struct fuzz *f)
{
	uint8_t payload[VU_MAX_PAYLOAD], kinds[VU_MAX_FDS];
	uint8_t request = take(f), flags = take(f), n_fds = take(f) % (VU_MAX_FDS + 1);
	uint16_t len = take(f) % (VU_MAX_PAYLOAD + 1);

	take_bytes(f, kinds, n_fds);
	take_bytes(f, payload, len);
	message(f, request, flags, payload, len, kinds, n_fds);
}

static void state(struct fuzz *f, uint32_t request, uint32_t index, uint32_t num)
{
	uint32_t payload[2] = { index, num };

	message(f, request, VU_VERSION | VU_FLAG_NEED_REPLY, payload, sizeof(payload), NULL, 0);
}

static void memory(struct fuzz *f, uint8_t how)
{
	static const uint8_t kinds[2] = { FD_MEM, FD_MEM2 };
	struct { uint32_t n, padding; struct vu_region r[2]; } t = {
		.n = 1 + (how & 1),
		.r = {
			{ 0, MEM_SIZE, UADDR, 0 },
			{ 2 * MEM_SIZE, MEM_SIZE >> (how >> 6), UADDR * 2, how & 0x3e },
		},
	};

	message(f, VU_SET_MEM_TABLE, VU_VERSION, &t, 8 + 32 * t.n, kinds, t.n);
}

static void ring(struct fuzz *f, unsigned int i, uint8_t how)
{
	uint64_t at = UADDR + i * RING_STEP;
	uint64_t addr[5] = { i, at, at + 0x800, at + 0x600 };
	static const uint8_t kinds[] = { FD_EVENT, FD_PIPE };
	uint64_t index = i;

	state(f, VU_SET_VRING_NUM, i, 1u << how % 7);
	state(f, VU_SET_VRING_BASE, i, how >> 7);
	message(f, VU_SET_VRING_ADDR, VU_VERSION, addr, sizeof(addr), NULL, 0);
	message(f, VU_SET_VRING_CALL, VU_VERSION, &index, 8, &kinds[how >> 6 & 1], 1);
	message(f, VU_SET_VRING_KICK, VU_VERSION, &index, 8, kinds, 1);
}

/* What a good front end does, so that the input need not find it. */
static void bind(struct fuzz *f, uint8_t how)
{
	uint64_t features = 1ull << VIRTIO_F_VERSION_1 | 1ull << VU_F_PROTOCOL_FEATURES |
			    1ull << VIRTIO_USBIP_F_USBIP_PDU |
			    (uint64_t)(how & 3) << VIRTIO_RING_F_INDIRECT_DESC;
	uint64_t protocol = 1ull << VU_PROTOCOL_F_REPLY_ACK;

	message(f, VU_SET_PROTOCOL_FEATURES, VU_VERSION, &protocol, 8, NULL, 0);
	message(f, VU_SET_FEATURES, VU_VERSION, &features, 8, NULL, 0);
	memory(f, how);
	for (unsigned int i = 0; i < N_RINGS; i++)
		ring(f, i, 6 | (how & 0x80));
	for (unsigned int i = 0; i < N_RINGS; i++)
		state(f, VU_SET_VRING_ENABLE, i, 1);
}

/* ---- the guest ---- */

static void write_memory(struct fuzz *f)
{
	uint16_t at = take(f) << 8 | take(f);
	uint8_t n = take(f);

	for (unsigned int i = 0; i < n && f->mem; i++)
		f->mem[(at + i) % MEM_SIZE] = take(f);
}

/* A chain of a command and its answer, and then it is available. */
static void offer(struct fuzz *f, unsigned int q)
{
	struct vring_desc d[2] = {
		{ 0x8000 + q * 0x100, 48, VRING_DESC_F_NEXT, 1 },
		{ 0x8000 + q * 0x100 + 0x40, 64, VRING_DESC_F_WRITE, 0 },
	};
	uint8_t *at;
	uint16_t idx;

	if (!f->mem)
		return;
	at = f->mem + q * RING_STEP;
	memcpy(at, d, sizeof(d));
	take_bytes(f, f->mem + 0x8000 + q * 0x100, take(f) % 49);
	memcpy(&idx, at + 0x602, 2);
	memset(at + 0x604 + 2 * (idx % 64), 0, 2);
	idx++;
	memcpy(at + 0x602, &idx, 2);
	vu_session_kick(f->s, q);
}

static void truncate_memory(struct fuzz *f, uint8_t how)
{
	/* Our own mapping must not fault: the handler knows the session's only. */
	if (f->mem)
		munmap(f->mem, MEM_SIZE);
	f->mem = NULL;
	check(!ftruncate(f->kinds[how & 1 ? FD_MEM2 : FD_MEM], how & 0x80 ? 0 : 0x1000));
}

static void step(struct fuzz *f)
{
	uint8_t op = take(f), arg = take(f);

	switch (op % 12) {
	case 0:
		bind(f, arg);
		break;
	case 1:
		memory(f, arg);
		break;
	case 2:
		ring(f, arg % 5, arg);
		break;
	case 3:
		state(f, VU_SET_VRING_ENABLE, arg % 5, arg >> 7);
		break;
	case 4:
		state(f, VU_GET_VRING_BASE, arg % 5, 0);
		break;
	case 5:
		write_memory(f);
		break;
	case 6:
		if (arg > 0xf0)
			truncate_memory(f, arg << 4);
		break;
	case 7:
	case 8:
		offer(f, arg % N_RINGS);
		break;
	case 9:
		vu_session_kick(f->s, arg);
		break;
	default:
		raw_message(f);
		break;
	}
	if (vu_session_check(f->s))
		f->dropped = true;
}

/* ---- one input ---- */

static void new_kinds(struct fuzz *f)
{
	int pipe_fds[2];

	f->kinds[FD_MEM] = memfd_create("a", MFD_CLOEXEC);
	f->kinds[FD_MEM2] = memfd_create("b", MFD_CLOEXEC);
	check(!ftruncate(f->kinds[FD_MEM], MEM_SIZE));
	check(!ftruncate(f->kinds[FD_MEM2], MEM_SIZE));
	f->kinds[FD_EVENT] = eventfd(0, EFD_CLOEXEC);
	check(!pipe(pipe_fds));
	f->kinds[FD_PIPE] = pipe_fds[1];
	close(pipe_fds[0]);
	f->kinds[FD_FILE] = open("/dev/null", O_RDWR | O_CLOEXEC);
	f->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, f->kinds[FD_MEM], 0);
	check(f->mem != MAP_FAILED);
}

static int lowest_free_fd(void)
{
	int fd = dup(2);

	close(fd);
	return fd;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* One device for all inputs, as for all front ends; it is big. */
static struct usbip_dev *device;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct usbip_dev_config config = { .usb2_ports = 1 };
	struct usb_backend *b;
	unsigned int port;

	signal(SIGPIPE, SIG_IGN);
	log_set_callback(no_log, NULL);
	check(!usbip_dev_new(&config, &device));
	check(!null_backend_new(USB_SPEED_HIGH_, &b));
	check(!usbip_dev_plug(device, b, &port));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { .in = data, .left = len };
	int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), lowest;

	new_kinds(&f);
	lowest = lowest_free_fd();
	check(!vu_session_new(&usbip_dev_ops, device, &events, &f, wake, &f.s));
	while (f.left) {
		step(&f);
		if (f.dropped) {	/* the next front end */
			vu_session_end(f.s);
			check(!f.s->started && !f.s->mem.mem.n);
			f.dropped = false;
		}
	}
	vu_session_free(f.s);
	check(lowest_free_fd() == lowest);
	if (f.mem)
		munmap(f.mem, MEM_SIZE);
	for (unsigned int i = 0; i < N_KINDS; i++)
		close(f.kinds[i]);
	close(wake);
	return 0;
}
