// SPDX-License-Identifier: GPL-2.0-only
/* Images: opening them, requests that block and that do not. */
#include "image_fixture.h"

/* ---- opening ---- */

static void open_errors(void **state)
{
	struct fixture *f = *state;
	char other[80];
	struct image *image = NULL;

	assert_int_equal(image_open("/nonexistent/file", 0, &image), -ENOENT);
	assert_int_equal(image_open("/tmp", 0, &image), -EISDIR);
	assert_int_equal(image_open("/tmp", IMAGE_READONLY, &image), -EISDIR);
	assert_int_equal(image_open("/dev/null", 0, &image), -EINVAL);
	snprintf(other, sizeof(other), "%s.fifo", f->path);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_int_equal(image_open(other, 0, &image), -EINVAL);
	assert_int_equal(image_open(other, IMAGE_READONLY, &image), -EINVAL);
	unlink(other);
	image_close(f->image);
	f->image = NULL;
	assert_int_equal(truncate(f->path, 511), 0);
	assert_int_equal(image_open(f->path, 0, &image), -EINVAL);
	assert_int_equal(image_open(f->path, IMAGE_POWERCUT, &image), -EINVAL);
	assert_null(image);
}

static void size_is_whole_sectors(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(image_size(f->image), SIZE);
	assert_int_equal(truncate(f->path, 1023), 0);
	reopen(f, 0);
	assert_int_equal(image_size(f->image), 512);
	assert_int_equal(do_io(f->image, IMAGE_READ, 512, f->buf, 512), -EINVAL);
}

static void one_writer_or_many_readers(void **state)
{
	struct fixture *f = *state;
	struct image *second;

	assert_int_equal(image_open(f->path, 0, &second), -EBUSY);
	assert_int_equal(image_open(f->path, IMAGE_READONLY, &second), -EBUSY);
	assert_int_equal(image_open(f->path, IMAGE_POWERCUT, &second), -EBUSY);
	reopen(f, IMAGE_READONLY);
	assert_int_equal(image_open(f->path, 0, &second), -EBUSY);
	assert_int_equal(image_open(f->path, IMAGE_READONLY, &second), 0);
	image_close(second);
}

/* Neither inherited nor left in non-blocking mode. */
static void descriptor_flags(void **state)
{
	struct fixture *f = *state;
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n_found = 0;
	struct dirent *e;

	while ((e = readdir(dir))) {
		char target[128];
		ssize_t n = readlinkat(dirfd(dir), e->d_name, target, sizeof(target));
		int fd = atoi(e->d_name);

		if (n != (ssize_t)strlen(f->path) || memcmp(target, f->path, n))
			continue;
		n_found++;
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	}
	closedir(dir);
	assert_int_equal(n_found, 1);
}

static void readonly_when_asked(void **state)
{
	struct fixture *f = *state;

	assert_false(image_is_readonly(f->image));
	reopen(f, f->flags | IMAGE_READONLY);
	assert_true(image_is_readonly(f->image));
	assert_int_equal(do_io(f->image, IMAGE_WRITE, 0, f->buf, 512), -EROFS);
	assert_int_equal(do_io(f->image, IMAGE_ZERO, 0, NULL, 512), -EROFS);
	assert_int_equal(do_io(f->image, IMAGE_DISCARD, 0, NULL, 512), -EROFS);
	assert_int_equal(do_io(f->image, IMAGE_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(do_io(f->image, IMAGE_READ, 0, f->buf, SIZE), 0);
	assert_memory_equal(f->buf, f->data, SIZE);
}

static void readonly_when_the_file_is(void **state)
{
	struct fixture *f = *state;
	bool root = geteuid() == 0;

	assert_int_equal(chmod(f->path, 0444), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	reopen(f, 0);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_true(image_is_readonly(f->image));
}

/* ---- requests ---- */

static void bad_requests(void **state)
{
	struct fixture *f = *state;
	static const enum image_op ops[] = {
		IMAGE_READ, IMAGE_WRITE, IMAGE_DISCARD, IMAGE_ZERO,
	};
	static const uint64_t ranges[][2] = {
		{ 0, 1 }, { 1, 512 }, { 0, SIZE + 512 }, { SIZE, 512 },
		{ SIZE + 512, 0 }, { SIZE - 512, 1024 },
		{ UINT64_MAX - 511, 512 }, { 512, UINT64_MAX - 511 },
	};

	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int k = 0; k < 8; k++)
			assert_int_equal(do_io(f->image, ops[i], ranges[k][0], f->buf,
					       ranges[k][1]), -EINVAL);
	assert_file(f, 0, f->data, SIZE);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(submit_result(f->image, ops[i], SIZE, NULL, 0),
				 IMAGE_DONE);
}

static void cached_io_is_done_at_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_io(f->image, IMAGE_READ, 0, f->buf, SIZE), 0);
	assert_int_equal(submit_result(f->image, IMAGE_READ, 4096, f->buf, 65536),
			 IMAGE_DONE);
	assert_memory_equal(f->buf, f->data + 4096, 65536);
	fill(f->buf, 4096, 77);
	assert_int_equal(submit_result(f->image, IMAGE_WRITE, 512, f->buf, 4096),
			 IMAGE_DONE);
	assert_file(f, 512, f->buf, 4096);
}

