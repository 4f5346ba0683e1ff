// SPDX-License-Identifier: GPL-2.0-only
#include "idmap.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* linux/posix_acl_xattr.h, little-endian */
#define ACL_VERSION	2
#define TAG_USER	0x02
#define TAG_GROUP	0x08

struct acl_header {
	uint32_t version;
};

struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};

/* ---- ids ---- */

static bool overlap(uint32_t a, uint32_t n_a, uint32_t b, uint32_t n_b)
{
	return a < (uint64_t)b + n_b && b < (uint64_t)a + n_a;
}

int idmap_add(struct idmap *map, uint32_t inside, uint32_t host, uint32_t count)
{
	if (!count || (uint64_t)inside + count > IDMAP_NONE ||
	    (uint64_t)host + count > IDMAP_NONE)
		return -EINVAL;
	if (map->n == IDMAP_MAX_RANGES)
		return -ENOSPC;
	for (unsigned int i = 0; i < map->n; i++) {
		const struct idmap_range *r = &map->ranges[i];

		if (overlap(inside, count, r->inside, r->count) ||
		    overlap(host, count, r->host, r->count))
			return -EEXIST;
	}
	map->ranges[map->n++] = (struct idmap_range){ inside, host, count };
	return 0;
}

uint32_t idmap_to_host(const struct idmap *map, uint32_t inside)
{
	for (unsigned int i = 0; i < map->n; i++)
		if (inside - map->ranges[i].inside < map->ranges[i].count)
			return map->ranges[i].host + (inside - map->ranges[i].inside);
	return map->n ? IDMAP_NONE : inside;
}

uint32_t idmap_to_inside(const struct idmap *map, uint32_t host)
{
	for (unsigned int i = 0; i < map->n; i++)
		if (host - map->ranges[i].host < map->ranges[i].count)
			return map->ranges[i].inside + (host - map->ranges[i].host);
	return map->n ? IDMAP_NONE : host;
}

/* ---- lists ---- */

bool idmap_is_acl(const char *name)
{
	return !strcmp(name, "system.posix_acl_access") ||
	       !strcmp(name, "system.posix_acl_default");
}

static ssize_t map_acl(const struct idmap *users, const struct idmap *groups,
		       uint32_t (*map)(const struct idmap *map, uint32_t id), bool drop,
		       char *value, size_t size)
{
	struct acl_header header;
	struct acl_entry e;
	size_t from, to = sizeof(header);

	if (size < sizeof(header) || (size - sizeof(header)) % sizeof(e))
		return -EINVAL;
	memcpy(&header, value, sizeof(header));
	if (le32toh(header.version) != ACL_VERSION)
		return -EINVAL;
	for (from = to; from < size; from += sizeof(e)) {
		memcpy(&e, value + from, sizeof(e));
		if (e.tag == htole16(TAG_USER) || e.tag == htole16(TAG_GROUP)) {
			e.id = htole32(map(e.tag == htole16(TAG_USER) ? users : groups,
					   le32toh(e.id)));
			if (e.id == IDMAP_NONE && drop)
				continue;
			if (e.id == IDMAP_NONE)
				return -EOVERFLOW;
		}
		memcpy(value + to, &e, sizeof(e));
		to += sizeof(e);
	}
	return to;
}

ssize_t idmap_acl_to_host(const struct idmap *users, const struct idmap *groups,
			  void *value, size_t size)
{
	return map_acl(users, groups, idmap_to_host, true, value, size);
}

ssize_t idmap_acl_to_inside(const struct idmap *users, const struct idmap *groups,
			    void *value, size_t size)
{
	return map_acl(users, groups, idmap_to_inside, false, value, size);
}
