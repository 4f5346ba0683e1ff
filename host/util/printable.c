// SPDX-License-Identifier: MIT
#include "printable.h"

#include <string.h>

/* Bytes of the character that this one begins; 0: none does. */
static size_t length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/* The number of the character in n bytes; -1: they are none, or not the shortest form. */
static uint32_t decode(const unsigned char *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = n == 1 ? *p : *p & (0x7f >> n);

	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? (uint32_t)-1 : c;
}

static bool steers(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e ||
	       c == 0x200f || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

size_t printable_char(const char *text, size_t len, enum printable_kind *ret_kind,
		      uint32_t *ret_char)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = length(*p);
	uint32_t c = n && n <= len ? decode(p, n) : (uint32_t)-1;

	if (c == (uint32_t)-1) {
		*ret_kind = PRINTABLE_BAD;
		*ret_char = *p;
		return 1;
	}
	*ret_kind = steers(c) ? PRINTABLE_CONTROL : PRINTABLE_PLAIN;
	*ret_char = c;
	return n;
}

void printable_text(char *text)
{
	size_t len = strlen(text), n;
	enum printable_kind kind;
	uint32_t c;

	for (; len; text += n, len -= n) {
		n = printable_char(text, len, &kind, &c);
		if (kind != PRINTABLE_PLAIN)
			memset(text, '?', n);
	}
}

void printable_write(FILE *to, const char *text, size_t len)
{
	enum printable_kind kind;
	uint32_t c;
	size_t n;

	for (; len; text += n, len -= n) {
		n = printable_char(text, len, &kind, &c);
		if (kind == PRINTABLE_PLAIN || c == '\n' || c == '\t')
			fwrite(text, 1, n, to);
		else
			fputc('?', to);
	}
}
