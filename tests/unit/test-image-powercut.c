// SPDX-License-Identifier: GPL-2.0-only
/* Images that lose what was not flushed, as at a power cut. */
#include "image_fixture.h"

static void unflushed_writes_are_lost(void **state)
{
	struct fixture *f = *state;

	fill(f->buf, 8192, 99);
	assert_int_equal(do_io(f->image, IMAGE_WRITE, 4096, f->buf, 8192), 0);
	assert_file(f, 0, f->data, SIZE);
	reopen(f, IMAGE_POWERCUT);
	assert_file(f, 0, f->data, SIZE);
	assert_int_equal(do_io(f->image, IMAGE_READ, 0, f->buf, SIZE), 0);
	assert_memory_equal(f->buf, f->data, SIZE);
}

static void unflushed_writes_are_read_back(void **state)
{
	struct fixture *f = *state;
	char *mine = malloc(3 * 512);

	fill(mine, 3 * 512, 99);
	assert_int_equal(do_io(f->image, IMAGE_WRITE, 4096 - 512, mine, 3 * 512), 0);
	assert_int_equal(do_io(f->image, IMAGE_READ, 0, f->buf, 65536), 0);
	memcpy(f->data + 4096 - 512, mine, 3 * 512);
	assert_memory_equal(f->buf, f->data, 65536);
	free(mine);
}

static void flushed_writes_survive(void **state)
{
	struct fixture *f = *state;

	fill(f->buf, 4096, 99);
	assert_int_equal(do_io(f->image, IMAGE_WRITE, 512, f->buf, 4096), 0);
	assert_int_equal(do_io(f->image, IMAGE_FLUSH, 0, NULL, 0), 0);
	memcpy(f->data + 512, f->buf, 4096);
	fill(f->buf, 4096, 44);	/* after the flush: lost */
	assert_int_equal(do_io(f->image, IMAGE_WRITE, 2048, f->buf, 4096), 0);
	reopen(f, 0);
	assert_file(f, 0, f->data, SIZE);
}

static void failed_flush_keeps_the_writes(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, limit;
	int err;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = (struct rlimit){ 8192, old.rlim_max };
	fill(f->buf, 4096, 99);
	assert_int_equal(do_io(f->image, IMAGE_WRITE, 65536, f->buf, 4096), 0);
	setrlimit(RLIMIT_FSIZE, &limit);
	err = do_io(f->image, IMAGE_FLUSH, 0, NULL, 0);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(err, -EFBIG);
	assert_int_equal(do_io(f->image, IMAGE_FLUSH, 0, NULL, 0), 0);
	assert_file(f, 65536, f->buf, 4096);
}

/* The real thing: nothing of the process runs after the last write. */
static void killed_process(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid;

	image_close(f->image);
	f->image = NULL;
	fill(f->buf, 8192, 99);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct image *image;

		if (image_open(f->path, IMAGE_POWERCUT, &image) ||
		    do_io(image, IMAGE_WRITE, 0, f->buf, 4096) ||
		    do_io(image, IMAGE_FLUSH, 0, NULL, 0) ||
		    do_io(image, IMAGE_WRITE, 4096, f->buf + 4096, 4096))
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	memcpy(f->data, f->buf, 4096);
	assert_file(f, 0, f->data, SIZE);
}

/* Discards may reach the disk before any flush, and must not be undone by one. */
static void discard_forgets_writes(void **state)
{
	struct fixture *f = *state;
	char *zero = calloc(1, 4096);

	fill(f->buf, 4096, 99);
	assert_int_equal(do_io(f->image, IMAGE_WRITE, 4096, f->buf, 4096), 0);
	assert_int_equal(do_io(f->image, IMAGE_DISCARD, 4096, NULL, 4096), 0);
	assert_int_equal(do_io(f->image, IMAGE_FLUSH, 0, NULL, 0), 0);
	assert_file(f, 4096, zero, 4096);
	free(zero);
}

