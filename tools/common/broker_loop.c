// SPDX-License-Identifier: GPL-2.0-only
#include "broker_loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "send_fd.h"

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Whoever says what makes no sense gets no further answers, and ends so. */
static bool answer_one(int socket, broker_word_fn *const words[], struct broker_question *q,
		       ssize_t len, int fd)
{
	struct broker_talk t = { .q = q, .fd = fd, .answer = -1 };
	struct broker_answer a = { 0 };
	bool valid = len > 0 && broker_question_valid(q, len, fd >= 0);

	if (valid) {
		a.err = words[q->word] ? words[q->word](&t) : -EPERM;
		a.value = t.value;
		if (broker_question_answered(q))
			send_fd(socket, &a, sizeof(a), MSG_DONTWAIT, t.answer);
	}
	close_fd(t.fd);
	close_fd(t.answer);
	return valid;
}

void broker_loop(int socket, broker_word_fn *const words[], void (*between)(void))
{
	static struct broker_question q;
	ssize_t len;
	int fd;

	do {
		fd = -1;
		len = receive_fd(socket, &q, sizeof(q), &fd);
		if (between)
			between();
	} while (len == -EINTR || answer_one(socket, words, &q, len, fd));
}

static void close_all_but(const int *fds, unsigned int n)
{
	int first = 3, next;

	for (;;) {
		next = -1;
		for (unsigned int i = 0; i < n; i++)
			if (fds[i] >= first && (next < 0 || fds[i] < next))
				next = fds[i];
		if (next < 0)
			break;
		if (next > first)
			close_range(first, next - 1, 0);
		first = next + 1;
	}
	close_range(first, ~0u, 0);
}

void broker_loop_begin(const char *name, const int *keep, unsigned int n)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, name);
	close_all_but(keep, n);
}
