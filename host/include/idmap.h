/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * idmap.h - which user or group of a stick is which of the host, for attributes and
 * for access control lists.
 */
#ifndef IDMAP_H
#define IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define IDMAP_MAX_RANGES	32
#define IDMAP_NONE		UINT32_MAX	/* nobody; no valid id on either side */

/* One to one; without ranges every id is the same on both sides. */
struct idmap {
	unsigned int n;
	struct idmap_range {
		uint32_t inside, host, count;
	} ranges[IDMAP_MAX_RANGES];
};

/*
 * -EINVAL: no id, or beyond the last; -EEXIST: one of them is mapped already, on
 * whichever side; -ENOSPC.
 */
int idmap_add(struct idmap *map, uint32_t inside, uint32_t host, uint32_t count);

/* IDMAP_NONE if it has no counterpart. */
uint32_t idmap_to_host(const struct idmap *map, uint32_t inside);
uint32_t idmap_to_inside(const struct idmap *map, uint32_t host);

/* Whether an extended attribute is a POSIX access control list. */
bool idmap_is_acl(const char *name);

/*
 * The value of such an attribute as it comes from inside; entries of those who have no
 * counterpart are left out. Returns the new size, or -EINVAL: that is no list.
 */
ssize_t idmap_acl_to_host(const struct idmap *users, const struct idmap *groups,
			  void *value, size_t size);

/* As it comes from the host: size, -EINVAL, or -EOVERFLOW: no counterpart. */
ssize_t idmap_acl_to_inside(const struct idmap *users, const struct idmap *groups,
			    void *value, size_t size);

#endif
