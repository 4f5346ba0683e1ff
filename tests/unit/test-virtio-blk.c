// SPDX-License-Identifier: GPL-2.0-only
/* The virtio-blk device over a real file, driven through a ring. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/virtio_blk.h>

#include "log.h"
#include "ring.h"
#include "virtio_blk.h"
#include "virtq_i.h"

#define SECTORS		2048u
#define RING_SIZE	256u
#define HDR		RING_DATA
#define STATUS		(RING_DATA + 0x100)
#define OUT		(RING_DATA + 0x1000)
#define IN		(RING_DATA + 0x8000)
#define N		VRING_DESC_F_NEXT
#define W		VRING_DESC_F_WRITE

struct fixture {
	struct virtio_transport transport;	/* first */
	pthread_mutex_t lock;			/* protects n_interrupts */
	pthread_cond_t interrupted;
	unsigned int n_interrupts;
	char path[64];
	struct virtio_blk *blk;
	struct ring ring;
	struct virtq *vq;
};

/* ---- the disk under the file: a flush waits while the gate is closed ---- */

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opened = PTHREAD_COND_INITIALIZER;
static bool gate_closed;

static void gate_set(bool closed)
{
	pthread_mutex_lock(&gate_lock);
	gate_closed = closed;
	pthread_cond_broadcast(&gate_opened);
	pthread_mutex_unlock(&gate_lock);
}

/* Instead of the C library's. */
int fdatasync(int fd)
{
	pthread_mutex_lock(&gate_lock);
	while (gate_closed)
		pthread_cond_wait(&gate_opened, &gate_lock);
	pthread_mutex_unlock(&gate_lock);
	return fsync(fd);
}

static void *gate_open_later(void *arg)
{
	usleep(20000);
	gate_set(false);
	return NULL;
}

/* ---- the transport ---- */

static void fake_interrupt(struct virtio_transport *t, unsigned int queue)
{
	struct fixture *f = (struct fixture *)t;

	pthread_mutex_lock(&f->lock);
	f->n_interrupts++;
	pthread_cond_signal(&f->interrupted);
	pthread_mutex_unlock(&f->lock);
}

static const struct virtio_transport_ops fake_ops = { .interrupt = fake_interrupt };

static void start(struct fixture *f)
{
	f->vq = virtq_new(&f->ring.mem, "test", 0);
	assert_int_equal(virtq_enable(f->vq, RING_SIZE, RING_DESC, RING_AVAIL,
				      RING_USED), 0);
	assert_int_equal(virtio_blk_ops.start(f->blk, &f->transport, &f->vq, 1), 0);
}

static void open_blk(struct fixture *f, unsigned int flags, unsigned int sector)
{
	assert_int_equal(virtio_blk_open(f->path, flags, sector, &f->blk), 0);
	start(f);
}

static void close_blk(struct fixture *f)
{
	virtio_blk_ops.reset(f->blk);
	virtq_free(f->vq);
	virtio_blk_close(f->blk);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd;

	f->transport.ops = &fake_ops;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->interrupted, NULL);
	strcpy(f->path, "/tmp/test-virtio-blk.XXXXXX");
	fd = mkstemp(f->path);
	assert_int_equal(ftruncate(fd, SECTORS * 512), 0);
	close(fd);
	ring_init(&f->ring, RING_SIZE);
	open_blk(f, 0, 512);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close_blk(f);
	ring_free(&f->ring);
	unlink(f->path);
	free(f);
	return 0;
}

/* ---- the driver ---- */

static void notify(struct fixture *f)
{
	virtio_blk_ops.notify(f->blk, 0);
}

static struct vring_used_elem *wait_used(struct fixture *f)
{
	struct vring_used_elem *e;
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	pthread_mutex_lock(&f->lock);
	while (!(e = ring_take_used(&f->ring)))
		assert_int_equal(pthread_cond_timedwait(&f->interrupted, &f->lock,
							&end), 0);
	pthread_mutex_unlock(&f->lock);
	return e;
}

static void put_header(struct fixture *f, uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr *h = ring_ptr(&f->ring, HDR);

	*h = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	*(uint8_t *)ring_ptr(&f->ring, STATUS) = 0xee;
}

