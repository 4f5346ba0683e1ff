// SPDX-License-Identifier: GPL-2.0-only
/* The vhost-user back end with memory that changes, or is taken away, while it runs. */
#include "vhost_user_fixture.h"
#include "vhost_user_mem.h"

static int extra_memory(uint8_t **ret_mem)
{
	int fd = memfd_create("extra", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, EXTRA_SIZE + 4096), 0);
	*ret_mem = mmap(NULL, EXTRA_SIZE + 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return fd;
}

static void test_memory_changes(void **state)
{
	struct fixture *f = *state;
	struct client *c = bound_client(f);
	uint32_t devid = port_devid(c, 1);
	struct table t = main_table();
	uint8_t *mem[2];
	int fds[2] = { c->memfd };

	park(c, INTR, 0, devid);
	t.n = 2;
	for (unsigned int i = 0; i < 20; i++) {
		unsigned int k = i & 1;

		/* Another file at the same place, at an offset that is no page's start. */
		fds[1] = extra_memory(&mem[k]);
		t.r[1] = (struct vu_region){ EXTRA_GPA, EXTRA_SIZE, MEM_UADDR * 2, 256 };
		command(c, VU_SET_MEM_TABLE, &t, 72, fds, 2);
		assert_int_equal(ask_port(c, 1, EXTRA_GPA + 64, mem[k] + 256 + 64), devid);
		if (i)
			munmap(mem[!k], EXTRA_SIZE + 4096);
		close(fds[1]);
	}
	munmap(mem[1], EXTRA_SIZE + 4096);
	/* The same again, and without it: the parked transfer is still there. */
	t.n = 1;
	command(c, VU_SET_MEM_TABLE, &t, 40, &c->memfd, 1);
	assert_int_equal(port_devid(c, 1), devid);
	assert_null(ring_take_used(&c->rings[INTR]));
	assert_int_equal(get_base(c, INTR), 1);
	assert_non_null(ring_take_used(&c->rings[INTR]));
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

/* The i-th region of the extra file, whose pages are used over and over. */
static struct vu_region extra_region(unsigned int i)
{
	return (struct vu_region){ EXTRA_GPA + i * EXTRA_SIZE, 4096,
				   MEM_UADDR * 2 + i * EXTRA_SIZE, (i % 16) * 4096 };
}

static void test_memory_table_full(void **state)
{
	struct fixture *f = *state;
	struct client *c = bound_client(f);
	uint32_t devid = port_devid(c, 1);
	struct table t = main_table();
	uint8_t *mem;
	int fds[VU_TABLE_REGIONS] = { c->memfd, extra_memory(&mem) };

	for (t.n = 1; t.n < VU_TABLE_REGIONS; t.n++) {
		t.r[t.n] = extra_region(t.n);
		fds[t.n] = fds[1];
	}
	command(c, VU_SET_MEM_TABLE, &t, 8 + 32 * t.n, fds, t.n);
	for (unsigned int i = 1; i < t.n; i++)
		assert_int_equal(ask_port(c, 1, t.r[i].gpa, mem + t.r[i].offset), devid);
	munmap(mem, EXTRA_SIZE + 4096);
	close(fds[1]);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

static void test_memory_slots(void **state)
{
	struct fixture *f = *state;
	struct client *c = bound_client(f);
	uint32_t devid = port_devid(c, 1);
	struct { uint64_t padding; struct vu_region r; } add = { 0 };
	uint8_t *mem;
	int fd = extra_memory(&mem);

	/* The table has one already. */
	assert_int_equal(ask(c, VU_GET_MAX_MEM_SLOTS), VU_MAX_REGIONS);
	for (unsigned int i = 0; i < VU_MAX_REGIONS - 1; i++) {
		add.r = extra_region(i);
		command(c, VU_ADD_MEM_REG, &add, sizeof(add), &fd, 1);
		assert_int_equal(ask_port(c, 1, add.r.gpa, mem + add.r.offset), devid);
	}
	for (unsigned int i = 0; i < VU_MAX_REGIONS - 1; i++) {
		add.r = extra_region(i);
		command(c, VU_REM_MEM_REG, &add, sizeof(add), &fd, i & 1);
	}
	port_devid(c, 1);
	munmap(mem, EXTRA_SIZE + 4096);
	close(fd);
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

static void test_one_slot_too_many(void **state)
{
	struct fixture *f = *state;
	struct client *c = bound_client(f);
	struct { uint64_t padding; struct vu_region r; } add = { 0 };
	uint8_t *mem;
	int fd = extra_memory(&mem);

	for (unsigned int i = 0; i < VU_MAX_REGIONS - 1; i++) {
		add.r = extra_region(i);
		command(c, VU_ADD_MEM_REG, &add, sizeof(add), &fd, 1);
	}
	add.r = extra_region(VU_MAX_REGIONS - 1);
	send_message(c, VU_ADD_MEM_REG, VU_VERSION, &add, sizeof(add), &fd, 1);
	assert_dropped(c);
	munmap(mem, EXTRA_SIZE + 4096);
	close(fd);
	client_delete(c);
	assert_serves(f);
	assert_int_equal(n_dropped, 1);
}

/* Chains that were taken have pointers into it. */
static void test_ring_memory_taken_away(void **state)
{
	struct fixture *f = *state;
	struct client *c = bound_client(f);
	uint8_t *mem;
	int fd = extra_memory(&mem);
	struct table t = { .n = 1, .r = { { EXTRA_GPA, EXTRA_SIZE, MEM_UADDR * 2, 0 } } };

	park(c, INTR, 0, port_devid(c, 1));
	send_message(c, VU_SET_MEM_TABLE, VU_VERSION, &t, 40, &fd, 1);
	assert_dropped(c);
	munmap(mem, EXTRA_SIZE + 4096);
	close(fd);
	client_delete(c);
	assert_serves(f);
	assert_int_equal(n_dropped, 1);
}

static void test_truncated_memory(void **state)
{
	/* Not the event queue: with nothing to tell, the device does not look at it. */
	static const unsigned int rings[] = { 0, 2, 3, 0, 2 };
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 5; i++) {
		struct client *c = bound_client(f);

		park(c, INTR, 0, port_devid(c, 1));
		assert_int_equal(ftruncate(c->memfd, 0), 0);
		kick(c, rings[i]);
		assert_dropped(c);
		client_delete(c);
	}
	assert_serves(f);
	assert_int_equal(n_dropped, 5);
}

/*
 * More changes than there are slots for what is in flight: it ends early, and the device
 * goes on.
 */
static void test_memory_changes_without_end(void **state)
{
	struct fixture *f = *state;
	struct client *c = bound_client(f);
	uint32_t devid = port_devid(c, 1);
	struct table t = main_table();
	int fds[2] = { c->memfd };

	park(c, INTR, 0, devid);
	t.n = 2;
	for (unsigned int i = 0; i < 3 * VU_MEM_SLOTS; i++) {
		uint8_t *mem;

		fds[1] = extra_memory(&mem);
		t.r[1] = (struct vu_region){ EXTRA_GPA, EXTRA_SIZE, MEM_UADDR * 2, 0 };
		command(c, VU_SET_MEM_TABLE, &t, 72, fds, 2);
		assert_int_equal(ask_port(c, 1, EXTRA_GPA, mem), devid);
		munmap(mem, EXTRA_SIZE + 4096);
		close(fds[1]);
	}
	wait_used(c, INTR);
	assert_int_equal((int32_t)be32toh(answer(c, INTR, 0)->status), -ECONNRESET);
	park(c, INTR, 1, devid);
	port_devid(c, 1);
	assert_null(ring_take_used(&c->rings[INTR]));
	client_delete(c);
	assert_int_equal(n_dropped, 0);
}

/* Data goes to a file of its own, which the front end truncates. */
static struct client *client_with_extra(struct fixture *f, int *ret_fd)
{
	struct client *c = bound_client(f);
	struct { uint64_t padding; struct vu_region r; } add = {
		.r = { EXTRA_GPA, EXTRA_SIZE, MEM_UADDR * 2, 0 },
	};
	uint8_t *mem;

	*ret_fd = extra_memory(&mem);
	munmap(mem, EXTRA_SIZE + 4096);
	command(c, VU_ADD_MEM_REG, &add, sizeof(add), ret_fd, 1);
	return c;
}

static void test_truncated_data(void **state)
{
	struct fixture *f = *state;
	int fd;
	struct client *c = client_with_extra(f, &fd);
	struct virtio_usbip_cmd_submit cmd = in_command(c, port_devid(c, 1), 2, 4096);

	assert_int_equal(ftruncate(fd, 0), 0);
	offer_command(c, BULK, 0, &cmd, EXTRA_GPA);
	kick(c, BULK);
	assert_dropped(c);
	close(fd);
	client_delete(c);
	assert_serves(f);
	assert_int_equal(n_dropped, 1);
}

/* No longer in the table, but a transfer that is in flight ends there. */
static void test_truncated_after_it_was_taken_away(void **state)
{
	struct fixture *f = *state;
	int fd;
	struct client *c = client_with_extra(f, &fd);
	uint32_t devid = port_devid(c, 1);
	struct virtio_usbip_cmd_submit cmd = in_command(c, devid, 1, 8);
	struct table t = main_table();
	struct ring *r = &c->rings[INTR];

	cmd.interval = htobe32(1);
	offer_command(c, INTR, 0, &cmd, PORT_DATA);
	r->desc[1].addr = EXTRA_GPA;		/* its answer */
	kick(c, INTR);
	port_devid(c, 1);
	command(c, VU_SET_MEM_TABLE, &t, 40, &c->memfd, 1);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(usbip_dev_unplug(f->dev, 1), 0);
	assert_dropped(c);
	close(fd);
	client_delete(c);
	plug_null(f);
	assert_serves(f);
	assert_int_equal(n_dropped, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_memory_changes),
		TEST(test_memory_table_full),
		TEST(test_memory_slots),
		TEST(test_one_slot_too_many),
		TEST(test_ring_memory_taken_away),
		TEST(test_truncated_memory),
		TEST(test_memory_changes_without_end),
		TEST(test_truncated_data),
		TEST(test_truncated_after_it_was_taken_away),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
