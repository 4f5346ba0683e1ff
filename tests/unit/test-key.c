// SPDX-License-Identifier: GPL-2.0-only
/* The key helper's answer: what is believed, and the tables that it becomes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "key.h"

#define MIB (1ull << 20)

static struct key_answer good(void)
{
	return (struct key_answer) {
		.magic = KEY_MAGIC, .status = KEY_OK, .version = 2, .sector_size = 512,
		.key_bytes = 4, .offset = 32768, .cipher = "aes-xts-plain64",
		.key = { 0x00, 0x1f, 0xa0, 0xff },
	};
}

static bool valid(const struct key_answer *a)
{
	return key_answer_valid(a, sizeof(*a), 64 * MIB);
}

static void test_good(void **state)
{
	struct key_answer a = good();

	assert_true(valid(&a));
	assert_false(key_answer_valid(&a, sizeof(a) - 1, 64 * MIB));
	assert_false(key_answer_valid(&a, 0, 64 * MIB));
	assert_int_equal(key_data_sectors(&a, 64 * MIB), 2048 * 64 - 32768);
	a.sector_size = 4096;
	assert_int_equal(key_data_sectors(&a, 64 * MIB + 512), 2048 * 64 - 32768);
}

#define BAD(change) do {			\
	struct key_answer a = good();		\
	change;					\
	assert_false(valid(&a));		\
} while (0)

static void test_bad(void **state)
{
	BAD(a.magic++);
	BAD(a.status = KEY_N_STATUS);
	BAD(a.version = 3);
	BAD(a.sector_size = 0);
	BAD(a.sector_size = 513);
	BAD(a.sector_size = 8192);
	BAD(a.key_bytes = 0);
	BAD(a.key_bytes = KEY_MAX_BYTES + 1);
	BAD(a.offset = 2048 * 64);
	BAD(a.offset = ~0ull);
	BAD((a.offset = 2048 * 64 - 1, a.sector_size = 4096));
	BAD(strcpy(a.cipher, ""));
	BAD(strcpy(a.cipher, "aes-xts-plain64 00"));
	BAD(strcpy(a.cipher, "capi:xts(aes)-plain64"));
	BAD(strcpy(a.cipher, "AES\n"));
	BAD(memset(a.cipher, 'a', sizeof(a.cipher)));
	BAD(memset(a.text, 'a', sizeof(a.text)));
	BAD(memset(a.integrity, 'a', sizeof(a.integrity)));
	BAD(a.tag_bytes = 32);
	BAD(strcpy(a.integrity, "hmac(sha256)"));
	BAD((a.tag_bytes = 513, strcpy(a.integrity, "hmac(sha256)")));
	BAD((a.tag_bytes = 32, strcpy(a.integrity, "hmac(sha256) x")));
	BAD((a.status = KEY_MORE, a.need = 0));
	BAD((a.status = KEY_MORE, a.need = KEY_MAX_HEADER + 1));
}

static void expect_table(const struct key_answer *a, const char *want)
{
	char table[KEY_TABLE_SIZE];

	assert_true(valid(a));
	assert_int_equal(key_table_crypt(a, "/dev/sda1", table), 0);
	assert_string_equal(table, want);
}

static void test_tables(void **state)
{
	struct key_answer a = good();

	expect_table(&a, "aes-xts-plain64 001fa0ff 0 /dev/sda1 32768 0");
	a.iv_offset = 7;
	a.sector_size = 4096;
	a.flags = KEY_DISCARDS;
	expect_table(&a, "aes-xts-plain64 001fa0ff 7 /dev/sda1 32768 2 sector_size:4096 "
			 "allow_discards");
}

static void test_integrity(void **state)
{
	char table[KEY_TABLE_SIZE];
	struct key_answer a = good();

	a.tag_bytes = 32;
	strcpy(a.cipher, "aes-xts-random");
	strcpy(a.integrity, "hmac(sha256)");
	expect_table(&a, "capi:authenc(hmac(sha256),xts(aes))-random 001fa0ff 0 /dev/sda1 0 1 "
			 "integrity:32:aead");
	key_table_integrity(&a, "/dev/sda1", table);
	assert_string_equal(table, "/dev/sda1 32768 32 J 1 block_size:512");
	a.flags = KEY_NO_JOURNAL;
	key_table_integrity(&a, "/dev/sda1", table);
	assert_string_equal(table, "/dev/sda1 32768 32 D 1 block_size:512");

	strcpy(a.integrity, "aead");
	strcpy(a.cipher, "aegis128-random");
	expect_table(&a, "capi:aegis128-random 001fa0ff 0 /dev/sda1 0 1 integrity:32:aead");
	strcpy(a.cipher, "aes-ccm-random");
	expect_table(&a, "capi:rfc4309(ccm(aes))-random 001fa0ff 0 /dev/sda1 0 1 "
			 "integrity:32:aead");
	strcpy(a.integrity, "poly1305");
	strcpy(a.cipher, "chacha20-random");
	expect_table(&a, "capi:rfc7539(chacha20,poly1305)-random 001fa0ff 0 /dev/sda1 0 1 "
			 "integrity:32:aead");
	strcpy(a.integrity, "none");
	strcpy(a.cipher, "aes-xts-random");
	expect_table(&a, "capi:xts(aes)-random 001fa0ff 0 /dev/sda1 0 1 integrity:32:none");
	strcpy(a.cipher, "aes");
	assert_int_equal(key_table_crypt(&a, "/dev/sda1", table), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_integrity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
