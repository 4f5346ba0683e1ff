// SPDX-License-Identifier: GPL-2.0-only
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "send_fd.h"


static const char *const kinds[REQUEST_N_KINDS] = {
	[REQUEST_STATUS] = "status",
	[REQUEST_DMESG] = "dmesg",
	[REQUEST_UMOUNT] = "umount",
	[REQUEST_EJECT] = "eject",
	[REQUEST_OTHERS] = "others",
	[REQUEST_WAIT] = "wait",
	[REQUEST_MOUNT] = "mount",
	[REQUEST_KEY] = "key",
};

/* ---- decoding ---- */

struct cursor {
	char *at, *end;		/* before end there is a 0 */
};

/* NULL: there is no more. */
static char *next_word(struct cursor *c)
{
	char *word = c->at;

	if (c->at == c->end)
		return NULL;
	c->at += strlen(word) + 1;
	return word;
}

static bool decode_kind(struct cursor *c, enum request_kind *ret)
{
	const char *word = next_word(c);

	for (unsigned int i = 0; word && i < REQUEST_N_KINDS; i++)
		if (!strcmp(word, kinds[i])) {
			*ret = i;
			return true;
		}
	return false;
}

/* Digits and nothing else: no sign, no space. */
static bool decode_dev(struct cursor *c, dev_t *ret)
{
	const char *word = next_word(c);
	unsigned int maj, min;
	char rest;

	if (!word || strspn(word, "0123456789:") != strlen(word) || strlen(word) > 16 ||
	    sscanf(word, "%9u:%9u%c", &maj, &min, &rest) != 2)
		return false;
	*ret = makedev(maj, min);
	return true;
}

static bool decode_mount(struct cursor *c, struct request *r)
{
	char *word;

	r->version = next_word(c);
	r->stick = next_word(c);
	r->cwd = next_word(c);
	r->source = next_word(c);
	r->dir = next_word(c);
	while ((word = next_word(c))) {
		if (r->argc == REQUEST_WORDS)
			return false;
		r->argv[r->argc++] = word;
	}
	return r->argc && *r->cwd == '/' && *r->dir == '/' && *r->source;
}

bool request_decode(char *message, size_t len, bool has_fd, struct request *r)
{
	struct cursor c = { message, message + len };

	memset(r, 0, sizeof(*r));
	if (!len || len > REQUEST_SIZE || message[len - 1] || !decode_kind(&c, &r->kind))
		return false;
	if (has_fd != (r->kind == REQUEST_MOUNT || r->kind == REQUEST_KEY))
		return false;
	if (r->kind == REQUEST_MOUNT)
		return decode_mount(&c, r);
	if (r->kind == REQUEST_KEY)
		return c.at == c.end;
	return decode_dev(&c, &r->dev) && c.at == c.end;
}

/* ---- sending ---- */

struct message {
	char bytes[REQUEST_SIZE];
	size_t len;
	bool full;
};

static void add_word(struct message *m, const char *word)
{
	size_t size = strlen(word) + 1;

	if (size > sizeof(m->bytes) - m->len) {
		m->full = true;
		return;
	}
	memcpy(m->bytes + m->len, word, size);
	m->len += size;
}

static void add_mount(struct message *m, const struct request *r)
{
	add_word(m, r->version);
	add_word(m, r->stick);
	add_word(m, r->cwd);
	add_word(m, r->source);
	add_word(m, r->dir);
	for (int i = 0; i < r->argc; i++)
		add_word(m, r->argv[i]);
}

int request_send(int socket, const struct request *r, int fd)
{
	struct message m = { .len = 0 };
	char dev[32];

	add_word(&m, kinds[r->kind]);
	snprintf(dev, sizeof(dev), "%u:%u", major(r->dev), minor(r->dev));
	if (r->kind == REQUEST_MOUNT)
		add_mount(&m, r);
	else if (r->kind != REQUEST_KEY)
		add_word(&m, dev);
	if (m.full)
		return -E2BIG;
	return send_fd(socket, m.bytes, m.len, 0, fd);
}

/* ---- receiving ---- */

ssize_t request_receive(int socket, char *buf, int *ret_fd)
{
	return receive_fd(socket, buf, REQUEST_SIZE, ret_fd);
}
