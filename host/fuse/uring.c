// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests over io_uring (Linux 6.14, Documentation/filesystems/fuse-io-uring.rst): a
 * queue for each CPU, so that whoever asks is answered on its own CPU; answering and
 * waiting for the next request is one system call. Requests to forget and interrupts
 * still come through /dev/fuse.
 *
 * A request comes in three pieces: its header, the arguments of its operation, and the
 * rest. libfuse wants them in a row, so the first two are put in front of the third.
 */
#include "fuse_i.h"

#include <errno.h>
#include <linux/fuse.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "log.h"
#include "ring.h"

#define CPUS_MAX	256
#define DEPTH		8	/* requests of a queue that wait inside at a time */
#define PAYLOAD		4096	/* where it begins in an entry's memory */
#define ENTRY_SIZE	(PAYLOAD + IO_MAX)

/* linux/fuse.h of Debian 12 lacks these. */
struct uring_header {
	char in_out[128];	/* struct fuse_in_header, fuse_out_header */
	char arguments[128];
	uint64_t flags;
	uint64_t commit_id;
	uint32_t payload_size;
	uint32_t padding;
	uint64_t reserved;
};

struct uring_command {
	uint64_t flags;
	uint64_t commit_id;
	uint16_t queue;
	uint8_t padding[6];
};

#define URING_REGISTER	1
#define URING_COMMIT	2	/* and fetch the next */

struct sqe {
	struct io_uring_sqe head;	/* the command begins in its last field, cmd */
	char more[64];
};

_Static_assert(sizeof(struct uring_header) == 288, "uapi");
_Static_assert(sizeof(struct uring_command) == 24, "uapi");
_Static_assert(sizeof(struct sqe) == 128, "uapi");

struct entry {
	struct uring_header *header;
	char *payload;
	uint16_t index, queue;
	struct iovec iov[2];
};

struct uring {
	struct ring *ring;
	char *memory;
	unsigned int n_entries;
	bool registered;
	struct entry entries[];
};

static struct sqe command(int fd, const struct entry *e, unsigned int op,
			  uint64_t commit_id)
{
	struct uring_command command = { .commit_id = commit_id, .queue = e->queue };
	struct sqe sqe = { 0 };

	sqe.head.opcode = IORING_OP_URING_CMD;
	sqe.head.fd = fd;
	sqe.head.cmd_op = op;
	sqe.head.user_data = e->index;
	if (op == URING_REGISTER) {
		sqe.head.addr = (uint64_t)(uintptr_t)e->iov;
		sqe.head.len = 2;
	}
	memcpy((char *)&sqe + offsetof(struct io_uring_sqe, cmd), &command,
	       sizeof(command));
	return sqe;
}

/* By the thread that will wait first; the kernel asks that of nobody else. */
static int register_entries(struct uring *uring, int fd)
{
	for (unsigned int i = 0; i < uring->n_entries; i++) {
		struct sqe sqe = command(fd, &uring->entries[i], URING_REGISTER, 0);

		ring_push(uring->ring, &sqe);
	}
	uring->registered = true;
	return ring_enter(uring->ring, uring->n_entries, false);
}

/* ---- a request ---- */

/* Until it is answered the answer is an error. */
static void answer_none(struct entry *e, uint64_t unique)
{
	struct fuse_out_header out = {
		.len = sizeof(out), .error = -EIO, .unique = unique,
	};

	memcpy(e->header->in_out, &out, sizeof(out));
	e->header->payload_size = 0;
}

static int take(struct server *s, struct entry *e)
{
	struct fuse_in_header in;
	size_t args, rest = e->header->payload_size;
	char *begin;

	memcpy(&in, e->header->in_out, sizeof(in));
	if (rest > IO_MAX || in.len < sizeof(in) + rest ||
	    in.len - sizeof(in) - rest > sizeof(e->header->arguments))
		return -EPROTO;
	args = in.len - sizeof(in) - rest;
	begin = e->payload - args - sizeof(in);
	memcpy(begin, &in, sizeof(in));
	memcpy(begin + sizeof(in), e->header->arguments, args);
	s->request = (struct fuse_buf) { .mem = begin, .size = in.len };
	s->entry = e;
	s->unique = in.unique;
	s->commit_id = e->header->commit_id;
	answer_none(e, in.unique);
	return 1;
}

/* Whether there is an answer that the host has not got yet. */
static bool push_answer(struct server *s)
{
	struct sqe sqe;

	if (!s->entry)
		return false;
	sqe = command(fuse_session_fd(s->fs->se), s->entry, URING_COMMIT, s->commit_id);
	ring_push(s->channel->uring->ring, &sqe);
	s->entry = NULL;
	return true;
}

int uring_fetch(struct server *s, bool wait)
{
	struct uring *uring = s->channel->uring;
	unsigned int submit = push_answer(s);
	int err = 0, result;
	uint64_t index;

	if (!uring->registered)
		err = register_entries(uring, fuse_session_fd(s->fs->se));
	if (!err)
		err = ring_enter(uring->ring, submit, wait);
	if (err)
		return err;
	if (!ring_pop(uring->ring, &index, &result))
		return wait ? -EINTR : -EAGAIN;
	return result < 0 ? result : take(s, &uring->entries[index]);
}

void uring_flush(struct server *s)
{
	if (push_answer(s))
		ring_enter(s->channel->uring->ring, 1, false);
}

