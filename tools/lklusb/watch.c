// SPDX-License-Identifier: GPL-2.0-only
#include "watch.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "thread.h"

static struct {
	pthread_mutex_t lock;		/* protects all */
	pthread_cond_t ended;
	pthread_t thread;
	struct timespec until;
	void (*late)(void);
	bool runs, done;
} watch = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void *watch_main(void *unused)
{
	bool late = false;

	pthread_mutex_lock(&watch.lock);
	while (!watch.done && !late)
		late = pthread_cond_timedwait(&watch.ended, &watch.lock, &watch.until);
	late = !watch.done;
	pthread_mutex_unlock(&watch.lock);
	if (late)
		watch.late();
	return NULL;
}

/* Without a thread there is no limit. */
void watch_begin(unsigned int seconds, void (*late)(void))
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&watch.ended, &attr);
	pthread_condattr_destroy(&attr);
	clock_gettime(CLOCK_MONOTONIC, &watch.until);
	watch.until.tv_sec += seconds;
	watch.late = late;
	watch.done = false;
	watch.runs = !thread_start(&watch.thread, watch_main, NULL);
}

void watch_end(void)
{
	if (!watch.runs)
		return;
	pthread_mutex_lock(&watch.lock);
	watch.done = true;
	pthread_cond_signal(&watch.ended);
	pthread_mutex_unlock(&watch.lock);
	pthread_join(watch.thread, NULL);
	pthread_cond_destroy(&watch.ended);
	watch.runs = false;
}
