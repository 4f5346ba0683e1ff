// SPDX-License-Identifier: GPL-2.0-only
/* The stick as a UAS device: its alternate setting, IUs, data, with streams and without. */
#include "uas_host.h"

/* ---- the setting ---- */

static void check_uas_descriptors(const uint8_t *d, unsigned int total, bool super)
{
	static const uint8_t address[5] = { 0, 0x04, 0x83, 0x81, 0x02 };
	unsigned int n_interfaces = 0, n_usages = 0, last = 0;
	uint8_t streams_of = 0;

	for (unsigned int at = 9; at < total; at += d[at]) {
		assert_true(d[at] >= 2 && d[at] <= total - at);
		if (d[at + 1] == USB_DT_INTERFACE) {
			assert_int_equal(d[at + 3], n_interfaces);
			assert_int_equal(d[at + 4], n_interfaces ? 4 : 2);
			assert_memory_equal(d + at + 5, n_interfaces ? "\x08\x06\x62" :
					    "\x08\x06\x50", 3);
			n_interfaces++;
		}
		if (d[at + 1] == USB_DT_ENDPOINT) {
			last = d[at + 2];
			assert_int_equal(d[at + 4] | d[at + 5] << 8, super ? 1024 : 512);
		}
		if (d[at + 1] == USB_DT_SS_ENDPOINT_COMP) {
			assert_true(super);
			streams_of = d[at + 3];
			assert_int_equal(streams_of,
					 n_interfaces == 2 && last != 4 ? 5 : 0);
		}
		if (d[at + 1] == USB_DT_PIPE_USAGE) {
			n_usages++;
			assert_int_equal(d[at], 4);
			assert_int_equal(d[at + 2], n_usages);
			assert_int_equal(address[n_usages], last);
		}
	}
	assert_int_equal(n_interfaces, 2);
	assert_int_equal(n_usages, 4);
}

static void uas_descriptors(void **state)
{
	struct fixture *f = *state;
	bool super = f->b->speed == USB_SPEED_SUPER_;
	uint8_t d[256];

	assert_int_equal(control(f, USB_DIR_IN, USB_REQ_GET_DESCRIPTOR, USB_DT_CONFIG << 8,
				 0, d, 255), 0);
	assert_int_equal(f->actual, super ? 121 : 85);
	assert_int_equal(d[2] | d[3] << 8, f->actual);
	assert_int_equal(d[4], 1);
	check_uas_descriptors(d, f->actual, super);
	if (super)
		return;
	/* at full speed there is BOT only */
	assert_int_equal(control(f, USB_DIR_IN, USB_REQ_GET_DESCRIPTOR,
				 USB_DT_OTHER_SPEED_CONFIG << 8, 0, d, 255), 0);
	assert_int_equal(f->actual, 32);
}

static void settings(void **state)
{
	struct fixture *f = *state;
	uint8_t d[1];

	assert_int_equal(control(f, 0x81, USB_REQ_GET_INTERFACE, 0, 0, d, 1), 0);
	assert_int_equal(d[0], 1);
	assert_int_equal(set_setting(f, 2), -EPIPE);
	/* requests of the other transport */
	assert_int_equal(control(f, 0xa1, 0xfe, 0, 0, d, 1), -EPIPE);
	assert_int_equal(bot_reset(f), -EPIPE);
	assert_int_equal(get_status(f, USB_RECIP_ENDPOINT, 0x83), 0);
	assert_int_equal(get_status(f, USB_RECIP_ENDPOINT, 0x04), 0);
	assert_int_equal(set_setting(f, 0), 0);
	assert_int_equal(control(f, 0x81, USB_REQ_GET_INTERFACE, 0, 0, d, 1), 0);
	assert_int_equal(d[0], 0);
	assert_int_equal(get_status(f, USB_RECIP_ENDPOINT, 0x83), -1);
	assert_int_equal(get_status(f, USB_RECIP_ENDPOINT, 0x04), -1);
	assert_int_equal(set_setting(f, 1), 0);
	configure(f);
	assert_int_equal(control(f, 0x81, USB_REQ_GET_INTERFACE, 0, 0, d, 1), 0);
	assert_int_equal(d[0], 0);
}