/* header | OUT[out_len] | IN[in_len] | status. Returns the status. */
static int request(struct fixture *f, uint32_t type, uint64_t sector,
		   uint32_t out_len, uint32_t in_len)
{
	struct vring_used_elem *e;
	unsigned int i = 0;

	put_header(f, type, sector);
	ring_desc(&f->ring, i++, HDR, 16, N, 1);
	if (out_len)
		ring_desc(&f->ring, i++, OUT, out_len, N, 0);
	if (in_len)
		ring_desc(&f->ring, i++, IN, in_len, N | W, 0);
	ring_desc(&f->ring, i, STATUS, 1, W, 0);
	for (unsigned int k = 0; k < i; k++)
		f->ring.desc[k].next = k + 1;
	ring_offer(&f->ring, 0);
	notify(f);
	e = wait_used(f);
	assert_int_equal(e->id, 0);
	assert_int_equal(e->len, in_len + 1);
	return *(uint8_t *)ring_ptr(&f->ring, STATUS);
}

static int range_request(struct fixture *f, uint32_t type, uint64_t sector,
			 uint32_t n, uint32_t flags)
{
	*(struct virtio_blk_discard_write_zeroes *)ring_ptr(&f->ring, OUT) =
		(struct virtio_blk_discard_write_zeroes){ sector, n, flags };
	return request(f, type, 0, 16, 0);
}

static void fill(struct fixture *f, uint64_t gpa, unsigned int len, int seed)
{
	uint8_t *p = ring_ptr(&f->ring, gpa);

	for (unsigned int i = 0; i < len; i++)
		p[i] = seed + i * 7 + i / 256;
}

static void assert_file(struct fixture *f, uint64_t off, const void *want,
			unsigned int len)
{
	char *buf = malloc(len);
	int fd = open(f->path, O_RDONLY);

	assert_int_equal(pread(fd, buf, len, off), len);
	assert_memory_equal(buf, want, len);
	close(fd);
	free(buf);
}

/* ---- tests ---- */

static void write_flush_read(void **state)
{
	struct fixture *f = *state;

	fill(f, OUT, 4096, 3);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 5, 4096, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(request(f, VIRTIO_BLK_T_FLUSH, 0, 0, 0), VIRTIO_BLK_S_OK);
	assert_file(f, 5 * 512, ring_ptr(&f->ring, OUT), 4096);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 5, 0, 4096), VIRTIO_BLK_S_OK);
	assert_memory_equal(ring_ptr(&f->ring, OUT), ring_ptr(&f->ring, IN), 4096);
}

/* What is in the page cache costs one notify, one interrupt and no thread. */
static void cached_read_is_done_in_notify(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 0, 0, 4096), VIRTIO_BLK_S_OK);
	for (unsigned int i = 0; i < 4; i++) {
		unsigned int before = f->n_interrupts;

		put_header(f, VIRTIO_BLK_T_IN, 0);
		ring_offer(&f->ring, 0);
		notify(f);
		assert_int_equal(f->n_interrupts, before + 1);
		assert_non_null(ring_take_used(&f->ring));
	}
}

static void last_sector(void **state)
{
	struct fixture *f = *state;

	fill(f, OUT, 512, 9);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, SECTORS - 1, 512, 0),
			 VIRTIO_BLK_S_OK);
	assert_file(f, (SECTORS - 1) * 512, ring_ptr(&f->ring, OUT), 512);
}

static void out_of_range(void **state)
{
	struct fixture *f = *state;
	static const uint32_t types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT };

	for (unsigned int i = 0; i < 2; i++) {
		uint32_t out = i ? 1024 : 0, in = i ? 0 : 1024, t = types[i];

		assert_int_equal(request(f, t, SECTORS - 1, out, in),
				 VIRTIO_BLK_S_IOERR);
		assert_int_equal(request(f, t, SECTORS, out, in), VIRTIO_BLK_S_IOERR);
		assert_int_equal(request(f, t, UINT64_MAX, out, in),
				 VIRTIO_BLK_S_IOERR);
		assert_int_equal(request(f, t, 1ull << 55, out, in),
				 VIRTIO_BLK_S_IOERR);
		assert_int_equal(request(f, t, 0, out ? 513 : 0, in ? 513 : 0),
				 VIRTIO_BLK_S_IOERR);
	}
}

