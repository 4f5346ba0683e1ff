// SPDX-License-Identifier: GPL-2.0-only
#include "broker_word.h"

#include <string.h>
#include <syslog.h>

enum text { NONE, PATH, LINE };

static const struct {
	enum text text;
	bool value, fd;
} words[BROKER_N_WORDS] = {
	[BROKER_DEVICE] = { LINE, false, false },
	[BROKER_GUARD] = { NONE, true, true },
	[BROKER_SEAL] = { NONE, false, false },
	[BROKER_KEEP] = { PATH, false, false },
	[BROKER_PUBLISH] = { NONE, true, false },
	[BROKER_WITHDRAW] = { NONE, true, false },
	[BROKER_UNMOUNT] = { NONE, true, false },
	[BROKER_SYNC] = { NONE, true, true },
	[BROKER_KEYS] = { NONE, false, false },
	[BROKER_END_KEYS] = { NONE, false, false },
	[BROKER_REOPEN] = { NONE, true, false },
	[BROKER_GIVE_BACK] = { NONE, true, false },
	[BROKER_SAME] = { PATH, true, false },
	[BROKER_LOG] = { LINE, true, false },
	[BROKER_QUIET] = { NONE, false, false },
	[BROKER_END] = { NONE, false, false },
};

/* UTF-8 or not: no control characters. */
static bool is_line(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static bool text_valid(const char *text, enum text wanted)
{
	size_t len = strnlen(text, BROKER_TEXT);

	for (size_t i = len; i < BROKER_TEXT; i++)
		if (text[i])
			return false;
	if (len == BROKER_TEXT)
		return false;
	return wanted == LINE ? is_line(text) : wanted == PATH ? *text == '/' : !len;
}

/* What is more than an error some hosts write to every terminal. */
static bool value_valid(const struct broker_question *q)
{
	if (q->word == BROKER_LOG)
		return q->value >= LOG_ERR && q->value <= LOG_DEBUG;
	return words[q->word].value || !q->value;
}

bool broker_question_valid(const struct broker_question *q, size_t len, bool has_fd)
{
	return len == sizeof(*q) && q->word < BROKER_N_WORDS && !q->reserved &&
	       words[q->word].fd == has_fd && value_valid(q) &&
	       text_valid(q->text, words[q->word].text);
}

bool broker_question_answered(const struct broker_question *q)
{
	return q->word != BROKER_LOG && q->word != BROKER_END;
}
