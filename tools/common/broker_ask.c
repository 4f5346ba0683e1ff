// SPDX-License-Identifier: GPL-2.0-only
#include "broker_ask.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "send_fd.h"

static struct {
	int socket;
	pid_t pid;
	pthread_mutex_t lock;	/* one question at a time */
} broker = { .socket = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

int broker_fork(void (*serve)(const void *config, int socket), const void *config)
{
	int ends[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	broker.pid = fork();
	if (!broker.pid) {
		close(ends[0]);
		serve(config, ends[1]);
		_exit(1);
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

int broker_ask(enum broker_word word, uint64_t value, const char *text, int fd, int *ret_fd,
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

int broker_say(enum broker_word word, uint64_t value)
{
	return broker_ask(word, value, NULL, -1, NULL, NULL);
}

/* ---- its end ---- */

void broker_leave(void)
{
	broker_say(BROKER_END, 0);
}

/* The lock may be with somebody who waits for an answer; the socket stays his. */
void broker_hang_up(void)
{
	if (broker.socket < 0)
		return;
	shutdown(broker.socket, SHUT_RDWR);
	while (waitpid(broker.pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void broker_end(void)
{
	broker_leave();
	broker_hang_up();
	if (broker.socket >= 0)
		close(broker.socket);
	broker.socket = -1;
}
