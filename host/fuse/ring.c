// SPDX-License-Identifier: GPL-2.0-only
/* io_uring by its system calls: two queues in memory that is shared with the kernel. */
#include "ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SQE_SIZE	128

struct ring {
	int fd;
	pthread_mutex_t push_lock;
	/* shared with the kernel */
	char *queues, *sqes;
	size_t queues_size, sqes_size;
	unsigned int *sq_tail, *cq_head, *cq_tail;
	unsigned int sq_mask, cq_mask;
	struct io_uring_cqe *cqes;
};

static void *map(const struct ring *ring, size_t size, off_t offset)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		       ring->fd, offset);

	return p == MAP_FAILED ? NULL : p;
}

/* Entry n of the submission queue is always what its slot n names. */
static void fill_slots(struct ring *ring, const struct io_uring_params *p)
{
	unsigned int *slots = (void *)(ring->queues + p->sq_off.array);

	for (unsigned int i = 0; i < p->sq_entries; i++)
		slots[i] = i;
}

static int map_queues(struct ring *ring, const struct io_uring_params *p)
{
	size_t sq = p->sq_off.array + p->sq_entries * sizeof(unsigned int);
	size_t cq = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);

	if (!(p->features & IORING_FEAT_SINGLE_MMAP))
		return -ENOSYS;
	ring->queues_size = sq > cq ? sq : cq;
	ring->queues = map(ring, ring->queues_size, IORING_OFF_SQ_RING);
	ring->sqes_size = (size_t)p->sq_entries * SQE_SIZE;
	ring->sqes = map(ring, ring->sqes_size, IORING_OFF_SQES);
	if (!ring->queues || !ring->sqes)
		return -ENOMEM;
	ring->sq_tail = (void *)(ring->queues + p->sq_off.tail);
	ring->sq_mask = p->sq_entries - 1;
	ring->cq_head = (void *)(ring->queues + p->cq_off.head);
	ring->cq_tail = (void *)(ring->queues + p->cq_off.tail);
	ring->cq_mask = p->cq_entries - 1;
	ring->cqes = (void *)(ring->queues + p->cq_off.cqes);
	fill_slots(ring, p);
	return 0;
}

static int restrict_to_commands(const struct ring *ring)
{
	struct io_uring_restriction allowed = {
		.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_URING_CMD,
	};

	if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_RESTRICTIONS,
		    &allowed, 1) ||
	    syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0))
		return -errno;
	return 0;
}

int ring_open(unsigned int size, struct ring **ret_ring)
{
	/* What a thread has to do for the kernel waits for its next system call. */
	struct io_uring_params params = {
		.flags = IORING_SETUP_SQE128 | IORING_SETUP_COOP_TASKRUN |
			 IORING_SETUP_R_DISABLED,
	};
	struct ring *ring = calloc(1, sizeof(*ring));
	int err;

	if (!ring)
		return -ENOMEM;
	pthread_mutex_init(&ring->push_lock, NULL);
	ring->fd = (int)syscall(SYS_io_uring_setup, size, &params);
	err = ring->fd < 0 ? -errno : map_queues(ring, &params);
	if (!err)
		err = restrict_to_commands(ring);
	if (err)
		ring_close(ring);
	else
		*ret_ring = ring;
	return err;
}

void ring_close(struct ring *ring)
{
	if (!ring)
		return;
	if (ring->queues)
		munmap(ring->queues, ring->queues_size);
	if (ring->sqes)
		munmap(ring->sqes, ring->sqes_size);
	if (ring->fd >= 0)
		close(ring->fd);
	pthread_mutex_destroy(&ring->push_lock);
	free(ring);
}

void ring_push(struct ring *ring, const void *sqe)
{
	unsigned int tail;

	pthread_mutex_lock(&ring->push_lock);
	tail = *ring->sq_tail;
	memcpy(ring->sqes + (size_t)(tail & ring->sq_mask) * SQE_SIZE, sqe, SQE_SIZE);
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&ring->push_lock);
}

int ring_enter(struct ring *ring, unsigned int submit, bool wait)
{
	long n = syscall(SYS_io_uring_enter, ring->fd, submit, wait ? 1 : 0,
			 IORING_ENTER_GETEVENTS, NULL, 0);

	return n < 0 ? -errno : 0;
}

bool ring_pop(struct ring *ring, uint64_t *ret_user_data, int *ret_result)
{
	unsigned int head = *ring->cq_head;
	const struct io_uring_cqe *cqe = &ring->cqes[head & ring->cq_mask];

	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		return false;
	*ret_user_data = cqe->user_data;
	*ret_result = cqe->res;
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}
