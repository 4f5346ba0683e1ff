/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * broker_word.h - what a process in the sandbox asks its broker, a process outside of it
 * (tools/lklusb/broker.h; tools/vhost-user-usb/opener.h): one message of fixed size for each question and each answer, on
 * a SOCK_SEQPACKET pair. Whoever asks may have been taken over.
 *
 *   word       text            value           descriptors     answer
 *   DEVICE     its port path   -               -               -
 *   GUARD      -               interface       usbfs node      -
 *   SEAL       -               -               -               -; no DEVICE, GUARD any more
 *   KEEP       folder          -               -               number of the mount there
 *   PUBLISH    -               number          -               -
 *   WITHDRAW   -               number          -               -
 *   UNMOUNT    -               number          -               -
 *   SYNC       -               number          pipe            -; the pipe is closed then
 *   KEYS       -               -               -               the key helper's socket, or
 *                                                              an exit status
 *   END_KEYS   -               -               -               -
 *   REOPEN     -               number of what  -               descriptor, and what is to be
 *                                                              known of it
 *   GIVE_BACK  -               number          -               -
 *   SAME       path            which file      -               0 or -EINVAL
 *   LOG        line            priority        -               none
 *   QUIET      -               -               -               -
 *   END        -               -               -               none
 */
#ifndef BROKER_WORD_H
#define BROKER_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BROKER_TEXT	4096u

enum broker_word {
	BROKER_DEVICE,
	BROKER_GUARD,
	BROKER_SEAL,
	BROKER_KEEP,
	BROKER_PUBLISH,
	BROKER_WITHDRAW,
	BROKER_UNMOUNT,
	BROKER_SYNC,
	BROKER_KEYS,
	BROKER_END_KEYS,
	BROKER_REOPEN,
	BROKER_GIVE_BACK,
	BROKER_SAME,
	BROKER_LOG,
	BROKER_QUIET,
	BROKER_END,
	BROKER_N_WORDS,
};

struct broker_question {
	uint32_t word;			/* enum broker_word */
	uint32_t reserved;		/* 0 */
	uint64_t value;
	char text[BROKER_TEXT];		/* ends in 0 bytes */
};

struct broker_answer {
	int32_t err;			/* 0 or -errno */
	uint32_t reserved;
	uint64_t value;
};

/*
 * Whether a message of len bytes that came with a descriptor, or without, is a question: its text ends
 * and is printable or, of paths, absolute; what its word has no use for is empty.
 */
bool broker_question_valid(const struct broker_question *q, size_t len, bool has_fd);

/* Whether an answer is sent. */
bool broker_question_answered(const struct broker_question *q);

#endif
