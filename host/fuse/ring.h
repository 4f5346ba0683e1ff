/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ring.h - an io_uring of commands, as much of it as FUSE needs: entries of 128 bytes, any
 * thread submits, one at a time takes what came back. (liburing's queues belong to one
 * thread at a time, waiting included.)
 */
#ifndef RING_H
#define RING_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>

struct ring;

/*
 * Room for size entries at a time, 1..4096. The ring runs IORING_OP_URING_CMD and nothing
 * else, whoever has it: it opens no way around a filter of system calls.
 * -errno: this host has none.
 */
int ring_open(unsigned int size, struct ring **ret_ring);
void ring_close(struct ring *ring);

/* sqe: 128 bytes. Any thread; no more at a time than there is room for. */
void ring_push(struct ring *ring, const void *sqe);
/*
 * Submits as many as were pushed by the caller, and may wait for something to come back.
 * What the kernel has to do for them later it does on the thread that submitted.
 * -EINTR after a signal.
 */
int ring_enter(struct ring *ring, unsigned int submit, bool wait);
/* Something that came back; one thread at a time. */
bool ring_pop(struct ring *ring, uint64_t *ret_user_data, int *ret_result);

#endif
