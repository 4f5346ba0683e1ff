// SPDX-License-Identifier: GPL-2.0-only
/*
 * From memory to the file. The thread is woken by the first record after a pause,
 * lets others come for a moment and writes them together: so it costs whoever drives
 * the guest a wake now and then, and never a write.
 *
 * When the file is full, the newer half is moved to its beginning, behind the header
 * and the blocks that are kept, so it is one file that can be read at any time but
 * during that move.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "thread.h"
#include "trace_i.h"

#define HEADER_MAX	128u
#define PAUSE_MS	100
#define HURRY		(TRACE_BUFFER / 2)	/* bytes that end the pause */
#define MOVE		(1u << 20)

static void *writer_main(void *arg);

/* ---- records ---- */

static bool writer_start(struct trace *t)
{
	if (!t->started)
		t->started = !thread_start(&t->thread, writer_main, t);
	return t->started;
}

uint8_t *writer_reserve(struct trace *t, size_t len)
{
	struct trace_buffer *buf = t->active;
	uint8_t *at = buf->data + buf->len;

	t->n_records++;
	if (len > TRACE_BUFFER - buf->len || !writer_start(t)) {
		t->n_dropped++;
		return NULL;
	}
	if (!buf->len || (buf->len < HURRY && buf->len + len >= HURRY))
		pthread_cond_signal(&t->filled);
	buf->len += len;
	return at;
}

/* ---- the file ---- */

/* -1: nothing more is written, and the file ends with the last whole batch. */
static int writer_fail(struct trace *t, int err)
{
	log_warn("trace: the file cannot be written: %s; nothing more is recorded",
		 strerror(err));
	t->failed = true;
	if (ftruncate(t->fd, t->pos))
		log_warn("trace: nor shortened: %s", strerror(errno));
	return -1;
}

static int writer_put(struct trace *t, const uint8_t *data, size_t len)
{
	uint64_t pos = t->pos;

	while (len) {
		ssize_t n = pwrite(t->fd, data, len, pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return writer_fail(t, n ? errno : ENOSPC);
		data += n;
		len -= n;
		pos += n;
	}
	t->pos = pos;
	return 0;
}

/* Header and what is kept. */
static int writer_begin(struct trace *t)
{
	uint8_t header[HEADER_MAX], kept[TRACE_KEPT];
	size_t len = pcapng_header(header, t->form);
	size_t kept_len;

	pthread_mutex_lock(&t->lock);
	kept_len = t->kept_len;
	memcpy(kept, t->kept, kept_len);
	pthread_mutex_unlock(&t->lock);
	t->pos = 0;
	return writer_put(t, header, len) || writer_put(t, kept, kept_len) ? -1 : 0;
}

/* The newer half comes to lie before its old place: forwards is the safe direction. */
static int writer_move(struct trace *t, uint64_t from, uint64_t end)
{
	uint8_t *piece = malloc(MOVE);
	int err = piece ? 0 : writer_fail(t, ENOMEM);

	while (!err && from < end) {
		size_t len = end - from < MOVE ? end - from : MOVE;
		ssize_t n = pread(t->fd, piece, len, from);

		if (n <= 0)
			err = writer_fail(t, n ? errno : EIO);
		else
			err = writer_put(t, piece, n);
		from += n;
	}
	free(piece);
	return err;
}

static int writer_drop_older(struct trace *t)
{
	uint64_t from = t->middle, end = t->pos;

	t->middle = 0;
	if (writer_begin(t) || writer_move(t, from, end))
		return -1;
	if (ftruncate(t->fd, t->pos))
		return writer_fail(t, errno);
	return 0;
}

static void writer_write(struct trace *t, const struct trace_buffer *buf)
{
	if (t->failed)
		return;
	if (t->pos + buf->len > t->max_size && writer_drop_older(t))
		return;
	if (!writer_put(t, buf->data, buf->len) && !t->middle && t->pos > t->max_size / 2)
		t->middle = t->pos;
}

/* ---- the thread; with the lock but while it writes ---- */

static void writer_pause(struct trace *t)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PAUSE_MS * 1000000l;
	until.tv_sec += until.tv_nsec / 1000000000l;
	until.tv_nsec %= 1000000000l;
	while (!t->stopping && t->active->len < HURRY)
		if (pthread_cond_timedwait(&t->filled, &t->lock, &until))
			break;
}

/* The counters: at the end, and whenever something was dropped. */
static void writer_add_stats(struct trace *t, struct trace_buffer *buf)
{
	if (t->told_dropped == t->n_dropped && !t->stopping)
		return;
	buf->len += pcapng_stats(buf->data + buf->len, trace_now(), t->n_records,
				 t->n_dropped);
	t->told_dropped = t->n_dropped;
}

static void writer_flush(struct trace *t)
{
	struct trace_buffer *buf = t->active;

	t->active = buf == t->buffers ? t->buffers + 1 : t->buffers;
	writer_add_stats(t, buf);
	pthread_mutex_unlock(&t->lock);
	writer_write(t, buf);
	buf->len = 0;
	pthread_mutex_lock(&t->lock);
}

static void *writer_main(void *arg)
{
	struct trace *t = arg;

	pthread_mutex_lock(&t->lock);
	while (!t->stopping) {
		if (!t->active->len) {
			pthread_cond_wait(&t->filled, &t->lock);
			continue;
		}
		writer_pause(t);
		if (!t->stopping)
			writer_flush(t);
	}
	writer_flush(t);
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

/* ---- life ---- */

/* Locked, and emptied later: a mistake must not cost anybody an image. */
static int writer_open(const char *path, int *ret_fd)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	struct stat st;
	int err;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	else if (flock(fd, LOCK_EX | LOCK_NB))
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
	else
		err = 0;
	if (err)
		close(fd);
	else
		*ret_fd = fd;
	return err;
}

static int writer_init(struct trace *t)
{
	pthread_condattr_t attr;

	for (unsigned int i = 0; i < 2; i++) {
		t->buffers[i].data = malloc(TRACE_BUFFER + TRACE_STATS);
		if (!t->buffers[i].data)
			return -ENOMEM;
	}
	t->active = t->buffers;
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->filled, &attr);
	pthread_condattr_destroy(&attr);
	return 0;
}

/* Nobody else had it locked, so what is in it may go. */
int writer_first(struct trace *t)
{
	if (fchmod(t->fd, 0600) || ftruncate(t->fd, 0))
		return -errno;
	return writer_begin(t) ? -EIO : 0;
}

static void trace_free(struct trace *t)
{
	close(t->fd);
	free(t->buffers[0].data);
	free(t->buffers[1].data);
	free(t);
}

int trace_open(const struct trace_config *config, struct trace **ret_trace)
{
	struct trace *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->form = config->form;
	t->snaplen = config->snaplen;
	t->max_size = config->max_size ? config->max_size : TRACE_DEFAULT_SIZE;
	err = writer_open(config->path, &t->fd);
	if (err) {
		free(t);
		return err;
	}
	err = writer_init(t);
	if (err)
		trace_free(t);
	else
		*ret_trace = t;
	return err;
}

void trace_close(struct trace *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	pthread_cond_signal(&t->filled);
	pthread_mutex_unlock(&t->lock);
	if (t->started)
		pthread_join(t->thread, NULL);
	trace_free(t);
}
