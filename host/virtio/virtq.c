// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device side of split virtqueues, virtio 1.2 section 2.7. Sections in comments
 * are of that text. Ring memory may change at any time: every field is loaded
 * once into a local, and only the local is looked at.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/virtio_ring.h>

#include "log.h"
#include "virtq_i.h"

struct virtq {
	const struct guest_mem *mem;
	const char *name;
	unsigned int index;

	unsigned int size;		/* 0 = not enabled */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	bool event_idx, indirect;	/* negotiated */
	bool broken;

	uint16_t last_avail;		/* next entry of the avail ring to take */
	uint16_t used_idx;		/* next entry of the used ring to fill */
	uint16_t signalled;		/* used_idx when interrupts were last decided */
	unsigned int n_taken;		/* chains popped, not pushed */
};

/* Walk along one chain. */
struct virtq_walk {
	const char *table;	/* ring's table or an indirect one, perhaps unaligned */
	unsigned int table_size;
	unsigned int steps;	/* descriptors visited in this table */
	bool indirect;
	unsigned int max_iov;
};

#define VIRTQ_LOAD(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define VIRTQ_STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)

struct virtq *virtq_new(const struct guest_mem *mem, const char *name,
			unsigned int index)
{
	struct virtq *vq = calloc(1, sizeof(*vq));

	if (!vq)
		return NULL;
	vq->mem = mem;
	vq->name = name;
	vq->index = index;
	return vq;
}

void virtq_free(struct virtq *vq)
{
	free(vq);
}

void virtq_reset(struct virtq *vq)
{
	*vq = (struct virtq){
		.mem = vq->mem, .name = vq->name, .index = vq->index,
	};
}

/* Alignment is checked on the host's address too: regions may start anywhere. */
static void *virtq_map(const struct virtq *vq, uint64_t gpa, size_t len,
		       unsigned int align)
{
	void *p = guest_mem_ptr(vq->mem, gpa, len);

	return ((gpa | (uintptr_t)p) & (align - 1)) ? NULL : p;
}

int virtq_enable(struct virtq *vq, unsigned int size, uint64_t desc_gpa,
		 uint64_t avail_gpa, uint64_t used_gpa)
{
	void *desc, *avail, *used;

	if (!size || size > VIRTQ_MAX_SIZE || (size & (size - 1)))
		return -EINVAL;
	/* Both rings with their event index, negotiated or not (2.7). */
	desc = virtq_map(vq, desc_gpa, sizeof(struct vring_desc) * size, 16);
	avail = virtq_map(vq, avail_gpa, 6 + 2 * size, 2);
	used = virtq_map(vq, used_gpa, 6 + sizeof(struct vring_used_elem) * size, 4);
	if (!desc || !avail || !used)
		return -EINVAL;
	vq->size = size;
	vq->desc = desc;
	vq->avail = avail;
	vq->used = used;
	vq->last_avail = 0;
	vq->used_idx = le16toh(VIRTQ_LOAD(&vq->used->idx));
	vq->signalled = vq->used_idx;
	vq->n_taken = 0;
	vq->broken = false;
	return 0;
}

bool virtq_is_enabled(const struct virtq *vq)
{
	return vq->size != 0;
}

void virtq_set_features(struct virtq *vq, uint64_t features)
{
	vq->event_idx = features & (1ull << VIRTIO_RING_F_EVENT_IDX);
	vq->indirect = features & (1ull << VIRTIO_RING_F_INDIRECT_DESC);
}

void virtq_set_base(struct virtq *vq, uint16_t avail_idx)
{
	vq->last_avail = avail_idx;
}

uint16_t virtq_base(const struct virtq *vq)
{
	return vq->last_avail;
}

bool virtq_is_broken(const struct virtq *vq)
{
	return vq->broken;
}

static int virtq_break(struct virtq *vq, const char *why)
{
	if (!vq->broken)
		log_warn("%s: queue %u: the guest broke the ring: %s", vq->name,
			 vq->index, why);
	vq->broken = true;
	return -EPROTO;
}

/* The barrier keeps the compiler from reading guest memory a second time. */
static void virtq_copy_desc(struct vring_desc *d, const char *table, unsigned int i)
{
	memcpy(d, table + i * sizeof(*d), sizeof(*d));
	__asm__ volatile("" ::: "memory");
	d->addr = le64toh(d->addr);
	d->len = le32toh(d->len);
	d->flags = le16toh(d->flags);
	d->next = le16toh(d->next);
}

/* 2.7.5.3: only as the last of a chain, not nested, whole descriptors. */
static int virtq_enter_indirect(struct virtq *vq, struct virtq_walk *w,
				const struct vring_desc *d)
{
	if (!vq->indirect)
		return virtq_break(vq, "indirect descriptor not negotiated");
	if (w->indirect)
		return virtq_break(vq, "nested indirect table");
	if (d->flags & VRING_DESC_F_NEXT)
		return virtq_break(vq, "indirect descriptor with a next one");
	if (!d->len || d->len % sizeof(*d))
		return virtq_break(vq, "length of an indirect table");
	w->table = guest_mem_ptr(vq->mem, d->addr, d->len);
	if (!w->table)
		return virtq_break(vq, "indirect table outside memory");
	w->table_size = d->len / sizeof(*d);
	w->steps = 0;
	w->indirect = true;
	return 0;
}