static void large_write_goes_to_a_worker(void **state)
{
	struct fixture *f = *state;

	fill(f->buf, BIG, 5);
	assert_int_equal(submit_result(f->image, IMAGE_WRITE, 1024, f->buf, BIG),
			 IMAGE_PENDING);
	assert_file(f, 1024, f->buf, BIG);
}

/* Pages dropped from the cache, some read again: a mix of both ways. */
static void cold_reads(void **state)
{
	struct fixture *f = *state;
	int fd = open(f->path, O_RDONLY);
	char byte;

	assert_int_equal(fsync(fd), 0);
	for (unsigned int i = 0; i < 8; i++) {
		uint64_t off = (i * 37 % 16) * 65536;

		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
		if (i & 1)
			assert_int_equal(pread(fd, &byte, 1, off), 1);
		memset(f->buf, 0, 65536);
		assert_int_equal(do_io(f->image, IMAGE_READ, off, f->buf, 65536), 0);
		assert_memory_equal(f->buf, f->data + off, 65536);
	}
	close(fd);
}

/* More buffers than one system call takes, longer together than the request. */
static void many_odd_buffers(void **state)
{
	struct fixture *f = *state;
	static struct iovec iov[1000];
	size_t total = 0, len;
	struct wait_io w;

	for (unsigned int i = 0; i < 1000; i++) {
		iov[i].iov_base = f->buf + total;
		iov[i].iov_len = 1 + i * 13 % 400;
		total += iov[i].iov_len;
	}
	len = total / 512 * 512 - 512;
	for (unsigned int op = IMAGE_READ; op <= IMAGE_WRITE; op++) {
		memset(f->buf, 0x5a, SIZE);
		wait_init(&w, op, 1536, NULL, len);
		w.io.iov = iov;
		w.io.n_iov = 1000;
		assert_int_equal(run_io(f->image, &w, NULL), 0);
		if (op == IMAGE_READ) {
			assert_memory_equal(f->buf, f->data + 1536, len);
			assert_int_equal(f->buf[len], 0x5a);
		}
		assert_file(f, 1536, f->buf, len);
		assert_file(f, 1536 + len, f->data + 1536 + len, 4096);
	}
	wait_init(&w, IMAGE_READ, 0, NULL, 512);
	w.io.n_iov = 0;	/* none at all */
	assert_int_equal(run_io(f->image, &w, NULL), -EINVAL);
}

static void truncated_file_is_an_error(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(truncate(f->path, 8192 + 100), 0);
	assert_int_equal(do_io(f->image, IMAGE_READ, 0, f->buf, 8192), 0);
	assert_int_equal(do_io(f->image, IMAGE_READ, 8192, f->buf, 512), -EIO);
	assert_int_equal(do_io(f->image, IMAGE_READ, 4096, f->buf, 65536), -EIO);
	assert_int_equal(do_io(f->image, IMAGE_READ, SIZE - 512, f->buf, 512), -EIO);
}

static void write_error_is_reported(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, limit;
	int small, large;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = (struct rlimit){ 8192, old.rlim_max };
	setrlimit(RLIMIT_FSIZE, &limit);
	small = do_io(f->image, IMAGE_WRITE, 8192, f->buf, 4096);
	large = do_io(f->image, IMAGE_WRITE, 4096, f->buf, BIG);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(small, -EFBIG);
	assert_int_equal(large, -EFBIG);
}

/* The first always syncs: data of a process that died may be around. */
static void flush_only_when_needed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(submit_result(f->image, IMAGE_FLUSH, 0, NULL, 0),
			 IMAGE_PENDING);
	assert_int_equal(submit_result(f->image, IMAGE_FLUSH, 0, NULL, 0), IMAGE_DONE);
	for (unsigned int op = IMAGE_WRITE; op <= IMAGE_ZERO; op++) {
		if (op == IMAGE_FLUSH)
			continue;
		assert_int_equal(do_io(f->image, op, 0, f->data, 4096), 0);
		assert_int_equal(submit_result(f->image, IMAGE_FLUSH, 0, NULL, 0),
				 IMAGE_PENDING);
		assert_int_equal(submit_result(f->image, IMAGE_FLUSH, 0, NULL, 0),
				 IMAGE_DONE);
	}
	assert_int_equal(do_io(f->image, IMAGE_WRITE, 0, f->data, BIG), 0);
	assert_int_equal(submit_result(f->image, IMAGE_FLUSH, 0, NULL, 0),
			 IMAGE_PENDING);
}

