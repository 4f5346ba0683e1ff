// SPDX-License-Identifier: GPL-2.0-only
/* UAS and threads: several commands at the image, and what ends them meanwhile. */
#include "uas_host.h"

#define N 4u		/* commands at the image: as many as it has workers */
#define LEN 8192u

static struct task tasks[N];

/*
 * N reads or writes at the image, all of which wait at the gate. Without streams a
 * Ready IU comes in the oldest status URB, so there is one at a time.
 */
static void start_all(struct fixture *f, bool in)
{
	cold = true;
	gate_set(true);
	for (unsigned int i = 0; i < N; i++) {
		struct task *t = &tasks[i];

		task_init(t, i + 1);
		post_status(f, t);
		post_command(f, t, 0, CDB(in ? 0x28 : 0x2a, 0, BE32(i * 64), 0,
					  BE16(LEN / 512), 0));
		if (!streams)
			assert_int_equal(get_iu(t), in ? READ_READY_IU : WRITE_READY_IU);
		post_data(f, t, in, f->buf + i * LEN, LEN);
	}
	for (unsigned int i = 0; i < N && !streams; i++)
		post_status(f, &tasks[i]);
	gate_wait_for(N);
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(n_done(&tasks[i].data) + n_done(&tasks[i].status), 0);
}

static void start_reads(struct fixture *f)
{
	start_all(f, true);
}

static void check_read(struct fixture *f, unsigned int i)
{
	assert_int_equal(wait_xfer(&tasks[i].data), 0);
	assert_int_equal(f->actual, LEN);
	assert_memory_equal(f->buf + i * LEN, f->data + i * 64 * 512, LEN);
}

/* Without streams status IUs come in any of the URBs. */
static void check_statuses(void)
{
	unsigned int seen = 0;

	for (unsigned int i = 0; i < N; i++) {
		assert_int_equal(wait_xfer(&tasks[i].status), 0);
		assert_int_equal(check_sense_iu(&tasks[i]), GOOD);
		if (streams)
			assert_int_equal(tasks[i].answer[3], i + 1);
		seen |= 1u << tasks[i].answer[3];
	}
	assert_int_equal(seen, ((1u << N) - 1) << 1);
}

static void several_reads_at_the_image(void **state)
{
	struct fixture *f = *state;

	start_reads(f);
	gate_set(false);
	for (unsigned int i = 0; i < N; i++)
		check_read(f, i);
	check_statuses();
	assert_false(pthread_equal(tasks[0].data.thread, pthread_self()));
}

static void several_writes_at_the_image(void **state)
{
	struct fixture *f = *state;

	fill(f->buf, N * LEN, 7);
	start_all(f, false);
	gate_set(false);
	check_statuses();
	for (unsigned int i = 0; i < N; i++) {
		assert_int_equal(wait_xfer(&tasks[i].data), 0);
		assert_file(f, i * 64 * 512, f->buf + i * LEN, LEN);
	}
}

/* A younger command overtakes one that waits for the disk, and so does a flush. */
static void overtaking(void **state)
{
	struct fixture *f = *state;
	struct task a, b;

	cold = true;
	gate_from = 65536;
	gate_set(true);
	start_task(f, &a, 1, true, f->buf, LEN, READ10(128, LEN / 512));
	if (!streams) {
		get_ready(f, &a, true);
		post_data(f, &a, true, f->buf, LEN);
	}
	gate_wait_for_somebody();
	for (unsigned int i = 0; i < 10; i++) {
		start_task(f, &b, 2, true, f->buf + LEN, LEN, READ10(i, LEN / 512));
		if (streams) {
			assert_int_equal(get_status_iu(&b), GOOD);
		} else {
			/* the oldest status URB is a's */
			assert_int_equal(wait_xfer(&a.status), 0);
			assert_memory_equal(a.answer, "\x06\0\0\x02", 4);
			post_status(f, &a);
			post_data(f, &b, true, f->buf + LEN, LEN);
			assert_int_equal(wait_xfer(&b.status), 0);
			assert_memory_equal(b.answer, "\x03\0\0\x02", 4);
		}
		assert_int_equal(wait_xfer(&b.data), 0);
		assert_memory_equal(f->buf + LEN, f->data + i * 512, LEN);
	}
	assert_int_equal(n_done(&a.data), 0);
	gate_set(false);
	assert_int_equal(wait_xfer(&a.data), 0);
	assert_int_equal(get_status_iu(&a), GOOD);
	assert_memory_equal(f->buf, f->data + 65536, LEN);
}

