// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtio-usbip device on one thread: transfers as docs/protocol.md asks for,
 * DEV-n in comments, and every way to get a command wrong.
 */
#include "usbip_fixture.h"

/* ---- identity, configuration ---- */

/* DEV-1, 2, 4, 5, 29. */
static void config_and_features(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_config c;
	uint64_t offered = usbip_dev_ops.features(f->u->dev);

	assert_int_equal(usbip_dev_ops.config_size(f->u->dev), 32);
	usbip_dev_ops.config_read(f->u->dev, 0, &c, sizeof(c));
	assert_int_equal(c.usbip_version, 0x0111);
	assert_int_equal(c.usb2_ports, USB2_PORTS);
	assert_int_equal(c.usb3_ports, USB3_PORTS);
	assert_int_equal(c.num_request_queues, 2);
	assert_true(c.max_iso_packets > 0);
	assert_true(c.seg_max >= 1);
	assert_true(c.max_transfer >= 1 << 20);
	assert_int_equal(c.max_inflight_bytes, 0);
	assert_int_equal(c.max_streams, 16);
	assert_int_equal(c.event_size, 16);
	assert_int_equal(c.reserved[0] | c.reserved[1], 0);
	assert_int_equal(offered, ALL_FEATURES | FEATURE(SSP) | FEATURE(PORT_PM));
	assert_int_equal(usbip_dev_ops.set_features(f->u->dev, 0), -EINVAL);
	assert_int_equal(usbip_dev_ops.set_features(f->u->dev, FEATURE(ISO)), -EINVAL);
	assert_int_equal(usbip_dev_ops.set_features(f->u->dev, FEATURE(USBIP_PDU) |
						    FEATURE(IMPORT_INFO)), -EINVAL);
	assert_int_equal(usbip_dev_ops.num_queues(f->u->dev), 4);
}

static void configuration_is_checked(void **state)
{
	static const struct usbip_dev_config bad[] = {
		{ 0 }, { .usb2_ports = 32 }, { .usb3_ports = 16 },
		{ .usb2_ports = 1, .request_queues = 1 },
		{ .usb2_ports = 1, .request_queues = 9 },
		{ .usb2_ports = 1, .max_streams = 65534 },
		{ .usb2_ports = 1, .max_inflight_bytes = (8 << 20) - 1 },
	};
	struct usbip_dev_config c = { .usb2_ports = 31, .usb3_ports = 15,
				      .request_queues = 8,
				      .features_off = FEATURE(ISO) | FEATURE(PORT_PM),
				      .max_inflight_bytes = 8 << 20 };
	struct virtio_usbip_config space;
	struct usbip_dev *dev;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(usbip_dev_new(&bad[i], &dev), -EINVAL);
	assert_int_equal(usbip_dev_new(&c, &dev), 0);
	assert_int_equal(usbip_dev_ops.num_queues(dev), 10);
	assert_int_equal(usbip_dev_ops.features(dev), FEATURE(USBIP_PDU) | FEATURE(SSP));
	usbip_dev_ops.config_read(dev, 0, &space, sizeof(space));
	assert_int_equal(space.max_iso_packets, 0);
	assert_int_equal(space.max_inflight_bytes, 8 << 20);
	assert_int_equal(space.max_streams, 0);
	usbip_dev_free(dev);
	usbip_dev_free(NULL);
}

/* DR-3: only request queues beyond the second may be missing. */
static void start_needs_its_queues(void **state)
{
	struct fixture *f = *state;
	struct usbip_dev_config c = { .usb2_ports = 1, .request_queues = 3 };
	struct virtq *queues[5] = { 0 };
	struct usbip_dev *dev;

	assert_int_equal(usbip_dev_new(&c, &dev), 0);
	memcpy(queues, f->u->vqs, sizeof(f->u->vqs));
	usbip_dev_ops.reset(f->u->dev);
	assert_int_equal(usbip_dev_ops.start(dev, &f->u->transport, queues, 5), 0);
	usbip_dev_ops.notify(dev, 4);
	usbip_dev_ops.notify(dev, 99);
	usbip_dev_ops.reset(dev);
	for (unsigned int i = 0; i < 4; i++) {
		struct virtq *vq = queues[i];

		queues[i] = NULL;
		assert_int_equal(usbip_dev_ops.start(dev, &f->u->transport, queues, 5),
				 -EINVAL);
		queues[i] = vq;
	}
	assert_int_equal(usbip_dev_ops.start(dev, &f->u->transport, queues, 3), -EINVAL);
	usbip_dev_free(dev);
}

