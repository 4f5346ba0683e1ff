// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process that was taken over says to the broker: no descriptor is left over, and
 * what is believed is a word with what belongs to it.
 *
 * Input: a byte, whether there is a descriptor; a byte, the word, and whether the message has
 * the right length; a byte, where its text ends; the value's byte; then the text, or the
 * whole message.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker_word.h"
#include "send_fd.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static int lowest_free(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* What broker_serve.c relies on. */
static void look(const struct broker_question *q, bool has_fd)
{
	size_t len = strnlen(q->text, sizeof(q->text));

	check(q->word < BROKER_N_WORDS && len < sizeof(q->text));
	check(has_fd == (q->word == BROKER_GUARD || q->word == BROKER_SYNC));
	if (q->word == BROKER_KEEP || q->word == BROKER_SAME)
		check(*q->text == '/');
	else
		for (size_t i = 0; i < len; i++)
			check((unsigned char)q->text[i] >= 0x20 && q->text[i] != 0x7f);
}

static void one(int *ends, const void *message, size_t len, bool with_fd)
{
	int free_before = lowest_free(), fd = -1;
	struct broker_question q;
	ssize_t n;

	check(!send_fd(ends[0], message, len, 0, with_fd ? 0 : -1));
	n = receive_fd(ends[1], &q, sizeof(q), &fd);
	check((n == -EBADMSG) == (len > sizeof(q)));
	if (n > 0 && broker_question_valid(&q, n, fd >= 0))
		look(&q, fd >= 0);
	if (fd >= 0)
		close(fd);
	check(lowest_free() == free_before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t message[sizeof(struct broker_question) + 64];
	struct broker_question *q = (void *)message;
	static int ends[2];

	if (len < 5)
		return 0;
	if (!ends[1])
		check(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
	memset(message, 0, sizeof(message));
	if (data[1] & 0x80) {
		len = len - 2 < sizeof(message) ? len - 2 : sizeof(message);
		memcpy(message, data + 2, len);
		one(ends, message, len, data[0] % 2);
		return 0;
	}
	q->word = data[1] % (BROKER_N_WORDS + 1);
	q->value = data[3];
	len = len - 4 < sizeof(q->text) ? len - 4 : sizeof(q->text);
	memcpy(q->text, data + 4, len);
	if (data[2] & 1)
		q->text[BROKER_TEXT - 1] = 'x';
	one(ends, message, sizeof(*q), data[0] % 2);
	return 0;
}