/* A cancelled data URB ends with its I/O; the command then waits for another one. */
static void cancel_at_the_image(void **state)
{
	struct fixture *f = *state;
	struct task *t = &tasks[1];

	start_reads(f);
	f->b->ops->cancel(f->b, &t->data.urb);
	assert_int_equal(n_done(&t->data), 0);
	gate_set(false);
	for (unsigned int i = 0; i < N; i++)
		check_read(f, i);	/* data beats a cancel */
	check_statuses();
}

static void cancel_between_parts(void **state)
{
	struct fixture *f = *state;
	struct task a;

	cold = true;
	gate_set(true);
	task_init(&a, 1);
	post_status(f, &a);
	post_command(f, &a, 0, READ10(8, 8));
	if (!streams)
		get_ready(f, &a, true);
	post_data(f, &a, true, f->buf, 1000);
	gate_wait_for_somebody();
	f->b->ops->cancel(f->b, &a.data.urb);
	gate_set(false);
	assert_int_equal(wait_xfer(&a.data), -ECONNRESET);
	assert_int_equal(f->actual, 512);
	assert_int_equal(n_done(&a.status), 0);
	post_data(f, &a, true, f->buf, 4096 - 512);
	assert_int_equal(wait_xfer(&a.data), 0);
	assert_memory_equal(f->buf, f->data + 4096 + 512, 4096 - 512);
	assert_int_equal(get_status_iu(&a), GOOD);
}

/* The whole of a command's data was asked for and given back: it asks again. */
static void cancel_of_a_turn(void **state)
{
	struct fixture *f = *state;
	struct task a;

	cold = true;
	gate_set(true);
	start_task(f, &a, 1, true, f->buf, 4096, READ10(8, 8));
	get_ready(f, &a, true);
	/* bytes that do not begin at a sector's start take two I/Os */
	post_data(f, &a, true, f->buf, 100);
	gate_wait_for_somebody();
	gate_set(false);
	assert_int_equal(wait_xfer(&a.data), 0);
	gate_set(true);
	post_data(f, &a, true, f->buf, 8000);
	gate_wait_for_somebody();
	f->b->ops->cancel(f->b, &a.data.urb);
	gate_set(false);
	assert_int_equal(wait_xfer(&a.data), -ECONNRESET);
	get_ready(f, &a, true);
	post_data(f, &a, true, f->buf, 8000);
	assert_int_equal(wait_xfer(&a.data), 0);
	assert_int_equal(get_status_iu(&a), GOOD);
}

/* Completion of the function means that the image is left alone. */
static void abort_at_the_image(void **state)
{
	struct fixture *f = *state;
	struct task abort, query;

	start_reads(f);
	start_manage(f, &abort, 9, ABORT_TASK, 2, 0);
	start_manage(f, &query, 10, QUERY_TASK, 2, 0);
	assert_int_equal(wait_xfer(&abort.command), 0);
	assert_int_equal(n_done(&abort.status), 0);
	assert_int_equal(n_done(&tasks[1].data), 0);
	gate_set(false);
	assert_int_equal(get_response(&abort), COMPLETE);
	assert_int_equal(get_response(&query), COMPLETE);	/* it was not found */
	assert_int_equal(n_done(&tasks[1].data), 1);
	for (unsigned int i = 0; i < N; i++) {
		check_read(f, i);
		if (i != 1)
			assert_int_equal(get_status_iu(&tasks[i]), GOOD);
	}
	assert_int_equal(n_done(&tasks[1].status), 0);
	f->b->ops->cancel(f->b, &tasks[1].status.urb);
	uas_good(f, true, f->buf, 512, READ10(0, 1));
}

static void unit_reset_at_the_image(void **state)
{
	struct fixture *f = *state;
	struct task reset, late;

	start_reads(f);
	start_manage(f, &reset, 9, LOGICAL_UNIT_RESET, 0, 0);
	assert_int_equal(n_done(&reset.status), 0);
	/* a new command is none of those, and may be done before */
	start_task(f, &late, 10, false, NULL, 0, TUR);
	assert_int_equal(get_status_iu(&late), GOOD);
	assert_int_equal(n_done(&reset.status), 0);
	gate_set(false);
	assert_int_equal(get_response(&reset), COMPLETE);
	for (unsigned int i = 0; i < N; i++) {
		assert_int_equal(n_done(&tasks[i].data), 1);
		assert_int_equal(n_done(&tasks[i].status), 0);
	}
}

