/* SPDX-License-Identifier: GPL-2.0-only */
/* image_fixture.h - an image of 1 MiB in a file, and requests that are waited for. */
#ifndef TESTS_IMAGE_FIXTURE_H
#define TESTS_IMAGE_FIXTURE_H

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

static inline void wait_done(struct image_io *io, int status)
{
	struct wait_io *w = io->owner;

	pthread_mutex_lock(&w->lock);
	w->n_done++;
	w->status = status;
	w->other_thread = !pthread_equal(pthread_self(), w->submitter);
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

static inline void wait_init(struct wait_io *w, enum image_op op, uint64_t off, void *buf,
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

static inline int wait_for(struct wait_io *w)
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
static inline int run_io(struct image *image, struct wait_io *w, int *ret_submit)
{
	int ret = image_submit(image, &w->io);

	if (ret_submit)
		*ret_submit = ret;
	if (ret == IMAGE_PENDING)
		return wait_for(w);
	assert_int_equal(w->n_done, 0);
	return ret == IMAGE_DONE ? 0 : ret;
}

static inline int do_io(struct image *image, enum image_op op, uint64_t off, void *buf,
		 uint64_t len)
{
	struct wait_io w;

	wait_init(&w, op, off, buf, len);
	return run_io(image, &w, NULL);
}

static inline int submit_result(struct image *image, enum image_op op, uint64_t off,
			 void *buf, uint64_t len)
{
	struct wait_io w;
	int ret;

	wait_init(&w, op, off, buf, len);
	assert_int_equal(run_io(image, &w, &ret), 0);
	return ret;
}

static inline void fill(char *p, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = seed + i * 31 + i / 509;
}

static inline void assert_file(struct fixture *f, uint64_t off, const char *want, size_t len)
{
	char *got = malloc(len);
	int fd = open(f->path, O_RDONLY);

	assert_int_equal(pread(fd, got, len, off), len);
	assert_memory_equal(got, want, len);
	close(fd);
	free(got);
}

static inline int setup_flags(void **state, unsigned int flags)
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

static inline int setup(void **state)
{
	return setup_flags(state, 0);
}

static inline int setup_powercut(void **state)
{
	return setup_flags(state, IMAGE_POWERCUT);
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	image_close(f->image);
	unlink(f->path);
	free(f->data);
	free(f->buf);
	free(f);
	return 0;
}

static inline void reopen(struct fixture *f, unsigned int flags)
{
	image_close(f->image);
	f->image = NULL;
	assert_int_equal(image_open(f->path, flags, &f->image), 0);
}

static inline void no_log(void *ctx, enum log_level level, const char *line)
{
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define CUT(name) cmocka_unit_test_setup_teardown(name, setup_powercut, teardown)

#endif
