// SPDX-License-Identifier: GPL-2.0-only
/* UAS: many commands at a time: tags, order, task management, and what ends them all. */
#include "uas_host.h"

/* ---- tags ---- */

/* SAM-5 5.10: none of the two is carried out, nor any other. */
static void overlapped_commands(void **state)
{
	struct fixture *f = *state;
	struct task a, b, other;

	start_task(f, &other, 3, false, NULL, 0, WRITE10(0, 8));
	start_task(f, &a, 4, true, NULL, 0, READ10(0, 8));
	if (!streams) {
		get_ready(f, &other, false);
		get_ready(f, &a, true);
	}
	task_init(&b, 4);
	post_command(f, &b, 0, TUR);
	assert_int_equal(wait_xfer(&b.command), 0);
	if (streams) {
		assert_int_equal(get_status_iu(&a), CHECK_CONDITION);
		assert_int_equal(a.sense, 0x0b4e00);
		assert_int_equal(n_done(&other.status), 0);
	} else {
		assert_int_equal(wait_xfer(&other.status), 0);
		assert_int_equal(other.answer[3], 4);
		assert_int_equal(check_sense_iu(&other), CHECK_CONDITION);
		assert_int_equal(other.sense, 0x0b4e00);
		assert_int_equal(n_done(&a.status), 0);
	}
	for (unsigned int i = 0; i < 2; i++)
		f->b->ops->cancel(f->b, i ? &a.status.urb : &other.status.urb);
	assert_int_equal(manage(f, 5, QUERY_TASK_SET, 0), COMPLETE);
	uas_good(f, true, f->buf, 4096, READ10(0, 8));
	assert_memory_equal(f->buf, f->data, 4096);
}

static void tag_of_a_management_function(void **state)
{
	struct fixture *f = *state;
	struct task a, b, c;

	/* the command's tag; the command is untouched */
	task_init(&a, 4);
	post_command(f, &a, 0, TUR);
	memset(&b, 0, sizeof(b));
	memcpy(b.iu, "\x05\0\0\x04\x02", 5);
	b.tag = 4;
	post_iu(f, &b, 16);
	/* a response that is not sent yet has its tag, too */
	task_init(&c, 6);
	memcpy(c.iu, "\x05\0\0\x06\x80\0\0\x04", 8);
	post_iu(f, &c, 16);
	post_command(f, &c, 0, TUR);
	memcpy(c.iu, "\x05\0\0\x06\x80\0\0\x04", 8);
	post_iu(f, &c, 16);
	post_status(f, &b);
	assert_int_equal(get_response(&b), OVERLAPPED_TAG);
	post_status(f, &c);
	assert_int_equal(get_response(&c), SUCCEEDED);
	for (unsigned int i = 0; i < 2; i++) {
		post_status(f, &c);
		assert_int_equal(get_response(&c), OVERLAPPED_TAG);
	}
	post_status(f, &a);
	assert_int_equal(get_status_iu(&a), GOOD);
}

static struct task many[64];

static void wait_many(struct fixture *f, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(get_status_iu(&many[i]), GOOD);
		assert_int_equal(wait_xfer(&many[i].data), 0);
		assert_int_equal(f->actual, 8192);
		assert_memory_equal(f->buf + i * 8192, f->data + i * 16384, 8192);
	}
}

/* All tags at once, URBs in any order: data before or after the command. */
static void all_tags_at_once(void **state)
{
	struct fixture *f = *state;

	for (unsigned int round = 0; round < 8; round++) {
		for (unsigned int i = 0; i < STREAMS; i++) {
			task_init(&many[i], i + 1);
			if (round & 1)
				post_status(f, &many[i]);
			if (round & 2)
				post_data(f, &many[i], true, f->buf + i * 8192, 8192);
			if (round & 4)
				post_command(f, &many[i], 0, READ10(i * 32, 16));
		}
		for (unsigned int k = 0; k < STREAMS; k++) {
			unsigned int i = k * 7 % STREAMS;

			if (!(round & 4))
				post_command(f, &many[i], 0, READ10(i * 32, 16));
			if (!(round & 2))
				post_data(f, &many[i], true, f->buf + i * 8192, 8192);
			if (!(round & 1))
				post_status(f, &many[i]);
		}
		wait_many(f, STREAMS);
		memset(f->buf, 0, SIZE);
	}
}