/* Part of the data is at the image, the rest waits on the endpoint. */
static void abort_with_data_waiting(void **state)
{
	struct fixture *f = *state;
	struct xfer rest;
	struct task a, abort;

	cold = true;
	gate_set(true);
	task_init(&a, 1);
	post_status(f, &a);
	post_command(f, &a, 0, READ10(8, 8));
	if (!streams)
		get_ready(f, &a, true);
	post_data(f, &a, true, f->buf, 512);
	uas_xfer(f, &rest, EP_IN, true, f->buf, 3584, 1);
	submit(&rest);
	gate_wait_for_somebody();
	start_manage(f, &abort, 2, ABORT_TASK, 1, 0);
	assert_int_equal(n_done(&rest), 0);
	gate_set(false);
	assert_int_equal(wait_xfer(&rest), 0);
	assert_int_equal(f->actual, 0);
	assert_int_equal(wait_xfer(streams ? &abort.status : &a.status), 0);
	f->b->ops->cancel(f->b, streams ? &a.status.urb : &abort.status.urb);
	uas_good(f, true, f->buf, 4096, READ10(0, 8));
	assert_memory_equal(f->buf, f->data, 4096);
}

/* As Linux does it when a command times out: the host takes its URB back, too. */
static void abort_of_a_cancelled_urb(void **state)
{
	struct fixture *f = *state;
	struct task a, abort;

	cold = true;
	gate_set(true);
	task_init(&a, 1);
	post_data(f, &a, true, f->buf, 1000);
	post_command(f, &a, 0, READ10(8, 8));
	gate_wait_for_somebody();
	start_manage(f, &abort, 2, ABORT_TASK, 1, 0);
	f->b->ops->cancel(f->b, &a.data.urb);
	gate_set(false);
	assert_int_equal(get_response(&abort), COMPLETE);
	assert_int_equal(wait_xfer(&a.data), -ECONNRESET);
	assert_int_equal(f->actual, 512);
}

static void overlapped_at_the_image(void **state)
{
	struct fixture *f = *state;
	struct task again;

	start_reads(f);
	task_init(&again, 2);
	post_command(f, &again, 0, TUR);
	assert_int_equal(wait_xfer(&again.command), 0);
	assert_int_equal(n_done(&tasks[1].status), 0);
	gate_set(false);
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(wait_xfer(&tasks[i].data), 0);
	assert_int_equal(get_status_iu(&tasks[1]), CHECK_CONDITION);
	assert_int_equal(tasks[1].sense, 0x0b4e00);
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(n_done(&tasks[i].status), i == 1);
}

static void reset_done(void *ctx, int status)
{
	struct fixture *f = ctx;

	pthread_mutex_lock(&f->lock);
	f->n_resets++;
	f->reset_status = status;
	pthread_cond_broadcast(&f->done);
	pthread_mutex_unlock(&f->lock);
}

