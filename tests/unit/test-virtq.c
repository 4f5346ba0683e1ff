// SPDX-License-Identifier: GPL-2.0-only
/* Virtqueues from the device's side: what well-formed rings give, what bad ones do. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "log.h"
#include "ring.h"
#include "virtq_i.h"

#define F_EVENT_IDX	(1ull << VIRTIO_RING_F_EVENT_IDX)
#define F_INDIRECT	(1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define N	VRING_DESC_F_NEXT
#define W	VRING_DESC_F_WRITE
#define I	VRING_DESC_F_INDIRECT
#define SIZE	8
#define MAX_IOV	8

struct fixture {
	struct ring ring;
	struct virtq *vq;
	struct iovec iov[MAX_IOV];
	struct virtq_chain chain;
};

static unsigned int n_logged;
static char last_log[256];

static void count_log(void *ctx, enum log_level level, const char *line)
{
	n_logged++;
	snprintf(last_log, sizeof(last_log), "%s", line);
}

static void enable(struct fixture *f, uint64_t features)
{
	assert_int_equal(virtq_enable(f->vq, SIZE, RING_DESC, RING_AVAIL, RING_USED),
			 0);
	virtq_set_features(f->vq, features);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	ring_init(&f->ring, SIZE);
	f->vq = virtq_new(&f->ring.mem, "test", 0);
	enable(f, F_INDIRECT);
	n_logged = 0;
	log_set_callback(count_log, NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	virtq_free(f->vq);
	ring_free(&f->ring);
	free(f);
	return 0;
}

static int pop(struct fixture *f)
{
	return virtq_pop(f->vq, f->iov, MAX_IOV, &f->chain);
}

/* Broken for good, said once, and the output is left alone. */
static void assert_breaks(struct fixture *f)
{
	struct virtq_chain before = f->chain;

	assert_int_equal(pop(f), -EPROTO);
	assert_true(virtq_is_broken(f->vq));
	assert_int_equal(pop(f), -EPROTO);
	assert_false(virtq_enable_notify(f->vq));
	assert_int_equal(n_logged, 1);
	assert_memory_equal(&before, &f->chain, sizeof(before));
	virtq_reset(f->vq);
	assert_false(virtq_is_broken(f->vq));
}

static struct vring_desc *table(struct fixture *f)
{
	return ring_ptr(&f->ring, RING_TABLE);
}

/* ---- guest memory ---- */

static void mem_edges(void **state)
{
	char a[16], b[16];
	const struct guest_mem_region regions[] = {
		{ 0x1000, 16, a }, { 0x2000, 16, b },
	};
	const struct guest_mem mem = { 2, regions };

	assert_ptr_equal(guest_mem_ptr(&mem, 0x1000, 16), a);
	assert_ptr_equal(guest_mem_ptr(&mem, 0x200f, 1), b + 15);
	assert_ptr_equal(guest_mem_ptr(&mem, 0x1010, 0), a + 16);
	assert_null(guest_mem_ptr(&mem, 0x1010, 1));
	assert_null(guest_mem_ptr(&mem, 0x1011, 0));
	assert_null(guest_mem_ptr(&mem, 0xfff, 2));
	assert_null(guest_mem_ptr(&mem, 0xfff, 0));
	assert_null(guest_mem_ptr(&mem, 0x1001, 16));
	assert_null(guest_mem_ptr(&mem, 0x1008, UINT64_MAX));
	assert_null(guest_mem_ptr(&mem, UINT64_MAX, 2));
	assert_null(guest_mem_ptr(&(struct guest_mem){ 0, NULL }, 0, 0));
}

/* ---- well-formed ---- */

static void empty_ring_has_no_chain(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(pop(f), 0);
	assert_false(virtq_is_broken(f->vq));
}

static void chain_of_three(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 5, RING_DATA, 16, N, 2);
	ring_desc(&f->ring, 2, RING_DATA + 64, 100, N | W, 7);
	ring_desc(&f->ring, 7, RING_GPA + RING_MEM - 1, 1, W, 3);
	ring_offer(&f->ring, 5);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.head, 5);
	assert_int_equal(f->chain.n_out, 1);
	assert_int_equal(f->chain.n_in, 2);
	assert_int_equal(f->chain.out_len, 16);
	assert_int_equal(f->chain.in_len, 101);
	assert_ptr_equal(f->chain.iov, f->iov);
	assert_ptr_equal(f->iov[1].iov_base, ring_ptr(&f->ring, RING_DATA + 64));
	assert_int_equal(f->iov[1].iov_len, 100);
	assert_int_equal(pop(f), 0);

	virtq_push(f->vq, 5, 77);
	struct vring_used_elem *e = ring_take_used(&f->ring);

	assert_non_null(e);
	assert_int_equal(e->id, 5);
	assert_int_equal(e->len, 77);
	assert_null(ring_take_used(&f->ring));
}

