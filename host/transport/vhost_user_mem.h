/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vhost_user_mem.h - a guest's memory as its front end shares it: mapped files.
 *
 * The table may change while the device runs, and its threads use it without a
 * lock. So while it is live, regions are only appended, and one that was taken
 * away is emptied (no new chain finds it) but stays mapped for the chains that are
 * in flight, until vu_mem_reap.
 */
#ifndef VHOST_USER_MEM_H
#define VHOST_USER_MEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "vhost_user_msg.h"
#include "virtio_dev.h"

#define VU_MAX_REGIONS	128u	/* in use at a time */
#define VU_MEM_SLOTS	256u	/* those that are only still mapped included */

struct vu_mapping {
	struct vu_region region;	/* as the front end said */
	dev_t dev;			/* the file */
	ino_t ino;
	void *base;			/* of the mapping, which may begin earlier */
	size_t len;
	size_t head;			/* bytes of it before the region */
	unsigned int guard;		/* slot of the SIGBUS handler's table */
	bool used;			/* in the front end's table */
};

struct vu_mem {
	struct guest_mem mem;		/* n and regions[].size: atomic, see above */
	struct guest_mem_region regions[VU_MEM_SLOTS];
	struct vu_mapping maps[VU_MEM_SLOTS];
	bool live;			/* the device runs */
	_Atomic int lost;		/* the front end truncated a file under us */
	int wake_fd;			/* eventfd, written to when that happens */
};

/* wake_fd stays the caller's. */
void vu_mem_init(struct vu_mem *m, int wake_fd);

/*
 * From the first region on the process's SIGBUS handler is ours; what is not about a
 * region goes to the one that was there. The descriptors stay the caller's. Negative
 * errno: nothing changed, *ret_why says why. remove: offset does not matter.
 */
int vu_mem_set(struct vu_mem *m, const struct vu_region *regions, const int *fds,
	       unsigned int n, const char **ret_why);
int vu_mem_add(struct vu_mem *m, const struct vu_region *region, int fd,
	       const char **ret_why);
int vu_mem_remove(struct vu_mem *m, const struct vu_region *region, const char **ret_why);

/* Guest address of an address in the front end. false: in no region. */
bool vu_mem_translate(const struct vu_mem *m, uint64_t uaddr, uint64_t *ret_gpa);

/* The device is stopped: unmaps what is no longer in use. Not live any more. */
void vu_mem_reap(struct vu_mem *m);

/* The device is stopped: unmaps everything. */
void vu_mem_clear(struct vu_mem *m);

#endif