/* ---- transfers ---- */

/* DEV-7, 10, 12. */
static void bulk_out_and_in(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd = bulk(f, false, 4096);
	struct usb_urb *urb = &f->s->log[0];
	uint32_t len;

	cmd.flags = htobe32(VIRTIO_USBIP_ZERO_PACKET | 0x80000400);
	assert_int_equal(run(f->u, BULK, &cmd, &len), 0);
	assert_int_equal(len, 48);
	assert_int_equal(slot_actual(f->u, BULK, 0), 4096);
	assert_int_equal(urb->ep, 2);
	assert_false(urb->in);
	assert_int_equal(urb->flags, USB_URB_ZERO_PACKET);
	assert_int_equal(urb->length, 4096);
	assert_int_equal(urb->n_iov, 1);

	cmd = bulk(f, true, 4096);
	assert_int_equal(run(f->u, BULK, &cmd, &len), 0);
	assert_int_equal(len, 48 + 4096);
	assert_int_equal(slot_actual(f->u, BULK, 0), 4096);
	for (unsigned int i = 0; i < 4096; i++)
		assert_int_equal(slot_data(f->u, BULK, 0)[i], script_byte(i));
	urb = &f->s->log[1];
	assert_true(urb->in);
	assert_int_equal(urb->flags, USB_URB_DIR_IN);

	f->s->actual = 13;
	f->s->status = -EREMOTEIO;
	cmd = bulk(f, true, 512);
	assert_int_equal(run(f->u, BULK, &cmd, &len), -121);
	assert_int_equal(len, 48 + 13);
	assert_int_equal(slot_actual(f->u, BULK, 0), 13);

	f->s->actual = 0;
	f->s->status = 0;
	cmd = bulk(f, true, 0);
	assert_int_equal(run(f->u, BULK, &cmd, &len), 0);
	assert_int_equal(len, 48);
	assert_int_equal(f->s->log[3].n_iov, 0);
}

/* Data goes from and to guest memory and nowhere else. */
static void data_is_not_copied(void **state)
{
	struct fixture *f = *state;

	for (unsigned int in = 0; in < 2; in++) {
		struct virtio_usbip_cmd_submit cmd = bulk(f, in, 4096);
		struct usb_urb *urb;

		f->s->mode = SCRIPT_LATER;
		offer(f->u, BULK, 0, &cmd);
		notify(f->u, BULK);
		urb = f->s->first;
		assert_non_null(urb);
		assert_int_equal(urb->n_iov, 1);
		assert_ptr_equal(urb->iov[0].iov_base, slot_data(f->u, BULK, 0));
		assert_int_equal(urb->iov[0].iov_len, 4096);
		assert_true(script_complete(f->s));
		assert_returned(f->u, BULK, 0, 0, in ? 48 + 4096 : 48);
	}
}

static void done_in_notify_with_one_interrupt(void **state)
{
	struct fixture *f = *state;

	f->u->n_interrupts[BULK] = 0;
	for (unsigned int i = 0; i < 32; i++) {
		struct virtio_usbip_cmd_submit cmd = bulk(f, i & 1, 512);

		offer(f->u, BULK, i, &cmd);
	}
	notify(f->u, BULK);
	assert_int_equal(f->u->n_interrupts[BULK], 1);
	for (unsigned int i = 0; i < 32; i++)
		assert_returned(f->u, BULK, i, 0, i & 1 ? 48 + 512 : 48);
	assert_none(f->u, BULK);
	notify(f->u, BULK);
	assert_int_equal(f->u->n_interrupts[BULK], 1);
	assert_int_equal(f->u->n_interrupts[CTRL] + f->u->n_interrupts[INTR], 1);
}

/* A UAS stick: the command ends the transfers that were waiting for it. */
static void ended_by_another_submit_with_one_interrupt(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd = bulk(f, false, 32);

	fly(f, BULK, 0);
	fly(f, BULK, 1);
	f->s->mode = SCRIPT_FLUSH;
	f->u->n_interrupts[BULK] = 0;
	offer(f->u, BULK, 2, &cmd);
	notify(f->u, BULK);
	assert_int_equal(f->u->n_interrupts[BULK], 1);
	assert_returned(f->u, BULK, 0, 0, 48 + 64);
	assert_returned(f->u, BULK, 1, 0, 48 + 64);
	assert_returned(f->u, BULK, 2, 0, 48);
}

