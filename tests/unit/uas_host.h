/* SPDX-License-Identifier: GPL-2.0-only */
/* uas_host.h - a host that speaks UAS, for tests: on top of stick_host.h. */
#ifndef TESTS_UAS_HOST_H
#define TESTS_UAS_HOST_H

#include "stick_host.h"

#define EP_STATUS	3u
#define EP_COMMAND	4u
#define STREAMS		32u
#define GOOD		0x00
#define CHECK_CONDITION	0x02
#define TASK_SET_FULL	0x28

/* IUs by their first byte */
#define SENSE_IU	0x03
#define RESPONSE_IU	0x04
#define READ_READY_IU	0x06
#define WRITE_READY_IU	0x07

static bool streams;	/* the host has allocated them */

/* A command, or a task management function, and its URBs. */
struct task {
	struct xfer command, data, status;
	unsigned int tag;
	bool in;
	uint8_t iu[64];
	uint8_t answer[64];
	unsigned int sense;	/* 0xKKAAQQ, of the Sense IU */
};

static inline void uas_xfer(struct fixture *f, struct xfer *x, unsigned int ep, bool in,
			    void *buf, uint32_t len, unsigned int tag)
{
	xfer_init(f, x, ep, in, buf, len);
	if (streams && ep != EP_COMMAND)
		x->urb.stream_id = tag;
}

static inline void post_status(struct fixture *f, struct task *t)
{
	uas_xfer(f, &t->status, EP_STATUS, true, t->answer, sizeof(t->answer), t->tag);
	submit(&t->status);
}

static inline void post_data(struct fixture *f, struct task *t, bool in, void *buf,
			     uint32_t len)
{
	t->in = in;
	uas_xfer(f, &t->data, in ? EP_IN : EP_OUT, in, buf, len, t->tag);
	submit(&t->data);
}

static inline void post_iu(struct fixture *f, struct task *t, uint32_t len)
{
	uas_xfer(f, &t->command, EP_COMMAND, false, t->iu, len, t->tag);
	submit(&t->command);
}

static inline void post_command(struct fixture *f, struct task *t, unsigned int attribute,
				const uint8_t *cdb, unsigned int cdb_len)
{
	memset(t->iu, 0, sizeof(t->iu));
	t->iu[0] = 0x01;
	t->iu[2] = t->tag >> 8;
	t->iu[3] = t->tag;
	t->iu[4] = attribute;
	memcpy(t->iu + 16, cdb, cdb_len);
	post_iu(f, t, 32);
}

static inline void task_init(struct task *t, unsigned int tag)
{
	memset(t, 0, sizeof(*t));
	t->tag = tag;
}

/* All that the host sends for a command at once: with streams, everything. */
static inline void start_task(struct fixture *f, struct task *t, unsigned int tag, bool in,
			      void *buf, uint32_t len, const uint8_t *cdb,
			      unsigned int cdb_len)
{
	task_init(t, tag);
	post_status(f, t);
	if (streams && len)
		post_data(f, t, in, buf, len);
	post_command(f, t, 0, cdb, cdb_len);
}

/* The next IU of the status pipe for the task; its first byte. */
static inline int get_iu(struct task *t)
{
	assert_int_equal(wait_xfer(&t->status), 0);
	assert_int_equal(t->answer[2] << 8 | t->answer[3], t->tag);
	return t->answer[0];
}

/* The status in the Sense IU that is there. */
static inline int check_sense_iu(struct task *t)
{
	const uint8_t *a = t->answer, *s = a + 16;
	unsigned int len = a[14] << 8 | a[15];

	assert_int_equal(a[0], SENSE_IU);
	assert_int_equal(t->status.urb.actual, 16 + len);
	t->sense = 0;
	if (a[6] == CHECK_CONDITION) {
		assert_int_equal(len, 18);
		assert_int_equal(s[0] & 0x7f, 0x70);
		assert_int_equal(s[7], 10);
		t->sense = s[2] << 16 | s[12] << 8 | s[13];
	} else {
		assert_int_equal(len, 0);
	}
	return a[6];
}

static inline int get_status_iu(struct task *t)
{
	assert_int_equal(get_iu(t), SENSE_IU);
	return check_sense_iu(t);
}

/* The code in the Response IU. */
static inline int get_response(struct task *t)
{
	assert_int_equal(get_iu(t), RESPONSE_IU);
	assert_int_equal(t->status.urb.actual, 8);
	return t->answer[7];
}

static inline void get_ready(struct fixture *f, struct task *t, bool in)
{
	assert_int_equal(get_iu(t), in ? READ_READY_IU : WRITE_READY_IU);
	assert_int_equal(t->status.urb.actual, 4);
	post_status(f, t);
}

