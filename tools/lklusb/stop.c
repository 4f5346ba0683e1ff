// SPDX-License-Identifier: GPL-2.0-only
#include "stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PATIENCE	3

static volatile sig_atomic_t one, all;
static int event = -1;		/* for who is about to wait when a signal comes */

static void on_signal(int signal)
{
	uint64_t n = 1;
	int err = errno;

	if (signal == SIGINT)
		one++;
	else
		all++;
	if (one + all >= PATIENCE || write(event, &n, sizeof(n)) < 0)
		_exit(128 + signal);
	errno = err;
}

void stop_by_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };

	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (size_t i = 0; event >= 0 && i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

bool stop_wanted(void)
{
	return one || all;
}

bool stop_all_wanted(void)
{
	return all;
}

int stop_wait(int fd)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = event, .events = POLLIN } };
	int n = poll(fds, 2, -1);

	return stop_wanted() ? 0 : n < 0 ? -errno : 1;
}

void stop_reset(void)
{
	uint64_t n;

	one = 0;
	if (!all && read(event, &n, sizeof(n)) < 0)
		return;			/* there was nothing */
}
