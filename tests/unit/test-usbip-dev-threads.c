// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtio-usbip device with several threads: backends that complete on their
 * own, queues notified at the same time, devices pulled meanwhile. Whatever the
 * order, every chain comes back exactly once. Worth running under -fsanitize=thread.
 */
#include <sched.h>

#include "usbip_ring.h"

#define SS_PORT	1u

static const struct usbip_dev_config config = { .usb3_ports = 1 };

struct fixture {
	struct usbip *u;
	struct script *s;
	uint32_t devid;
	unsigned int n_closed;
	_Atomic bool stop;
	pthread_t thread;
};

static void plug_script(struct fixture *f, enum script_mode mode)
{
	f->s = script_new(USB_SPEED_SUPER_, mode);
	f->s->hook_ctx = f;
	f->s->closed = &f->n_closed;
	assert_int_equal(plug(f->u, &f->s->base), SS_PORT);
	f->devid = get_port(f->u, SS_PORT).devid;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->u = usbip_new(&config, FEATURE(USBIP_PDU));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	usbip_delete(f->u);
	free(f);
	return 0;
}

static struct virtio_usbip_cmd_submit bulk_in(struct fixture *f, uint32_t length)
{
	return command(f->u, f->devid, 1, true, length);
}

/* Waits for the next chain of that queue. */
static int wait_reap(struct usbip *u, unsigned int q, uint32_t *ret_len)
{
	struct timespec end;
	int slot;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	pthread_mutex_lock(&u->lock);
	while ((slot = reap(u, q, ret_len)) < 0)
		assert_int_equal(pthread_cond_timedwait(&u->interrupted, &u->lock,
							&end), 0);
	pthread_mutex_unlock(&u->lock);
	return slot;
}

static void assert_data(struct usbip *u, unsigned int q, unsigned int slot,
			uint32_t len)
{
	assert_int_equal(slot_actual(u, q, slot), len);
	for (unsigned int i = 0; i < len; i++)
		assert_int_equal(slot_data(u, q, slot)[i], script_byte(i));
}

/* ---- while a thread is inside submit ---- */

static void unlink_all(void *ctx)
{
	struct fixture *f = ctx;

	/* What was queued behind the one in submit never starts. */
	assert_int_equal(run_unlink(f->u, f->devid, 1002), -104);
	assert_returned(f->u, BULK, 1, -104, 48);
	assert_int_equal(run_unlink(f->u, f->devid, 1001), -104);
	assert_none(f->u, BULK);
}

static void offer_three(struct fixture *f)
{
	f->u->seq = 1000;
	for (unsigned int i = 0; i < 3; i++) {
		struct virtio_usbip_cmd_submit cmd = bulk_in(f, 64);

		offer(f->u, BULK, i, &cmd);
	}
	f->u->seq = 2000;
	notify(f->u, BULK);
}

static void unlink_of_one_that_is_being_submitted(void **state)
{
	struct fixture *f = *state;

	plug_script(f, SCRIPT_LATER);
	f->s->before = unlink_all;
	offer_three(f);
	assert_returned(f->u, BULK, 0, -104, 48);
	assert_none(f->u, BULK);
	assert_int_equal(f->s->n_submitted, 2);
	assert_true(script_complete(f->s));
	assert_returned(f->u, BULK, 2, 0, 48 + 64);
}

static void complete_now(void *ctx)
{
	struct fixture *f = ctx;

	assert_true(script_complete(f->s));
	assert_int_equal(run_unlink(f->u, f->devid, 1001), -104);
}

/* Ended by itself before submit returned; then the unlink has nothing to cancel. */
static void completion_elsewhere_before_submit_returns(void **state)
{
	struct fixture *f = *state;

	plug_script(f, SCRIPT_LATER);
	f->s->after = complete_now;
	offer_three(f);
	assert_returned(f->u, BULK, 0, 0, 48 + 64);
	assert_data(f->u, BULK, 0, 64);
	assert_none(f->u, BULK);
	while (script_complete(f->s))
		;
	assert_returned(f->u, BULK, 1, 0, 48 + 64);
	assert_returned(f->u, BULK, 2, 0, 48 + 64);
}

