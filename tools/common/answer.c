// SPDX-License-Identifier: GPL-2.0-only
#include "answer.h"

#include <stdlib.h>
#include <string.h>

/* What may follow says why, to those who want to know. */
static bool decode_status(const char *text, int *ret)
{
	size_t len = strcspn(text, " ");

	*ret = atoi(text);
	return len && len <= 3 && strspn(text, "0123456789") == len && *ret < 128;
}

bool answer_decode(char *message, size_t len, struct answer *a)
{
	static const char done[] = "done ";

	message[len] = 0;
	*a = (struct answer) { .text = message + 1 };
	if (!len || strlen(message) != len)
		return false;
	if (*message == 'E' || *message == 'N') {
		a->kind = *message == 'N' ? ANSWER_NOTE : ANSWER_ERROR;
		return true;
	}
	a->text = NULL;
	if (!strncmp(message, done, strlen(done))) {
		a->kind = ANSWER_DONE;
		return decode_status(message + strlen(done), &a->status);
	}
	a->kind = !strcmp(message, "key") ? ANSWER_KEY : ANSWER_TAKEN;
	return a->kind == ANSWER_KEY || !strcmp(message, "taken");
}