/* Random requests against two arrays: what is seen, and what is durable. */
static void powercut_model(void **state)
{
	struct fixture *f = *state;
	char *seen = malloc(SIZE), *durable = malloc(SIZE);
	unsigned int seed = 12345;

	memcpy(seen, f->data, SIZE);
	memcpy(durable, f->data, SIZE);
	for (unsigned int i = 0; i < 3000; i++) {
		unsigned int r = rand_r(&seed), what = rand_r(&seed) % 100;
		uint64_t off = r % (SIZE / 512) * 512, len = (1 + r % 23) * 512;

		if (off + len > SIZE)
			len = SIZE - off;
		if (what < 45) {
			fill(f->buf, len, r);
			assert_int_equal(do_io(f->image, IMAGE_WRITE, off, f->buf,
					       len), 0);
			memcpy(seen + off, f->buf, len);
		} else if (what < 55) {
			assert_int_equal(do_io(f->image, IMAGE_ZERO, off, NULL, len),
					 0);
			memset(seen + off, 0, len);
		} else if (what < 95) {
			assert_int_equal(do_io(f->image, IMAGE_READ, off, f->buf, len),
					 0);
			assert_memory_equal(f->buf, seen + off, len);
		} else {
			assert_file(f, 0, durable, SIZE);
			assert_int_equal(do_io(f->image, IMAGE_FLUSH, 0, NULL, 0), 0);
			memcpy(durable, seen, SIZE);
		}
	}
	reopen(f, IMAGE_POWERCUT);
	assert_file(f, 0, durable, SIZE);
	free(seen);
	free(durable);
}

/*
 * A disk of two sectors that answers the first of a read at once, the second
 * later.
 */
struct slow_image {
	struct image image;
	char data[1024];
};

static int slow_run(struct image *image, struct image_io *io)
{
	char *data = ((struct slow_image *)image)->data;

	if (io->op == IMAGE_WRITE)
		memcpy(data + io->off, io->iov->iov_base, io->len);
	if (io->op == IMAGE_READ)
		memcpy((char *)io->iov->iov_base + io->pos, data + io->off + io->pos,
		       io->len - io->pos);
	return 0;
}

static int slow_try(struct image *image, struct image_io *io)
{
	if (io->op == IMAGE_READ) {
		memcpy(io->iov->iov_base, ((struct slow_image *)image)->data, 512);
		io->pos = 512;
	}
	return IMAGE_PENDING;
}

static void slow_close(struct image *image)
{
	free(image);
}

static const struct image_ops slow_ops = {
	.name = "slow", .try = slow_try, .run = slow_run, .close = slow_close,
};

/* Half of a read is done when a flush moves what was written to the disk. */
static void powercut_flush_in_the_middle_of_a_read(void **state)
{
	struct slow_image *slow = calloc(1, sizeof(*slow));
	char written[1024], got[1024];
	struct wait_io read, flush;
	struct image *cut;

	assert_int_equal(image_init(&slow->image, &slow_ops, 1024, false), 0);
	assert_int_equal(image_powercut_new(&slow->image, &cut), 0);
	memset(written, 0x77, sizeof(written));
	assert_int_equal(do_io(cut, IMAGE_WRITE, 0, written, 1024), 0);
	wait_init(&read, IMAGE_READ, 0, got, 1024);
	wait_init(&flush, IMAGE_FLUSH, 0, NULL, 0);
	assert_int_equal(cut->ops->try(cut, &read.io), IMAGE_PENDING);
	assert_int_equal(cut->ops->run(cut, &flush.io), 0);
	assert_int_equal(cut->ops->run(cut, &read.io), 0);
	assert_memory_equal(got, written, 1024);
	image_close(cut);
}

/* Flushes that run while others read and write: nobody sees an older state. */
static void *reader_main(void *arg)
{
	struct fixture *f = arg;
	uint64_t last = 0, now[64];

	for (unsigned int i = 0; i < 400; i++) {
		if (do_io(f->image, IMAGE_READ, 0, now, 512) || now[0] < last)
			return "read failed or went back";
		last = now[0];
	}
	return NULL;
}

static void powercut_reads_during_flush(void **state)
{
	struct fixture *f = *state;
	uint64_t block[64] = { 0 };
	pthread_t reader;
	void *failed;

	assert_int_equal(do_io(f->image, IMAGE_WRITE, 0, block, 512), 0);
	assert_int_equal(pthread_create(&reader, NULL, reader_main, f), 0);
	for (unsigned int i = 1; i <= 100; i++) {
		block[0] = i;
		assert_int_equal(do_io(f->image, IMAGE_WRITE, 0, block, 512), 0);
		if (i % 3 == 0)
			assert_int_equal(do_io(f->image, IMAGE_FLUSH, 0, NULL, 0), 0);
	}
	pthread_join(reader, &failed);
	assert_null(failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CUT(unflushed_writes_are_lost),
		CUT(unflushed_writes_are_read_back),
		CUT(flushed_writes_survive),
		CUT(failed_flush_keeps_the_writes),
		CUT(killed_process),
		CUT(discard_forgets_writes),
		CUT(powercut_model),
		CUT(powercut_reads_during_flush),
		cmocka_unit_test(powercut_flush_in_the_middle_of_a_read),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