/* Bulk-Only Transport is setting 0, before and after the other. */
static void fall_back_to_bot(void **state)
{
	struct fixture *f = *state;
	struct xfer x;

	for (unsigned int i = 0; i < 3; i++) {
		uas_good(f, true, f->buf, 4096, READ10(i, 8));
		assert_memory_equal(f->buf, f->data + i * 512, 4096);
		assert_int_equal(set_setting(f, 0), 0);
		assert_good(f, true, f->buf, 8192, READ10(i + 8, 16));
		assert_memory_equal(f->buf, f->data + (i + 8) * 512, 8192);
		assert_good(f, true, f->buf, 36, CDB(0x12, 0, 0, 0, 36, 0));
		assert_int_equal(f->buf[7], 0);
		xfer_init(f, &x, EP_COMMAND, false, f->buf, 32);
		submit(&x);
		assert_int_equal(wait_xfer(&x), -ENOENT);
		xfer_init(f, &x, EP_STATUS, true, f->buf, 32);
		submit(&x);
		assert_int_equal(wait_xfer(&x), -ENOENT);
		if (i == 0)
			assert_int_equal(bulk(f, false, f->buf, 3), 0);	/* breaks it */
		enter_uas(f);
		uas_good(f, true, f->buf, 36, CDB(0x12, 0, 0, 0, 36, 0));
		assert_int_equal(f->buf[7], 0x02);	/* CMDQUE */
	}
}

static void not_offered(void **state)
{
	struct fixture *f = *state;
	struct xfer x;

	close_stick(f);
	offer_uas = false;
	open_image(f, 0, USB_SPEED_SUPER_, 512);
	configure(f);
	assert_int_equal(set_setting(f, 1), -EPIPE);
	assert_int_equal(alloc_streams(f, 4), -EINVAL);
	xfer_init(f, &x, EP_COMMAND, false, f->buf, 32);
	assert_int_equal(f->b->ops->submit(f->b, &x.urb), -ENOENT);
}

/* ---- streams ---- */

static void allocating_streams(void **state)
{
	struct fixture *f = *state;
	const uint8_t some[] = { 0x83, 0x81 }, command[] = { 0x83, 0x04 };
	const uint8_t wrong[] = { 0x03 }, all[] = { 0x83, 0x81, 0x02 };
	const struct usb_backend_ops *ops = f->b->ops;
	struct task t;

	/* a command has begun without them */
	task_init(&t, 1);
	post_command(f, &t, 0, TUR);
	assert_int_equal(ops->free_streams(f->b, all, 3), 0);
	assert_int_equal(alloc_streams(f, 8), -EBUSY);
	enter_uas(f);
	assert_int_equal(alloc_streams(f, 8), -EBUSY);
	assert_int_equal(ops->free_streams(f->b, some, 2), 0);
	assert_int_equal(alloc_streams(f, 8), -EBUSY);	/* one has them still */
	assert_int_equal(ops->alloc_streams(f->b, some, 2, 8), 8);
	enter_uas(f);
	assert_int_equal(ops->alloc_streams(f->b, command, 2, 8), -EINVAL);
	assert_int_equal(ops->alloc_streams(f->b, wrong, 1, 8), -EINVAL);
	assert_int_equal(ops->free_streams(f->b, wrong, 1), -EINVAL);
	assert_int_equal(set_setting(f, 1), 0);		/* which frees them */
	assert_int_equal(alloc_streams(f, 3), 3);
	assert_int_equal(set_setting(f, 0), 0);
	assert_int_equal(alloc_streams(f, 3), -EINVAL);
}

static void no_streams_at_high_speed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(alloc_streams(f, 8), -EINVAL);
}