/* DEV-3. */
static void transfers_start_in_order(void **state)
{
	struct fixture *f = *state;

	f->s->mode = SCRIPT_LATER;
	for (unsigned int i = 0; i < 32; i++) {
		struct virtio_usbip_cmd_submit cmd = bulk(f, false, 100 + i);

		offer(f->u, BULK, i, &cmd);
		if (i % 5 == 0)
			notify(f->u, BULK);
	}
	notify(f->u, BULK);
	assert_int_equal(f->s->n_submitted, 32);
	for (unsigned int i = 0; i < 32; i++)
		assert_int_equal(f->s->log[i].length, 100 + i);
	while (script_complete(f->s))
		;
	for (unsigned int i = 0; i < 32; i++)
		assert_returned(f->u, BULK, i, 0, 48);
}

static void later_completion_interrupts(void **state)
{
	struct fixture *f = *state;

	fly(f, BULK, 3);
	f->u->n_interrupts[BULK] = 0;
	assert_true(script_complete(f->s));
	assert_int_equal(f->u->n_interrupts[BULK], 1);
	assert_returned(f->u, BULK, 3, 0, 48 + 64);
	assert_none(f->u, BULK);
}

/* DEV-13. */
static void status_is_mapped(void **state)
{
	static const int map[][2] = {
		{ 0, 0 }, { -ENOENT, -2 }, { -ENOMEM, -12 }, { -EXDEV, -18 },
		{ -ENODEV, -19 }, { -EINVAL, -22 }, { -EPIPE, -32 }, { -ETIME, -62 },
		{ -ENOSR, -63 }, { -ECOMM, -70 }, { -EPROTO, -71 }, { -EOVERFLOW, -75 },
		{ -EILSEQ, -84 }, { -EMSGSIZE, -90 }, { -ECONNRESET, -104 },
		{ -ESHUTDOWN, -108 }, { -ETIMEDOUT, -110 }, { -EREMOTEIO, -121 },
		{ -EIO, -71 }, { -EAGAIN, -71 }, { 1, -71 }, { INT32_MIN, -71 },
	};
	struct fixture *f = *state;

	for (unsigned int i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		struct virtio_usbip_cmd_submit cmd = bulk(f, false, 8);

		f->s->mode = SCRIPT_SYNC;
		f->s->status = map[i][0];
		assert_int_equal(run(f->u, BULK, &cmd, NULL), map[i][1]);
		if (!map[i][0])
			continue;
		f->s->mode = SCRIPT_REFUSE;
		cmd = bulk(f, false, 8);
		assert_int_equal(run(f->u, BULK, &cmd, NULL), map[i][1]);
		assert_int_equal(slot_actual(f->u, BULK, 0), 0);
	}
}

/* DEV-16. */
static void set_address_is_not_forwarded(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd =
		control_command(f->u, f->devid, 0x00, 5, 7, 0, 0);
	uint32_t len;

	assert_int_equal(run(f->u, BULK, &cmd, &len), 0);
	assert_int_equal(len, 48);
	assert_int_equal(f->s->n_submitted, 0);
	cmd = control_command(f->u, f->devid, 0x00, 9, 1, 0, 0);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), 0);
	assert_int_equal(f->s->n_submitted, 1);
}

/* DR-10, DEV-8: the URB's direction and length are those of the setup packet. */
static void control_transfers(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd;
	uint32_t len;

	cmd = control_command(f->u, f->devid, 0x80, 6, 0x100, 0, 18);
	assert_int_equal(run(f->u, BULK, &cmd, &len), 0);
	assert_int_equal(len, 48 + 18);
	assert_memory_equal(f->s->log[0].setup, cmd.setup, 8);
	assert_true(f->s->log[0].in);
	for (unsigned int in = 0; in < 2; in++) {
		cmd = control_command(f->u, f->devid, 0x80, 6, 0x100, 0, 0);
		cmd.direction = htobe32(in);
		assert_int_equal(run(f->u, BULK, &cmd, &len), 0);
		assert_int_equal(len, 48);
		assert_true(f->s->log[1 + in].in);
	}
	/* More room than the setup packet asks for. */
	cmd = control_command(f->u, f->devid, 0x80, 6, 0x100, 0, 64);
	cmd.setup[6] = 8;
	assert_int_equal(run(f->u, BULK, &cmd, &len), 0);
	assert_int_equal(len, 48 + 8);
	assert_int_equal(f->s->log[3].length, 8);
}

