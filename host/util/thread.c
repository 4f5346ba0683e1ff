// SPDX-License-Identifier: MIT
#include "thread.h"

#include <signal.h>

int thread_start(pthread_t *ret_thread, void *(*fn)(void *), void *arg)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGSYS);	/* of the sandbox */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(ret_thread, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}
