// SPDX-License-Identifier: GPL-2.0-only
/* Entries of a folder, good and bad. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dirents.h"

struct list {
	char buf[256], seen[256];
	size_t n;
	int stop_after;
};

/* len 0: what the name needs, and a multiple of 8. */
static void add(struct list *l, const char *name, uint16_t len)
{
	size_t need = (19 + strlen(name) + 1 + 7) & ~7ul;
	uint16_t said = len ? len : need;

	memcpy(l->buf + l->n + 16, &said, sizeof(said));
	strcpy(l->buf + l->n + 19, name);
	l->n += need;
}

static int see(void *ctx, const char *name)
{
	struct list *l = ctx;

	strcat(strcat(l->seen, name), ",");
	return l->stop_after && !--l->stop_after ? 7 : 0;
}

static int each(struct list *l)
{
	return dirents_each(l->buf, l->n, see, l);
}

static void names(void **state)
{
	struct list l = { 0 };

	assert_int_equal(each(&l), 0);
	add(&l, ".", 0);
	add(&l, "..", 0);
	add(&l, "a", 0);
	add(&l, "...", 0);
	add(&l, "long name of a file", 0);
	assert_int_equal(each(&l), 0);
	assert_string_equal(l.seen, "a,...,long name of a file,");
}

static void stops(void **state)
{
	struct list l = { .stop_after = 2 };

	add(&l, "a", 0);
	add(&l, "b", 0);
	add(&l, "c", 0);
	assert_int_equal(each(&l), 7);
	assert_string_equal(l.seen, "a,b,");
}

/* What came before is seen. */
static void bad_length(uint16_t len)
{
	struct list l = { 0 };

	add(&l, "a", 0);
	add(&l, "b", len);
	assert_int_equal(each(&l), -EUCLEAN);
	assert_string_equal(l.seen, "a,");
}

static void bad_lengths(void **state)
{
	struct list l = { 0 };

	bad_length(1);
	bad_length(19);
	bad_length(20);		/* the name's end is behind it */
	bad_length(25);		/* it is behind all */
	bad_length(65535);
	add(&l, "a", 24);
	memset(l.buf + 19, 'a', 5);
	assert_int_equal(each(&l), -EUCLEAN);
	l.n = 18;
	assert_int_equal(each(&l), -EUCLEAN);
	assert_string_equal(l.seen, "");
}

static void zero_length(void **state)
{
	struct list l = { .n = 24 };

	assert_int_equal(each(&l), -EUCLEAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(stops),
		cmocka_unit_test(bad_lengths),
		cmocka_unit_test(zero_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