/* Nothing may be assumed about where buffers begin and end (2.7.4). */
static void any_layout(void **state)
{
	struct fixture *f = *state;
	uint8_t *in = ring_ptr(&f->ring, IN);

	fill(f, OUT, 1024, 1);
	put_header(f, VIRTIO_BLK_T_OUT, 7);
	memcpy(ring_ptr(&f->ring, OUT - 9), ring_ptr(&f->ring, HDR + 7), 9);
	ring_desc(&f->ring, 0, HDR, 3, N, 1);
	ring_desc(&f->ring, 1, HDR + 3, 4, N, 2);
	ring_desc(&f->ring, 2, OUT - 9, 9 + 100, N, 3);
	ring_desc(&f->ring, 3, OUT + 100, 924, N, 4);
	ring_desc(&f->ring, 4, STATUS, 1, W, 0);
	ring_offer(&f->ring, 0);
	notify(f);
	wait_used(f);
	assert_int_equal(*(uint8_t *)ring_ptr(&f->ring, STATUS), VIRTIO_BLK_S_OK);
	assert_file(f, 7 * 512, ring_ptr(&f->ring, OUT), 1024);

	put_header(f, VIRTIO_BLK_T_IN, 7);
	ring_desc(&f->ring, 0, HDR, 16, N, 1);
	ring_desc(&f->ring, 1, IN, 1, N | W, 2);
	ring_desc(&f->ring, 2, IN + 1, 1024, W, 0);	/* data and status */
	in[1024] = 0xee;
	ring_offer(&f->ring, 0);
	notify(f);
	assert_int_equal(wait_used(f)->len, 1025);
	assert_int_equal(in[1024], VIRTIO_BLK_S_OK);
	assert_memory_equal(in, ring_ptr(&f->ring, OUT), 1024);
}

static void get_id(void **state)
{
	struct fixture *f = *state;
	const char *name = strrchr(f->path, '/') + 1;

	assert_int_equal(request(f, VIRTIO_BLK_T_GET_ID, 0, 0, 20), VIRTIO_BLK_S_OK);
	assert_memory_equal(ring_ptr(&f->ring, IN), name, 20);
	assert_int_equal(request(f, VIRTIO_BLK_T_GET_ID, 0, 0, 4), VIRTIO_BLK_S_OK);
}

static void unknown_type(void **state)
{
	static const uint32_t types[] = { 2, 14, 16, 0x80000000, UINT32_MAX };

	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(request(*state, types[i], 0, 16, 512),
				 VIRTIO_BLK_S_UNSUPP);
}

static void zeroes_and_discard(void **state)
{
	struct fixture *f = *state;
	static const char zero[4096];

	for (unsigned int unmap = 0; unmap < 2; unmap++) {
		fill(f, OUT, 4096, 3);
		assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 8, 4096, 0), 0);
		assert_int_equal(range_request(f, VIRTIO_BLK_T_WRITE_ZEROES, 8, 4,
					       unmap), VIRTIO_BLK_S_OK);
		assert_file(f, 4096, zero, 2048);
		fill(f, OUT, 4096, 3);
		assert_file(f, 4096 + 2048, (char *)ring_ptr(&f->ring, OUT) + 2048,
			    2048);
	}
	assert_int_equal(range_request(f, VIRTIO_BLK_T_DISCARD, 8, 8, 0),
			 VIRTIO_BLK_S_OK);
	assert_file(f, 4096, zero, 4096);
}

