// SPDX-License-Identifier: GPL-2.0-only
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "log.h"
#include "runtime.h"
#include "stick_lock.h"
#include "thread.h"

#define MAX_WORKERS	16
#define MAX_WAITING	64
#define PIECE		32768u	/* of a long text, in one message */

struct worker {
	bool started;			/* the dispatcher's: to be joined */
	bool runs;			/* under control.lock */
	pthread_t thread;
	int socket;
};

static struct {
	const struct control_ops *ops;
	int listener, stop;		/* descriptors; stop: eventfd */
	pthread_t thread;
	bool runs;

	pthread_mutex_t lock;		/* protects what follows; innermost */
	pthread_cond_t worker_done;
	bool stopping;
	struct worker workers[MAX_WORKERS];
	struct {
		const struct one_mount *mount;	/* or NULL: free */
		int socket;
	} waiting[MAX_WAITING];		/* for the end of a mount */
} control = {
	.listener = -1, .stop = -1,
	.lock = PTHREAD_MUTEX_INITIALIZER, .worker_done = PTHREAD_COND_INITIALIZER,
};

/* ---- answers ---- */

static void say(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n = 1;

	for (; len && n > 0; text += n, len -= n)
		n = send(fd, text, len < PIECE ? len : PIECE, MSG_NOSIGNAL);
}

static void say_owned(int fd, char *text)
{
	if (text)
		say(fd, text);
	free(text);
}

/* Caller holds control.lock. Who finds a mount in use gives up, and may try again for ever. */
static void drop_gone(void)
{
	for (int i = 0; i < MAX_WAITING; i++) {
		struct pollfd pfd = { .fd = control.waiting[i].socket };

		if (!control.waiting[i].mount || poll(&pfd, 1, 0) <= 0)
			continue;
		close(control.waiting[i].socket);
		control.waiting[i].mount = NULL;
	}
}

/* Returns whether there was room: then the connection stays open until m's end. */
static bool keep(int fd, const struct one_mount *m)
{
	bool kept = false;

	pthread_mutex_lock(&control.lock);
	drop_gone();
	for (int i = 0; i < MAX_WAITING && !kept; i++) {
		if (control.waiting[i].mount)
			continue;
		control.waiting[i].mount = m;
		control.waiting[i].socket = fd;
		kept = true;
	}
	pthread_mutex_unlock(&control.lock);
	return kept;
}

static bool begin_umount(int fd, struct one_mount *m)
{
	char line[160];
	int err;

	snprintf(line, sizeof(line), "dirty %llu\n", control.ops->dirty());
	say(fd, line);
	err = control.ops->sync(m);
	snprintf(line, sizeof(line), "synced %d %s\n", err, strerror(-err));
	say(fd, line);
	return keep(fd, m);
}

static bool begin_eject(int fd, struct one_mount *m)
{
	if (control.ops->want_eject(m))
		return begin_umount(fd, m);
	say(fd, "mounted\n");
	return false;
}

/* Returns whether the connection stays open. */
static bool answer(int fd, enum request_kind kind, struct one_mount *m)
{
	switch (kind) {
	case REQUEST_STATUS:
		say_owned(fd, control.ops->status(m));
		return false;
	case REQUEST_OTHERS:
		say_owned(fd, control.ops->others(m));
		return false;
	case REQUEST_DMESG:
		say_owned(fd, control.ops->log());
		return false;
	case REQUEST_UMOUNT:
		return begin_umount(fd, m);
	case REQUEST_EJECT:
		return begin_eject(fd, m);
	default:
		return keep(fd, m);
	}
}

/* ---- who asks ---- */

/* Root may look and end, but what it mounts is not this user's. */
static bool peer_allowed(int fd, bool mounts)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	    (peer.uid == getuid() || (peer.uid == 0 && !mounts)))
		return true;
	log_warn("control: user %u is not served", (unsigned int)peer.uid);
	return false;
}

static bool serve_request(int fd, const struct request *r)
{
	struct one_mount *m = control.ops->get(r->dev);
	bool kept = m && answer(fd, r->kind, m);

	if (m)
		control.ops->put(m);
	return kept;
}

/* As those who want to mount understand it; they may be of another version. */
static void refuse(int socket)
{
	log_warn("control: a message that makes no sense was dropped");
	say(socket, "Elklusb: the process that has the stick does not understand [stick-version]");
	say(socket, "done 32");
}

/* What comes with a refused message is closed. Returns whether the socket is not ours. */
static bool serve_message(int socket, char *message, ssize_t len, int fd)
{
	struct request r;

	if (len <= 0 || !request_decode(message, len, fd >= 0, &r)) {
		if (len > 0 || len == -EBADMSG)
			refuse(socket);
	} else if (r.kind == REQUEST_KEY) {
		refuse(socket);		/* nobody has asked for it */
	} else if (r.kind == REQUEST_MOUNT && peer_allowed(socket, true)) {
		control.ops->mount(socket, fd, &r, message);
		return true;
	} else if (r.kind != REQUEST_MOUNT) {
		return free(message), serve_request(socket, &r);
	}
	if (fd >= 0)
		close(fd);
	free(message);
	return false;
}