/* ---- malformed commands ---- */

static void set_setup_length(struct virtio_usbip_cmd_submit *cmd)
{
	memset(cmd->setup, 0, 8);
	cmd->setup[0] = 0x80;
	cmd->setup[6] = 65;
}

static void malformed_headers(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit good = bulk(f, true, 64), cmd;
	const uint32_t seq = be32toh(good.seq), devid = f->devid;
	static const uint32_t bad_commands[] = { 0, 3, 4, 5, 0x01000000, UINT32_MAX };
	const struct {
		uint32_t devid, direction, ep, num_packets;
		int32_t status;
	} bad[] = {
		{ devid, 2, 1, 0, -22 }, { devid, UINT32_MAX, 1, 0, -22 },
		{ devid, 1, 16, 0, -2 }, { devid, 1, UINT32_MAX, 0, -2 },
		{ devid, 1, 0x81, 0, -2 },
		{ devid, 1, 1, 129, -22 }, { devid, 1, 1, UINT32_MAX, -22 },
		{ devid, 1, 1, 0x10000000, -22 },
		{ devid + 1, 1, 1, 0, -19 }, { 0, 1, 1, 0, -19 },
		{ devid & 0xffff, 1, 1, 0, -19 }, { devid + 0x10000, 1, 1, 0, -19 },
		{ 0xffff0001, 1, 1, 0, -19 }, { UINT32_MAX, 1, 1, 0, -19 },
		{ devid & 0xffff0000, 1, 1, 0, -19 },
		{ 0, 9, 99, 99, -19 },		/* devid before the rest */
	};

	f->s->mode = SCRIPT_REFUSE;
	for (unsigned int i = 0; i < sizeof(bad_commands) / 4; i++) {
		cmd = good;
		cmd.command = htobe32(bad_commands[i]);
		offer(f->u, BULK, 0, &cmd);
		cmd.command = htobe32(VIRTIO_USBIP_CMD_SUBMIT);
		notify(f->u, BULK);
		*slot_cmd(f->u, BULK, 0) = cmd;	/* answered as a RET_SUBMIT */
		assert_returned(f->u, BULK, 0, -22, 48);
	}
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint32_t len;

		cmd = good;
		cmd.seq = htobe32(seq + i);
		offer(f->u, BULK, 0, &cmd);
		slot_cmd(f->u, BULK, 0)->devid = htobe32(bad[i].devid);
		slot_cmd(f->u, BULK, 0)->direction = htobe32(bad[i].direction);
		slot_cmd(f->u, BULK, 0)->ep = htobe32(bad[i].ep);
		slot_cmd(f->u, BULK, 0)->num_packets = htobe32(bad[i].num_packets);
		notify(f->u, BULK);
		assert_int_equal(reap(f->u, BULK, &len), 0);
		assert_int_equal(len, 48);
		assert_int_equal(slot_status(f->u, BULK, 0), bad[i].status);
		assert_int_equal(slot_actual(f->u, BULK, 0), 0);
		assert_int_equal(slot_ret(f->u, BULK, 0)->num_packets,
				 htobe32(bad[i].num_packets));	/* DEV-7 */
	}
	assert_int_equal(f->s->n_submitted, 0);
}

