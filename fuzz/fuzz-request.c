// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a hostile process says to the one that serves a stick: no descriptor is left
 * over, and what is believed lies within the message. And what that one, when it is in the
 * hands of a hostile stick, says to a process that asks for a mount.
 *
 * Input: a byte, the number of descriptors; a byte, how to begin: as a correct request for
 * a mount, as a key helper, or with nothing; then the message, which is an answer as well.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "request.h"

#define MAX_FDS		8
#define HEAD		"mount\0001\0image\0/\0/a\0/b\0mount"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void send_message(int to, const void *data, size_t len, unsigned int n_fds)
{
	char control[CMSG_SPACE(MAX_FDS * sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg = (void *)control;
	int fds[MAX_FDS] = { 0 };

	if (n_fds) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	check(sendmsg(to, &msg, 0) == (ssize_t)len);
}

static int lowest_free(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static bool within(const char *word, const char *message, size_t len)
{
	return word >= message && word + strlen(word) < message + len;
}

static void look(const struct request *r, const char *message, size_t len, bool has_fd)
{
	check(has_fd == (r->kind == REQUEST_MOUNT || r->kind == REQUEST_KEY));
	check(r->kind != REQUEST_KEY || len == sizeof("key"));
	if (r->kind != REQUEST_MOUNT)
		return;
	check(within(r->version, message, len) && within(r->stick, message, len));
	check(within(r->cwd, message, len) && within(r->source, message, len));
	check(within(r->dir, message, len) && *r->dir == '/');
	check(r->argc > 0 && r->argc <= (int)REQUEST_WORDS && !r->argv[r->argc]);
	for (int i = 0; i < r->argc; i++)
		check(within(r->argv[i], message, len));
}

static void one(int *ends, const uint8_t *data, size_t len, unsigned int n_fds)
{
	static char buf[REQUEST_SIZE];
	struct request r;
	int free_before = lowest_free(), fd = -1;
	ssize_t n;

	send_message(ends[0], data, len, n_fds);
	n = request_receive(ends[1], buf, &fd);
	check((n == -EBADMSG) == (n_fds > 1 || len > REQUEST_SIZE));
	if (n > 0 && request_decode(buf, n, fd >= 0, &r))
		look(&r, buf, n, fd >= 0);
	if (fd >= 0)
		close(fd);
	check(lowest_free() == free_before);
}

static void look_at_answer(char *message, size_t len)
{
	struct answer a;

	if (!answer_decode(message, len, &a))
		return;
	check(len && a.kind <= ANSWER_DONE && a.status >= 0 && a.status < 128);
	check((a.kind == ANSWER_ERROR || a.kind == ANSWER_NOTE) ==
	      (a.text == message + 1 && strlen(a.text) == len - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t message[REQUEST_SIZE + 4096];
	static int ends[2];
	const char *begin;
	size_t head;

	if (len < 3)
		return 0;
	if (!ends[1])
		check(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
	head = data[1] % 2 ? sizeof(HEAD) : data[1] % 4 == 2 ? sizeof("key") : 0;
	begin = data[1] % 2 ? HEAD : "key";
	memcpy(message, begin, head);
	len -= 2;
	if (len > sizeof(message) - head)
		len = sizeof(message) - head;
	memcpy(message + head, data + 2, len);
	one(ends, message, head + len, data[0] % MAX_FDS);
	if (len < ANSWER_SIZE) {
		memcpy(message, data + 2, len);
		look_at_answer((char *)message, len);
	}
	return 0;
}
