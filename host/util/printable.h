/* SPDX-License-Identifier: MIT */
/*
 * printable.h - text that somebody else wrote (labels, names of devices, file names,
 * a kernel's log) for a terminal, which it must not steer.
 */
#ifndef PRINTABLE_H
#define PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum printable_kind {
	PRINTABLE_PLAIN,
	PRINTABLE_CONTROL,	/* C0, DEL, C1, and what changes the direction of writing */
	PRINTABLE_BAD,		/* not UTF-8 */
};

/*
 * The character that text begins with, of len bytes, len > 0: its bytes, 1 to 4, and its
 * number; with PRINTABLE_BAD one byte, and its value.
 */
size_t printable_char(const char *text, size_t len, enum printable_kind *ret_kind,
		      uint32_t *ret_char);

/* Each byte of what is not plain becomes a question mark. */
void printable_text(char *text);

/* The same on its way to a file, but line ends and tabs stay. */
void printable_write(FILE *to, const char *text, size_t len);

#endif