/* Returns the status; f->actual, f->data_status: what the data did. */
static inline int finish_task(struct fixture *f, struct task *t, bool in, void *buf,
			      uint32_t len)
{
	bool posted = streams && len;
	int status;

	if (!streams && get_iu(t) != SENSE_IU) {
		get_ready(f, t, in);
		post_data(f, t, in, buf, len);
		posted = true;
	}
	status = get_status_iu(t);
	f->data_status = 0;
	f->actual = 0;
	if (posted) {
		/* data ends before the status */
		assert_int_equal(n_done(&t->data), 1);
		f->data_status = wait_xfer(&t->data);
	}
	assert_int_equal(wait_xfer(&t->command), 0);
	f->actual = posted ? t->data.urb.actual : 0;
	return status;
}

static inline int uas_tag(struct fixture *f, struct task *t, unsigned int tag, bool in,
			  void *buf, uint32_t len, const uint8_t *cdb, unsigned int cdb_len)
{
	start_task(f, t, tag, in, buf, len, cdb, cdb_len);
	return finish_task(f, t, in, buf, len);
}

#define uas_good(f, in, buf, len, cdb) do {				\
	struct task t_;							\
	assert_int_equal(uas_tag(f, &t_, 1, in, buf, len, cdb), GOOD);	\
} while (0)
#define uas_fails(f, in, buf, len, cdb, want) do {			\
	struct task t_;							\
	assert_int_equal(uas_tag(f, &t_, 1, in, buf, len, cdb), CHECK_CONDITION); \
	assert_int_equal(t_.sense, want);				\
} while (0)

/* ---- task management ---- */

enum {
	ABORT_TASK = 0x01, ABORT_TASK_SET = 0x02, CLEAR_TASK_SET = 0x04,
	LOGICAL_UNIT_RESET = 0x08, I_T_NEXUS_RESET = 0x10, CLEAR_ACA = 0x40,
	QUERY_TASK = 0x80, QUERY_TASK_SET = 0x81,
};

enum {
	COMPLETE = 0x00, INVALID_IU = 0x02, NOT_SUPPORTED = 0x04, SUCCEEDED = 0x08,
	INCORRECT_LUN = 0x09, OVERLAPPED_TAG = 0x0a,
};

static inline void start_manage(struct fixture *f, struct task *t, unsigned int tag,
				uint8_t function, unsigned int managed, uint8_t lun)
{
	const uint8_t iu[16] = {
		0x05, 0, tag >> 8, tag, function, 0, managed >> 8, managed, 0, lun,
	};

	task_init(t, tag);
	memcpy(t->iu, iu, sizeof(iu));
	post_status(f, t);
	post_iu(f, t, sizeof(iu));
}

static inline int manage(struct fixture *f, unsigned int tag, uint8_t function,
			 unsigned int managed)
{
	struct task t;

	start_manage(f, &t, tag, function, managed, 0);
	return get_response(&t);
}

/* ---- setups ---- */

static inline int set_setting(struct fixture *f, unsigned int setting)
{
	return control(f, 1, USB_REQ_SET_INTERFACE, setting, 0, NULL, 0);
}

static inline int alloc_streams(struct fixture *f, unsigned int n)
{
	static const uint8_t eps[] = { 0x80 | EP_STATUS, 0x80 | EP_IN, EP_OUT };

	return f->b->ops->alloc_streams(f->b, eps, 3, n);
}

/* After a reset, too. */
static inline void enter_uas(struct fixture *f)
{
	configure(f);
	assert_int_equal(set_setting(f, 1), 0);
	if (streams)
		assert_int_equal(alloc_streams(f, 256), STREAMS);
}

static inline int setup_uas(void **state, enum usb_speed speed, unsigned int sector)
{
	struct fixture *f = calloc(1, sizeof(*f));

	offer_uas = true;
	streams = speed == USB_SPEED_SUPER_;
	new_file(f);
	open_image(f, 0, speed, sector);
	enter_uas(f);
	uas_fails(f, false, NULL, 0, TUR, 0x062900);	/* power on */
	uas_good(f, false, NULL, 0, TUR);
	*state = f;
	return 0;
}

static inline int setup_uas_super(void **state)
{
	return setup_uas(state, USB_SPEED_SUPER_, 512);
}

static inline int setup_uas_high(void **state)
{
	return setup_uas(state, USB_SPEED_HIGH_, 512);
}

static inline int setup_uas_4k(void **state)
{
	return setup_uas(state, USB_SPEED_SUPER_, 4096);
}

#define SS(name) cmocka_unit_test_setup_teardown(name, setup_uas_super, teardown)
#define HS(name) cmocka_unit_test_setup_teardown(name, setup_uas_high, teardown)
#define SS_4K(name) cmocka_unit_test_setup_teardown(name, setup_uas_4k, teardown)
#define SS_HS(name) SS(name), HS(name)

#endif
