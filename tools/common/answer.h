/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * answer.h - what the process that serves a stick says to one that has asked for a mount
 * (request.h): one message each.
 *
 *   "taken"          it will say how that ends
 *   "E..." "N..."    a line for stderr, for stdout
 *   "key"            a key helper is needed: answered by a request of that kind
 *   "done STATUS [CODE TEXT]"  an exit status; with 0 the mount works
 *
 * The library kernel in that process may be in the hands of whoever wrote the stick.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#define ANSWER_SIZE	4096u	/* bytes, with a 0 behind them */

enum answer_kind {
	ANSWER_TAKEN,
	ANSWER_ERROR,
	ANSWER_NOTE,
	ANSWER_KEY,
	ANSWER_DONE,
};

struct answer {
	enum answer_kind kind;
	const char *text;	/* ANSWER_ERROR, ANSWER_NOTE: in the message, not printable yet */
	int status;		/* ANSWER_DONE: 0 to 127 */
};

/* message[len] can be written to. False: nothing that may be believed. */
bool answer_decode(char *message, size_t len, struct answer *ret_answer);

#endif
