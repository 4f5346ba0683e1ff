// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fault on a fiber becomes a panic of the library kernel: the signal handler
 * makes the faulting code continue in lkl_kernel_fault(), on the same stack. Faults
 * elsewhere are the program's own.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include "lkl_host_i.h"

static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))
static struct sigaction saved[N_SIGNALS];
static bool caught;

#ifdef __x86_64__
/* As if the faulting instruction had called lkl_kernel_fault(). */
static void redirect(ucontext_t *uc, unsigned long address, int sig)
{
	greg_t *r = uc->uc_mcontext.gregs;

	r[REG_RDI] = address;
	r[REG_RSI] = r[REG_RIP];
	r[REG_RDX] = sig;
	/* past the red zone, aligned as after a call */
	r[REG_RSP] = ((r[REG_RSP] - 256) & ~15L) - 8;
	r[REG_RIP] = (greg_t)lkl_kernel_fault;
}
#else
#error "redirect() for this machine"
#endif

static void on_fault(int sig, siginfo_t *info, void *context)
{
	size_t i;

	if (cpu_in_guest()) {
		redirect(context, (unsigned long)info->si_addr, sig);
		return;
	}
	/* Not ours: happens again, with the program's own handler. */
	for (i = 0; i < N_SIGNALS; i++)
		if (signals[i] == sig)
			sigaction(sig, &saved[i], NULL);
	if (info->si_code <= 0)
		raise(sig);		/* was sent, would not happen again */
}

int fault_catch(void)
{
	struct sigaction sa = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};
	size_t i;

	for (i = 0; i < N_SIGNALS; i++)
		if (sigaction(signals[i], &sa, &saved[i]))
			return -errno;
	caught = true;
	return 0;
}

void fault_release(void)
{
	struct sigaction now;
	size_t i;

	if (!caught)
		return;
	caught = false;
	for (i = 0; i < N_SIGNALS; i++)
		if (!sigaction(signals[i], NULL, &now) &&
		    (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_fault)
			sigaction(signals[i], &saved[i], NULL);
}
