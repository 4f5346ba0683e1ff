/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * broker_loop.h - the broker's process: one question (broker_word.h) after the other, from
 * somebody who may have been taken over.
 */
#ifndef BROKER_LOOP_H
#define BROKER_LOOP_H

#include "broker_word.h"

/* Descriptors are closed afterwards, unless somebody takes them. */
struct broker_talk {
	const struct broker_question *q;
	int fd;			/* that came with it, or -1 */
	uint64_t value;		/* of the answer */
	int answer;		/* descriptor that goes with that, or -1 */
};

/* What a word does: 0 or -errno, which is the answer. */
typedef int broker_word_fn(struct broker_talk *talk);

/*
 * Signals are nothing to this process, and all descriptors but 0 to 2 and these are closed;
 * those below 0 are none.
 */
void broker_loop_begin(const char *name, const int *keep, unsigned int n);

/*
 * Until nobody is there any more, or says what makes no sense. words has BROKER_N_WORDS; one
 * without a function is refused. between, or NULL, is called after each question came.
 */
void broker_loop(int socket, broker_word_fn *const words[], void (*between)(void));

#endif
