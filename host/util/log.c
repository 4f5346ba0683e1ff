// SPDX-License-Identifier: MIT
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define LOG_LINE_MAX 512

static _Atomic int log_level = LOG_LEVEL_WARN;
static _Atomic int log_fd = STDERR_FILENO;
static log_fn *log_callback;
static void *log_ctx;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level, level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
	return atomic_load_explicit(&log_level, memory_order_relaxed);
}

void log_set_callback(log_fn *fn, void *ctx)
{
	log_ctx = ctx;
	log_callback = fn;
}

void log_set_fd(int fd)
{
	atomic_store_explicit(&log_fd, fd, memory_order_relaxed);
}

/* Strings of a peer (image labels, USB strings) must not steer a terminal. */
static size_t log_sanitize(char *line, size_t len)
{
	while (len && line[len - 1] == '\n')
		len--;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len] = '\0';
	return len;
}

/* One write per line, so that lines of several threads do not mix. */
static void log_write(char *line, size_t len)
{
	int fd = atomic_load_explicit(&log_fd, memory_order_relaxed);
	ssize_t n;

	if (fd < 0)
		return;
	line[len] = '\n';
	do
		n = write(fd, line, len + 1);
	while (n < 0 && errno == EINTR);
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	int saved_errno = errno;
	va_list args;
	size_t len;
	int n;

	if (level > log_get_level())
		return;
	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (n < 0)
		return;
	len = (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1;
	len = log_sanitize(line, len);
	if (log_callback)
		log_callback(log_ctx, level, line);
	else
		log_write(line, len);
	errno = saved_errno;
}
