/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * broker_ask.h - the side that asks a broker (broker_word.h): a process outside of the
 * sandbox, made before it.
 *
 * Any thread; but broker_fork, before there are threads, and broker_end, after them.
 * Functions return 0 or -errno; -EPIPE: it has gone.
 */
#ifndef BROKER_ASK_H
#define BROKER_ASK_H

#include "broker_word.h"

/* serve is the broker, with its end of the socket; it does not return. */
int broker_fork(void (*serve)(const void *config, int socket), const void *config);

/*
 * Waits for the answer, if its word has one. text NULL: none; fd -1: none. ret_fd, ret_value:
 * what came with it, or NULL; of a descriptor that did not come *ret_fd stays.
 */
int broker_ask(enum broker_word word, uint64_t value, const char *text, int fd, int *ret_fd,
	       uint64_t *ret_value);

/* The same for what has neither text nor descriptors. */
int broker_say(enum broker_word word, uint64_t value);

/* This process is about to end by its own will, which is the end of the broker, too. */
void broker_leave(void);

/*
 * The end of the broker, waited for: everything is taken away then. Whoever is asking
 * gets -EPIPE, and so does whoever asks later.
 */
void broker_hang_up(void);

/* Leaves, and hangs up; another one may be forked afterwards. */
void broker_end(void);

#endif
