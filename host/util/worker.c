// SPDX-License-Identifier: MIT
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "thread.h"

struct worker_pool {
	pthread_mutex_t lock;		/* protects everything below */
	pthread_cond_t wake;		/* work came, or stop was set */
	struct work *first, **last;
	unsigned int n_queued;
	unsigned int n_idle;		/* threads that wait for work */
	bool stop;			/* end when there is no work; start no thread */
	unsigned int n_threads, max_threads;
	pthread_t threads[];
};

struct worker_pool *worker_pool_new(unsigned int max_threads)
{
	struct worker_pool *pool;

	pool = calloc(1, sizeof(*pool) + max_threads * sizeof(pool->threads[0]));
	if (!pool)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wake, NULL);
	pool->last = &pool->first;
	pool->max_threads = max_threads;
	return pool;
}

static struct work *worker_pop(struct worker_pool *pool)
{
	struct work *work = pool->first;

	pool->first = work->next;
	if (!pool->first)
		pool->last = &pool->first;
	pool->n_queued--;
	work->next = NULL;
	return work;
}

/* Work that fn queues in a stopping pool is found by its own thread, if no other. */
static void *worker_main(void *arg)
{
	struct worker_pool *pool = arg;
	struct work *work;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		if (pool->first) {
			work = worker_pop(pool);
			pthread_mutex_unlock(&pool->lock);
			work->fn(work);
			pthread_mutex_lock(&pool->lock);
			continue;
		}
		if (pool->stop)
			break;
		pool->n_idle++;
		pthread_cond_wait(&pool->wake, &pool->lock);
		pool->n_idle--;
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Called locked. */
static int worker_start_thread(struct worker_pool *pool)
{
	int err = thread_start(&pool->threads[pool->n_threads], worker_main, pool);

	if (!err)
		pool->n_threads++;
	return err;
}

int worker_submit(struct worker_pool *pool, struct work *work)
{
	int err = 0;

	pthread_mutex_lock(&pool->lock);
	/* n_idle counts threads that were woken but have not run yet, too. */
	if (pool->n_idle <= pool->n_queued && !pool->stop &&
	    pool->n_threads < pool->max_threads)
		worker_start_thread(pool);
	if (pool->n_threads) {
		work->next = NULL;
		*pool->last = work;
		pool->last = &work->next;
		pool->n_queued++;
		pthread_cond_signal(&pool->wake);
	} else {
		err = -EAGAIN;
	}
	pthread_mutex_unlock(&pool->lock);
	return err;
}

void worker_pool_destroy(struct worker_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned int i = 0; i < pool->n_threads; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->wake);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