static void wait_resets(struct fixture *f, unsigned int n)
{
	pthread_mutex_lock(&f->lock);
	while (f->n_resets < n)
		pthread_cond_wait(&f->done, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

static void reset_at_the_image(void **state)
{
	struct fixture *f = *state;

	start_reads(f);
	f->b->ops->reset(f->b, reset_done, f);
	for (unsigned int i = 0; i < N; i++) {
		assert_int_equal(wait_xfer(&tasks[i].status), -ECONNRESET);
		assert_int_equal(n_done(&tasks[i].data), 0);
	}
	assert_int_equal(f->n_resets, 0);
	gate_set(false);
	wait_resets(f, 1);
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(n_done(&tasks[i].data), 1);
	enter_uas(f);
	uas_good(f, true, f->buf, 4096, READ10(0, 8));
}

/* The status stage waits until the image is left alone. */
static void setting_at_the_image(void **state)
{
	struct usb_ctrlrequest req = { 1, USB_REQ_SET_INTERFACE, 0, 0, 0 };
	struct fixture *f = *state;
	struct xfer x;

	start_reads(f);
	assert_int_equal(bot_reset(f), -EPIPE);		/* means nothing here */
	xfer_init(f, &x, 0, false, NULL, 0);
	memcpy(x.urb.setup, &req, sizeof(req));
	submit(&x);
	assert_int_equal(n_done(&x), 0);
	gate_set(false);
	assert_int_equal(wait_xfer(&x), 0);
	for (unsigned int i = 0; i < N; i++) {
		int status = wait_xfer(&tasks[i].data);

		assert_int_equal(status, 0);
		assert_int_equal(wait_xfer(&tasks[i].status), -ESHUTDOWN);
	}
	assert_good(f, true, f->buf, 4096, READ10(0, 8));	/* BOT */
}

static void close_at_the_image(void **state)
{
	struct fixture *f = *state;
	pthread_t opener;

	start_reads(f);
	assert_int_equal(pthread_create(&opener, NULL, gate_open_later, NULL), 0);
	close_stick(f);
	pthread_join(opener, NULL);
	for (unsigned int i = 0; i < N; i++) {
		assert_int_equal(wait_xfer(&tasks[i].status), -ESHUTDOWN);
		assert_int_equal(wait_xfer(&tasks[i].data), 0);
	}
}

/* What ended half of an URB is what its status says. */
static void close_between_parts(void **state)
{
	struct fixture *f = *state;
	pthread_t opener;
	struct task a;

	cold = true;
	gate_set(true);
	task_init(&a, 1);
	post_data(f, &a, true, f->buf, 1000);
	post_command(f, &a, 0, READ10(8, 8));
	gate_wait_for_somebody();
	assert_int_equal(pthread_create(&opener, NULL, gate_open_later, NULL), 0);
	close_stick(f);
	pthread_join(opener, NULL);
	assert_int_equal(wait_xfer(&a.data), -ESHUTDOWN);
	assert_int_equal(f->actual, 512);
}

/* ---- everything against everything ---- */

#define STORM_THREADS	3u
#define STORM_ROUNDS	800

static _Atomic unsigned int n_resets_asked;
static _Atomic unsigned int storm_thread;

static void storm_iu(uint8_t *iu, unsigned int r, unsigned int tag)
{
	static const uint8_t ops[] = { 0x28, 0x2a, 0x35, 0x00 };
	static const uint8_t functions[] = { 1, 2, 8, 0x80 };

	memset(iu, 0, 32);
	iu[3] = tag;
	if (r % 8) {
		iu[0] = 1;
		iu[4] = r >> 28 & 3 ? 0 : r >> 26 & 3;
		iu[16] = ops[r >> 4 & 3];
		iu[24] = iu[16] ? 8 : 0;
	} else {
		iu[0] = 5;
		iu[4] = functions[r >> 6 & 3];
		iu[7] = tag ^ (r >> 8 & 1);
	}
}

static void storm_extra(struct fixture *all, struct fixture *f, unsigned int what)
{
	if (what == 0) {
		n_resets_asked++;
		f->b->ops->reset(f->b, reset_done, all);
	}
	if (what < 5) {
		control(f, 0, USB_REQ_SET_CONFIGURATION, 1, 0, NULL, 0);
		set_setting(f, what % 4 ? 1 : 0);
		alloc_streams(f, STREAMS);
	}
	if (what == 6)
		control(f, 2, USB_REQ_CLEAR_FEATURE, 0, EP_COMMAND, NULL, 0);
}

/* URBs that are refused, because the streams are gone at the time, have ended. */
static void storm_submit(struct xfer *x)
{
	if (x->f->b->ops->submit(x->f->b, &x->urb))
		x->n_done = 1;
}

/*
 * Each thread has tags of its own, most of the time, and cancels, aborts and resets at
 * random. What counts: every URB ends, once.
 */
static void *storm_main(void *arg)
{
	struct fixture *all = arg, f = {
		.b = all->b,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.done = PTHREAD_COND_INITIALIZER,
	};
	unsigned int self = storm_thread++, seed = self + 1;
	uint8_t iu[32], answer[64], *buf = calloc(1, 8192);
	struct xfer x[4];

	for (unsigned int i = 0; i < STORM_ROUNDS; i++) {
		unsigned int r = rand_r(&seed), tag = 1 + self * 4 + (r >> 20 & 3);
		bool in = r & 16;

		storm_iu(iu, r, tag);
		uas_xfer(&f, &x[0], EP_STATUS, true, answer, sizeof(answer), tag);
		uas_xfer(&f, &x[1], in ? EP_IN : EP_OUT, in, buf, 4096, tag);
		uas_xfer(&f, &x[2], EP_COMMAND, false, iu, iu[0] == 5 ? 16 : 32, tag);
		uas_xfer(&f, &x[3], EP_STATUS, true, answer, sizeof(answer), tag);
		for (unsigned int k = 0; k < 4; k++)
			storm_submit(&x[(k + (r >> 24)) % 4]);
		if (r >> 12 & 1)
			f.b->ops->cancel(f.b, &x[r % 4].urb);
		if (r >> 16 & 1)
			wait_xfer_for(&x[0], 1);
		storm_extra(all, &f, (r >> 16) % 32);
		for (unsigned int k = 0; k < 4; k++)
			f.b->ops->cancel(f.b, &x[k].urb);
		for (unsigned int k = 0; k < 4; k++)
			wait_xfer(&x[k]);
	}
	free(buf);
	return NULL;
}

static void run_storm(struct fixture *f)
{
	pthread_t threads[STORM_THREADS];

	n_resets_asked = 1;
	for (unsigned int i = 0; i < STORM_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, storm_main, f), 0);
	for (unsigned int i = 0; i < STORM_THREADS; i++)
		pthread_join(threads[i], NULL);
	f->b->ops->reset(f->b, reset_done, f);
	wait_resets(f, n_resets_asked);
	enter_uas(f);
	uas_good(f, true, f->buf, 4096, READ10(0, 8));
}

static void storm(void **state)
{
	run_storm(*state);
}

static void cold_storm(void **state)
{
	cold = true;
	run_storm(*state);
}

/* ---- correct traffic of several threads ---- */

#define TRAFFIC_ROUNDS	300

/* Reads and writes blocks of its own, with tags of its own; all that it reads is right. */
static void *traffic_main(void *arg)
{
	struct fixture *all = arg, f = {
		.b = all->b,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.done = PTHREAD_COND_INITIALIZER,
	};
	unsigned int self = storm_thread++, seed = self;
	uint8_t *mine = malloc(65536), *buf = malloc(65536);
	uint32_t base = self * 128;

	memcpy(mine, all->data + base * 512, 65536);
	for (unsigned int i = 0; i < TRAFFIC_ROUNDS; i++) {
		uint32_t at = rand_r(&seed) % 100, n = 1 + rand_r(&seed) % (128 - at);
		bool in = rand_r(&seed) % 3;
		struct task t;

		if (!in)
			fill(mine + at * 512, n * 512, i + self);
		assert_int_equal(uas_tag(&f, &t, 1 + self * 8 + i % 8, in,
					 in ? buf : mine + at * 512, n * 512,
					 CDB(in ? 0x28 : 0x2a, 0, BE32(base + at), 0,
					     BE16(n), 0)), GOOD);
		assert_int_equal(f.actual, n * 512);
		if (in)
			assert_memory_equal(buf, mine + at * 512, n * 512);
	}
	assert_file(all, base * 512, mine, 65536);
	free(mine);
	free(buf);
	return NULL;
}

static void traffic(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[4];

	for (unsigned int round = 0; round < 2; round++) {
		storm_thread = 0;
		cold = round;
		for (unsigned int i = 0; i < 4; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, traffic_main,
							f), 0);
		for (unsigned int i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
		uas_good(f, true, f->data, 4 * 65536, READ10(0, 4 * 128));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SS_HS(several_reads_at_the_image),
		SS_HS(several_writes_at_the_image),
		SS_HS(overtaking),
		SS_HS(cancel_at_the_image),
		SS_HS(cancel_between_parts),
		HS(cancel_of_a_turn),
		SS(abort_at_the_image),
		SS(unit_reset_at_the_image),
		SS_HS(abort_with_data_waiting),
		SS(abort_of_a_cancelled_urb),
		SS(overlapped_at_the_image),
		SS_HS(reset_at_the_image),
		SS_HS(setting_at_the_image),
		SS_HS(close_at_the_image),
		SS(close_between_parts),
		SS_HS(storm),
		SS_HS(cold_storm),
		SS(traffic),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
