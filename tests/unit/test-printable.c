// SPDX-License-Identifier: GPL-2.0-only
/* Nothing that somebody else wrote steers a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "printable.h"

static void becomes(const char *from, const char *want)
{
	char *text = strdup(from);

	printable_text(text);
	assert_string_equal(text, want);
	free(text);
}

static void writing_stays(void **state)
{
	becomes("", "");
	becomes("A label, \xc3\xbc\xe6\x97\xa5\xf0\x9f\x98\x80 ~", "A label, \xc3\xbc\xe6\x97\xa5\xf0\x9f\x98\x80 ~");
	becomes("\xc2\xa0", "\xc2\xa0");
}

static void controls_go(void **state)
{
	becomes("a\033[31mb\007\n\t\r", "a?[31mb????");
	becomes("\x7f", "?");
	becomes("\xc2\x9b" "31m", "??31m");
	becomes("\xe2\x80\xae" "gpj.exe", "???gpj.exe");
	becomes("\xe2\x81\xa6", "???");
}

/* A terminal of one byte a character would take 0x9b for an escape sequence. */
static void what_is_not_utf8_goes(void **state)
{
	becomes("\x9b" "31m", "?31m");
	becomes("\xc0\x9b", "??");
	becomes("\xc1\xbf", "??");
	becomes("\xe0\x82\x9b", "???");
	becomes("\xed\xa0\x80", "???");
	becomes("\xf4\x90\x80\x80", "????");
	becomes("\xf5\x80", "??");
	becomes("\xe6\x97", "??");
	becomes("\xc3(", "?(");
	becomes("\xff", "?");
}

static void lines_stay_lines(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	static const char log[] = "one\ttwo\n\033[2J\xc2\x9bthree \xc3\xbc\n\xe6";

	printable_write(f, log, sizeof(log) - 1);
	fclose(f);
	assert_string_equal(text, "one\ttwo\n?[2J?three \xc3\xbc\n?");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writing_stays),
		cmocka_unit_test(controls_go),
		cmocka_unit_test(what_is_not_utf8_goes),
		cmocka_unit_test(lines_stay_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