static void bad_ranges(void **state)
{
	struct fixture *f = *state;
	const uint32_t d = VIRTIO_BLK_T_DISCARD, z = VIRTIO_BLK_T_WRITE_ZEROES;

	assert_int_equal(range_request(f, d, 0, 8, 1), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(range_request(f, z, 0, 8, 2), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(range_request(f, d, SECTORS, 8, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range_request(f, z, SECTORS - 1, 2, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range_request(f, z, UINT64_MAX, UINT32_MAX, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, d, 0, 15, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, d, 0, 32, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, d, 0, 0, 0), VIRTIO_BLK_S_IOERR);
}

static void readonly_refuses_changes(void **state)
{
	struct fixture *f = *state;
	static const char zero[512];

	close_blk(f);
	memset(&f->ring.avail->idx, 0, 2);
	memset(&f->ring.used->idx, 0, 2);
	f->ring.last_used = 0;
	open_blk(f, IMAGE_READONLY, 512);
	assert_true(virtio_blk_is_readonly(f->blk));
	assert_int_equal(virtio_blk_ops.features(f->blk) >> VIRTIO_BLK_F_RO & 1, 1);
	assert_int_equal(virtio_blk_ops.features(f->blk) >> VIRTIO_BLK_F_DISCARD & 1,
			 0);
	fill(f, OUT, 512, 1);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 0, 512, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range_request(f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_file(f, 0, zero, 512);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 0, 0, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(request(f, VIRTIO_BLK_T_FLUSH, 0, 0, 0), VIRTIO_BLK_S_OK);
}

static void config_of_4k_sectors(void **state)
{
	struct fixture *f = *state;
	struct virtio_blk_config c;
	struct virtio_blk *blk;

	virtio_blk_ops.config_read(f->blk, 0, &c, sizeof(c));
	assert_int_equal(c.capacity, SECTORS);
	assert_int_equal(c.blk_size, 512);
	assert_int_equal(c.physical_block_exp, 3);
	assert_int_equal(virtio_blk_open(f->path, 0, 1024, &blk), -EINVAL);
	assert_int_equal(virtio_blk_open(f->path, 0, 512, &blk), -EBUSY);
	close_blk(f);
	assert_int_equal(truncate(f->path, 4096 * 9 + 512), 0);
	open_blk(f, 0, 4096);
	virtio_blk_ops.config_read(f->blk, 0, &c, sizeof(c));
	assert_int_equal(c.capacity, 9 * 8);
	assert_int_equal(c.blk_size, 4096);
	assert_int_equal(c.physical_block_exp, 0);
}

/* No header, or nowhere to put a status: the chain comes back, the device lives. */
static void request_without_header_or_status(void **state)
{
	struct fixture *f = *state;

	put_header(f, VIRTIO_BLK_T_OUT, 0);
	ring_desc(&f->ring, 0, HDR, 16, N, 1);
	ring_desc(&f->ring, 1, OUT, 512, 0, 0);
	ring_offer(&f->ring, 0);
	ring_desc(&f->ring, 2, HDR, 15, N, 3);
	ring_desc(&f->ring, 3, STATUS, 1, W, 0);
	ring_offer(&f->ring, 2);
	notify(f);
	assert_int_equal(wait_used(f)->len, 0);
	assert_int_equal(wait_used(f)->len, 0);
	assert_int_equal(*(uint8_t *)ring_ptr(&f->ring, STATUS), 0xee);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 0, 0, 512), VIRTIO_BLK_S_OK);
}

static void restart(struct fixture *f)
{
	virtio_blk_ops.reset(f->blk);
	virtq_free(f->vq);
	memset(ring_ptr(&f->ring, RING_AVAIL), 0, 0x1000);
	memset(ring_ptr(&f->ring, RING_USED), 0, 0x1000);
	f->ring.last_used = 0;
	start(f);
}

static void broken_ring_needs_reset(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, 0, 16, 0, 0);
	ring_offer(&f->ring, 0);
	notify(f);
	assert_null(ring_take_used(&f->ring));
	notify(f);
	assert_null(ring_take_used(&f->ring));
	restart(f);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 0, 0, 512), VIRTIO_BLK_S_OK);
}

static void full_ring_in_one_notify(void **state)
{
	struct fixture *f = *state;
	uint8_t *status = ring_ptr(&f->ring, STATUS);

	put_header(f, VIRTIO_BLK_T_GET_ID, 0);
	memset(status, 0xee, RING_SIZE);
	for (unsigned int i = 0; i < RING_SIZE / 2; i++) {
		ring_desc(&f->ring, 2 * i, HDR, 16, N, 2 * i + 1);
		ring_desc(&f->ring, 2 * i + 1, STATUS + i, 1, W, 0);
		ring_offer(&f->ring, 2 * i);
	}
	f->n_interrupts = 0;
	notify(f);
	assert_int_equal(f->n_interrupts, 1);
	for (unsigned int i = 0; i < RING_SIZE / 2; i++) {
		assert_int_equal(wait_used(f)->id, 2 * i);
		assert_int_equal(status[i], VIRTIO_BLK_S_OK);
	}
}