static void streams_of_urbs(void **state)
{
	struct fixture *f = *state;
	const uint8_t eps[] = { 0x83, 0x81, 0x02 };
	struct xfer x, waiting;

	xfer_init(f, &x, EP_IN, true, f->buf, 8);
	assert_int_equal(f->b->ops->submit(f->b, &x.urb), -EINVAL);
	x.urb.stream_id = STREAMS + 1;
	assert_int_equal(f->b->ops->submit(f->b, &x.urb), -EINVAL);
	xfer_init(f, &x, EP_COMMAND, false, f->buf, 8);
	x.urb.stream_id = 1;
	assert_int_equal(f->b->ops->submit(f->b, &x.urb), -EINVAL);
	xfer_init(f, &waiting, EP_IN, true, f->buf, 8);
	waiting.urb.stream_id = STREAMS;
	submit(&waiting);
	assert_int_equal(f->b->ops->free_streams(f->b, eps, 3), 0);
	assert_int_equal(wait_xfer(&waiting), -ECONNRESET);
	/* URBs that were there before */
	xfer_init(f, &waiting, EP_IN, true, f->buf, 8);
	submit(&waiting);
	assert_int_equal(alloc_streams(f, 8), -EBUSY);
	f->b->ops->cancel(f->b, &waiting.urb);
	assert_int_equal(alloc_streams(f, 8), 8);
}

/* A host controller without streams, at any speed, gets Ready IUs. */
static void super_speed_without_streams(void **state)
{
	struct fixture *f = *state;

	streams = false;
	enter_uas(f);
	uas_good(f, true, f->buf, 4096, READ10(3, 8));
	assert_memory_equal(f->buf, f->data + 1536, 4096);
}

/* ---- commands ---- */

static void reads_and_writes(void **state)
{
	struct fixture *f = *state;
	unsigned int s = f->sector, last = SIZE / s - 1;
	struct task t;

	for (unsigned int n = 1; n <= 64; n *= 4) {
		uas_good(f, true, f->buf, n * s, READ10(7, n));
		assert_int_equal(f->actual, n * s);
		assert_memory_equal(f->buf, f->data + 7 * s, n * s);
		fill(f->buf, n * s, n);
		memcpy(f->data + 5 * s, f->buf, n * s);
		uas_good(f, false, f->buf, n * s, WRITE10(5, n));
		assert_int_equal(f->actual, n * s);
	}
	uas_good(f, true, f->buf, s, READ10(last, 1));
	uas_good(f, false, f->buf, s, CDB(0x2a, 8, BE32(last), 0, BE16(1), 0));	/* FUA */
	uas_good(f, false, NULL, 0, SYNC10);
	assert_file(f, 0, f->data, SIZE);
	/* any tag is as good */
	assert_int_equal(uas_tag(f, &t, STREAMS, true, f->buf, s, READ10(0, 1)), GOOD);
	if (!streams)
		assert_int_equal(uas_tag(f, &t, 0xfffe, true, f->buf, s, READ10(0, 1)),
				 GOOD);
}

static void sense_comes_with_the_status(void **state)
{
	struct fixture *f = *state;

	uas_fails(f, false, NULL, 0, CDB(0xff), 0x052000);
	uas_fails(f, true, f->buf, 512, READ10(SIZE / 512, 1), 0x052100);
	uas_fails(f, true, f->buf, 512, CDB(0x28, 0x20, BE32(0), 0, BE16(1), 0), 0x052400);
	/* and is not kept */
	uas_good(f, true, f->buf, 18, CDB(0x03, 0, 0, 0, 18, 0));
	assert_int_equal(f->buf[2] << 16 | f->buf[12] << 8 | f->buf[13], 0);
}

static unsigned int order;
struct ordered {
	struct usb_urb urb;	/* first */
	struct iovec iov;
	unsigned int place;	/* from 1; 0: not completed */
	uint8_t bytes[64];
};

static void ordered_done(struct usb_urb *urb)
{
	((struct ordered *)urb)->place = ++order;
}

static void post_ordered(struct fixture *f, struct ordered *o, unsigned int ep, bool in,
			 void *buf, uint32_t len, unsigned int stream)
{
	o->iov = (struct iovec){ buf, len };
	o->place = 0;
	o->urb = (struct usb_urb){ .ep = ep, .in = in, .length = len, .iov = &o->iov,
				   .n_iov = 1, .stream_id = stream,
				   .complete = ordered_done };
	assert_int_equal(f->b->ops->submit(f->b, &o->urb), 0);
}