/* The kernel tells it once; a later success would be a lie. */
static void lost_writes_are_not_forgotten(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_io(f->image, IMAGE_WRITE, 0, f->data, 4096), 0);
	fdatasync_errno = EIO;
	assert_int_equal(do_io(f->image, IMAGE_FLUSH, 0, NULL, 0), -EIO);
	fdatasync_errno = 0;
	assert_int_equal(do_io(f->image, IMAGE_FLUSH, 0, NULL, 0), -EIO);
	assert_int_equal(do_io(f->image, IMAGE_WRITE, 0, f->data, 4096), 0);
	assert_int_equal(do_io(f->image, IMAGE_FLUSH, 0, NULL, 0), -EIO);
}

static void zero_and_discard(void **state)
{
	struct fixture *f = *state;
	char *zero = calloc(1, 65536);
	struct wait_io w;

	for (unsigned int unmap = 0; unmap < 2; unmap++) {
		uint64_t off = 65536 * unmap + 512;

		wait_init(&w, IMAGE_ZERO, off, NULL, 32768);
		w.io.unmap = unmap;
		assert_int_equal(run_io(f->image, &w, NULL), 0);
		assert_int_equal(do_io(f->image, IMAGE_READ, off, f->buf, 32768), 0);
		assert_memory_equal(f->buf, zero, 32768);
	}
	assert_int_equal(do_io(f->image, IMAGE_DISCARD, 262144, NULL, 65536), 0);
	assert_int_equal(do_io(f->image, IMAGE_FLUSH, 0, NULL, 0), 0);
	assert_file(f, 0, f->data, 512);
	assert_file(f, 512 + 32768, f->data + 512 + 32768, 32768);
	assert_file(f, 262144 - 512, f->data + 262144 - 512, 512);
	assert_file(f, 262144 + 65536, f->data + 262144 + 65536, 512);
	assert_int_equal(image_size(f->image), SIZE);
	free(zero);
}

static void close_waits_for_everybody(void **state)
{
	struct fixture *f = *state;
	struct wait_io w[16];

	for (unsigned int i = 0; i < 16; i++) {
		wait_init(&w[i], IMAGE_WRITE, 512 * i, f->data, BIG);
		assert_int_equal(image_submit(f->image, &w[i].io), IMAGE_PENDING);
	}
	image_close(f->image);
	f->image = NULL;
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(w[i].n_done, 1);
		assert_int_equal(w[i].status, 0);
	}
}

/* tmpfs has no RWF_NOWAIT, and nothing to wait for: no worker ever takes part. */
static void memory_never_waits(void **state)
{
	char path[] = "/dev/shm/test-image.XXXXXX";
	static char page[4096] = "page";
	struct image *image;
	int fd = mkstemp(path);

	assert_int_equal(ftruncate(fd, SIZE), 0);
	close(fd);
	assert_int_equal(image_open(path, 0, &image), 0);
	assert_int_equal(submit_result(image, IMAGE_WRITE, 8192, page, 4096), IMAGE_DONE);
	assert_int_equal(submit_result(image, IMAGE_FLUSH, 0, NULL, 0), IMAGE_DONE);
	memset(page, 0, sizeof(page));
	assert_int_equal(submit_result(image, IMAGE_READ, 8192, page, 4096), IMAGE_DONE);
	assert_string_equal(page, "page");
	image_close(image);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open_errors),
		TEST(size_is_whole_sectors),
		TEST(one_writer_or_many_readers),
		TEST(descriptor_flags),
		TEST(readonly_when_asked),
		TEST(readonly_when_the_file_is),
		TEST(bad_requests),
		TEST(cached_io_is_done_at_once),
		TEST(large_write_goes_to_a_worker),
		TEST(cold_reads),
		TEST(many_odd_buffers),
		TEST(truncated_file_is_an_error),
		TEST(write_error_is_reported),
		TEST(flush_only_when_needed),
		TEST(lost_writes_are_not_forgotten),
		TEST(zero_and_discard),
		TEST(close_waits_for_everybody),
		CUT(readonly_when_asked),
		CUT(truncated_file_is_an_error),
		cmocka_unit_test(memory_never_waits),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
