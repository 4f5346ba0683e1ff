// SPDX-License-Identifier: GPL-2.0-only
#include "luks_share.h"

#include <pthread.h>
#include <stdio.h>

static struct shared {
	unsigned int users;		/* 0: this one is free */
	const struct disk_part *below;
	struct disk_part part;		/* its place and size */
	struct unlocked unlocked;
} all[DISK_MAX_PARTS];

/* Protects all; held while a device is removed, so that nobody gets it meanwhile. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct shared *find(const struct disk_part *below)
{
	for (struct shared *s = all; s < all + DISK_MAX_PARTS; s++)
		if (below ? s->users && s->below == below : !s->users)
			return s;
	return NULL;
}

bool luks_shared(const struct disk_part *below)
{
	bool there;

	pthread_mutex_lock(&lock);
	there = find(below);
	pthread_mutex_unlock(&lock);
	return there;
}

bool luks_share_get(const struct disk_part *below, struct disk_part *ret_part,
		    const char **ret_kind)
{
	struct shared *s;

	pthread_mutex_lock(&lock);
	s = find(below);
	if (s) {
		s->users++;
		*ret_part = s->part;
		*ret_kind = s->unlocked.kind;
	}
	pthread_mutex_unlock(&lock);
	return s;
}

bool luks_share_add(const struct disk_part *below, const struct disk_part *part,
		    const struct unlocked *unlocked)
{
	struct shared *s;

	pthread_mutex_lock(&lock);
	s = find(NULL);
	if (s) {
		*s = (struct shared) { .users = 1, .below = below, .unlocked = *unlocked };
		s->part.number = part->number;
		s->part.size = part->size;
		snprintf(s->part.node, sizeof(s->part.node), "%s", part->node);
	}
	pthread_mutex_unlock(&lock);
	return s;
}

int luks_share_put(const struct disk_part *below)
{
	struct shared *s;
	int status = 0;

	pthread_mutex_lock(&lock);
	s = find(below);
	if (s->users == 1)
		status = unlock_close(&s->unlocked);
	if (!status)
		s->users--;
	pthread_mutex_unlock(&lock);
	return status;
}