static void malformed_seq(void **state)
{
	struct fixture *f = *state;
	uint32_t seq = fly(f, BULK, 0);
	struct virtio_usbip_cmd_submit cmd = bulk(f, false, 0);

	cmd.seq = 0;
	offer(f->u, BULK, 1, &cmd);
	cmd.seq = htobe32(seq);
	offer(f->u, BULK, 2, &cmd);
	offer(f->u, INTR, 2, &cmd);
	offer(f->u, CTRL, 2, &cmd);
	notify(f->u, BULK);
	notify(f->u, INTR);
	notify(f->u, CTRL);
	assert_returned(f->u, BULK, 1, -22, 48);
	assert_returned(f->u, BULK, 2, -22, 48);
	assert_returned(f->u, INTR, 2, -22, 48);
	assert_returned(f->u, CTRL, 2, -22, 48);
	cmd = unlink_command(f->u, f->devid, seq);
	cmd.seq = htobe32(seq);
	offer(f->u, CTRL, 0, &cmd);
	offer(f->u, BULK, 3, &cmd);		/* not on this queue */
	notify(f->u, CTRL);
	notify(f->u, BULK);
	assert_returned(f->u, CTRL, 0, -22, 48);
	assert_returned(f->u, BULK, 3, -22, 48);
	assert_int_equal(f->s->n_submitted, 1);
	assert_true(script_complete(f->s));
	assert_returned(f->u, BULK, 0, 0, 48 + 64);
	/* Returned: the number is free again. */
	f->s->mode = SCRIPT_SYNC;
	cmd = bulk(f, false, 0);
	cmd.seq = htobe32(seq);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), 0);
}

/* A chain of R and W bytes; its used.len. */
static uint32_t raw_chain(struct fixture *f, uint32_t r, uint32_t w)
{
	struct ring *ring = &f->u->rings[BULK];
	uint64_t gpa = slot_gpa(BULK, 0);
	uint32_t len = UINT32_MAX;

	memset(slot_ret(f->u, BULK, 0), 0xee, 48);
	ring_desc(ring, 0, r ? gpa : gpa + SLOT_RET, r ? r : w, r && w ? N : 0, 1);
	if (!r)
		ring->desc[0].flags |= W;
	ring_desc(ring, 1, gpa + SLOT_RET, w, W, 0);
	ring_offer(ring, 0);
	notify(f->u, BULK);
	assert_int_equal(reap(f->u, BULK, &len), 0);
	return len;
}

static void malformed_lengths(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit *cmd = slot_cmd(f->u, BULK, 0);
	const struct {
		bool in;
		uint32_t length, r, w;
		int32_t status;
	} bad[] = {
		{ true, 64, 48, 48, -22 }, { true, 64, 48, 48 + 63, -22 },
		{ true, 64, 48, 48 + 65, -22 }, { true, 64, 49, 48 + 64, -22 },
		{ false, 64, 48, 48, -22 }, { false, 64, 48 + 63, 48, -22 },
		{ false, 64, 48 + 65, 48, -22 }, { false, 64, 48 + 64, 49, -22 },
		{ true, UINT32_MAX, 48, 48, -90 }, { false, (4 << 20) + 1, 48, 48, -90 },
		{ true, 4 << 20, 48, 48, -22 }, { false, UINT32_MAX, 48, 48 + 64, -90 },
	};

	f->s->mode = SCRIPT_REFUSE;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		*cmd = bulk(f, bad[i].in, bad[i].length);
		assert_int_equal(raw_chain(f, bad[i].r, bad[i].w), 48);
		assert_int_equal(slot_status(f->u, BULK, 0), bad[i].status);
	}
	*cmd = bulk(f, true, 64);
	cmd->ep = 0;
	set_setup_length(cmd);
	assert_int_equal(raw_chain(f, 48, 48 + 64), 48);
	assert_int_equal(slot_status(f->u, BULK, 0), -22);
	cmd->setup[6] = 64;
	cmd->setup[0] = 0x00;		/* direction against the setup packet's */
	assert_int_equal(raw_chain(f, 48, 48 + 64), 48);
	assert_int_equal(slot_status(f->u, BULK, 0), -22);
	assert_int_equal(f->s->n_submitted, 0);
}

static void chains_without_room_for_header_or_answer(void **state)
{
	struct fixture *f = *state;
	uint8_t *w = (uint8_t *)slot_ret(f->u, BULK, 0);
	static const uint32_t sizes[][2] = {
		{ 48, 0 }, { 48, 47 }, { 48, 1 }, { 0, 47 }, { 47, 47 }, { 4096, 0 },
	};

	*slot_cmd(f->u, BULK, 0) = bulk(f, false, 0);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(raw_chain(f, sizes[i][0], sizes[i][1]), 0);
		for (unsigned int k = 0; k < 48; k++)
			assert_int_equal(w[k], 0xee);
	}
	for (unsigned int r = 0; r < 48; r += 47) {
		assert_int_equal(raw_chain(f, r, 48), 48);
		assert_int_equal(slot_status(f->u, BULK, 0), -22);
		assert_int_equal(slot_ret(f->u, BULK, 0)->seq, 0);
		assert_int_equal(slot_ret(f->u, BULK, 0)->command,
				 htobe32(VIRTIO_USBIP_RET_SUBMIT));
	}
	assert_int_equal(f->s->n_submitted, 0);
}