/* Twice round the 16-bit index, which is 16384 times round the ring. */
static void indexes_wrap(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 2 * 65536 + 5; i++) {
		struct vring_used_elem *e;

		ring_desc(&f->ring, i % SIZE, RING_DATA, 1 + i % 1000, W, 0);
		ring_offer(&f->ring, i % SIZE);
		assert_int_equal(pop(f), 1);
		assert_int_equal(f->chain.head, i % SIZE);
		assert_int_equal(f->chain.in_len, 1 + i % 1000);
		virtq_push(f->vq, f->chain.head, i);
		e = ring_take_used(&f->ring);
		assert_non_null(e);
		assert_int_equal(e->len, i);
	}
	assert_int_equal(f->ring.used->idx, 5);
	assert_int_equal(virtq_base(f->vq), 5);
}

static void full_ring_out_of_order(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < SIZE; i++) {
		ring_desc(&f->ring, i, RING_DATA + i, 1, W, 0);
		ring_offer(&f->ring, i);
	}
	for (unsigned int i = 0; i < SIZE; i++)
		assert_int_equal(pop(f), 1);
	assert_int_equal(pop(f), 0);
	for (unsigned int i = SIZE; i-- > 0;)
		virtq_push(f->vq, i, 0);
	for (unsigned int i = SIZE; i-- > 0;)
		assert_int_equal(ring_take_used(&f->ring)->id, i);
}

static void indirect_alone_and_after_direct(void **state)
{
	struct fixture *f = *state;

	table(f)[0] = (struct vring_desc){ RING_DATA, 8, N, 2 };
	table(f)[2] = (struct vring_desc){ RING_DATA + 8, 8, W, 0 };
	ring_desc(&f->ring, 0, RING_TABLE, 3 * 16, I, 9999);
	ring_offer(&f->ring, 0);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.n_out, 1);
	assert_int_equal(f->chain.n_in, 1);

	ring_desc(&f->ring, 1, RING_DATA + 100, 4, N, 0);
	ring_offer(&f->ring, 1);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.n_out, 2);
	assert_int_equal(f->chain.out_len, 12);
}

/* A table needs no alignment, and may be longer than the ring. */
static void indirect_table_unaligned_and_long(void **state)
{
	struct fixture *f = *state;
	char *t = ring_ptr(&f->ring, RING_TABLE + 3);
	struct vring_desc d = { RING_DATA, 8, 0, 0 };

	memcpy(t, &(struct vring_desc){ RING_DATA, 8, N, 19 }, sizeof(d));
	memcpy(t + 19 * sizeof(d), &d, sizeof(d));
	ring_desc(&f->ring, 0, RING_TABLE + 3, 20 * 16, I, 0);
	ring_offer(&f->ring, 0);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.n_out, 2);
}

static void base_is_kept(void **state)
{
	struct fixture *f = *state;

	f->ring.avail->idx = 1000;
	f->ring.used->idx = 1000;
	f->ring.last_used = 1000;
	enable(f, 0);
	virtq_set_base(f->vq, 1000);
	assert_int_equal(pop(f), 0);
	ring_desc(&f->ring, 3, RING_DATA, 1, 0, 0);
	ring_offer(&f->ring, 3);
	assert_int_equal(pop(f), 1);
	virtq_push(f->vq, 3, 0);
	assert_int_equal(ring_take_used(&f->ring)->id, 3);
	assert_int_equal(virtq_base(f->vq), 1001);
}

/* ---- notifications ---- */

static void give_and_return(struct fixture *f, unsigned int n)
{
	while (n--) {
		ring_desc(&f->ring, 0, RING_DATA, 1, W, 0);
		ring_offer(&f->ring, 0);
		assert_int_equal(pop(f), 1);
		virtq_push(f->vq, 0, 1);
	}
}

static void interrupt_flag(void **state)
{
	struct fixture *f = *state;

	assert_false(virtq_wants_interrupt(f->vq));
	give_and_return(f, 1);
	assert_true(virtq_wants_interrupt(f->vq));
	assert_false(virtq_wants_interrupt(f->vq));
	f->ring.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	give_and_return(f, 3);
	assert_false(virtq_wants_interrupt(f->vq));
}

