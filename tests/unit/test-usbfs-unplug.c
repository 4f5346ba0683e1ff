// SPDX-License-Identifier: GPL-2.0-only
/* Unplugging at every step, and everything at once. */
#include "usbfs_fixture.h"

/* ---- unplug ---- */

static void unplug_ends_everything_once(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[64];
	struct xfer x[16];

	for (int i = 0; i < 16; i++) {
		init_xfer(&x[i], i & 1 ? EP_IN : EP_OUT, i & 1, buf, 64);
		submit(f, &x[i]);
	}
	/* What completed before is not lost. */
	pthread_mutex_lock(&f->fake.lock);
	fake_end(&f->fake, f->fake.flying, 0, 64);
	fake_unplug_locked(&f->fake);
	pthread_mutex_unlock(&f->fake.lock);
	assert_int_equal(wait_xfer(&x[0]), 0);
	for (int i = 1; i < 16; i++)
		assert_int_equal(wait_xfer(&x[i]), -ESHUTDOWN);
	for (int i = 0; i < 50000 && !f->n_gone; i++)
		usleep(100);
	assert_int_equal(f->n_gone, 1);
	assert_int_equal(f->n_port_gone, 1);
}

/* A bit of everything; every URB that submit took ends once. */
static void scenario(struct fixture *f, uint8_t *buf)
{
	static const uint8_t get[8] = { 0x80, 6, 0, 1, 0, 0, 18, 0 };
	static const uint8_t set_interface[8] = { 1, 11, 1 };
	static const uint8_t clear_halt[8] = { 2, 1, 0, 0, 0x81 };
	struct reset r[2] = { 0 };
	bool taken[12];
	struct xfer x[12];
	int n = 0;

	init_control(&x[n++], get, buf);
	init_xfer(&x[n++], EP_OUT, false, buf, 31);
	init_xfer(&x[n++], EP_IN, true, buf, 300000);
	init_xfer(&x[n++], EP_IN, true, buf, 13);
	init_control(&x[n++], clear_halt, buf);
	init_control(&x[n++], set_interface, buf);
	init_xfer(&x[n++], EP_OUT, false, buf, 100000);
	init_xfer(&x[n++], EP_IN, true, buf, 13);
	for (int i = 0; i < n; i++) {
		taken[i] = !f->b->ops->submit(f->b, &x[i].urb);
		if (i == 3)
			f->b->ops->cancel(f->b, &x[i].urb);
		if (i == 5)
			f->b->ops->reset(f->b, reset_done, &r[0]);
	}
	f->b->ops->reset(f->b, reset_done, &r[1]);
	wait_reset(&r[0]);
	wait_reset(&r[1]);
	for (int i = 0; i < n; i++) {
		if (taken[i])
			wait_xfer(&x[i]);
		else
			assert_int_equal(x[i].n_done, 0);
	}
	close_backend(f);
	for (int i = 0; i < n; i++)
		assert_int_equal(x[i].n_done, taken[i]);
}

static void unplug_at_every_step(void **state)
{
	struct fixture *f = *state;
	uint8_t *buf = malloc(MIB);
	int opened = 0, gone = 0;

	for (unsigned int step = 1; step < 90; step++) {
		fake_destroy(&f->fake);
		fake_init(&f->fake);
		f->fake.by_itself = true;
		f->fake.memory = 60000;
		f->fake.unplug_at = step;
		f->n_gone = f->n_port_gone = 0;
		if (try_open(f))
			continue;
		opened++;
		f->b->events = &port_events;
		f->b->events_ctx = f;
		scenario(f, buf);
		assert_in_range(f->n_gone, 0, 1);
		assert_int_equal(f->n_gone, f->n_port_gone);
		gone += f->n_gone;
	}
	assert_in_range(opened, 60, 90);
	assert_in_range(gone, 5, 90);
	free(buf);
}

/* ---- all at once ---- */

struct crowd {
	struct fixture *f;
	unsigned int seed;
	_Atomic int taken, done;
};

static void *crowd_main(void *arg)
{
	struct crowd *c = arg;
	struct usb_backend *b = c->f->b;
	uint8_t *buf = malloc(1 << 17);
	struct xfer x[4];
	bool taken[4];

	for (int round = 0; round < 400; round++) {
		for (int i = 0; i < 4; i++) {
			init_xfer(&x[i], 1 + i % 2, i & 1, buf, rand_r(&c->seed) % (1 << 17));
			taken[i] = !b->ops->submit(b, &x[i].urb);
			c->taken += taken[i];
			if (taken[i] && rand_r(&c->seed) % 3 == 0)
				b->ops->cancel(b, &x[i].urb);
		}
		for (int i = 0; i < 4; i++) {
			while (taken[i] && !x[i].n_done)
				usleep(20);
			c->done += x[i].n_done;
		}
	}
	free(buf);
	return NULL;
}

static void *device_main(void *arg)
{
	struct fixture *f = arg;
	unsigned int seed = 7;

	for (int i = 0; i < 3000; i++) {
		pthread_mutex_lock(&f->fake.lock);
		while (f->fake.flying && rand_r(&seed) % 4)
			fake_end(&f->fake, f->fake.flying, rand_r(&seed) % 8 ? 0 : -EPIPE,
				 f->fake.flying->len);
		pthread_mutex_unlock(&f->fake.lock);
		usleep(30);
	}
	pthread_mutex_lock(&f->fake.lock);
	f->fake.by_itself = true;
	while (f->fake.flying)
		fake_end(&f->fake, f->fake.flying, 0, f->fake.flying->len);
	pthread_mutex_unlock(&f->fake.lock);
	return NULL;
}

static void crowd_of_threads(struct fixture *f, bool unplug)
{
	struct crowd c[3];
	pthread_t threads[4];

	f->fake.memory = 200000;
	for (int i = 0; i < 3; i++) {
		c[i] = (struct crowd) { .f = f, .seed = i + 1 };
		pthread_create(&threads[i], NULL, crowd_main, &c[i]);
	}
	pthread_create(&threads[3], NULL, device_main, f);
	for (int i = 0; i < 20; i++) {
		int status = reset(f);

		assert_true(!status || (unplug && status == -ENODEV));
		usleep(2000);
		if (unplug && i == 10)
			fake_unplug(&f->fake);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(c[i].taken, c[i].done);
	assert_int_equal(f->n_gone, unplug);
	assert_int_equal(f->n_port_gone, unplug);
}

static void threads(void **state)
{
	crowd_of_threads(*state, false);
}

static void threads_and_unplug(void **state)
{
	crowd_of_threads(*state, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_OPEN(unplug_ends_everything_once),
		TEST(unplug_at_every_step),
		TEST_OPEN(threads),
		TEST_OPEN(threads_and_unplug),
	};

	log_set_level(LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