/* Command, data, status: the order in which a bus would bring them, on this thread. */
static void status_comes_last(void **state)
{
	struct fixture *f = *state;
	struct ordered o[3] = { 0 };

	order = 0;
	memcpy(o[2].bytes, "\x01\0\0\x05", 4);
	memcpy(o[2].bytes + 16, "\x28\0\0\0\0\0\0\0\x08", 9);
	post_ordered(f, &o[0], EP_STATUS, true, o[0].bytes, 64, 5);
	post_ordered(f, &o[1], EP_IN, true, f->buf, 4096, 5);
	assert_int_equal(order, 0);
	post_ordered(f, &o[2], EP_COMMAND, false, o[2].bytes, 32, 0);
	assert_int_equal(o[2].place, 1);
	assert_int_equal(o[1].place, 2);
	assert_int_equal(o[0].place, 3);
	assert_memory_equal(f->buf, f->data, 4096);
}

static void other_units(void **state)
{
	struct fixture *f = *state;
	struct task t;

	for (unsigned int i = 0; i < 3; i++) {
		task_init(&t, 1);
		post_status(f, &t);
		t.iu[0] = 1;
		t.iu[3] = 1;
		t.iu[8] = i == 2 ? 0x40 : 0;	/* flat space addressing */
		t.iu[9] = i == 0 ? 3 : 0;
		t.iu[12] = i == 1;		/* a second level */
		post_iu(f, &t, 32);
		assert_int_equal(get_status_iu(&t), i == 2 ? GOOD : CHECK_CONDITION);
		assert_int_equal(t.sense, i == 2 ? 0 : 0x052500);
	}
}

static void additional_cdb_bytes(void **state)
{
	struct fixture *f = *state;
	struct task t;

	task_init(&t, 2);
	post_status(f, &t);
	t.iu[0] = 1;
	t.iu[3] = 2;
	t.iu[6] = 16;
	t.iu[16] = 0x7f;	/* variable length */
	post_iu(f, &t, 48);
	assert_int_equal(get_status_iu(&t), CHECK_CONDITION);
	assert_int_equal(t.sense, 0x052000);
}

/* ---- residues ---- */

/* The host wants more, or less, than there is. */
static void residues(void **state)
{
	struct fixture *f = *state;
	struct task t;

	uas_good(f, true, f->buf, 255, CDB(0x12, 0, 0, 0, 255, 0));
	assert_int_equal(f->actual, 36);
	uas_good(f, true, f->buf, 2048, READ10(0, 2));	/* whole packets: a zero one */
	assert_int_equal(f->actual, 1024);
	memcpy(f->buf, f->data + 512, 512);
	uas_good(f, false, f->buf, 4096, WRITE10(1, 1));	/* the rest is dropped */
	assert_int_equal(f->actual, 4096);
	assert_file(f, 0, f->data, SIZE);
	/* no data at all; with streams the host waits for some */
	uas_good(f, true, f->buf, 64, CDB(0x12, 0, 0, 0, 0, 0));
	assert_int_equal(f->actual, 0);
	uas_good(f, false, f->buf, 512, TUR);
	uas_fails(f, true, f->buf, 512, CDB(0xff), 0x052000);
	assert_int_equal(f->actual, 0);
	/* the wrong direction: nothing comes */
	task_init(&t, 1);
	post_status(f, &t);
	if (streams)
		post_data(f, &t, false, f->buf, 512);
	post_command(f, &t, 0, READ10(0, 1));
	if (streams) {
		assert_int_equal(n_done(&t.status), 0);
		assert_int_equal(manage(f, 2, ABORT_TASK, 1), COMPLETE);
		assert_int_equal(n_done(&t.data), 1);
		f->b->ops->cancel(f->b, &t.status.urb);
	} else {
		get_ready(f, &t, true);
		f->b->ops->cancel(f->b, &t.status.urb);
		assert_int_equal(manage(f, 2, ABORT_TASK, 1), COMPLETE);
	}
	uas_good(f, true, f->buf, 512, READ10(0, 1));
}