static void task_set_full(void **state)
{
	struct fixture *f = *state;
	struct task t;

	for (unsigned int i = 0; i < STREAMS; i++) {
		task_init(&many[i], i + 1);
		post_command(f, &many[i], 0, READ10(i * 32, 16));
		assert_int_equal(wait_xfer(&many[i].command), 0);
	}
	if (streams) {
		/* one more would have a tag that is in use */
		assert_int_equal(set_setting(f, 0), 0);
		return;
	}
	/* the first command's Ready IU is waiting for an URB, too */
	task_init(&t, 100);
	post_command(f, &t, 0, TUR);
	for (unsigned int i = 0; i < 2; i++) {
		post_status(f, &t);
		assert_int_equal(wait_xfer(&t.status), 0);
		if (t.answer[0] == SENSE_IU) {
			assert_int_equal(t.answer[3], 100);
			assert_int_equal(check_sense_iu(&t), TASK_SET_FULL);
		} else {
			assert_int_equal(t.answer[3], 1);
		}
	}
	assert_int_equal(manage(f, 101, CLEAR_TASK_SET, 0), COMPLETE);
	uas_good(f, false, NULL, 0, TUR);
}

/* Answers that nobody fetches: the command pipe waits. */
static void answers_pile_up(void **state)
{
	struct fixture *f = *state;
	struct task t;

	for (unsigned int i = 0; i < 40; i++) {
		task_init(&many[i], 1 + i % STREAMS);
		memcpy(many[i].iu, "\x05\0\0\0\x40", 5);
		many[i].iu[3] = many[i].tag;
		post_iu(f, &many[i], 16);
		assert_int_equal(n_done(&many[i].command), i < 32);
	}
	for (unsigned int i = 0; i < 40; i++) {
		task_init(&t, 1 + i % STREAMS);
		post_status(f, &t);
		assert_int_equal(get_iu(&t), RESPONSE_IU);
		assert_int_equal(t.answer[7], NOT_SUPPORTED);
	}
	for (unsigned int i = 0; i < 40; i++)
		assert_int_equal(wait_xfer(&many[i].command), 0);
}

/* ---- order ---- */

/* SAM-5 8.6, by commands that wait for data: simple, ordered, simple, head of queue. */
static void task_attributes(void **state)
{
	struct fixture *f = *state;
	static const unsigned int attribute[] = { 0, 2, 0, 1 };
	struct task t[4];

	for (unsigned int i = 0; i < 4; i++) {
		task_init(&t[i], i + 1);
		post_status(f, &t[i]);
		if (i)
			post_data(f, &t[i], true, f->buf + i * 512, 512);
		post_command(f, &t[i], attribute[i], READ10(i, 1));
	}
	assert_int_equal(n_done(&t[1].status) + n_done(&t[2].status), 0);
	assert_int_equal(get_status_iu(&t[3]), GOOD);
	post_data(f, &t[0], true, f->buf, 512);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(get_status_iu(&t[i]), GOOD);
	assert_memory_equal(f->buf, f->data, 2048);
	/* an ordered one that waits holds up the simple one behind it */
	for (unsigned int i = 0; i < 2; i++) {
		task_init(&t[i], i + 1);
		post_status(f, &t[i]);
		post_command(f, &t[i], i ? 0 : 2, READ10(i, 1));
	}
	post_data(f, &t[1], true, f->buf, 512);
	assert_int_equal(n_done(&t[1].data), 0);
	post_data(f, &t[0], true, f->buf, 512);
	assert_int_equal(get_status_iu(&t[0]), GOOD);
	assert_int_equal(get_status_iu(&t[1]), GOOD);
}

/* ---- task management ---- */

static void abort_and_query(void **state)
{
	struct fixture *f = *state;
	struct task a, b, t;

	assert_int_equal(manage(f, 3, QUERY_TASK, 1), COMPLETE);
	assert_int_equal(manage(f, 3, QUERY_TASK_SET, 0), COMPLETE);
	assert_int_equal(manage(f, 3, ABORT_TASK, 1), COMPLETE);
	task_init(&a, 1);
	post_command(f, &a, 0, TUR);	/* which waits for a status URB */
	task_init(&b, 2);
	post_command(f, &b, 0, TUR);
	start_manage(f, &t, 3, QUERY_TASK, 1, 0);
	assert_int_equal(get_response(&t), SUCCEEDED);
	assert_int_equal(manage(f, 3, QUERY_TASK_SET, 0), SUCCEEDED);
	assert_int_equal(manage(f, 3, QUERY_TASK, 7), COMPLETE);
	assert_int_equal(manage(f, 3, ABORT_TASK, 1), COMPLETE);
	assert_int_equal(manage(f, 3, QUERY_TASK, 1), COMPLETE);
	assert_int_equal(manage(f, 3, QUERY_TASK, 2), SUCCEEDED);
	post_status(f, &b);
	assert_int_equal(get_status_iu(&b), GOOD);
	assert_int_equal(manage(f, 3, CLEAR_ACA, 0), NOT_SUPPORTED);
	assert_int_equal(manage(f, 3, 0x82, 0), NOT_SUPPORTED);
	assert_int_equal(manage(f, 3, 0, 0), NOT_SUPPORTED);
}