static void serve_client(int socket)
{
	struct timeval patience = { .tv_sec = 1 };
	char *message = malloc(REQUEST_SIZE);
	bool kept = false;
	int fd = -1;
	ssize_t len;

	setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (message && peer_allowed(socket, false)) {
		len = request_receive(socket, message, &fd);
		kept = serve_message(socket, message, len, fd);
	} else {
		free(message);
	}
	if (!kept)
		close(socket);
}

/* ---- threads ---- */

static void worker_done(struct worker *w)
{
	pthread_mutex_lock(&control.lock);
	w->runs = false;
	pthread_cond_signal(&control.worker_done);
	pthread_mutex_unlock(&control.lock);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	serve_client(w->socket);
	worker_done(w);
	return NULL;
}

static struct worker *find_worker(void)
{
	for (int i = 0; i < MAX_WORKERS; i++)
		if (!control.workers[i].runs)
			return &control.workers[i];
	return NULL;
}

/* NULL: it is the end. */
static struct worker *wait_for_worker(void)
{
	struct worker *w;

	pthread_mutex_lock(&control.lock);
	while (!control.stopping && !find_worker())
		pthread_cond_wait(&control.worker_done, &control.lock);
	w = control.stopping ? NULL : find_worker();
	if (w)
		w->runs = true;
	pthread_mutex_unlock(&control.lock);
	if (w && w->started)
		pthread_join(w->thread, NULL);
	return w;
}

static void dispatch(int socket)
{
	struct worker *w = wait_for_worker();

	if (w) {
		w->socket = socket;
		w->started = !thread_start(&w->thread, worker_main, w);
	}
	if (w && w->started)
		return;
	close(socket);
	if (w)
		worker_done(w);
}

static void *control_main(void *unused)
{
	struct pollfd fds[] = {
		{ .fd = control.listener, .events = POLLIN },
		{ .fd = control.stop, .events = POLLIN },
	};
	int fd;

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		if (!fds[0].revents)
			continue;
		fd = accept4(control.listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			dispatch(fd);
	}
}

int control_start(int listener, const struct control_ops *ops)
{
	int err;

	control.ops = ops;
	control.listener = listener;
	control.stop = eventfd(0, EFD_CLOEXEC);
	if (control.stop < 0)
		return -errno;
	err = thread_start(&control.thread, control_main, NULL);
	control.runs = !err;
	return err;
}

/* Those who have not been accepted see that nobody listens any more. */
void control_stop(void)
{
	if (!control.runs)
		return;
	pthread_mutex_lock(&control.lock);
	control.stopping = true;
	pthread_cond_signal(&control.worker_done);
	pthread_mutex_unlock(&control.lock);
	eventfd_write(control.stop, 1);
	pthread_join(control.thread, NULL);
	for (int i = 0; i < MAX_WORKERS; i++)
		if (control.workers[i].started)
			pthread_join(control.workers[i].thread, NULL);
	control.runs = false;
	close(control.listener);
	close(control.stop);
}

/* ---- mounts ---- */

static int path_of(dev_t dev, char *ret_path)
{
	char name[32];

	snprintf(name, sizeof(name), "%u:%u", major(dev), minor(dev));
	return runtime_path(name, getuid(), false, ret_path);
}

int control_publish(dev_t dev)
{
	char path[RUNTIME_PATH_SIZE];
	int err = path_of(dev, path);

	if (err)
		return err;
	unlink(path);	/* of a process that was killed: device numbers come again */
	return symlink(stick_lock_socket(), path) ? -errno : 0;
}

void control_withdraw(dev_t dev)
{
	char path[RUNTIME_PATH_SIZE], target[64];
	ssize_t n;

	if (path_of(dev, path))
		return;
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return;
	target[n] = 0;
	if (!strcmp(target, stick_lock_socket()))
		unlink(path);	/* else another stick's process has the number now */
}

void control_finish(const struct one_mount *m, int status, const char *code,
		    const char *text)
{
	char *line = NULL;

	if (asprintf(&line, "done %d %s %s\n", status, code, text) < 0)
		line = NULL;
	pthread_mutex_lock(&control.lock);
	for (int i = 0; i < MAX_WAITING; i++) {
		if (control.waiting[i].mount != m)
			continue;
		if (line)
			say(control.waiting[i].socket, line);
		close(control.waiting[i].socket);
		control.waiting[i].mount = NULL;
	}
	pthread_mutex_unlock(&control.lock);
	free(line);
}
