// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests from /dev/fuse. When they come one after another the next is looked for some
 * time before the thread sleeps, as KVM does for a halted guest: to be woken takes longer
 * than most answers. It must not take the only CPU from whoever asks.
 */
#include "fuse_i.h"

#include <poll.h>
#include <time.h>

#define SPIN_NS		50000
#define HITS_NEEDED	4	/* requests in a row that came as soon as that */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static bool one_cpu(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof(cpus), &cpus) || CPU_COUNT(&cpus) < 2;
}

/* A signal that is to end the wait is sent again until it is seen. */
static bool spin(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t end = now_ns() + SPIN_NS;

	do {
		if (poll(&pfd, 1, 0))
			return true;
	} while (now_ns() < end);
	return false;
}

int dev_fetch(struct server *s)
{
	struct channel *ch = s->channel;
	int64_t begin;
	int n;

	if (ch->hits >= HITS_NEEDED) {
		if (spin(fuse_session_fd(s->fs->se)))
			return fuse_session_receive_buf(s->fs->se, &s->buf);
		ch->hits = one_cpu() ? -HITS_NEEDED * 1000 : 0;
	}
	begin = now_ns();
	n = fuse_session_receive_buf(s->fs->se, &s->buf);
	if (ch->hits < 0 || now_ns() - begin < SPIN_NS)
		ch->hits++;
	else
		ch->hits = 0;
	return n;
}
