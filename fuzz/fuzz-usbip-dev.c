// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile guests of the virtio-usbip device: the input is guest memory with four
 * rings in it, and a script of commands, notifications, plugging, unplugging and
 * resets. Data may lie over rings and headers, so that answers rewrite them.
 *
 * Input: features, number of script bytes, script, memory.
 *
 * The invariant is on the virtqueues: what is returned was taken, and when nothing
 * is plugged in all was returned. So they are compiled in here, and the two calls
 * that matter are counted.
 */
#define virtq_pop virtq_real_pop
#define virtq_push virtq_real_push
#include "../host/virtio/virtq.c"
#undef virtq_pop
#undef virtq_push
int virtq_pop(struct virtq *vq, struct iovec *iov, unsigned int max_iov,
	      struct virtq_chain *ret_chain);
void virtq_push(struct virtq *vq, uint16_t head, uint32_t used_len);

#include <linux/virtio_usbip.h>

#include "null_backend.h"
#include "virtio_usbip_dev.h"

#define N_QUEUES	4u
#define RING_SIZE	16u
#define RING_STEP	0x200u		/* desc 0x100, avail 0x26, used 0x86 bytes */
#define RING_AVAIL	0x100u
#define RING_USED	0x140u
#define MEM_SIZE	0x2000u
#define MEM_COMMANDS	0x800u		/* made by the script, behind the rings */
#define COMMAND_STEP	0x100u
#define USB2_PORTS	2u
#define N_PORTS		3u

struct fuzz {
	struct virtio_transport transport;	/* first */
	struct usbip_dev *dev;
	struct guest_mem_region region;
	struct guest_mem mem;
	struct virtq *vqs[N_QUEUES];
	uint64_t features;
	bool started;
	uint32_t devid;		/* of the newest connection */
	uint32_t seq;
	unsigned int n_plugs[N_PORTS + 1];
};

/* Chains that the device has, by head; a hostile guest may offer one twice. */
static unsigned int taken[N_QUEUES][RING_SIZE];

static void check(bool ok)
{
	if (!ok)
		abort();
}

int virtq_pop(struct virtq *vq, struct iovec *iov, unsigned int max_iov,
	      struct virtq_chain *ret_chain)
{
	int ret = virtq_real_pop(vq, iov, max_iov, ret_chain);

	if (ret > 0)
		taken[vq->index][ret_chain->head]++;
	return ret;
}

void virtq_push(struct virtq *vq, uint16_t head, uint32_t used_len)
{
	check(vq->size && taken[vq->index][head]);
	taken[vq->index][head]--;
	virtq_real_push(vq, head, used_len);
}

static void check_all_returned(void)
{
	for (unsigned int i = 0; i < N_QUEUES; i++)
		for (unsigned int k = 0; k < RING_SIZE; k++)
			check(!taken[i][k]);
}

static void no_log(void *ctx, enum log_level level, const char *line)
{
}

static void no_interrupt(struct virtio_transport *t, unsigned int queue)
{
	check(((struct fuzz *)t)->started && queue < N_QUEUES);
}

static const struct virtio_transport_ops null_transport_ops = {
	.interrupt = no_interrupt,
};

static void start(struct fuzz *f)
{
	if (f->started)
		return;
	f->started = true;
	check(!usbip_dev_ops.set_features(f->dev, f->features));
	for (unsigned int i = 0; i < N_QUEUES; i++) {
		uint64_t gpa = i * RING_STEP;

		check(!virtq_enable(f->vqs[i], RING_SIZE, gpa, gpa + RING_AVAIL,
				    gpa + RING_USED));
		virtq_set_features(f->vqs[i], 1ull << VIRTIO_RING_F_INDIRECT_DESC |
					      1ull << VIRTIO_RING_F_EVENT_IDX);
	}
	check(!usbip_dev_ops.start(f->dev, &f->transport, f->vqs, N_QUEUES));
}

/* What the device had is dropped, and not to be returned any more. */
static void reset(struct fuzz *f)
{
	if (!f->started)
		return;
	usbip_dev_ops.reset(f->dev);
	f->started = false;
	memset(taken, 0, sizeof(taken));
	for (unsigned int i = 0; i < N_QUEUES; i++)
		virtq_reset(f->vqs[i]);
}

static void plug(struct fuzz *f, enum usb_speed speed)
{
	struct usb_backend *b;
	unsigned int port = 0;

	check(!null_backend_new(speed, &b));
	if (usbip_dev_plug(f->dev, b, &port)) {
		b->ops->close(b);
		return;
	}
	check(port && port <= N_PORTS);
	f->devid = port << 16 | ++f->n_plugs[port];
}

static void unplug_all(struct fuzz *f)
{
	for (unsigned int port = 1; port <= N_PORTS; port++) {
		int err = usbip_dev_unplug(f->dev, port);

		check(!err || err == -ENODEV);
	}
	check_all_returned();
}

/* ---- commands that are nearly right, for the input's bytes rarely are ---- */

static void put_desc(struct fuzz *f, unsigned int q, unsigned int i, uint64_t addr,
		     uint32_t len, uint16_t flags)
{
	struct vring_desc d = { addr, len, flags, i + 1 };

	memcpy((char *)f->region.hva + q * RING_STEP + i * sizeof(d), &d, sizeof(d));
}

static void put_avail(struct fuzz *f, unsigned int q, uint16_t head)
{
	char *avail = (char *)f->region.hva + q * RING_STEP + RING_AVAIL;
	uint16_t idx;

	memcpy(&idx, avail + 2, sizeof(idx));
	memcpy(avail + 4 + 2 * (idx % RING_SIZE), &head, sizeof(head));
	idx++;
	memcpy(avail + 2, &idx, sizeof(idx));
}

