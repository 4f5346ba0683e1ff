// SPDX-License-Identifier: GPL-2.0-only
#include "serve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <lkl.h>

#include "broker.h"
#include "daemon.h"
#include "guest.h"
#include "printable.h"
#include "serve_i.h"

static int listener;
static bool serving;		/* atomic: some mount answered requests */
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;	/* of mounts' names */

/* ---- signals ---- */

/*
 * Pages that were written through a mapping are the host's until it writes them
 * back, which it does through us: so first this, then the end.
 */
static void *sync_and_stop(void *unused)
{
	dev_t *devs = mount_list_devs();

	for (unsigned int i = 0; devs && devs[i]; i++)
		broker_sync(devs[i]);
	free(devs);
	mount_list_stop();
	return NULL;
}

/* The second signal, and one that comes before there is a mount, end it at once. */
static void *wait_for_signal(void *set)
{
	pthread_t thread;
	int sig;

	sigwait(set, &sig);
	if (__atomic_load_n(&serving, __ATOMIC_ACQUIRE) &&
	    !pthread_create(&thread, NULL, sync_and_stop, NULL)) {
		pthread_detach(thread);
		sigwait(set, &sig);
	}
	mount_list_stop();
	return NULL;
}

/* Blocked everywhere, since all threads come after this one. */
static void catch_signals(void)
{
	static sigset_t set;
	pthread_t thread;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (!pthread_create(&thread, NULL, wait_for_signal, &set))
		pthread_detach(thread);
	else
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- one mount ---- */

static int publish(struct one_mount *m)
{
	int err = m->joined ? 0 : control_start(listener, &serve_control_ops);

	pthread_mutex_lock(&names_lock);
	if (!err) {
		mount_list_ready(m, m->host_dev);
		err = broker_publish(m->host_dev);
	}
	pthread_mutex_unlock(&names_lock);
	return err;
}

/* The host may have given the number to another mount by now. */
static void withdraw(struct one_mount *m)
{
	dev_t dev;

	pthread_mutex_lock(&names_lock);
	if (mount_list_forget(m, &dev))
		broker_withdraw(dev);
	pthread_mutex_unlock(&names_lock);
}

/* Called by the FUSE server: requests are answered from now on. */
static void on_ready(void *ctx)
{
	struct one_mount *m = ctx;
	int err = publish(m);

	__atomic_store_n(&serving, true, __ATOMIC_RELEASE);
	if (err) {
		m->status = report(REPORT_SYSTEM, "control", "no control socket: %s",
				   strerror(-err));
		mount_list_stop_one(m);
	} else if (!m->joined) {
		daemon_ready();
	} else if (!serve_answer(m, REPORT_OK)) {
		mount_list_stop_one(m);		/* nobody knows that it is there */
	}
}

static int connect_fuse(struct one_mount *m)
{
	struct fusefs *fs;
	int status = m->joined ? one_mount_adopt(m, &fs) : one_mount_fuse(m, &fs);

	if (!status)
		mount_list_serves(m, fs);
	return status;
}

static int start_inside(struct one_mount *m)
{
	int status = one_mount_choose(m, &stick.disk);

	if (!status)
		status = mount_list_claim(m);
	if (!status && m->joined)
		status = serve_check_options(m);
	m->args.volume.ctx = m;
	m->args.volume.claim = mount_list_claim_part;
	m->args.volume.release = mount_list_release;
	m->args.volume.connect = m->joined ? serve_connect_keys : broker_connect_keys;
	if (!status)
		status = one_mount_inside(m, &stick.disk);
	unlock_close_files(&m->args.volume.unlock);
	return status;
}

/* The first one's user has been told already. */
static int report_panic(const struct one_mount *m)
{
	return m->socket < 0 ? REPORT_MOUNT :
	       report(REPORT_MOUNT, "kernel-panic", "the library kernel failed: %s",
		      lkl_panic_message());
}

/* What the library kernel acknowledged and still holds. */
static int report_gone(const struct one_mount *m)
{
	report(REPORT_MOUNT, "device-gone",
	       "%s on %s: unplugged; %llu KiB acknowledged but not flushed", m->source,
	       m->dir, serve_dirty_bytes() >> 10);
	report_hint("check the filesystem when it is plugged in again");
	return REPORT_MOUNT;
}

static void run(struct one_mount *m)
{
	int status = start_inside(m);

	if (!status && fusefs_serve(m->fs, m->root, on_ready, m))
		status = lkl_panic_message() ? REPORT_MOUNT :
			 report(REPORT_SYSTEM, "fuse-serve", "%s: FUSE failed", m->dir);
	if (status && lkl_panic_message())
		status = report_panic(m);
	else if (m->mounted && guest_gone())
		status = report_gone(m);
	m->status = m->status ? m->status : status;
}

static void unmount(struct one_mount *m)
{
	struct fusefs *fs = m->fs;
	int status = 0;

	mount_list_serves(m, NULL);
	fusefs_free(fs);
	withdraw(m);
	mount_list_hide(m);
	if (m->mounted && !lkl_panic_message())
		status = one_mount_finish(m);
	m->status = m->status ? m->status : status;
}

/* Where the stick is mounted otherwise, as words for a line. */
static char *others(const struct one_mount *m)
{
	char **dirs = mount_list_dirs(m, true), *text = NULL, *longer;

	for (unsigned int i = 0; dirs && dirs[i]; i++) {
		if (asprintf(&longer, "%s%s%s", text ? text : "", text ? ", " : "", dirs[i]) < 0)
			break;
		free(text);
		text = longer;
	}
	mount_list_free_dirs(dirs);
	if (text)
		printable_text(text);
	return text;
}

static void tell_end(const struct one_mount *m, bool is_last, bool ejected)
{
	char *where = is_last ? NULL : others(m);

	if (m->status)
		control_finish(m, m->status, "flush", "data may be lost");
	else if (m->eject && !ejected)
		control_finish(m, REPORT_MOUNT, "eject", is_last ?
			       "all is written, but the unit does not stop" :
			       "all is written, but the stick has been mounted again");
	else if (where)
		control_finish(m, REPORT_OK, "mounted", where);
	else
		control_finish(m, REPORT_OK, "ok", "all is written");
	free(where);
}

void serve_mount(struct one_mount *m)
{
	bool started;

	if (!m->status && m->joined)
		m->status = connect_fuse(m);
	if (!m->status)
		run(m);
	unmount(m);
	started = m->socket < 0;	/* else somebody still waits for that */
	if (!started && !m->status)
		m->status = report(REPORT_MOUNT, "fuse-serve", "%s: ended before it was ready",
				   m->dir);
	serve_answer(m, m->status);
	if (!mount_list_end(m, started))
		tell_end(m, false, false);
}

/* ---- the stick ---- */

static int boot(void)
{
	int status;

	daemon_phase("Waiting for the stick");
	status = guest_boot();
	if (!status)
		status = disk_read(&stick.disk);
	guest_disk_was_read();
	return status;
}

/* The start takes too long: the process ends without asking the library kernel. */
static void leave_mountpoint(void)
{
	pthread_mutex_lock(&stick.lock);
	for (struct one_mount *m = stick.mounts; m; m = m->next)
		if (m->fs)
			fusefs_abandon(m->fs);
	pthread_mutex_unlock(&stick.lock);
}

static int eject(const struct one_mount *last)
{
	int err = guest_eject();

	if (err)
		report(REPORT_MOUNT, "eject", "%s: the unit does not stop: %s", last->source,
		       strerror(-err));
	return err;
}

/* Everything is unmounted, nobody asks any more. */
static int finish(struct one_mount *last)
{
	bool ejected = last->eject && !last->status && !lkl_panic_message() && !eject(last);
	int end = guest_close();

	last->status = last->status ? last->status : end;
	tell_end(last, true, ejected);
	if (!end && last->eject && !ejected)
		end = REPORT_MOUNT;
	return stick.status ? stick.status : end;
}

int serve(struct one_mount *first, int listen_fd)
{
	int status;

	listener = listen_fd;
	stick.config = first->args.guest;
	stick.config.source = first->source;
	stick.config.unlock = &first->args.volume.unlock;
	stick.config.keys = 1;
	stick.config.on_panic = stick.config.on_gone = mount_list_stop;
	stick.config.on_stuck = leave_mountpoint;
	mount_list_add(first);
	status = guest_open(&stick.config);
	if (status)
		return status;
	first->status = connect_fuse(first);
	if (!first->status)
		first->status = guest_confine(fusefs_has_io_uring(first->fs));
	if (!first->status) {
		catch_signals();
		first->status = boot();
	}
	serve_mount(first);
	mount_list_leave(first);
	mount_list_join();
	control_stop();
	status = finish(stick.last);
	mount_list_free();
	disk_free(&stick.disk);
	return status;
}