static int virtq_add_buffer(struct virtq *vq, const struct virtq_walk *w,
			    const struct vring_desc *d, struct virtq_chain *chain)
{
	unsigned int n = chain->n_out + chain->n_in;
	void *p;

	if (n == w->max_iov)
		return virtq_break(vq, "chain too long");
	if (!d->len)
		return virtq_break(vq, "empty buffer");
	p = guest_mem_ptr(vq->mem, d->addr, d->len);
	if (!p)
		return virtq_break(vq, "buffer outside memory");
	if (d->flags & VRING_DESC_F_WRITE) {
		chain->n_in++;
		chain->in_len += d->len;
	} else if (chain->n_in) {
		return virtq_break(vq, "readable buffer after a writable one");
	} else {
		chain->n_out++;
		chain->out_len += d->len;
	}
	chain->iov[n] = (struct iovec){ .iov_base = p, .iov_len = d->len };
	return 0;
}

static int virtq_walk_chain(struct virtq *vq, unsigned int max_iov,
			    struct virtq_chain *chain)
{
	struct virtq_walk w = {
		.table = (const char *)vq->desc,
		.table_size = vq->size,
		.max_iov = max_iov,
	};
	unsigned int i = chain->head;
	struct vring_desc d;
	int err;

	for (;;) {
		if (i >= w.table_size)
			return virtq_break(vq, "descriptor index out of range");
		if (w.steps++ == w.table_size)
			return virtq_break(vq, "descriptors form a loop");
		virtq_copy_desc(&d, w.table, i);
		if (d.flags & VRING_DESC_F_INDIRECT) {
			err = virtq_enter_indirect(vq, &w, &d);
			i = 0;
		} else {
			err = virtq_add_buffer(vq, &w, &d, chain);
			if (!(d.flags & VRING_DESC_F_NEXT))
				return err;
			i = d.next;
		}
		if (err)
			return err;
	}
}

int virtq_pop(struct virtq *vq, struct iovec *iov, unsigned int max_iov,
	      struct virtq_chain *ret_chain)
{
	struct virtq_chain chain = { .iov = iov };
	uint16_t avail_idx;
	int err;

	if (vq->broken)
		return -EPROTO;
	/* Acquire: entries and descriptors were written before the index. */
	avail_idx = le16toh(__atomic_load_n(&vq->avail->idx, __ATOMIC_ACQUIRE));
	if (avail_idx == vq->last_avail)
		return 0;
	if ((uint16_t)(avail_idx - vq->last_avail) > vq->size)
		return virtq_break(vq, "available index too far ahead");
	/* Heads offered twice: devices rely on at most `size` outstanding chains. */
	if (vq->n_taken == vq->size)
		return virtq_break(vq, "more chains than descriptors");
	chain.head = le16toh(VIRTQ_LOAD(&vq->avail->ring[vq->last_avail &
							 (vq->size - 1)]));
	err = virtq_walk_chain(vq, max_iov, &chain);
	if (err)
		return err;
	vq->last_avail++;
	vq->n_taken++;
	*ret_chain = chain;
	return 1;
}

void virtq_push(struct virtq *vq, uint16_t head, uint32_t used_len)
{
	struct vring_used_elem *e = &vq->used->ring[vq->used_idx & (vq->size - 1)];

	VIRTQ_STORE(&e->id, htole32(head));
	VIRTQ_STORE(&e->len, htole32(used_len));
	vq->used_idx++;
	vq->n_taken--;
	/* Release: the entry, and the data, before the index. */
	__atomic_store_n(&vq->used->idx, htole16(vq->used_idx), __ATOMIC_RELEASE);
}

/* The event indexes live behind the other's ring (2.7.7, 2.7.10). */
static uint16_t virtq_used_event(const struct virtq *vq)
{
	return le16toh(VIRTQ_LOAD(&vq->avail->ring[vq->size]));
}

static void virtq_set_avail_event(struct virtq *vq, uint16_t idx)
{
	uint16_t *event = (uint16_t *)(void *)&vq->used->ring[vq->size];

	VIRTQ_STORE(event, htole16(idx));
}

bool virtq_wants_interrupt(struct virtq *vq)
{
	uint16_t old = vq->signalled;

	if (vq->used_idx == old)
		return false;
	vq->signalled = vq->used_idx;
	/*
	 * The driver writes its wish, then looks at used->idx; here the other way
	 * round: with a full fence on both sides, one of the two sees the other.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vq->event_idx)
		return vring_need_event(virtq_used_event(vq), vq->used_idx, old);
	return !(le16toh(VIRTQ_LOAD(&vq->avail->flags)) &
		 VRING_AVAIL_F_NO_INTERRUPT);
}

void virtq_disable_notify(struct virtq *vq)
{
	/* With EVENT_IDX the index that was written last is stale: enough. */
	if (!vq->event_idx)
		VIRTQ_STORE(&vq->used->flags, htole16(VRING_USED_F_NO_NOTIFY));
}

bool virtq_enable_notify(struct virtq *vq)
{
	if (vq->event_idx)
		virtq_set_avail_event(vq, vq->last_avail);
	else
		VIRTQ_STORE(&vq->used->flags, 0);
	if (vq->broken)
		return false;
	/* As in virtq_wants_interrupt, in the other direction. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return le16toh(VIRTQ_LOAD(&vq->avail->idx)) != vq->last_avail;
}
