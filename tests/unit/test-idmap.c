// SPDX-License-Identifier: GPL-2.0-only
/* Ids of a stick and of the host, one by one and in access control lists. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "idmap.h"

struct acl {
	uint32_t version;
	struct { uint16_t tag, perm; uint32_t id; } e[4];
};

static const struct acl acl = { 2, {
	{ 0x01, 7, -1 }, { 0x02, 6, 1000 }, { 0x08, 5, 1001 }, { 0x20, 0, -1 },
} };

static void without_ranges_all_are_the_same(void **state)
{
	struct idmap map = { 0 };

	assert_int_equal(idmap_to_host(&map, 0), 0);
	assert_int_equal(idmap_to_host(&map, 70000), 70000);
	assert_int_equal(idmap_to_inside(&map, 70000), 70000);
}

static void ranges(void **state)
{
	struct idmap map = { 0 };

	assert_int_equal(idmap_add(&map, 1000, 500, 10), 0);
	assert_int_equal(idmap_add(&map, 0, 1000, 1), 0);
	assert_int_equal(idmap_to_host(&map, 1000), 500);
	assert_int_equal(idmap_to_host(&map, 1009), 509);
	assert_int_equal(idmap_to_host(&map, 1010), IDMAP_NONE);
	assert_int_equal(idmap_to_host(&map, 999), IDMAP_NONE);
	assert_int_equal(idmap_to_host(&map, 0), 1000);
	assert_int_equal(idmap_to_inside(&map, 1000), 0);
	assert_int_equal(idmap_to_inside(&map, 0), IDMAP_NONE);
	assert_int_equal(idmap_to_inside(&map, 509), 1009);
	assert_int_equal(idmap_to_inside(&map, 510), IDMAP_NONE);
}

static void one_to_one_only(void **state)
{
	struct idmap map = { 0 };

	assert_int_equal(idmap_add(&map, 100, 200, 10), 0);
	assert_int_equal(idmap_add(&map, 109, 300, 1), -EEXIST);
	assert_int_equal(idmap_add(&map, 91, 300, 10), -EEXIST);
	assert_int_equal(idmap_add(&map, 50, 150, 100), -EEXIST);
	assert_int_equal(idmap_add(&map, 110, 199, 1), 0);
	assert_int_equal(idmap_add(&map, 1, 1, 0), -EINVAL);
	assert_int_equal(idmap_add(&map, IDMAP_NONE, 1, 1), -EINVAL);
	assert_int_equal(idmap_add(&map, IDMAP_NONE - 1, 1, 1), 0);
	assert_int_equal(idmap_add(&map, 5, IDMAP_NONE - 2, 3), -EINVAL);
	assert_int_equal(idmap_add(&map, 300, 300, UINT32_MAX), -EINVAL);
	while (map.n < IDMAP_MAX_RANGES)
		assert_int_equal(idmap_add(&map, 1000 + map.n, 1000 + map.n, 1), 0);
	assert_int_equal(idmap_add(&map, 7, 7, 1), -ENOSPC);
}

static void list_there_and_back(void **state)
{
	struct idmap users = { 0 }, groups = { 0 };
	struct acl a = acl;

	idmap_add(&users, 1000, 33, 1);
	idmap_add(&groups, 1001, 44, 1);
	assert_int_equal(idmap_acl_to_host(&users, &groups, &a, sizeof(a)), sizeof(a));
	assert_int_equal(a.e[0].id, UINT32_MAX);
	assert_int_equal(a.e[1].id, 33);
	assert_int_equal(a.e[2].id, 44);
	assert_int_equal(a.e[2].perm, 5);
	assert_int_equal(idmap_acl_to_inside(&users, &groups, &a, sizeof(a)), sizeof(a));
	assert_memory_equal(&a, &acl, sizeof(a));
}

static void list_with_nobody(void **state)
{
	struct idmap users = { 0 }, groups = { 0 };
	struct acl a = acl;

	idmap_add(&users, 7, 1000, 1);
	assert_int_equal(idmap_acl_to_host(&users, &groups, &a, sizeof(a)), sizeof(a) - 8);
	assert_int_equal(a.e[1].tag, 0x08);
	assert_int_equal(a.e[1].id, 1001);
	assert_int_equal(a.e[2].tag, 0x20);
	a = acl;
	idmap_add(&groups, 1, 1, 1);
	assert_int_equal(idmap_acl_to_inside(&users, &groups, &a, sizeof(a)), -EOVERFLOW);
}

static void no_list(void **state)
{
	struct idmap map = { 0 };
	struct acl a = acl;

	assert_int_equal(idmap_acl_to_host(&map, &map, &a, 0), -EINVAL);
	assert_int_equal(idmap_acl_to_host(&map, &map, &a, 3), -EINVAL);
	assert_int_equal(idmap_acl_to_host(&map, &map, &a, 4), 4);
	assert_int_equal(idmap_acl_to_host(&map, &map, &a, 11), -EINVAL);
	a.version = 3;
	assert_int_equal(idmap_acl_to_host(&map, &map, &a, sizeof(a)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_ranges_all_are_the_same),
		cmocka_unit_test(ranges),
		cmocka_unit_test(one_to_one_only),
		cmocka_unit_test(list_there_and_back),
		cmocka_unit_test(list_with_nobody),
		cmocka_unit_test(no_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
