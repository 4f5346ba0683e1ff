// SPDX-License-Identifier: GPL-2.0-only
#include "reimport.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "log.h"

#define FIRST_WAIT_MS	250u
#define LAST_WAIT_MS	8000u

struct reimport {
	struct reimport_config config;	/* constant */

	pthread_mutex_t lock;		/* protects what follows; not held over calls */
	pthread_cond_t changed;
	bool lost;			/* and wanted back */
	bool plugging;			/* plug is under way */
	bool stop;			/* the thread frees it all */
};

/* On the thread of a backend, which is not closed yet. */
static void reimport_lost(void *ctx)
{
	struct reimport *r = ctx;

	pthread_mutex_lock(&r->lock);
	r->lost = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

int reimport_now(struct reimport *r, struct usb_backend **ret_backend, const char **ret_why)
{
	int fd, err = r->config.connect(r->config.ctx, &fd, ret_why);

	return err ? err : usbip_source_import_on(&r->config.source, fd, reimport_lost, r,
						  ret_backend, ret_why);
}

/* With the lock held; drops it. */
static void reimport_wait(struct reimport *r, unsigned int ms)
{
	struct timespec until;
	int err = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms % 1000 * 1000000l;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (r->lost && !r->stop && err != ETIMEDOUT)
		err = pthread_cond_timedwait(&r->changed, &r->lock, &until);
}

/* With the lock held; drops it. false: it is to be tried again. */
static bool reimport_try(struct reimport *r)
{
	struct usb_backend *backend;
	const char *why;
	bool wanted;

	pthread_mutex_unlock(&r->lock);
	if (reimport_now(r, &backend, &why)) {
		pthread_mutex_lock(&r->lock);
		return false;
	}
	pthread_mutex_lock(&r->lock);
	wanted = r->lost && !r->stop;
	r->lost = false;
	r->plugging = wanted;
	pthread_mutex_unlock(&r->lock);
	if (wanted)
		r->config.plug(r->config.ctx, backend);
	else
		backend->ops->close(backend);
	pthread_mutex_lock(&r->lock);
	r->plugging = false;
	pthread_cond_signal(&r->changed);
	return true;
}

/* With the lock held; drops it. The waits double. */
static void reimport_until_back(struct reimport *r)
{
	unsigned int ms = FIRST_WAIT_MS;

	log_info("usbip: %s: the connection is lost; trying again", r->config.source.busid);
	do {
		reimport_wait(r, ms);
		ms = ms < LAST_WAIT_MS ? 2 * ms : ms;
	} while (r->lost && !r->stop && !reimport_try(r));
}

static void reimport_delete(struct reimport *r)
{
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void *reimport_main(void *arg)
{
	struct reimport *r = arg;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		if (r->lost)
			reimport_until_back(r);
		else
			pthread_cond_wait(&r->changed, &r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	reimport_delete(r);
	return NULL;
}

int reimport_new(const struct reimport_config *config, struct reimport **ret_reimport)
{
	struct reimport *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;
	pthread_t thread;
	int err;

	if (!r)
		return -ENOMEM;
	r->config = *config;
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &attr);
	pthread_condattr_destroy(&attr);
	err = pthread_create(&thread, NULL, reimport_main, r);
	if (err) {
		reimport_delete(r);
		return -err;
	}
	pthread_detach(thread);
	*ret_reimport = r;
	return 0;
}

void reimport_cancel(struct reimport *r)
{
	pthread_mutex_lock(&r->lock);
	r->lost = false;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

void reimport_free(struct reimport *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	while (r->plugging)
		pthread_cond_wait(&r->changed, &r->lock);
	r->stop = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}