/* DEV-11: what the driver writes into a header later is not seen. */
static void header_is_read_once(void **state)
{
	struct fixture *f = *state;
	uint32_t seq = fly(f, BULK, 0);
	struct virtio_usbip_cmd_submit cmd = *slot_cmd(f->u, BULK, 0);
	struct virtio_usbip_cmd_submit bad;

	memset(slot_cmd(f->u, BULK, 0), 0xff, 48);
	memset(&bad, 0xff, sizeof(bad));
	assert_int_equal(f->s->first->length, 64);
	assert_true(script_complete(f->s));
	*slot_cmd(f->u, BULK, 0) = cmd;
	assert_returned(f->u, BULK, 0, 0, 48 + 64);
	assert_int_equal(slot_ret(f->u, BULK, 0)->seq, htobe32(seq));
}

/* ---- descriptor borders ---- */

/* Cuts [gpa, gpa+len) into pieces at random; returns the next descriptor. */
static unsigned int split(struct ring *r, unsigned int i, uint64_t gpa, uint32_t len,
			  uint16_t flags, unsigned int most)
{
	while (len) {
		uint32_t part = most == 1 ? 1 : 1 + rand() % len;

		if (part > 600)
			part = 600;
		ring_desc(r, i, gpa, part, flags | N, i + 1);
		i++;
		gpa += part;
		len -= part;
	}
	return i;
}

static void random_splits_give_the_same(void **state)
{
	struct fixture *f = *state;
	struct ring *r = &f->u->rings[BULK];
	uint64_t gpa = slot_gpa(BULK, 0);
	uint8_t *flat = slot_data(f->u, BULK, 1);

	srand(1);
	for (unsigned int round = 0; round < 2000; round++) {
		bool in = round & 1;
		uint32_t length = rand() % 900, len;
		struct virtio_usbip_cmd_submit cmd = bulk(f, in, length);
		unsigned int i, got = 0;

		f->s->mode = SCRIPT_LATER;
		/* header and data, answer and data lie side by side */
		memcpy(mem_ptr(f->u, gpa), &cmd, 48);
		memset(flat, 0, 8192);
		if (!in)
			for (i = 0; i < length; i++)
				((uint8_t *)mem_ptr(f->u, gpa))[48 + i] = script_byte(i);
		i = split(r, 0, gpa, 48 + (in ? 0 : length), 0, round % 7 == 0 && in);
		i = split(r, i, slot_gpa(BULK, 1) + SLOT_DATA, 48 + (in ? length : 0), W,
			  round % 11 == 0 && !in);
		r->desc[i - 1].flags &= ~N;
		ring_offer(r, 0);
		notify(f->u, BULK);
		assert_non_null(f->s->first);
		for (unsigned int k = 0; k < f->s->first->n_iov; k++) {
			struct iovec *iov = &f->s->first->iov[k];

			for (size_t b = 0; b < iov->iov_len; b++, got++)
				if (!in)
					assert_int_equal(((uint8_t *)iov->iov_base)[b],
							 script_byte(got));
		}
		assert_int_equal(got, length);
		assert_true(script_complete(f->s));
		assert_int_equal(reap(f->u, BULK, &len), 0);
		assert_int_equal(len, 48 + (in ? length : 0));
		memcpy(slot_ret(f->u, BULK, 0), flat, 48);
		assert_int_equal(slot_status(f->u, BULK, 0), 0);
		assert_int_equal(slot_actual(f->u, BULK, 0), length);
		for (i = 0; in && i < length; i++)
			assert_int_equal(flat[48 + i], script_byte(i));
		assert_int_equal(flat[48 + (in ? length : 0)], 0);
	}
}

