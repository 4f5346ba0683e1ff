/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * progress.h - one line on a terminal about what takes long. Nothing is written if stderr
 * is none, or with -q.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether there is somebody to see it; false from progress_off() on. */
bool progress_wanted(void);
void progress_off(void);

/* In place of the line before. */
void progress_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Before anything else is written there; also if another process wrote the line. */
void progress_clear(void);
void progress_elsewhere(void);

/*
 * From now on text is called again and again, on a thread of its own, and what it writes
 * is the line; false: nothing at the moment. Until progress_end, which does nothing if
 * there is no such thread.
 */
void progress_begin(bool (*text)(void *ctx, char *line, size_t size), void *ctx);
void progress_end(void);

#endif
