// SPDX-License-Identifier: GPL-2.0-only
#include "report.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <syslog.h>

#include "log.h"
#include "printable.h"

static const char *name = "lklusb";
static bool quiet;
static void (*before_line)(void);
static void (*background)(int priority, const char *line);	/* or NULL: not yet */
static __thread const struct report_sink *diverted;

static void to_syslog(void *ctx, enum log_level level, const char *line)
{
	static const int priority[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

	background(priority[level], line);
}

void report_to_syslog(void (*log)(int priority, const char *line))
{
	background = log;
	log_set_callback(to_syslog, NULL);
}

void report_as(const char *program)
{
	name = program;
}

void report_before_line(void (*fn)(void))
{
	before_line = fn;
}

void report_quiet(void)
{
	quiet = true;
}

bool report_is_quiet(void)
{
	return quiet;
}

static void divert(bool is_note, const char *before, const char *text, const char *after)
{
	char line[2200];

	snprintf(line, sizeof(line), "%s%s%s", before, text, after);
	diverted->line(diverted->ctx, is_note, line);
}

static void in_background(const char *text, const char *after)
{
	char line[2200];

	snprintf(line, sizeof(line), "%s%s", text, after);
	background(LOG_ERR, line);
}

static void print_line(FILE *to, const char *before, const char *fmt, va_list args,
		       const char *after)
{
	char text[2048];

	vsnprintf(text, sizeof(text), fmt, args);
	printable_text(text);
	if (diverted) {
		divert(to == stdout, before, text, after);
	} else if (background) {
		in_background(text, after);
	} else {
		if (before_line)
			before_line();
		fprintf(to, "%s%s%s\n", before, text, after);
	}
}

int report(enum report_status status, const char *code, const char *fmt, ...)
{
	char before[64], after[64];
	va_list args;

	snprintf(before, sizeof(before), "%s: ", name);
	snprintf(after, sizeof(after), " [%s]", code);
	printable_text(after);		/* it may be another process's */
	va_start(args, fmt);
	print_line(stderr, before, fmt, args, after);
	va_end(args);
	return status;
}

void report_hint(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_line(stderr, " hint: ", fmt, args, "");
	va_end(args);
}

void report_detail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_line(stderr, " ", fmt, args, "");
	va_end(args);
}

void report_note(const char *fmt, ...)
{
	va_list args;

	if (!diverted && (quiet || background))
		return;
	va_start(args, fmt);
	print_line(stdout, "", fmt, args, "");
	va_end(args);
	fflush(stdout);
}

const struct report_sink *report_divert(const struct report_sink *sink)
{
	const struct report_sink *last = diverted;

	diverted = sink;
	return last;
}

void report_line(bool is_note, const char *line)
{
	if (!is_note)
		fprintf(stderr, "%s\n", line);
	else if (!quiet)
		printf("%s\n", line);
	fflush(stdout);
}