/* seg_max data buffers, through an indirect table longer than the ring. */
static void longest_chain(void **state)
{
	struct fixture *f = *state;
	struct ring *r = &f->u->rings[BULK];
	uint64_t gpa = slot_gpa(BULK, 0);
	struct vring_desc *table = mem_ptr(f->u, slot_gpa(BULK, 8));
	struct virtio_usbip_cmd_submit cmd = bulk(f, true, 254 * 16);
	uint32_t len;

	memcpy(mem_ptr(f->u, gpa), &cmd, 48);
	table[0] = (struct vring_desc){ gpa, 24, N, 1 };
	table[1] = (struct vring_desc){ gpa + 24, 24, N, 2 };
	table[2] = (struct vring_desc){ gpa + SLOT_RET, 48, N | W, 3 };
	for (unsigned int i = 0; i < 254; i++)
		table[3 + i] = (struct vring_desc){ gpa + SLOT_DATA + 32 * i, 16,
						    (i < 253 ? N : 0) | W, 4 + i };
	ring_desc(r, 0, slot_gpa(BULK, 8), 257 * 16, IND, 0);
	ring_offer(r, 0);
	notify(f->u, BULK);
	assert_int_equal(reap(f->u, BULK, &len), 0);
	assert_int_equal(len, 48 + 254 * 16);
	assert_int_equal(f->s->log[0].n_iov, 254);
	for (unsigned int i = 0; i < 254 * 16; i++)
		assert_int_equal(slot_data(f->u, BULK, 0)[i / 16 * 32 + i % 16],
				 script_byte(i));
}

/* ---- isochronous ---- */

static struct virtio_usbip_iso_packet *iso_out(struct fixture *f)
{
	return mem_ptr(f->u, slot_gpa(INTR, 0) + SLOT_ISO_OUT);
}

static struct virtio_usbip_iso_packet *iso_in(struct fixture *f)
{
	return mem_ptr(f->u, slot_gpa(INTR, 0) + SLOT_ISO_IN);
}

static struct virtio_usbip_cmd_submit iso_command(struct fixture *f, bool in)
{
	struct virtio_usbip_cmd_submit cmd = bulk(f, in, 100);

	cmd.num_packets = htobe32(3);
	cmd.start_frame = htobe32(77);
	cmd.interval = htobe32(8);
	/* Not in order, with gaps: 0..9, 50..69, 20..39. */
	iso_out(f)[0] = (struct virtio_usbip_iso_packet){ 0, htobe32(10), 0, 0 };
	iso_out(f)[1] = (struct virtio_usbip_iso_packet){ htobe32(50), htobe32(20), 0, 0 };
	iso_out(f)[2] = (struct virtio_usbip_iso_packet){ htobe32(20), htobe32(20), 0, 0 };
	return cmd;
}

/* DEV-10: what no packet brought before the last byte is 0. */
static void iso_in_leaves_zeros_in_gaps(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd = iso_command(f, true);
	uint8_t *data = slot_data(f->u, INTR, 0);
	struct usb_urb *urb;

	memset(data, 0xaa, 100);
	f->s->mode = SCRIPT_LATER;
	offer(f->u, INTR, 0, &cmd);
	notify(f->u, INTR);
	urb = f->s->first;
	assert_int_equal(urb->n_iso, 3);
	assert_int_equal(urb->start_frame, 77);
	assert_int_equal(urb->stream_id, 0);
	assert_int_equal(urb->interval, 8);
	assert_int_equal(urb->iso[1].offset, 50);
	urb->iso[0].actual = 10;
	urb->iso[1].actual = 5;
	urb->iso[2].actual = 3;
	urb->iso[2].status = -EILSEQ;
	urb->error_count = 1;
	urb->start_frame = 80;
	memset(urb->iov[0].iov_base, 1, 10);
	memset((char *)urb->iov[0].iov_base + 50, 2, 5);
	memset((char *)urb->iov[0].iov_base + 20, 3, 3);
	f->s->actual = 18;
	assert_true(script_complete(f->s));
	assert_returned(f->u, INTR, 0, 0, 48 + 3 * 16 + 55);
	assert_int_equal(slot_actual(f->u, INTR, 0), 18);
	assert_int_equal(slot_ret(f->u, INTR, 0)->start_frame, htobe32(80));
	assert_int_equal(slot_ret(f->u, INTR, 0)->num_packets, htobe32(3));
	assert_int_equal(slot_ret(f->u, INTR, 0)->error_count, htobe32(1));
	assert_int_equal(iso_in(f)[1].offset, htobe32(50));
	assert_int_equal(iso_in(f)[1].length, htobe32(20));
	assert_int_equal(iso_in(f)[1].actual, htobe32(5));
	assert_int_equal(iso_in(f)[2].status, htobe32(-84));
	for (unsigned int i = 0; i < 55; i++)
		assert_int_equal(data[i], i < 10 ? 1 : i < 20 ? 0 : i < 23 ? 3 :
				 i < 50 ? 0 : 2);
}

