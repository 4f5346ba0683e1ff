/* SPDX-License-Identifier: GPL-2.0-only */
/* ring.h - the driver's side of a split virtqueue, for tests that write rings. */
#ifndef TESTS_RING_H
#define TESTS_RING_H

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/virtio_ring.h>

#include "virtio_dev.h"

#define RING_GPA	0x100000ull
#define RING_MEM	0x20000ull
#define RING_DESC	RING_GPA
#define RING_AVAIL	(RING_GPA + 0x8000)
#define RING_USED	(RING_GPA + 0xa000)
#define RING_TABLE	(RING_GPA + 0xe000)	/* room for an indirect table */
#define RING_DATA	(RING_GPA + 0x10000)	/* room for 64 KiB of buffers */

/* Guest memory is one heap block, so that the sanitizer guards both of its ends. */
struct ring {
	struct guest_mem_region region;
	struct guest_mem mem;
	unsigned int size;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t last_used;
};

static inline void *ring_ptr(struct ring *r, uint64_t gpa)
{
	assert(gpa >= RING_GPA && gpa < RING_GPA + RING_MEM);
	return (char *)r->region.hva + (gpa - RING_GPA);
}

static inline void ring_init(struct ring *r, unsigned int size)
{
	memset(r, 0, sizeof(*r));
	r->region.gpa = RING_GPA;
	r->region.size = RING_MEM;
	r->region.hva = aligned_alloc(4096, RING_MEM);
	memset(r->region.hva, 0, RING_MEM);
	r->mem.n = 1;
	r->mem.regions = &r->region;
	r->size = size;
	r->desc = ring_ptr(r, RING_DESC);
	r->avail = ring_ptr(r, RING_AVAIL);
	r->used = ring_ptr(r, RING_USED);
}

static inline void ring_free(struct ring *r)
{
	free(r->region.hva);
}

static inline void ring_desc(struct ring *r, unsigned int i, uint64_t gpa,
			     uint32_t len, uint16_t flags, uint16_t next)
{
	r->desc[i] = (struct vring_desc){ gpa, len, flags, next };
}

static inline void ring_offer(struct ring *r, uint16_t head)
{
	uint16_t idx = r->avail->idx;

	r->avail->ring[idx % r->size] = head;
	__atomic_store_n(&r->avail->idx, idx + 1, __ATOMIC_RELEASE);
}

/* The next used element, or NULL. */
static inline struct vring_used_elem *ring_take_used(struct ring *r)
{
	if (__atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE) == r->last_used)
		return NULL;
	return &r->used->ring[r->last_used++ % r->size];
}

static inline uint16_t *ring_used_event(struct ring *r)
{
	return &r->avail->ring[r->size];
}

static inline uint16_t *ring_avail_event(struct ring *r)
{
	return (uint16_t *)(void *)&r->used->ring[r->size];
}

#endif