static void short_is_told_when_asked(void **state)
{
	struct fixture *f = *state;
	struct task t;

	task_init(&t, 4);
	uas_xfer(f, &t.status, EP_STATUS, true, t.answer, sizeof(t.answer), 4);
	t.status.urb.flags = USB_URB_SHORT_NOT_OK;
	submit(&t.status);
	uas_xfer(f, &t.data, EP_IN, true, f->buf, 64, 4);
	t.data.urb.flags = USB_URB_SHORT_NOT_OK;
	submit(&t.data);
	post_command(f, &t, 0, CDB(0x12, 0, 0, 0, 64, 0));
	assert_int_equal(wait_xfer(&t.data), -EREMOTEIO);
	assert_int_equal(f->actual, 36);
	assert_int_equal(wait_xfer(&t.status), -EREMOTEIO);
	assert_int_equal(check_sense_iu(&t), GOOD);
}

/* Data of one command in several URBs, cut anywhere. */
static void splits(void **state)
{
	struct fixture *f = *state;
	unsigned int seed = 1;

	for (unsigned int i = 0; i < 60; i++) {
		uint32_t n = 1 + rand_r(&seed) % 32, lba = rand_r(&seed) % 1000, at = 0;
		bool in = i % 2;
		struct task t;

		if (!in)
			fill(f->buf, n * 512, i);
		cold = i % 3 == 0;
		task_init(&t, 1 + i % STREAMS);
		post_status(f, &t);
		post_command(f, &t, 0, CDB(in ? 0x28 : 0x2a, 0, BE32(lba), 0, BE16(n), 0));
		if (!streams)
			get_ready(f, &t, in);
		while (at < n * 512) {
			uint32_t len = 1 + rand_r(&seed) % 3000;

			if (len > n * 512 - at)
				len = n * 512 - at;
			post_data(f, &t, in, f->buf + at, len);
			assert_int_equal(wait_xfer(&t.data), 0);
			assert_int_equal(f->actual, len);
			at += len;
		}
		assert_int_equal(get_status_iu(&t), GOOD);
		if (in)
			assert_memory_equal(f->buf, f->data + lba * 512, n * 512);
		else
			memcpy(f->data + lba * 512, f->buf, n * 512);
	}
	cold = false;
	assert_file(f, 0, f->data, SIZE);
}

/* The file ends in the middle: what was before it is moved and told. */
static void error_in_the_middle(void **state)
{
	struct fixture *f = *state;
	struct task t;

	assert_int_equal(truncate(f->path, 8192), 0);
	assert_int_equal(uas_tag(f, &t, 1, true, f->buf, 8192, READ10(8, 16)),
			 CHECK_CONDITION);
	assert_int_equal(t.sense, 0x031100);
	/* the rest of the data, in an URB of its own */
	task_init(&t, 2);
	post_status(f, &t);
	post_command(f, &t, 0, READ10(8, 16));
	if (!streams)
		get_ready(f, &t, true);
	post_data(f, &t, true, f->buf, 4096);
	assert_int_equal(wait_xfer(&t.data), 0);
	assert_int_equal(f->actual, 4096);
	assert_memory_equal(f->buf, f->data + 4096, 4096);
	assert_int_equal(n_done(&t.status), 0);
	post_data(f, &t, true, f->buf, 4096);
	assert_int_equal(wait_xfer(&t.data), 0);
	assert_int_equal(f->actual, 0);
	assert_int_equal(get_status_iu(&t), CHECK_CONDITION);
	uas_good(f, true, f->buf, 512, READ10(0, 1));
}

/* ---- without streams ---- */