static void iso_out_and_its_errors(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd = iso_command(f, false);
	uint32_t len;

	assert_int_equal(run(f->u, INTR, &cmd, &len), 0);
	assert_int_equal(len, 48 + 3 * 16);
	assert_int_equal(f->s->log[0].n_iso, 3);
	assert_int_equal(f->s->log[0].length, 100);
	cmd = iso_command(f, false);
	iso_out(f)[2].length = htobe32(81);
	assert_int_equal(run(f->u, INTR, &cmd, &len), -22);
	assert_int_equal(len, 48);
	iso_out(f)[2].length = htobe32(0xffffffff);
	cmd = iso_command(f, true);
	iso_out(f)[2].offset = htobe32(101);
	iso_out(f)[2].length = 0;
	assert_int_equal(run(f->u, INTR, &cmd, &len), -22);
	assert_int_equal(len, 48);
	/* What never reached the device has packets, too, and they failed. */
	cmd = iso_command(f, true);
	f->s->mode = SCRIPT_REFUSE;
	f->s->status = -ENOMEM;
	assert_int_equal(run(f->u, INTR, &cmd, &len), -12);
	assert_int_equal(len, 48 + 3 * 16);
	assert_int_equal(iso_in(f)[0].status, htobe32(-12));
	assert_int_equal(slot_ret(f->u, INTR, 0)->error_count, htobe32(3));
}

static void iso_needs_its_feature(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd;

	usbip_stop(f->u);
	f->u->features = FEATURE(USBIP_PDU);
	usbip_start(f->u);
	cmd = iso_command(f, true);
	assert_int_equal(run(f->u, INTR, &cmd, NULL), -22);
	assert_int_equal(f->s->n_submitted, 0);
}

/* ---- the null backend ---- */

static void null_backend_answers(void **state)
{
	struct fixture *f = *state;
	struct virtio_usbip_cmd_submit cmd;
	uint32_t len;

	plug_null(f);
	cmd = bulk(f, false, 4096);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), 0);
	assert_int_equal(slot_actual(f->u, BULK, 0), 4096);
	cmd = bulk(f, true, 4096);
	memset(slot_data(f->u, BULK, 0), 0xaa, 4096);
	assert_int_equal(run(f->u, BULK, &cmd, &len), 0);
	assert_int_equal(len, 48 + 4096);
	for (unsigned int i = 0; i < 4096; i++)
		assert_int_equal(slot_data(f->u, BULK, 0)[i], 0);
	cmd = control_command(f->u, f->devid, 0x80, 6, 0x100, 0, 18);
	assert_int_equal(run(f->u, BULK, &cmd, NULL), -32);
	cmd = iso_command(f, true);
	assert_int_equal(run(f->u, INTR, &cmd, &len), 0);
	assert_int_equal(len, 48 + 3 * 16 + 70);
	assert_int_equal(slot_actual(f->u, INTR, 0), 50);
	cmd = reset_command(f->u, 1);
	assert_int_equal(run(f->u, CTRL, &cmd, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(config_and_features),
		TEST(configuration_is_checked),
		TEST(start_needs_its_queues),
		TEST(bulk_out_and_in),
		TEST(data_is_not_copied),
		TEST(done_in_notify_with_one_interrupt),
		TEST(ended_by_another_submit_with_one_interrupt),
		TEST(transfers_start_in_order),
		TEST(later_completion_interrupts),
		TEST(status_is_mapped),
		TEST(set_address_is_not_forwarded),
		TEST(control_transfers),
		TEST(malformed_headers),
		TEST(malformed_seq),
		TEST(malformed_lengths),
		TEST(chains_without_room_for_header_or_answer),
		TEST(header_is_read_once),
		TEST(random_splits_give_the_same),
		TEST(longest_chain),
		TEST(iso_in_leaves_zeros_in_gaps),
		TEST(iso_out_and_its_errors),
		TEST(iso_needs_its_feature),
		TEST(null_backend_answers),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