static void interrupt_event_idx(void **state)
{
	struct fixture *f = *state;

	enable(f, F_EVENT_IDX);
	f->ring.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;	/* not looked at */
	give_and_return(f, 1);
	assert_true(virtq_wants_interrupt(f->vq));
	*ring_used_event(&f->ring) = 4;		/* after the fifth */
	give_and_return(f, 3);
	assert_false(virtq_wants_interrupt(f->vq));
	give_and_return(f, 1);
	assert_true(virtq_wants_interrupt(f->vq));
	give_and_return(f, 1);
	assert_false(virtq_wants_interrupt(f->vq));
	*ring_used_event(&f->ring) = 7;		/* inside a batch */
	give_and_return(f, 6);
	assert_true(virtq_wants_interrupt(f->vq));
}

static void interrupt_event_idx_wraps(void **state)
{
	struct fixture *f = *state;

	f->ring.avail->idx = f->ring.used->idx = 65534;
	enable(f, F_EVENT_IDX);
	virtq_set_base(f->vq, 65534);
	*ring_used_event(&f->ring) = 0;		/* after the third */
	give_and_return(f, 2);
	assert_false(virtq_wants_interrupt(f->vq));
	give_and_return(f, 1);
	assert_true(virtq_wants_interrupt(f->vq));
}

static void notify_flag(void **state)
{
	struct fixture *f = *state;

	virtq_disable_notify(f->vq);
	assert_int_equal(f->ring.used->flags, VRING_USED_F_NO_NOTIFY);
	assert_false(virtq_enable_notify(f->vq));
	assert_int_equal(f->ring.used->flags, 0);
	ring_offer(&f->ring, 0);
	assert_true(virtq_enable_notify(f->vq));
}

static void notify_event_idx(void **state)
{
	struct fixture *f = *state;

	enable(f, F_EVENT_IDX);
	give_and_return(f, 3);
	virtq_disable_notify(f->vq);
	assert_int_equal(f->ring.used->flags, 0);
	assert_false(virtq_enable_notify(f->vq));
	assert_int_equal(*ring_avail_event(&f->ring), 3);
	ring_offer(&f->ring, 0);
	assert_true(virtq_enable_notify(f->vq));
}

/* ---- set-up ---- */

static void enable_checks_everything(void **state)
{
	struct fixture *f = *state;
	const uint64_t end = RING_GPA + RING_MEM;
	static const unsigned int sizes[] = { 0, 3, 6, 2 * VIRTQ_MAX_SIZE, ~0u };

	virtq_reset(f->vq);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(virtq_enable(f->vq, sizes[i], RING_DESC, RING_AVAIL,
					      RING_USED), -EINVAL);
	const uint64_t bad[][3] = {
		{ RING_DESC + 8, RING_AVAIL, RING_USED },
		{ RING_DESC, RING_AVAIL + 1, RING_USED },
		{ RING_DESC, RING_AVAIL, RING_USED + 2 },
		{ 0, RING_AVAIL, RING_USED },
		{ RING_DESC, UINT64_MAX - 1, RING_USED },
		{ end - 16 * SIZE + 16, RING_AVAIL, RING_USED },
		{ RING_DESC, end - 6 - 2 * SIZE + 2, RING_USED },
		{ RING_DESC, RING_AVAIL, end - 6 - 8 * SIZE + 2 },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(virtq_enable(f->vq, SIZE, bad[i][0], bad[i][1],
					      bad[i][2]), -EINVAL);
		assert_false(virtq_is_enabled(f->vq));
	}
	assert_int_equal(virtq_enable(f->vq, SIZE, end - 16 * SIZE, RING_AVAIL,
				      RING_USED), 0);
	assert_true(virtq_is_enabled(f->vq));
}

/* ---- malformed ---- */

static void head_out_of_range(void **state)
{
	struct fixture *f = *state;

	ring_offer(&f->ring, SIZE);
	assert_breaks(f);
}

static void next_out_of_range(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, RING_DATA, 1, N, SIZE);
	ring_offer(&f->ring, 0);
	assert_breaks(f);
}

static void chain_loops(void **state)
{
	struct fixture *f = *state;
	struct iovec iov[64];

	ring_desc(&f->ring, 0, RING_DATA, 1, N, 1);
	ring_desc(&f->ring, 1, RING_DATA, 1, N, 0);
	ring_offer(&f->ring, 0);
	assert_int_equal(virtq_pop(f->vq, iov, 64, &f->chain), -EPROTO);
	assert_int_equal(n_logged, 1);
	assert_non_null(strstr(last_log, "loop"));	/* not "too long" */
}

static void chain_longer_than_the_device_takes(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < SIZE; i++)
		ring_desc(&f->ring, i, RING_DATA, 1, i < 7 ? N : 0, i + 1);
	ring_offer(&f->ring, 0);
	assert_int_equal(virtq_pop(f->vq, f->iov, 7, &f->chain), -EPROTO);
}

