// SPDX-License-Identifier: GPL-2.0-only
/*
 * The broker's process. Nothing that it does waits for the one that asks, or for the
 * library kernel: what may do so is a child.
 */
#include "broker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "broker_i.h"
#include "broker_loop.h"
#include "devices.h"
#include "guardian.h"
#include "guest.h"
#include "stick_lock.h"
#include "unlock.h"
#include "usbip_source.h"

#define MAX_CHILDREN	32u
#define CHILD_TRIES	30	/* of a tenth of a second, or less */

static struct {
	const struct broker_config *config;
	int socket;
	bool sealed, left;
	unsigned int n_children, n_keys;
	pid_t helper;		/* not waited for yet, or 0 */
	struct device device;	/* that may be reopened, if it has an id */
} b;

/* ---- children ---- */

static void reap(void)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		b.n_children--;
		if (pid == b.helper)
			b.helper = 0;
	}
}

static int do_sync(struct broker_talk *t)
{
	const char *dir = broker_mounts_dir(t->q->value);
	pid_t pid;
	int fd;

	if (!dir)
		return -ENOENT;
	if (b.n_children == MAX_CHILDREN)
		return -EAGAIN;
	pid = fork();
	if (!pid) {
		close(b.socket);
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			syncfs(fd);
		_exit(0);
	}
	b.n_children += pid > 0;
	return pid < 0 ? -errno : 0;
}

/* Who is asked, and which key file is read, the command line has said. */
static int do_keys(struct broker_talk *t)
{
	struct key_session session;

	if (!b.config->unlock || b.helper || b.n_keys == b.config->guest->keys)
		return -EPERM;
	b.n_keys++;
	t->value = unlock_start_helper(b.config->unlock, &session);
	if (t->value)
		return 0;
	b.helper = session.pid;
	b.n_children++;
	t->answer = session.socket;
	return 0;
}

/* Waits, since it may have the terminal. */
static int do_end_keys(struct broker_talk *t)
{
	if (!b.helper)
		return 0;
	kill(b.helper, SIGTERM);
	while (waitpid(b.helper, NULL, 0) < 0 && errno == EINTR)
		;
	b.helper = 0;
	b.n_children--;
	return 0;
}

/* ---- devices ---- */

static int do_device(struct broker_talk *t)
{
	if (b.sealed)
		return -EPERM;
	return devices_by_id(t->q->text, &b.device) ? 0 : -ENODEV;
}

static int do_guard(struct broker_talk *t)
{
	if (b.sealed)
		return -EPERM;
	guardian_guard(t->fd, t->q->value);
	t->fd = -1;
	return 0;
}

static int do_give_back(struct broker_talk *t)
{
	if (t->q->value)
		return -EINVAL;
	guardian_give_back();
	return 0;
}

static int do_seal(struct broker_talk *t)
{
	b.sealed = true;
	return 0;
}

/* A socket that somebody else connected cannot be connected again. */
static int connect_again(const char *source, int *ret_fd)
{
	struct usbip_source s;
	const char *why;

	if (!usbip_source_parse(source, &s) || s.kind == USBIP_SOURCE_FD)
		return -EPERM;
	return usbip_source_connect(&s, ret_fd, &why);
}

static int do_reopen(struct broker_talk *t)
{
	const char *source = b.config->guest->source;

	if (t->q->value)
		return -EINVAL;
	if (source && usbip_source_named_by(source))
		return connect_again(source, &t->answer);
	return *b.device.id ? devices_take_again(&b.device, b.config->guest->detach_driver,
						 &t->answer) : -EPERM;
}

/* ---- the rest ---- */

static const char *known_file(uint64_t number)
{
	const struct guest_config *g = b.config->guest;

	if (number == BROKER_KERNEL_LOG)
		return g->kernel_log;
	return number == BROKER_TRACE ? g->chain.trace_config.path : NULL;
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat st, other;

	return !stat(a, &st) && !stat(b, &other) && st.st_dev == other.st_dev &&
	       st.st_ino == other.st_ino;
}

/* It may hang for as long as its path is that of a mount which nobody serves. */
static int wait_for_child(pid_t pid)
{
	const struct timespec limit = { .tv_nsec = 100000000 };
	sigset_t set;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (int i = 0; i < CHILD_TRIES; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			b.n_children--;
			return status ? -EINVAL : 0;
		}
		sigtimedwait(&set, NULL, &limit);
	}
	kill(pid, SIGKILL);
	return -EINVAL;
}

static int do_same(struct broker_talk *t)
{
	const char *ours = known_file(t->q->value);
	pid_t pid;

	if (!ours || b.n_children == MAX_CHILDREN)
		return -EINVAL;
	pid = fork();
	if (!pid) {
		close(b.socket);
		_exit(!is_same_file(ours, t->q->text));
	}
	if (pid < 0)
		return -errno;
	b.n_children++;
	return wait_for_child(pid);
}

static int do_keep(struct broker_talk *t)
{
	dev_t dev;
	int err = broker_mounts_keep(t->q->text, b.config->guest->source, &dev);

	t->value = err ? 0 : dev;
	return err;
}

static int do_publish(struct broker_talk *t)
{
	return broker_mounts_publish(t->q->value);
}

static int do_withdraw(struct broker_talk *t)
{
	broker_mounts_withdraw(t->q->value);
	return 0;
}

static int do_unmount(struct broker_talk *t)
{
	broker_mounts_unmount(t->q->value);
	return 0;
}

static int do_log(struct broker_talk *t)
{
	syslog(t->q->value, "%s", t->q->text);
	return 0;
}

/* Nobody must wait for the end of our output. */
static int do_quiet(struct broker_talk *t)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; null >= 0 && i <= 2; i++)
		dup2(null, i);
	if (null > 2)
		close(null);
	return 0;
}

static int do_end(struct broker_talk *t)
{
	b.left = true;
	return 0;
}

static broker_word_fn *const words[BROKER_N_WORDS] = {
	[BROKER_DEVICE] = do_device,
	[BROKER_GUARD] = do_guard,
	[BROKER_SEAL] = do_seal,
	[BROKER_KEEP] = do_keep,
	[BROKER_PUBLISH] = do_publish,
	[BROKER_WITHDRAW] = do_withdraw,
	[BROKER_UNMOUNT] = do_unmount,
	[BROKER_SYNC] = do_sync,
	[BROKER_KEYS] = do_keys,
	[BROKER_END_KEYS] = do_end_keys,
	[BROKER_REOPEN] = do_reopen,
	[BROKER_GIVE_BACK] = do_give_back,
	[BROKER_SAME] = do_same,
	[BROKER_LOG] = do_log,
	[BROKER_QUIET] = do_quiet,
	[BROKER_END] = do_end,
};

/* ---- */

static void begin(const struct broker_config *config, int socket)
{
	const struct unlock_config *u = config->unlock;
	int keep[STICK_LOCK_MAX + 3] = {
		socket, u ? u->key_fd_open : -1, u ? u->header_fd : -1,
	};
	unsigned int n = 3 + stick_lock_fds(keep + 3);

	b.config = config;
	b.socket = socket;
	broker_loop_begin("lklusb-broker", keep, n);
	openlog("lklusb", LOG_PID, LOG_DAEMON);
}

_Noreturn void broker_serve(const void *ctx, int socket)
{
	const struct broker_config *config = ctx;

	begin(config, socket);
	broker_loop(socket, words, reap);
	close(socket);
	if (b.helper)
		kill(b.helper, SIGTERM);
	broker_mounts_end(b.left);
	guardian_give_back();
	stick_lock_end();
	if (config->unlink)
		unlink(config->unlink);
	_exit(0);
}
