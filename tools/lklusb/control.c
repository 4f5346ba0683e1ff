// SPDX-License-Identifier: GPL-2.0-only
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_CLIENTS	8

static struct {
	const struct control_ops *ops;
	struct sockaddr_un address;
	int listener, stop;		/* descriptors; stop: eventfd */
	pthread_t thread;
	bool runs;
	int waiting[MAX_CLIENTS];	/* asked for the end; the thread's, then finish's */
	unsigned int n_waiting;
} control = { .listener = -1, .stop = -1 };

/* ---- where ---- */

/* $XDG_RUNTIME_DIR is there and the user's alone; /tmp needs a look. */
static int folder(uid_t uid, bool create, char *path, size_t size)
{
	const char *runtime = uid == getuid() ? getenv("XDG_RUNTIME_DIR") : NULL;
	char standard[64];
	struct stat st;

	snprintf(standard, sizeof(standard), "/run/user/%u", (unsigned int)uid);
	if (!runtime || lstat(runtime, &st) || !S_ISDIR(st.st_mode) || st.st_uid != uid)
		runtime = standard;
	if (!lstat(runtime, &st) && S_ISDIR(st.st_mode) && st.st_uid == uid)
		snprintf(path, size, "%s/lklusb", runtime);
	else
		snprintf(path, size, "/tmp/lklusb-%u", (unsigned int)uid);
	if (create && mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	if (lstat(path, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode) || st.st_uid != uid || (st.st_mode & 077))
		return -EPERM;		/* somebody else's trap */
	return 0;
}

static int address(dev_t dev, uid_t uid, bool create, struct sockaddr_un *ret)
{
	char dir[80];
	int err = folder(uid, create, dir, sizeof(dir));

	*ret = (struct sockaddr_un) { .sun_family = AF_UNIX };
	if (!err)
		snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%u:%u", dir, major(dev),
			 minor(dev));
	return err;
}

/* ---- serving ---- */

static void say(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;

	while (len && (n = send(fd, text, len, MSG_NOSIGNAL)) > 0) {
		text += n;
		len -= n;
	}
}

static void say_owned(int fd, char *text)
{
	if (text)
		say(fd, text);
	free(text);
}

static bool peer_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (peer.uid == getuid() || peer.uid == 0);
}

/* Returns whether the connection is kept until the mount's end. */
static bool begin_umount(int fd)
{
	char line[160];
	int err;

	snprintf(line, sizeof(line), "dirty %llu\n", control.ops->dirty());
	say(fd, line);
	err = control.ops->sync();
	snprintf(line, sizeof(line), "synced %d %s\n", err, strerror(-err));
	say(fd, line);
	if (control.n_waiting == MAX_CLIENTS)
		return false;
	control.waiting[control.n_waiting++] = fd;
	return true;
}

/* A peer of ours that says nothing within a second is not waited for. */
static void serve_client(int fd)
{
	struct timeval patience = { .tv_sec = 1 };
	char request[32];
	size_t len = 0;
	ssize_t n = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	while (len < sizeof(request) - 1 && n > 0 && !memchr(request, '\n', len)) {
		n = recv(fd, request + len, sizeof(request) - 1 - len, 0);
		len += n > 0 ? n : 0;
	}
	request[len] = 0;
	if (!strcmp(request, "status\n")) {
		say_owned(fd, control.ops->status());
	} else if (!strcmp(request, "dmesg\n")) {
		say_owned(fd, control.ops->log());
	} else if (!strcmp(request, "umount\n") || !strcmp(request, "eject\n")) {
		if (*request == 'e')
			control.ops->want_eject();
		if (begin_umount(fd))
			return;
	}
	close(fd);
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
		if (fd < 0)
			continue;
		if (peer_allowed(fd))
			serve_client(fd);
		else
			close(fd);
	}
}

/* Signals are the main thread's. */
static int start_thread(void)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&control.thread, NULL, control_main, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	control.runs = !err;
	return -err;
}

int control_start(dev_t dev, const struct control_ops *ops)
{
	int err = address(dev, getuid(), true, &control.address);

	if (err)
		return err;
	control.ops = ops;
	control.stop = eventfd(0, EFD_CLOEXEC);
	control.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control.listener < 0 || control.stop < 0)
		return -errno;
	/* Of a process that was killed: device numbers come again. */
	unlink(control.address.sun_path);
	if (bind(control.listener, (void *)&control.address, sizeof(control.address)) ||
	    listen(control.listener, MAX_CLIENTS))
		return -errno;
	return start_thread();
}

void control_stop(void)
{
	if (!control.runs)
		return;
	eventfd_write(control.stop, 1);
	pthread_join(control.thread, NULL);
	control.runs = false;
	unlink(control.address.sun_path);
	close(control.listener);
	close(control.stop);
}

void control_finish(int status, const char *code, const char *text)
{
	char line[256];

	snprintf(line, sizeof(line), "done %d %s %s\n", status, code, text);
	for (unsigned int i = 0; i < control.n_waiting; i++) {
		say(control.waiting[i], line);
		close(control.waiting[i]);
	}
	control.n_waiting = 0;
}

/* ---- asking ---- */

int control_connect(dev_t dev, uid_t uid)
{
	struct sockaddr_un to;
	int fd, err = address(dev, uid, false, &to);

	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (void *)&to, sizeof(to)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}
