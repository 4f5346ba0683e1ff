/* SPDX-License-Identifier: GPL-2.0-only */
/* report.h - what the user is told, and the exit status that goes with it. */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>

/* Exit codes of mount(8). */
enum report_status {
	REPORT_OK = 0,
	REPORT_USAGE = 1,	/* wrong invocation, no permission */
	REPORT_SYSTEM = 2,	/* out of memory, no FUSE, ... */
	REPORT_BUG = 4,
	REPORT_MOUNT = 32,	/* the mount, or what it needs, failed */
};

/* Who says so: the name of the program, if it is not lklusb. */
void report_as(const char *program);

/* Called before a line is printed, as something may stand there. */
void report_before_line(void (*fn)(void));

/*
 * Prints "lklusb: MESSAGE [code]" on stderr, and to the system's log once the
 * process is in the background. Nothing in it steers a terminal. Returns status. Codes are stable: scripts go by
 * them, and lklusb-errors(5) lists each.
 */
int report(enum report_status status, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* " hint: ..." below the message. */
void report_hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A line below the message that says more. */
void report_detail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What went well; silent with -q and in the background. */
void report_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void report_quiet(void);
bool report_is_quiet(void);

/* Somebody else who is told what one thread reports. */
struct report_sink {
	/* line: printable; is_note: of report_note. */
	void (*line)(void *ctx, bool is_note, const char *line);
	void *ctx;
};

/* From now on what this thread reports goes there; NULL: as ever. Returns the last one. */
const struct report_sink *report_divert(const struct report_sink *sink);

/* A line that a sink has got elsewhere. */
void report_line(bool is_note, const char *line);

/* From now on messages go to the system's log: nobody reads stderr any more. */
void report_to_syslog(void (*log)(int priority, const char *line));

#endif
