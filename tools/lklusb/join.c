// SPDX-License-Identifier: GPL-2.0-only
#include "join.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "ask.h"
#include "commands.h"
#include "mounts.h"
#include "printable.h"
#include "report.h"
#include "stick_lock.h"

struct joining {
	struct one_mount *m;
	int socket, signals, fuse;	/* descriptors */
	bool taken, done, asks;		/* asks: there is a helper, or was */
	struct key_session keys;
	int status;
};

/* ---- answers ---- */

static void done(struct joining *j, int status)
{
	j->done = true;
	j->status = status;
}

/* Once; the socket is the other process's from then on. */
static void give_keys(struct joining *j)
{
	struct request r = { .kind = REQUEST_KEY };
	int status;

	if (j->asks)
		return done(j, report(REPORT_MOUNT, "daemon-gone",
				      "the process that has %s asks for a key twice", j->m->source));
	status = unlock_start_helper(&j->m->args.volume.unlock, &j->keys);
	if (status)
		return done(j, status);
	j->asks = true;
	if (request_send(j->socket, &r, j->keys.socket))
		done(j, unlock_helper_failed(-EPIPE));
	close(j->keys.socket);
	j->keys.socket = -1;
}

static void handle(struct joining *j, char *message, size_t len)
{
	struct answer answer;

	if (!answer_decode(message, len, &answer))
		return;
	switch (answer.kind) {
	case ANSWER_TAKEN:
		j->taken = true;
		return;
	case ANSWER_KEY:
		return give_keys(j);
	case ANSWER_DONE:
		return done(j, answer.status);
	default:
		printable_text(message);
		report_line(answer.kind == ANSWER_NOTE, answer.text);
	}
}

/* Returns whether there may be more. */
static bool receive(struct joining *j)
{
	char message[ANSWER_SIZE];
	ssize_t n = recv(j->socket, message, sizeof(message) - 1, 0);

	if (n <= 0)
		return n < 0 && errno == EINTR;
	handle(j, message, n);
	return !j->done;
}

/* Until the answer is complete, the peer is gone, or the user wants no more: false. */
static bool listen_to(struct joining *j)
{
	struct pollfd fds[] = {
		{ .fd = j->socket, .events = POLLIN },
		{ .fd = j->signals, .events = POLLIN },
	};
	struct signalfd_siginfo taken;

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return false;
		/* Taken, or it would end this process as soon as it may. */
		if (fds[1].revents && read(j->signals, &taken, sizeof(taken)) > 0)
			return false;
		if (fds[0].revents && !receive(j))
			return true;
	}
}

static int ask_for_mount(struct joining *j, const struct request *request)
{
	int err = request_send(j->socket, request, j->fuse);

	if (err == -E2BIG)
		return report(REPORT_USAGE, "options-too-long", "the options are too long");
	if (err)
		return JOIN_AGAIN;
	if (!listen_to(j))
		return j->asks ? report(REPORT_MOUNT, "luks-cancelled",
					"%s: interrupted", j->m->source) : REPORT_MOUNT;
	if (j->done)
		return j->status;
	return j->taken ? report(REPORT_MOUNT, "daemon-gone",
				 "the process that has %s ended before it was mounted",
				 j->m->source) : JOIN_AGAIN;
}

/* ---- -f ---- */

/* As a process of its own would end: with what is dirty written. */
static void end_mount(struct joining *j)
{
	char *argv[] = { "umount", "-q", "-l", "--", j->m->dir, NULL };

	optind = 0;
	cmd_umount(5, argv);
}

static int wait_for_end(struct joining *j)
{
	struct mounts_entry *entry = calloc(1, sizeof(*entry));
	int err = entry ? mounts_find(j->m->dir, entry) : -ENOMEM;
	bool interrupted = false;

	if (!err)
		j->socket = ask_begin(entry->dev, entry->uid, REQUEST_WAIT);
	free(entry);
	if (err || j->socket < 0)
		return REPORT_OK;	/* it has ended already */
	j->done = false;
	if (!listen_to(j)) {
		end_mount(j);
		interrupted = !listen_to(j);
	}
	close(j->socket);
	if (interrupted)
		return REPORT_MOUNT;
	return j->done ? j->status : report(REPORT_MOUNT, "daemon-gone",
					    "%s: its serving process is gone", j->m->dir);
}

/* ---- */

static int refuse_options(const struct one_mount *m)
{
	if (!strstr(m->args.options.fuse, "auto_unmount"))
		return 0;
	return report(REPORT_USAGE, "option-refused",
		      "-o auto_unmount: %s is mounted already, and this is not the process that would serve",
		      m->source);
}

static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void free_signals(int fd)
{
	sigset_t set;

	close(fd);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

/* Connects last: whoever has said nothing within a second is not listened to. */
static int connect_and_ask(struct joining *j, const struct request *request)
{
	int status;

	j->socket = stick_lock_connect();
	if (j->socket < 0)
		return JOIN_AGAIN;
	status = ask_for_mount(j, request);
	close(j->socket);
	if (j->asks)
		key_session_end(&j->keys);
	return status;
}

int join(struct one_mount *m, struct request *request)
{
	struct joining j = { .m = m, .keys = { .socket = -1, .watch = -1 } };
	int status = refuse_options(m);

	if (!status)
		status = one_mount_connect(m, &j.fuse);
	if (status)
		return status;
	request->kind = REQUEST_MOUNT;
	request->version = LKLUSB_VERSION;
	request->stick = stick_lock_names();
	request->source = m->source;
	request->dir = m->dir;
	j.signals = catch_signals();
	status = connect_and_ask(&j, request);
	if (status)
		fusefs_disconnect(m->dir, j.fuse);
	close(j.fuse);
	if (!status && m->args.foreground)
		status = wait_for_end(&j);
	free_signals(j.signals);
	return status;
}