static struct virtio_usbip_cmd_submit make_command(struct fuzz *f, unsigned int kind)
{
	static const uint8_t requests[][8] = {
		{ 0x23, 3, 4, 0, 1, 0, 0, 0 }, { 0x23, 1, 1, 0, 1, 0, 0, 0 },
		{ 0xc0, 1, 0, 0, 1, 0, 16, 0 }, { 0x40, 2, 9, 0, 3, 0, 2, 0 },
		{ 0x40, 3, 0, 0, 3, 0, 2, 0 }, { 0x80, 6, 0, 1, 0, 0, 16, 0 },
		{ 0x00, 5, 1, 0, 0, 0, 0, 0 }, { 0x00, 9, 1, 0, 0, 0, 0, 0 },
	};
	struct virtio_usbip_cmd_submit cmd = {
		.command = htobe32(kind == 15 ? VIRTIO_USBIP_CMD_UNLINK :
						VIRTIO_USBIP_CMD_SUBMIT),
		.seq = htobe32(++f->seq),
		.devid = htobe32(kind < 5 ? 0 : f->devid),
		.direction = htobe32(kind & 1),
		.ep = htobe32(kind),
	};

	if (kind == 15) {
		cmd.direction = cmd.ep = 0;
		cmd.flags = htobe32(f->seq - 1);	/* the victim */
	} else if (kind < 8) {
		cmd.ep = 0;
		cmd.direction = htobe32(requests[kind][0] >> 7);
		cmd.length = htobe32(requests[kind][6]);
		memcpy(cmd.setup, requests[kind], sizeof(cmd.setup));
	} else {
		cmd.length = htobe32(0x20);
		cmd.interval = htobe32(kind & 2 ? 8 : 0);
		cmd.num_packets = htobe32(kind >= 12 ? 1 : 0);
	}
	return cmd;
}

static void put_command(struct fuzz *f, unsigned int kind)
{
	struct virtio_usbip_cmd_submit cmd = make_command(f, kind);
	unsigned int q = kind < 5 || kind == 15 ? 0 : 2 + (kind >= 12), slot = f->seq % 3;
	uint64_t gpa = MEM_COMMANDS + (q * 3 + slot) * COMMAND_STEP;
	uint32_t iso = 16 * be32toh(cmd.num_packets), length = be32toh(cmd.length);
	bool in = be32toh(cmd.direction);
	uint32_t r = 48 + iso + (in ? 0 : length), w = 48 + iso + (in ? length : 0);
	char *mem = (char *)f->region.hva + gpa;

	/* iso[] is whatever was there before. */
	memcpy(mem, &cmd, sizeof(cmd));
	put_desc(f, q, 4 * slot, gpa, r, VRING_DESC_F_NEXT);
	put_desc(f, q, 4 * slot + 1, gpa + 0x80, f->seq % 48 + 1,
		 VRING_DESC_F_NEXT | VRING_DESC_F_WRITE);
	put_desc(f, q, 4 * slot + 2, gpa + 0x81 + f->seq % 48, w - f->seq % 48 - 1,
		 VRING_DESC_F_WRITE);
	if (w == f->seq % 48 + 1)
		put_desc(f, q, 4 * slot + 1, gpa + 0x80, w, VRING_DESC_F_WRITE);
	put_avail(f, q, 4 * slot);
}

static void step(struct fuzz *f, uint8_t op)
{
	static const enum usb_speed speeds[] = { USB_SPEED_HIGH_, USB_SPEED_SUPER_ };
	unsigned int arg = op >> 4;

	switch (op & 15) {
	case 0:
		reset(f);
		break;
	case 1:
		start(f);
		break;
	case 2:
		plug(f, speeds[arg & 1]);
		break;
	case 3:
		usbip_dev_unplug(f->dev, arg & 3);
		break;
	case 4:
		unplug_all(f);
		break;
	case 5:
		put_avail(f, arg & 3, arg >> 2);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
	case 10:
		put_command(f, arg);
		break;
	default:
		if (f->started)
			usbip_dev_ops.notify(f->dev, arg & 3);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct usbip_dev_config config = {
		.usb2_ports = USB2_PORTS, .usb3_ports = N_PORTS - USB2_PORTS,
		.max_streams = 4,
	};
	struct fuzz f = { .transport.ops = &null_transport_ops };
	const uint8_t *script = data + 2;
	size_t n_script;

	if (len < 2)
		return 0;
	log_set_callback(no_log, NULL);
	n_script = data[1] < len - 2 ? data[1] : len - 2;
	check(!usbip_dev_new(&config, &f.dev));
	f.features = usbip_dev_ops.features(f.dev) & ~((uint64_t)data[0] << 51);
	f.region = (struct guest_mem_region){ 0, MEM_SIZE, aligned_alloc(16, MEM_SIZE) };
	f.mem = (struct guest_mem){ 1, &f.region };
	data += 2 + n_script;
	len -= 2 + n_script;
	memset(f.region.hva, 0, MEM_SIZE);
	memcpy(f.region.hva, data, len < MEM_SIZE ? len : MEM_SIZE);
	for (unsigned int i = 0; i < N_QUEUES; i++)
		check((f.vqs[i] = virtq_new(&f.mem, "fuzz", i)) != NULL);
	plug(&f, USB_SPEED_HIGH_);
	start(&f);
	for (size_t i = 0; i < n_script; i++)
		step(&f, script[i]);
	unplug_all(&f);
	reset(&f);
	usbip_dev_free(f.dev);
	for (unsigned int i = 0; i < N_QUEUES; i++)
		virtq_free(f.vqs[i]);
	free(f.region.hva);
	return 0;
}