static void reset_port(void *ctx)
{
	struct fixture *f = ctx;
	struct virtio_usbip_cmd_submit cmd = reset_command(f->u, SS_PORT);

	offer(f->u, CTRL, 3, &cmd);
	notify(f->u, CTRL);
	assert_returned(f->u, BULK, 1, -104, 48);
	assert_returned(f->u, BULK, 2, -104, 48);
	assert_none(f->u, CTRL);	/* DEV-25: one chain is missing */
}

/* It reaches the device after the reset, and must not hold up its answer. */
static void reset_while_one_is_being_submitted(void **state)
{
	struct fixture *f = *state;

	plug_script(f, SCRIPT_LATER);
	f->s->before = reset_port;
	offer_three(f);
	assert_int_equal(f->s->n_resets, 1);
	assert_returned(f->u, BULK, 0, -104, 48);
	assert_returned(f->u, CTRL, 3, 0, 48);
}

static void leave(void *ctx)
{
	struct fixture *f = ctx;

	f->s->base.events->gone(f->s->base.events_ctx);
	assert_returned(f->u, BULK, 1, -108, 48);
	assert_returned(f->u, BULK, 2, -108, 48);
	assert_int_equal(get_port(f->u, SS_PORT).devid, 0);
}

static void gone_while_one_is_being_submitted(void **state)
{
	struct fixture *f = *state;

	plug_script(f, SCRIPT_LATER);
	f->s->before = leave;
	offer_event(f->u);
	notify(f->u, EVENT);
	take_event(f->u, SS_PORT, NULL);
	offer_event(f->u);
	offer_three(f);
	assert_returned(f->u, BULK, 0, -108, 48);
	assert_int_equal(take_event(f->u, SS_PORT, NULL), 0);
	assert_int_equal(usbip_dev_unplug(f->u->dev, SS_PORT), -ENODEV);
	assert_int_equal(f->n_closed, 1);
}

/* ---- unlink against completion ---- */

#define ROUNDS		4000u	/* or UNLINK_ROUNDS of the environment */
#define BATCH		8u

/* Takes all answers of a batch; the unlinked ones must add up. */
static void reap_batch(struct fixture *f)
{
	bool seen[BATCH] = { false };
	uint32_t len;

	for (unsigned int i = 0; i < BATCH; i++) {
		int slot = wait_reap(f->u, BULK, &len);
		int32_t status = slot_status(f->u, BULK, slot);

		assert_false(seen[slot]);
		seen[slot] = true;
		assert_true(status == 0 || status == -104);
		assert_int_equal(len, 48 + slot_actual(f->u, BULK, slot));
		assert_data(f->u, BULK, slot, status ? 0 : 256);
		assert_int_equal(slot_ret(f->u, BULK, slot)->seq,
				 slot_cmd(f->u, BULK, slot)->seq);
	}
	assert_none(f->u, BULK);
}

static unsigned int n_rounds(void)
{
	const char *env = getenv("UNLINK_ROUNDS");

	return env ? strtoul(env, NULL, 10) : ROUNDS;
}

static void offer_batch(struct fixture *f)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		struct virtio_usbip_cmd_submit cmd = bulk_in(f, 256);

		memset(slot_data(f->u, BULK, i), 0, 256);
		offer(f->u, BULK, i, &cmd);
	}
}

static void unlink_against_completion(void **state)
{
	struct fixture *f = *state;
	unsigned int n_unlinked = 0, rounds = n_rounds();

	plug_script(f, SCRIPT_THREAD);
	for (unsigned int round = 0; round < rounds; round++) {
		uint32_t first = f->u->seq + 1;

		offer_batch(f);
		notify(f->u, BULK);
		for (unsigned int i = 0; i < round % 50; i++)
			sched_yield();
		for (unsigned int i = 0; i < BATCH; i += 1 + round % 3) {
			int32_t found = run_unlink(f->u, f->devid, first + i);

			assert_true(found == 0 || found == -104);
			n_unlinked += !!found;
		}
		reap_batch(f);
	}
	assert_true(n_unlinked > 0);
}

