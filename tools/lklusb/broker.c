// SPDX-License-Identifier: GPL-2.0-only
/* The asking side. */
#include "broker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker_word.h"
#include "send_fd.h"
#include "unlock.h"

static struct {
	int socket;
	pid_t pid;
	pthread_mutex_t lock;	/* one question at a time */
} broker = { .socket = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

int broker_start(const struct broker_config *config)
{
	int ends[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	broker.pid = fork();
	if (!broker.pid) {
		close(ends[0]);
		broker_serve(config, ends[1]);
	}
	err = broker.pid < 0 ? -errno : 0;
	close(ends[1]);
	if (err)
		close(ends[0]);
	else
		broker.socket = ends[0];
	return err;
}

/* ---- questions ---- */

static int receive_answer(int *ret_fd, uint64_t *ret_value)
{
	struct broker_answer a;
	int fd = -1;
	ssize_t n;

	do {
		n = receive_fd(broker.socket, &a, sizeof(a), &fd);
	} while (n == -EINTR);
	if (n <= 0)
		return -EPIPE;
	if (ret_fd)
		*ret_fd = fd;
	else if (fd >= 0)
		close(fd);
	if (ret_value)
		*ret_value = a.value;
	return a.err;
}

static int ask_locked(const struct broker_question *q, int fd, int *ret_fd, uint64_t *ret_value)
{
	bool answered = broker_question_answered(q);
	int err = send_fd(broker.socket, q, sizeof(*q), answered ? 0 : MSG_DONTWAIT, fd);

	return err || !answered ? err : receive_answer(ret_fd, ret_value);
}

static int ask(enum broker_word word, uint64_t value, const char *text, int fd, int *ret_fd,
	       uint64_t *ret_value)
{
	struct broker_question q = { .word = word, .value = value };
	int err;

	if (broker.socket < 0)
		return -EPIPE;
	if (text)
		snprintf(q.text, sizeof(q.text), "%s", text);
	pthread_mutex_lock(&broker.lock);
	err = ask_locked(&q, fd, ret_fd, ret_value);
	pthread_mutex_unlock(&broker.lock);
	return err;
}

static int say(enum broker_word word, uint64_t value)
{
	return ask(word, value, NULL, -1, NULL, NULL);
}

/* ---- the words ---- */

int broker_device(const char *id)
{
	return ask(BROKER_DEVICE, 0, id, -1, NULL, NULL);
}

int broker_guard(int fd, unsigned int interface)
{
	return ask(BROKER_GUARD, interface, NULL, fd, NULL, NULL);
}

int broker_seal(void)
{
	return say(BROKER_SEAL, 0);
}

int broker_keep(const char *dir, dev_t *ret_dev)
{
	uint64_t dev = 0;
	int err = ask(BROKER_KEEP, 0, dir, -1, NULL, &dev);

	if (!err)
		*ret_dev = dev;
	return err;
}

int broker_publish(dev_t dev)
{
	return say(BROKER_PUBLISH, dev);
}

void broker_withdraw(dev_t dev)
{
	say(BROKER_WITHDRAW, dev);
}

void broker_unmount(dev_t dev)
{
	say(BROKER_UNMOUNT, dev);
}

/* Others may ask meanwhile: whoever unmounts this ends the wait. */
void broker_sync(dev_t dev)
{
	int fds[2], err;
	char c;

	if (pipe2(fds, O_CLOEXEC))
		return;
	err = ask(BROKER_SYNC, dev, NULL, fds[1], NULL, NULL);
	close(fds[1]);
	while (!err && read(fds[0], &c, 1) < 0 && errno == EINTR)
		;
	close(fds[0]);
}

static void end_keys(void)
{
	say(BROKER_END_KEYS, 0);
}

int broker_connect_keys(void *ctx, struct key_session *ret)
{
	uint64_t status = 0;
	int fd = -1, err = ask(BROKER_KEYS, 0, NULL, -1, &fd, &status);

	if (err || (!status && fd < 0))
		return unlock_helper_failed(err);
	if (status)
		return status;
	*ret = (struct key_session) { .socket = fd, .watch = -1, .end = end_keys };
	return 0;
}

int broker_reopen(int *ret_fd)
{
	int fd = -1, err = ask(BROKER_REOPEN, 0, NULL, -1, &fd, NULL);

	if (!err && fd < 0)
		err = -EPROTO;
	if (!err)
		*ret_fd = fd;
	return err;
}

void broker_give_back(void)
{
	say(BROKER_GIVE_BACK, 0);
}

int broker_same(unsigned int file, const char *path)
{
	return ask(BROKER_SAME, file, path, -1, NULL, NULL);
}

void broker_log(int priority, const char *line)
{
	ask(BROKER_LOG, priority, line, -1, NULL, NULL);
}

void broker_quiet(void)
{
	say(BROKER_QUIET, 0);
}

void broker_leave(void)
{
	say(BROKER_END, 0);
}

void broker_end(void)
{
	if (broker.socket < 0)
		return;
	broker_leave();
	close(broker.socket);
	broker.socket = -1;
	while (waitpid(broker.pid, NULL, 0) < 0 && errno == EINTR)
		;
}
