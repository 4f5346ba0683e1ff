// SPDX-License-Identifier: GPL-2.0-only
#include "progress.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "printable.h"
#include "report.h"
#include "thread.h"

#define PERIOD_MS	250

static bool off, shown;

static struct {
	pthread_mutex_t lock;		/* protects ending */
	pthread_cond_t end;
	pthread_t thread;
	bool runs, ending;
	bool (*text)(void *ctx, char *line, size_t size);
	void *ctx;
} teller = { .lock = PTHREAD_MUTEX_INITIALIZER, .end = PTHREAD_COND_INITIALIZER };

bool progress_wanted(void)
{
	return !off && !report_is_quiet() && isatty(STDERR_FILENO);
}

void progress_off(void)
{
	off = true;
}

void progress_line(const char *fmt, ...)
{
	char line[512];
	va_list args;

	if (!progress_wanted())
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	printable_text(line);
	fprintf(stderr, "\r\033[K%s", line);
	shown = true;
}

void progress_clear(void)
{
	if (shown && progress_wanted())
		fputs("\r\033[K", stderr);
	shown = false;
}

void progress_elsewhere(void)
{
	shown = true;
}

/* What takes less than a period is not worth a line. Returns false at the end. */
static bool pause_or_end(void)
{
	struct timespec until;
	bool ending;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PERIOD_MS * 1000000l;
	until.tv_sec += until.tv_nsec / 1000000000l;
	until.tv_nsec %= 1000000000l;
	pthread_mutex_lock(&teller.lock);
	while (!teller.ending &&
	       !pthread_cond_timedwait(&teller.end, &teller.lock, &until))
		;
	ending = teller.ending;
	pthread_mutex_unlock(&teller.lock);
	return !ending;
}

static void *tell(void *unused)
{
	char line[512];

	while (pause_or_end())
		if (teller.text(teller.ctx, line, sizeof(line)))
			progress_line("%s", line);
	return NULL;
}

void progress_begin(bool (*text)(void *ctx, char *line, size_t size), void *ctx)
{
	if (!progress_wanted())
		return;
	teller.text = text;
	teller.ctx = ctx;
	teller.ending = false;
	teller.runs = !thread_start(&teller.thread, tell, NULL);
}

void progress_end(void)
{
	if (!teller.runs)
		return;
	pthread_mutex_lock(&teller.lock);
	teller.ending = true;
	pthread_cond_signal(&teller.end);
	pthread_mutex_unlock(&teller.lock);
	pthread_join(teller.thread, NULL);
	teller.runs = false;
	progress_clear();
}