/* The host waits for all queues: a call that it must reject makes it give up on rings. */
void uring_refuse(struct channel *ch, int fd)
{
	struct entry none = { .queue = ch->uring->entries[0].queue };
	struct sqe sqe = command(fd, &none, URING_REGISTER, 0);

	ring_push(ch->uring->ring, &sqe);
	ring_enter(ch->uring->ring, 1, false);
}

bool uring_answers(const struct server *s, uint64_t unique)
{
	return s && s->entry && s->unique == unique;
}

ssize_t uring_reply(struct server *s, const struct iovec *iov, int count)
{
	struct entry *e = s->entry;
	size_t size = 0;

	memcpy(e->header->in_out, iov[0].iov_base, iov[0].iov_len);
	for (int i = 1; i < count; size += iov[i++].iov_len) {
		if (iov[i].iov_len > IO_MAX - size) {
			answer_none(e, s->unique);
			errno = EINVAL;
			return -1;
		}
		if (iov[i].iov_base != e->payload + size)
			memmove(e->payload + size, iov[i].iov_base, iov[i].iov_len);
	}
	e->header->payload_size = size;
	return (ssize_t)(iov[0].iov_len + size);
}

char *server_data(struct server *s)
{
	return s->entry ? s->entry->payload : s->io;
}

/* ---- a channel ---- */

void uring_free(struct uring *uring)
{
	if (!uring)
		return;
	ring_close(uring->ring);
	if (uring->memory)
		munmap(uring->memory, (size_t)uring->n_entries * ENTRY_SIZE);
	free(uring);
}

static void lay_out(struct uring *uring, unsigned int first, unsigned int step)
{
	for (unsigned int i = 0; i < uring->n_entries; i++) {
		struct entry *e = &uring->entries[i];
		char *memory = uring->memory + (size_t)i * ENTRY_SIZE;

		e->header = (struct uring_header *)memory;
		e->payload = memory + PAYLOAD;
		e->index = i;
		e->queue = first + i / DEPTH * step;
		e->iov[0] = (struct iovec) { memory, sizeof(*e->header) };
		e->iov[1] = (struct iovec) { e->payload, IO_MAX };
	}
}

/* For the queues first, first + step, ... below n_cpus. */
static struct uring *uring_new(unsigned int first, unsigned int step, unsigned int n_cpus)
{
	unsigned int n = (n_cpus - first + step - 1) / step * DEPTH;
	struct uring *uring = calloc(1, sizeof(*uring) + n * sizeof(struct entry));
	void *memory;

	if (!uring)
		return NULL;
	memory = mmap(NULL, (size_t)n * ENTRY_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED || ring_open(n, &uring->ring)) {
		if (memory != MAP_FAILED)
			munmap(memory, (size_t)n * ENTRY_SIZE);
		free(uring);
		return NULL;
	}
	uring->memory = memory;
	uring->n_entries = n;
	lay_out(uring, first, step);
	return uring;
}

/* Whether the administrator has switched it on. */
static bool host_has_it(void)
{
	int fd = open("/sys/module/fuse/parameters/enable_uring", O_RDONLY | O_CLOEXEC);
	char c = 'N';
	bool on;

	if (fd < 0)
		return false;
	on = read(fd, &c, 1) == 1 && c == 'Y';
	close(fd);
	return on;
}

/* "0-3,8" counts as 9: queues have the numbers of CPUs. 0: unknown, or too many. */
static unsigned int possible_cpus(void)
{
	FILE *f = fopen("/sys/devices/system/cpu/possible", "re");
	unsigned int last = 0, n = 0;
	char end = '-';

	if (!f)
		return 0;
	while (fscanf(f, "%u", &last) == 1) {
		n = last + 1;
		if (fscanf(f, "%c", &end) != 1)
			break;
	}
	fclose(f);
	return n <= CPUS_MAX ? n : 0;
}

/*
 * Its CPUs: whoever waits for an answer sleeps, so the answer costs no wake-up of another
 * CPU if it is made on the same. Only of those where this process may run anyway.
 */
static void find_cpus(struct channel *ch, unsigned int first, unsigned int step,
		      unsigned int n_cpus)
{
	cpu_set_t mine;

	CPU_ZERO(&ch->cpus);
	if (sched_getaffinity(0, sizeof(mine), &mine))
		return;
	for (unsigned int i = first; i < n_cpus && i < CPU_SETSIZE; i += step)
		if (CPU_ISSET(i, &mine))
			CPU_SET(i, &ch->cpus);
	if (!CPU_COUNT(&ch->cpus))
		ch->cpus = mine;
}

void urings_new(struct fusefs *fs)
{
	unsigned int n_cpus = host_has_it() ? possible_cpus() : 0;
	unsigned int step = n_cpus < CHANNELS_MAX - 1 ? n_cpus : CHANNELS_MAX - 1;

	for (unsigned int i = 0; i < step; i++) {
		struct channel *ch = &fs->channels[1 + i];

		ch->fs = fs;
		ch->closed = true;
		find_cpus(ch, i, step, n_cpus);
		ch->uring = uring_new(i, step, n_cpus);
		if (!ch->uring) {
			log_debug("fuse: no io_uring on this host");
			urings_free(fs);
			return;
		}
		fs->n_channels = 2 + i;
	}
}

void urings_free(struct fusefs *fs)
{
	for (; fs->n_channels > 1; fs->n_channels--)
		uring_free(fs->channels[fs->n_channels - 1].uring);
}