static void offer_flushes(struct fixture *f, unsigned int n)
{
	put_header(f, VIRTIO_BLK_T_FLUSH, 0);
	ring_desc(&f->ring, 0, HDR, 16, N, 1);
	ring_desc(&f->ring, 1, STATUS, 1, W, 0);
	while (n--)
		ring_offer(&f->ring, 0);
	notify(f);
}

/* All request slots are in use, and then more is offered. */
static void more_pending_than_entries(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 0, 512, 0), 0);
	gate_set(true);
	offer_flushes(f, RING_SIZE);
	notify(f);
	offer_flushes(f, 1);
	assert_null(ring_take_used(&f->ring));
	gate_set(false);
	restart(f);
	assert_int_equal(request(f, VIRTIO_BLK_T_FLUSH, 0, 0, 0), VIRTIO_BLK_S_OK);
}

/* Reads that the page cache has overtake a flush that waits for the disk. */
static void reads_overtake_a_flush(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 0, 512, 0), 0);
	gate_set(true);
	offer_flushes(f, 1);
	put_header(f, VIRTIO_BLK_T_IN, 0);
	ring_desc(&f->ring, 2, HDR, 16, N, 3);
	ring_desc(&f->ring, 3, IN, 512, N | W, 4);
	ring_desc(&f->ring, 4, STATUS + 1, 1, W, 0);
	ring_offer(&f->ring, 2);
	notify(f);
	assert_int_equal(wait_used(f)->id, 2);
	assert_null(ring_take_used(&f->ring));
	gate_set(false);
	assert_int_equal(wait_used(f)->id, 0);
	assert_int_equal(*(uint8_t *)ring_ptr(&f->ring, STATUS), VIRTIO_BLK_S_OK);
}

/*
 * Requests are at the workers when the device is reset; then guest memory is
 * freed, and the sanitizer sees who is late. Nothing is returned.
 */
static void reset_waits_for_workers(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	for (unsigned int round = 0; round < 4; round++) {
		assert_int_equal(request(f, VIRTIO_BLK_T_OUT, round, 512, 0), 0);
		gate_set(true);
		offer_flushes(f, 8);
		pthread_create(&thread, NULL, gate_open_later, NULL);
		virtio_blk_ops.reset(f->blk);
		pthread_mutex_lock(&gate_lock);
		assert_false(gate_closed);
		pthread_mutex_unlock(&gate_lock);
		pthread_join(thread, NULL);
		assert_null(ring_take_used(&f->ring));
		virtq_free(f->vq);
		ring_free(&f->ring);
		ring_init(&f->ring, RING_SIZE);
		start(f);
	}
}

static void start_needs_its_queue(void **state)
{
	struct fixture *f = *state;
	struct virtq *none = NULL;

	virtio_blk_ops.reset(f->blk);
	assert_int_equal(virtio_blk_ops.start(f->blk, &f->transport, &none, 1),
			 -EINVAL);
	assert_int_equal(virtio_blk_ops.start(f->blk, &f->transport, NULL, 0),
			 -EINVAL);
}

static void no_log(void *ctx, enum log_level level, const char *line)
{
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(write_flush_read),
		TEST(cached_read_is_done_in_notify),
		TEST(last_sector),
		TEST(out_of_range),
		TEST(any_layout),
		TEST(get_id),
		TEST(unknown_type),
		TEST(zeroes_and_discard),
		TEST(bad_ranges),
		TEST(readonly_refuses_changes),
		TEST(config_of_4k_sectors),
		TEST(request_without_header_or_status),
		TEST(broken_ring_needs_reset),
		TEST(full_ring_in_one_notify),
		TEST(more_pending_than_entries),
		TEST(reads_overtake_a_flush),
		TEST(reset_waits_for_workers),
		TEST(start_needs_its_queue),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
