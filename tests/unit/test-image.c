// SPDX-License-Identifier: GPL-2.0-only
/* Images: files with requests that block and do not, and the power cut. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "image_i.h"
#include "log.h"

#define SIZE	(1u << 20)
#define BIG	(512u << 10)	/* more than is written on the caller's thread */

struct fixture {
	char path[64];
	char *data;		/* what the file holds at first */
	char *buf;
	struct image *image;
	unsigned int flags;
};

/* Instead of the C library's: a disk that loses writes, when told to. */
static int fdatasync_errno;

int fdatasync(int fd)
{
	errno = fdatasync_errno;
	return errno ? -1 : fsync(fd);
}

/* A request and the wait for it. */
struct wait_io {
	struct image_io io;
	struct iovec iov;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned int n_done;
	int status;
	bool other_thread;
	pthread_t submitter;
};

static void wait_done(struct image_io *io, int status)
{
	struct wait_io *w = io->owner;

	pthread_mutex_lock(&w->lock);
	w->n_done++;
	w->status = status;
	w->other_thread = !pthread_equal(pthread_self(), w->submitter);
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

static void wait_init(struct wait_io *w, enum image_op op, uint64_t off, void *buf,
		      uint64_t len)
{
	*w = (struct wait_io){
		.io = { .op = op, .off = off, .len = len, .iov = &w->iov,
			.n_iov = 1, .done = wait_done, .owner = w },
		.iov = { buf, len },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.cond = PTHREAD_COND_INITIALIZER,
		.submitter = pthread_self(),
	};
}

static int wait_for(struct wait_io *w)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	pthread_mutex_lock(&w->lock);
	while (!w->n_done)
		assert_int_equal(pthread_cond_timedwait(&w->cond, &w->lock, &end), 0);
	pthread_mutex_unlock(&w->lock);
	assert_int_equal(w->n_done, 1);
	assert_true(w->other_thread);
	return w->status;
}

/* 0 or -errno; *ret_submit: what image_submit said. */
static int run_io(struct image *image, struct wait_io *w, int *ret_submit)
{
	int ret = image_submit(image, &w->io);

	if (ret_submit)
		*ret_submit = ret;
	if (ret == IMAGE_PENDING)
		return wait_for(w);
	assert_int_equal(w->n_done, 0);
	return ret == IMAGE_DONE ? 0 : ret;
}

static int do_io(struct image *image, enum image_op op, uint64_t off, void *buf,
		 uint64_t len)
{
	struct wait_io w;

	wait_init(&w, op, off, buf, len);
	return run_io(image, &w, NULL);
}

static int submit_result(struct image *image, enum image_op op, uint64_t off,
			 void *buf, uint64_t len)
{
	struct wait_io w;
	int ret;

	wait_init(&w, op, off, buf, len);
	assert_int_equal(run_io(image, &w, &ret), 0);
	return ret;
}

static void fill(char *p, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = seed + i * 31 + i / 509;
}

static void assert_file(struct fixture *f, uint64_t off, const char *want, size_t len)
{
	char *got = malloc(len);
	int fd = open(f->path, O_RDONLY);

	assert_int_equal(pread(fd, got, len, off), len);
	assert_memory_equal(got, want, len);
	close(fd);
	free(got);
}

static int setup_flags(void **state, unsigned int flags)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd;

	strcpy(f->path, "/tmp/test-image.XXXXXX");
	f->data = malloc(SIZE);
	f->buf = malloc(SIZE);
	fill(f->data, SIZE, 1);
	fd = mkstemp(f->path);
	if (write(fd, f->data, SIZE) != SIZE)
		return -1;
	close(fd);
	f->flags = flags;
	*state = f;
	return image_open(f->path, flags, &f->image);
}

static int setup(void **state)
{
	return setup_flags(state, 0);
}

static int setup_powercut(void **state)
{
	return setup_flags(state, IMAGE_POWERCUT);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	image_close(f->image);
	unlink(f->path);
	free(f->data);
	free(f->buf);
	free(f);
	return 0;
}

static void reopen(struct fixture *f, unsigned int flags)
{
	image_close(f->image);
	f->image = NULL;
	assert_int_equal(image_open(f->path, flags, &f->image), 0);
}

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

/* ---- power cut ---- */

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

static void no_log(void *ctx, enum log_level level, const char *line)
{
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define CUT(name) cmocka_unit_test_setup_teardown(name, setup_powercut, teardown)

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
		CUT(unflushed_writes_are_lost),
		CUT(unflushed_writes_are_read_back),
		CUT(flushed_writes_survive),
		CUT(failed_flush_keeps_the_writes),
		CUT(killed_process),
		CUT(discard_forgets_writes),
		CUT(powercut_model),
		cmocka_unit_test(powercut_flush_in_the_middle_of_a_read),
		cmocka_unit_test(memory_never_waits),
		CUT(powercut_reads_during_flush),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