/* One command at a time has a data pipe; the other pipe is another's. */
static void turns_on_a_pipe(void **state)
{
	struct fixture *f = *state;
	struct task a, b, c;

	start_task(f, &a, 1, true, NULL, 4096, READ10(0, 8));
	get_ready(f, &a, true);
	start_task(f, &b, 2, true, NULL, 4096, READ10(16, 8));
	start_task(f, &c, 3, false, NULL, 4096, WRITE10(16, 8));
	/* status URBs are nobody's in particular: c's Ready IU takes a's */
	assert_int_equal(wait_xfer(&a.status), 0);
	assert_memory_equal(a.answer, "\x07\0\0\x03", 4);
	assert_int_equal(n_done(&b.status), 0);
	post_data(f, &a, true, f->buf, 4096);
	assert_int_equal(wait_xfer(&a.data), 0);
	assert_memory_equal(f->buf, f->data, 4096);
	/* a's data is there, so the next URBs are a's status and b's turn */
	assert_int_equal(wait_xfer(&b.status), 0);
	assert_int_equal(wait_xfer(&c.status), 0);
	assert_memory_equal(b.answer, "\x03\0\0\x01", 4);
	assert_memory_equal(c.answer, "\x06\0\0\x02", 4);
	post_data(f, &b, true, f->buf, 4096);
	post_data(f, &c, false, f->data, 4096);
	assert_int_equal(wait_xfer(&b.data), 0);
	assert_int_equal(wait_xfer(&c.data), 0);
	assert_memory_equal(f->buf, f->data + 8192, 4096);
	for (unsigned int i = 0; i < 2; i++) {
		post_status(f, &a);
		assert_int_equal(wait_xfer(&a.status), 0);
		assert_int_equal(a.answer[0], SENSE_IU);
		assert_int_equal(a.answer[6], GOOD);
	}
	assert_file(f, 8192, f->data, 4096);
}

/* The next command has its turn, and its own data. */
static void abort_of_whose_turn_it_is(void **state)
{
	struct fixture *f = *state;
	struct task a, b, abort;

	start_task(f, &a, 1, true, NULL, 4096, READ10(0, 8));
	get_ready(f, &a, true);
	start_task(f, &b, 2, true, NULL, 4096, READ10(16, 8));
	assert_int_equal(n_done(&b.status), 0);
	start_manage(f, &abort, 3, ABORT_TASK, 1, 0);
	/* status URBs are used in their order: the response and b's Ready IU */
	assert_int_equal(wait_xfer(&a.status), 0);
	assert_memory_equal(a.answer, "\x04\0\0\x03\0\0\0\0", 8);
	assert_int_equal(wait_xfer(&b.status), 0);
	assert_memory_equal(b.answer, "\x06\0\0\x02", 4);
	post_data(f, &b, true, f->buf, 4096);
	assert_int_equal(wait_xfer(&b.data), 0);
	assert_memory_equal(f->buf, f->data + 8192, 4096);
	assert_int_equal(wait_xfer(&abort.status), 0);
	assert_memory_equal(abort.answer, "\x03\0\0\x02", 4);
}

/* ---- bad IUs ---- */

static void invalid_information_units(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint8_t id, attribute, additional;
		uint32_t len;
	} bad[] = {
		{ 0x01, 0, 0, 31 }, { 0x01, 0, 0, 33 }, { 0x01, 0, 0, 4 },
		{ 0x01, 0, 4, 32 }, { 0x01, 0, 0, 36 }, { 0x01, 0, 8, 36 },
		{ 0x01, 3, 0, 32 }, { 0x01, 4, 0, 32 }, { 0x01, 7, 0, 32 },
		{ 0x05, 1, 0, 15 }, { 0x05, 1, 0, 17 }, { 0x05, 1, 0, 32 },
		{ 0x00, 0, 0, 32 }, { 0x02, 0, 0, 32 }, { 0x03, 0, 0, 32 },
		{ 0x06, 0, 0, 4 }, { 0xff, 0, 0, 16 },
	};
	struct task t;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		task_init(&t, 9);
		post_status(f, &t);
		t.iu[0] = bad[i].id;
		t.iu[3] = 9;
		t.iu[4] = bad[i].attribute;
		t.iu[6] = bad[i].additional;
		post_iu(f, &t, bad[i].len);
		assert_int_equal(wait_xfer(&t.command), 0);
		assert_int_equal(get_response(&t), INVALID_IU);
	}
	uas_good(f, false, NULL, 0, TUR);
}