static void avail_idx_too_far(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, RING_DATA, 1, 0, 0);	/* all else is well */
	f->ring.avail->idx = SIZE + 1;
	assert_breaks(f);
}

static void avail_idx_goes_back(void **state)
{
	struct fixture *f = *state;

	give_and_return(f, 2);
	f->ring.avail->idx = 1;
	assert_breaks(f);
}

static void same_head_again_and_again(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, RING_DATA, 1, W, 0);
	for (unsigned int i = 0; i < SIZE; i++) {
		ring_offer(&f->ring, 0);
		assert_int_equal(pop(f), 1);
	}
	ring_offer(&f->ring, 0);
	assert_breaks(f);
}

static void bad_buffer(struct fixture *f, uint64_t gpa, uint32_t len)
{
	n_logged = 0;
	f->ring.avail->idx = 0;
	enable(f, 0);
	ring_desc(&f->ring, 0, gpa, len, 0, 0);
	ring_offer(&f->ring, 0);
	assert_breaks(f);
}

static void buffer_outside_memory(void **state)
{
	struct fixture *f = *state;

	bad_buffer(f, 0, 1);
	bad_buffer(f, RING_GPA - 1, 1);
	bad_buffer(f, RING_GPA - 1, 2);
	bad_buffer(f, RING_GPA + RING_MEM, 1);
	bad_buffer(f, RING_GPA + RING_MEM - 1, 2);
	bad_buffer(f, RING_GPA, UINT32_MAX);
	bad_buffer(f, UINT64_MAX, UINT32_MAX);
}

static void buffer_empty(void **state)
{
	bad_buffer(*state, RING_DATA, 0);
}

static void readable_after_writable(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, RING_DATA, 1, N | W, 1);
	ring_desc(&f->ring, 1, RING_DATA, 1, 0, 0);
	ring_offer(&f->ring, 0);
	assert_breaks(f);
}

static void bad_table(struct fixture *f, uint64_t features, uint64_t gpa,
		      uint32_t len, uint16_t flags)
{
	n_logged = 0;
	f->ring.avail->idx = 0;
	enable(f, features);
	ring_desc(&f->ring, 0, gpa, len, I | flags, 1);
	ring_desc(&f->ring, 1, RING_DATA, 1, 0, 0);
	ring_offer(&f->ring, 0);
	assert_breaks(f);
}

static void indirect_malformed(void **state)
{
	struct fixture *f = *state;

	table(f)[0] = (struct vring_desc){ RING_DATA, 1, 0, 0 };
	bad_table(f, 0, RING_TABLE, 16, 0);		/* not negotiated */
	bad_table(f, F_INDIRECT, RING_TABLE, 0, 0);
	bad_table(f, F_INDIRECT, RING_TABLE, 15, 0);
	bad_table(f, F_INDIRECT, RING_TABLE, 17, 0);
	bad_table(f, F_INDIRECT, RING_TABLE, 16, N);
	bad_table(f, F_INDIRECT, RING_GPA + RING_MEM - 16, 32, 0);
	bad_table(f, F_INDIRECT, RING_TABLE, 0xfffffff0, 0);
	table(f)[0] = (struct vring_desc){ RING_TABLE, 16, I, 0 };
	bad_table(f, F_INDIRECT, RING_TABLE, 16, 0);	/* nested */
	table(f)[0] = (struct vring_desc){ RING_DATA, 1, N, 1 };
	bad_table(f, F_INDIRECT, RING_TABLE, 16, 0);	/* next outside */
	table(f)[0] = (struct vring_desc){ RING_DATA, 1, N, 0 };
	bad_table(f, F_INDIRECT, RING_TABLE, 16, 0);	/* loop */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mem_edges),
		TEST(empty_ring_has_no_chain),
		TEST(chain_of_three),
		TEST(indexes_wrap),
		TEST(full_ring_out_of_order),
		TEST(indirect_alone_and_after_direct),
		TEST(indirect_table_unaligned_and_long),
		TEST(base_is_kept),
		TEST(interrupt_flag),
		TEST(interrupt_event_idx),
		TEST(interrupt_event_idx_wraps),
		TEST(notify_flag),
		TEST(notify_event_idx),
		TEST(enable_checks_everything),
		TEST(head_out_of_range),
		TEST(next_out_of_range),
		TEST(chain_loops),
		TEST(chain_longer_than_the_device_takes),
		TEST(avail_idx_too_far),
		TEST(avail_idx_goes_back),
		TEST(same_head_again_and_again),
		TEST(buffer_outside_memory),
		TEST(buffer_empty),
		TEST(readable_after_writable),
		TEST(indirect_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