static void abort_all(void **state)
{
	struct fixture *f = *state;
	static const uint8_t functions[] = { ABORT_TASK_SET, CLEAR_TASK_SET,
					     LOGICAL_UNIT_RESET, I_T_NEXUS_RESET };
	struct task t;

	for (unsigned int k = 0; k < 4; k++) {
		uas_good(f, false, NULL, 0, CDB(0x1e, 0, 0, 0, 1, 0));	/* prevent */
		for (unsigned int i = 0; i < 4; i++) {
			task_init(&many[i], i + 1);
			post_data(f, &many[i], true, f->buf, 4096);
			post_command(f, &many[i], 0, WRITE10(8, 8));
		}
		assert_int_equal(manage(f, 9, functions[k], 0), COMPLETE);
		assert_int_equal(manage(f, 9, QUERY_TASK_SET, 0), COMPLETE);
		for (unsigned int i = 0; i < 4; i++) {
			assert_int_equal(wait_xfer(&many[i].data), 0);
			assert_int_equal(f->actual, 0);
		}
		/* only a reset allows the medium's removal */
		if (functions[k] == LOGICAL_UNIT_RESET)
			uas_good(f, false, NULL, 0, CDB(0x1b, 0, 0, 0, 2, 0));
		else
			uas_fails(f, false, NULL, 0, CDB(0x1b, 0, 0, 0, 2, 0), 0x055302);
		if (functions[k] == LOGICAL_UNIT_RESET) {
			uas_good(f, false, NULL, 0, CDB(0x1b, 0, 0, 0, 3, 0));
			uas_fails(f, false, NULL, 0, TUR, 0x062800);
		}
	}
	start_manage(f, &t, 9, ABORT_TASK_SET, 0, 1);
	assert_int_equal(get_response(&t), INCORRECT_LUN);
	start_manage(f, &t, 9, I_T_NEXUS_RESET, 0, 1);
	assert_int_equal(get_response(&t), COMPLETE);
	assert_file(f, 0, f->data, SIZE);
}

/* ---- ends from outside ---- */

static void reset_done(void *ctx, int status)
{
	((struct fixture *)ctx)->n_resets++;
}

static void start_three(struct fixture *f, struct task *t)
{
	for (unsigned int i = 0; i < 3; i++) {
		task_init(&t[i], i + 1);
		post_status(f, &t[i]);
		if (i == 1)
			post_data(f, &t[i], false, f->buf, 512);
		post_command(f, &t[i], 0, WRITE10(0, 8));
	}
	if (streams)
		assert_int_equal(wait_xfer(&t[1].data), 0);
}

static void reset_ends_all(void **state)
{
	struct fixture *f = *state;
	struct task t[3];

	start_three(f, t);
	f->b->ops->reset(f->b, reset_done, f);
	assert_int_equal(f->n_resets, 1);
	for (unsigned int i = 0; i < 3; i++) {
		int status = wait_xfer(&t[i].status);

		assert_true(status == -ECONNRESET || (!streams && !i && !status));
	}
	assert_int_equal(alloc_streams(f, 8), -EINVAL);
	enter_uas(f);
	assert_int_equal(manage(f, 9, QUERY_TASK_SET, 0), COMPLETE);
	uas_good(f, false, NULL, 0, TUR);
}

static void another_setting_ends_all(void **state)
{
	struct fixture *f = *state;
	struct task t[3], unanswered;

	start_three(f, t);
	task_init(&unanswered, 7);
	memcpy(unanswered.iu, "\x05\0\0\x07\x40", 5);
	post_iu(f, &unanswered, 16);
	assert_int_equal(wait_xfer(&unanswered.command), 0);
	for (unsigned int i = 0; i < 3; i++)
		f->b->ops->cancel(f->b, &t[i].status.urb);
	task_init(&unanswered, 8);
	memcpy(unanswered.iu, "\x05\0\0\x08\x40", 5);
	post_iu(f, &unanswered, 16);
	assert_int_equal(set_setting(f, 1), 0);
	for (unsigned int i = 0; i < 3; i++) {
		int status = wait_xfer(&t[i].status);

		assert_true(status == -ECONNRESET || (!streams && !status));
	}
	enter_uas(f);
	uas_good(f, false, NULL, 0, TUR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SS_HS(overlapped_commands),
		SS(tag_of_a_management_function),
		SS(all_tags_at_once),
		SS_HS(task_set_full),
		SS(answers_pile_up),
		SS(task_attributes),
		SS(abort_and_query),
		SS(abort_all),
		SS_HS(reset_ends_all),
		SS_HS(another_setting_ends_all),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
