// SPDX-License-Identifier: GPL-2.0-only
#include "output.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "printable.h"

void output_row(const char *fmt, ...)
{
	char line[8192];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	printable_text(line);
	puts(line);
}

static void put_json(struct json_object *o, int layout)
{
	const char *text = json_object_to_json_string_ext(o, layout |
							  JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t len = strlen(text), n;
	enum printable_kind kind;
	uint32_t c;

	for (; len; text += n, len -= n) {
		n = printable_char(text, len, &kind, &c);
		/* Line ends are those of the layout: json-c escapes what is in strings. */
		if (kind == PRINTABLE_PLAIN || c == '\n')
			fwrite(text, 1, n, stdout);
		else
			printf("\\u%04x", kind == PRINTABLE_BAD ? 0xfffd : c);
	}
	putchar('\n');
}

void output_json(struct json_object *o)
{
	put_json(o, JSON_C_TO_STRING_PRETTY);
}

void output_json_line(struct json_object *o)
{
	put_json(o, JSON_C_TO_STRING_PLAIN);
}

void output_log(const char *text)
{
	printable_write(stdout, text, strlen(text));
}