/* Where an answer could not go. */
static void ius_without_a_tag(void **state)
{
	struct fixture *f = *state;
	static const uint16_t tags[] = { 0, STREAMS + 1, 0xffff };
	struct task t;

	for (unsigned int i = 0; i < (streams ? 5 : 2); i++) {
		task_init(&t, i < 2 ? 1 : tags[i - 2]);
		t.iu[0] = 1;
		t.iu[2] = t.tag >> 8;
		t.iu[3] = t.tag;
		post_iu(f, &t, i < 2 ? 3 * i : 32);
		assert_int_equal(wait_xfer(&t.command), -EPIPE);
		assert_int_equal(get_status(f, USB_RECIP_ENDPOINT, EP_COMMAND), 1);
		post_iu(f, &t, 32);
		assert_int_equal(wait_xfer(&t.command), -EPIPE);
		assert_int_equal(control(f, 2, USB_REQ_CLEAR_FEATURE, 0, EP_COMMAND, NULL,
					 0), 0);
		uas_good(f, false, NULL, 0, TUR);
	}
}

static void status_needs_room(void **state)
{
	struct fixture *f = *state;
	static const uint32_t len[] = { 0, 15, 33 };
	struct task t;
	struct xfer x[3];

	task_init(&t, 1);
	for (unsigned int i = 0; i < 3; i++) {
		uas_xfer(f, &x[i], EP_STATUS, true, f->buf, len[i], 1);
		submit(&x[i]);
	}
	post_command(f, &t, 0, CDB(0xff));
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(wait_xfer(&x[i]), -EOVERFLOW);
	post_status(f, &t);
	assert_int_equal(get_status_iu(&t), CHECK_CONDITION);
}

static void halted_pipes(void **state)
{
	struct fixture *f = *state;
	static const uint8_t eps[] = { 0x81, 0x02, 0x83, 0x04 };
	struct task t;
	struct xfer x;

	for (unsigned int i = 0; i < 4; i++) {
		uas_xfer(f, &x, eps[i] & 0x0f, eps[i] & 0x80, f->buf, 64, 1);
		if (i < 3)
			submit(&x);	/* is there before */
		assert_int_equal(control(f, 2, USB_REQ_SET_FEATURE, 0, eps[i], NULL, 0), 0);
		assert_int_equal(get_status(f, USB_RECIP_ENDPOINT, eps[i]), 1);
		if (i == 3)
			submit(&x);
		assert_int_equal(wait_xfer(&x), -EPIPE);
		assert_int_equal(control(f, 2, USB_REQ_CLEAR_FEATURE, 0, eps[i], NULL, 0),
				 0);
	}
	/* a command goes on afterwards */
	task_init(&t, 1);
	assert_int_equal(control(f, 2, USB_REQ_SET_FEATURE, 0, 0x83, NULL, 0), 0);
	post_command(f, &t, 0, TUR);
	assert_int_equal(wait_xfer(&t.command), 0);
	assert_int_equal(control(f, 2, USB_REQ_CLEAR_FEATURE, 0, 0x83, NULL, 0), 0);
	post_status(f, &t);
	assert_int_equal(get_status_iu(&t), GOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SS_HS(uas_descriptors),
		SS_HS(settings),
		SS_HS(fall_back_to_bot),
		SS(not_offered),
		SS(allocating_streams),
		HS(no_streams_at_high_speed),
		SS(streams_of_urbs),
		SS(super_speed_without_streams),
		SS_HS(reads_and_writes), SS_4K(reads_and_writes),
		SS_HS(sense_comes_with_the_status),
		SS(status_comes_last),
		SS_HS(other_units),
		SS_HS(additional_cdb_bytes),
		SS_HS(residues),
		SS(short_is_told_when_asked),
		SS_HS(splits),
		SS_HS(error_in_the_middle),
		HS(turns_on_a_pipe),
		HS(abort_of_whose_turn_it_is),
		SS_HS(invalid_information_units),
		SS_HS(ius_without_a_tag),
		SS_HS(status_needs_room),
		SS_HS(halted_pipes),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
