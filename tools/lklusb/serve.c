// SPDX-License-Identifier: GPL-2.0-only
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <json-c/json.h>
#include <lkl.h>

#include "control.h"
#include "daemon.h"
#include "guest.h"
#include "mounts.h"
#include "report.h"

static struct {
	struct one_mount *mount;
	struct disk disk;
	bool serving;			/* atomic: requests are answered */
	bool eject;			/* atomic: stop the disk at the end */
	bool not_ejected;
	int ready_status;		/* of what had to be done when it was ready */
} stick;

static pthread_mutex_t stop_lock = PTHREAD_MUTEX_INITIALIZER;	/* protects its fs */

static void stop(void)
{
	pthread_mutex_lock(&stop_lock);
	if (stick.mount->fs)
		fusefs_stop(stick.mount->fs);
	pthread_mutex_unlock(&stop_lock);
	unlock_cancel();
}

static void unmount_fuse(void)
{
	struct fusefs *fs = stick.mount->fs;

	pthread_mutex_lock(&stop_lock);
	stick.mount->fs = NULL;
	pthread_mutex_unlock(&stop_lock);
	fusefs_free(fs);
}

/* The process ends without asking the library kernel anything. */
static void leave_mountpoint(void)
{
	pthread_mutex_lock(&stop_lock);
	if (stick.mount->fs)
		fusefs_abandon(stick.mount->fs);
	pthread_mutex_unlock(&stop_lock);
}

/* ---- signals ---- */

/*
 * Pages that were written through a mapping are the host's until it writes them
 * back, which it does through us: so first this, then the end.
 */
static void *sync_and_stop(void *unused)
{
	int fd = open(stick.mount->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		syncfs(fd);
		close(fd);
	}
	stop();
	return NULL;
}

/* The second signal, and one that comes before there is a mount, end it at once. */
static void *wait_for_signal(void *set)
{
	pthread_t thread;
	int sig;

	sigwait(set, &sig);
	if (__atomic_load_n(&stick.serving, __ATOMIC_ACQUIRE) &&
	    !pthread_create(&thread, NULL, sync_and_stop, NULL)) {
		pthread_detach(thread);
		sigwait(set, &sig);
	}
	stop();
	return NULL;
}

/* ---- asked through the control socket ---- */

static char *status_text(void)
{
	struct json_object *o = json_object_new_object();
	struct lkl_counters c;
	char *text;

	lkl_counters(&c);
	json_object_object_add(o, "source", json_object_new_string(stick.mount->source));
	json_object_object_add(o, "dir", json_object_new_string(stick.mount->dir));
	json_object_object_add(o, "partition", json_object_new_int(stick.mount->part->number));
	json_object_object_add(o, "type", json_object_new_string(stick.mount->kernel_type));
	json_object_object_add(o, "encryption", unlock_kind() ?
			       json_object_new_string(unlock_kind()) : NULL);
	json_object_object_add(o, "readonly", json_object_new_boolean(stick.mount->args.options.readonly));
	json_object_object_add(o, "transport", json_object_new_string(
		stick.mount->args.guest.virtio_blk ? "virtio-blk" : "usb"));
	json_object_object_add(o, "pid", json_object_new_int(getpid()));
	json_object_object_add(o, "kernel", json_object_new_string(lkl_kernel_version()));
	json_object_object_add(o, "system_calls", json_object_new_int64(c.calls));
	json_object_object_add(o, "interrupts", json_object_new_int64(c.irqs));
	json_object_object_add(o, "switches", json_object_new_int64(c.switches));
	json_object_object_add(o, "kicks", json_object_new_int64(c.kicks));
	if (asprintf(&text, "%s\n", json_object_to_json_string(o)) < 0)
		text = NULL;
	json_object_put(o);
	return text;
}

static unsigned long long dirty_bytes(void)
{
	static const char *const names[] = { "\nDirty:", "\nWriteback:" };
	unsigned long long kib = 0;
	char text[4096], *p;

	if (lkl_read_file("/proc/meminfo", text, sizeof(text)) < 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		p = strstr(text, names[i]);
		if (p)
			kib += strtoull(p + strlen(names[i]), NULL, 10);
	}
	return kib << 10;
}

static int sync_all(void)
{
	return one_mount_sync(stick.mount);
}

static void want_eject(void)
{
	__atomic_store_n(&stick.eject, true, __ATOMIC_RELEASE);
}

static const struct control_ops control_ops = {
	.status = status_text,
	.log = guest_log,
	.dirty = dirty_bytes,
	.sync = sync_all,
	.want_eject = want_eject,
};

static int start_inside(void)
{
	int status = guest_boot();

	if (!status)
		status = disk_read(&stick.disk);
	guest_disk_was_read();
	if (!status)
		status = one_mount_inside(stick.mount, &stick.disk);
	return status;
}

/* Called by the FUSE server: requests are answered from now on. */
static void on_ready(void *ctx)
{
	struct mounts_entry entry;
	int err = mounts_find(stick.mount->dir, &entry);

	__atomic_store_n(&stick.serving, true, __ATOMIC_RELEASE);
	if (!err)
		err = control_start(entry.dev, &control_ops);
	if (err) {
		stick.ready_status = report(REPORT_SYSTEM, "control",
					  "no control socket: %s", strerror(-err));
		stop();
		return;
	}
	daemon_ready();
}

/* What is left after the host has let go of the mount. */
static int finish_inside(void)
{
	int err, status = one_mount_finish(stick.mount);

	if (status || !__atomic_load_n(&stick.eject, __ATOMIC_ACQUIRE))
		return status;
	err = guest_eject();
	if (err)
		status = report(REPORT_MOUNT, "eject", "%s: the unit does not stop: %s",
				stick.mount->source, strerror(-err));
	stick.not_ejected = err;
	return status;
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

/* What the library kernel acknowledged and still holds. */
static int report_gone(void)
{
	report(REPORT_MOUNT, "device-gone", "%s unplugged; %llu KiB acknowledged but not flushed",
	       stick.mount->source, dirty_bytes() >> 10);
	report_hint("check the filesystem when it is plugged in again");
	return REPORT_MOUNT;
}

static int serve_mount(void)
{
	int status, end;

	catch_signals();
	status = start_inside();
	if (!status && fusefs_serve(stick.mount->fs, stick.mount->root, on_ready, NULL))
		status = lkl_panic_message() ? REPORT_MOUNT :
			 report(REPORT_SYSTEM, "fuse-serve", "%s: FUSE failed", stick.mount->dir);
	if (!status)
		status = stick.ready_status;
	if (stick.mount->mounted && guest_gone())
		status = report_gone();
	unmount_fuse();
	control_stop();
	if (stick.mount->mounted && !lkl_panic_message()) {
		end = finish_inside();
		status = status ? status : end;
	}
	return status;
}

int serve(struct one_mount *m)
{
	struct guest_config config = m->args.guest;
	int end, status;

	stick.mount = m;
	config.source = m->source;
	config.on_panic = config.on_gone = stop;
	config.on_stuck = leave_mountpoint;
	m->root = GUEST_MNT;
	status = guest_open(&config);
	if (status)
		return status;
	status = one_mount_fuse(m);
	if (!status)
		status = serve_mount();
	disk_part_free(&stick.mount->unlocked);
	disk_free(&stick.disk);
	end = guest_close();
	status = status ? status : end;
	if (stick.not_ejected)
		control_finish(status, "eject", "all is written, but the unit does not stop");
	else
		control_finish(status, status ? "flush" : "ok",
			       status ? "data may be lost" : "all is written");
	return status;
}

