/* SPDX-License-Identifier: MIT */
/*
 * thread.h - threads that get no signals: their handlers belong to the program's own
 * threads. But those of a fault, which the library kernel turns into a panic if it is its
 * own.
 */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>

/* As pthread_create. 0 or -errno. */
int thread_start(pthread_t *ret_thread, void *(*fn)(void *), void *arg);

#endif