struct unlinker {
	struct fixture *f;
	_Atomic uint32_t newest;
};

/* Its commands have seqs of their own. */
static void *unlink_loop(void *arg)
{
	struct unlinker *un = arg;
	struct fixture *f = un->f;
	uint32_t seq = 0x80000000;

	for (; !f->stop; seq++) {
		struct virtio_usbip_cmd_submit cmd = {
			.command = htobe32(VIRTIO_USBIP_CMD_UNLINK),
			.seq = htobe32(seq),
			.devid = htobe32(f->devid),
			.flags = htobe32(un->newest - seq % BATCH),
		};
		int32_t found = run(f->u, CTRL, &cmd, NULL);

		assert_true(found == 0 || found == -104);
	}
	return NULL;
}

/* Unlinks on one thread, transfers on another, completions on a third. */
static void unlinks_on_a_thread_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct unlinker un = { .f = f };
	unsigned int rounds = n_rounds();

	plug_script(f, SCRIPT_THREAD);
	pthread_create(&f->thread, NULL, unlink_loop, &un);
	for (unsigned int round = 0; round < rounds; round++) {
		offer_batch(f);
		un.newest = f->u->seq;
		notify(f->u, BULK);
		reap_batch(f);
	}
	f->stop = true;
	pthread_join(f->thread, NULL);
}

/* ---- order ---- */

static void *notify_loop(void *arg)
{
	struct fixture *f = arg;

	while (!f->stop) {
		notify(f->u, BULK);
		sched_yield();
	}
	return NULL;
}

/* DEV-3, although two threads work on the queue. */
static void order_with_two_notifiers(void **state)
{
	struct fixture *f = *state;
	unsigned int n = 0;
	uint32_t len;

	plug_script(f, SCRIPT_SYNC);
	pthread_create(&f->thread, NULL, notify_loop, f);
	while (n < SCRIPT_LOG / 2) {
		for (unsigned int i = 0; i < BATCH; i++) {
			struct virtio_usbip_cmd_submit cmd = bulk_in(f, 1 + n++);

			offer(f->u, BULK, i, &cmd);
			if (i % 3 == 0)
				notify(f->u, BULK);
		}
		notify(f->u, BULK);
		for (unsigned int i = 0; i < BATCH; i++)
			assert_int_equal(slot_status(f->u, BULK,
						     wait_reap(f->u, BULK, &len)), 0);
	}
	f->stop = true;
	pthread_join(f->thread, NULL);
	assert_int_equal(f->s->n_submitted, n);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(f->s->log[i].length, 1 + i);
}

/* ---- things that happen while transfers run ---- */

/* Keeps a batch in flight until stopped. Statuses are those of races. */
static void *transfer_loop(void *arg)
{
	struct fixture *f = arg;
	uint32_t seq = 0x40000000, len;

	while (!f->stop) {
		for (unsigned int i = 0; i < BATCH; i++) {
			struct virtio_usbip_cmd_submit cmd = {
				.command = htobe32(VIRTIO_USBIP_CMD_SUBMIT),
				.seq = htobe32(++seq),
				.devid = htobe32(__atomic_load_n(&f->devid,
								 __ATOMIC_RELAXED)),
				.direction = htobe32(1),
				.ep = htobe32(1),
				.length = htobe32(64),
			};

			offer(f->u, BULK, i, &cmd);
		}
		notify(f->u, BULK);
		for (unsigned int i = 0; i < BATCH; i++) {
			int slot = wait_reap(f->u, BULK, &len);
			int32_t status = slot_status(f->u, BULK, slot);

			assert_int_equal(slot_ret(f->u, BULK, slot)->seq,
					 slot_cmd(f->u, BULK, slot)->seq);
			assert_true(status == 0 || status == -104 || status == -108 ||
				    status == -19);
		}
		assert_none(f->u, BULK);
	}
	return NULL;
}

static void set_devid(struct fixture *f, uint32_t devid)
{
	__atomic_store_n(&f->devid, devid, __ATOMIC_RELAXED);
}

