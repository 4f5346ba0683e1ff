/* SPDX-License-Identifier: MIT */
/*
 * worker.h - a few threads that run what may block.
 *
 * A pool is plain memory until the first worker_submit, so a process may fork
 * between worker_pool_new and that.
 */
#ifndef WORKER_H
#define WORKER_H

struct worker_pool;

/* Embedded in the caller's structure; the pool's from submit until fn is called. */
struct work {
	void (*fn)(struct work *work);	/* may free or resubmit work */
	struct work *next;
};

/* At most max_threads (>= 1), started when there is work for them. NULL: no memory. */
struct worker_pool *worker_pool_new(unsigned int max_threads);

/*
 * Runs work->fn(work) on a thread of the pool, in FIFO order of the starts. Any
 * thread, also from fn. -EAGAIN: no thread could be started at all; fn is not
 * called.
 */
int worker_submit(struct worker_pool *pool, struct work *work);

/*
 * Runs everything that is queued, what that queues included, ends the threads,
 * frees. Not from fn; nobody else may submit meanwhile. NULL is allowed.
 */
void worker_pool_destroy(struct worker_pool *pool);

#endif
