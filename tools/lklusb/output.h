/* SPDX-License-Identifier: GPL-2.0-only */
/* output.h - what was asked for, on stdout; nothing in it steers a terminal. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <json-c/json.h>

/* A line of a table. */
void output_row(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Control characters are written as \u00XX, bytes that are not UTF-8 as \ufffd, so that
 * every reader of JSON takes it.
 */
void output_json(struct json_object *o);

/* Likewise, all on one line. */
void output_json_line(struct json_object *o);

/* Lines of a log. */
void output_log(const char *text);

#endif