static void pulled_while_transfers_run(void **state)
{
	struct fixture *f = *state;

	pthread_create(&f->thread, NULL, transfer_loop, f);
	for (unsigned int i = 0; i < 300; i++) {
		struct script *s = script_new(USB_SPEED_SUPER_,
					      i & 1 ? SCRIPT_THREAD : SCRIPT_SYNC);

		s->closed = &f->n_closed;
		assert_int_equal(plug(f->u, &s->base), SS_PORT);
		set_devid(f, get_port(f->u, SS_PORT).devid);
		usleep(i % 4 * 100);
		if (i % 3) {
			assert_int_equal(usbip_dev_unplug(f->u->dev, SS_PORT), 0);
		} else {
			/* Leaves by itself, perhaps again before its close. */
			s->base.events->gone(s->base.events_ctx);
			s->base.events->gone(s->base.events_ctx);
			assert_int_equal(get_port(f->u, SS_PORT).devid, 0);
		}
	}
	usbip_dev_unplug(f->u->dev, SS_PORT);
	f->stop = true;
	pthread_join(f->thread, NULL);
	assert_int_equal(f->n_closed, 300);
	offer_event(f->u);
	offer_event(f->u);
	notify(f->u, EVENT);
	assert_int_equal(take_event(f->u, SS_PORT, NULL), 0);
	assert_null(ring_take_used(&f->u->rings[EVENT]));
}

static void port_reset_while_transfers_run(void **state)
{
	struct fixture *f = *state;

	plug_script(f, SCRIPT_THREAD);
	pthread_create(&f->thread, NULL, transfer_loop, f);
	for (unsigned int i = 0; i < 1000; i++) {
		struct virtio_usbip_cmd_submit cmd = reset_command(f->u, SS_PORT);
		uint32_t len;

		offer(f->u, CTRL, 0, &cmd);
		notify(f->u, CTRL);
		assert_int_equal(wait_reap(f->u, CTRL, &len), 0);
		assert_int_equal(slot_status(f->u, CTRL, 0), 0);
	}
	f->stop = true;
	pthread_join(f->thread, NULL);
	assert_int_equal(f->s->n_resets, 1000);
}

/* DEV-28: guest memory is freed at once, the backend's thread is at work. */
static void virtio_reset_while_transfers_run(void **state)
{
	struct fixture *f = *state;

	plug_script(f, SCRIPT_THREAD);
	for (unsigned int i = 0; i < 500; i++) {
		offer_batch(f);
		notify(f->u, BULK);
		for (unsigned int k = 0; k < i % 30; k++)
			sched_yield();
		usbip_stop(f->u);
		usbip_start(f->u);
	}
	offer_batch(f);
	notify(f->u, BULK);
	reap_batch(f);
}

static void *unplug_thread(void *arg)
{
	struct fixture *f = arg;

	usbip_dev_unplug(f->u->dev, SS_PORT);
	return NULL;
}

static void virtio_reset_and_unplug_at_once(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 300; i++) {
		plug_script(f, i & 1 ? SCRIPT_THREAD : SCRIPT_LATER);
		offer_batch(f);
		notify(f->u, BULK);
		pthread_create(&f->thread, NULL, unplug_thread, f);
		for (unsigned int k = 0; k < i % 30; k++)
			sched_yield();
		usbip_stop(f->u);
		usbip_start(f->u);
		pthread_join(f->thread, NULL);
		assert_int_equal(f->n_closed, i + 1);
		assert_int_equal(get_port(f->u, SS_PORT).devid, 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unlink_of_one_that_is_being_submitted),
		TEST(completion_elsewhere_before_submit_returns),
		TEST(reset_while_one_is_being_submitted),
		TEST(gone_while_one_is_being_submitted),
		TEST(unlink_against_completion),
		TEST(unlinks_on_a_thread_of_their_own),
		TEST(order_with_two_notifiers),
		TEST(pulled_while_transfers_run),
		TEST(port_reset_while_transfers_run),
		TEST(virtio_reset_while_transfers_run),
		TEST(virtio_reset_and_unplug_at_once),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
