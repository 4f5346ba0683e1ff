// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of a front end as guest memory.
 *
 * A front end can truncate a file that is mapped here: the next access is SIGBUS.
 * Seals would prevent it, but neither UML nor QEMU sets any, so:
 *
 *   - a region that reaches beyond its file's end is refused when it comes;
 *   - the handler puts anonymous memory where the region was and lets the
 *     instruction run again. Nothing is jumped over, so no lock is left held. The
 *     front end, whose guest sees none of what is written from then on, is dropped
 *     as soon as the event loop hears of it;
 *   - accesses of the kernel (preadv into the guest's pages) fail with EFAULT,
 *     which is an I/O error like any other.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>

#include "vhost_user_mem.h"

#define FUSE_MAGIC	0x65735546	/* linux/magic.h of older systems lacks it */

/* ---- SIGBUS ---- */

#define VU_GUARDS	1024u

/* Written with the lock held, read by the handler: start last, and first to go. */
static struct vu_guard {
	_Atomic uintptr_t start;	/* 0 = free */
	_Atomic size_t len;
	struct vu_mem *_Atomic mem;
} vu_guards[VU_GUARDS];
static pthread_mutex_t vu_guards_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction vu_old_action;

static struct vu_guard *vu_guard_find(uintptr_t addr)
{
	for (unsigned int i = 0; i < VU_GUARDS; i++) {
		uintptr_t start = atomic_load(&vu_guards[i].start);

		if (start && addr >= start && addr - start < atomic_load(&vu_guards[i].len))
			return &vu_guards[i];
	}
	return NULL;
}

/* All of it, as a huge page cannot be replaced in part. System calls only. */
static bool vu_guard_replace(struct vu_guard *g)
{
	struct vu_mem *m = atomic_load(&g->mem);
	void *start = (void *)atomic_load(&g->start);
	const uint64_t one = 1;

	if (mmap(start, atomic_load(&g->len), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return false;
	atomic_store(&m->lost, 1);
	return write(m->wake_fd, &one, sizeof(one)) == sizeof(one);
}

static void vu_sigbus(int sig, siginfo_t *info, void *context)
{
	struct vu_guard *g = vu_guard_find((uintptr_t)info->si_addr);
	int saved_errno = errno;

	/* Not ours: the instruction runs again, for whoever was there before. */
	if (!g || !vu_guard_replace(g))
		sigaction(SIGBUS, &vu_old_action, NULL);
	errno = saved_errno;
}

/* Whenever something is mapped: others may have set theirs meanwhile. Locked. */
static void vu_guards_install(void)
{
	struct sigaction action = { .sa_sigaction = vu_sigbus, .sa_flags = SA_SIGINFO };
	struct sigaction now;

	if (!sigaction(SIGBUS, NULL, &now) && (now.sa_flags & SA_SIGINFO) &&
	    now.sa_sigaction == vu_sigbus)
		return;
	vu_old_action = now;
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

static int vu_guard_add(struct vu_mem *m, const struct vu_mapping *map)
{
	int slot = -ENOSPC;

	pthread_mutex_lock(&vu_guards_lock);
	vu_guards_install();
	for (unsigned int i = 0; i < VU_GUARDS && slot < 0; i++) {
		if (atomic_load(&vu_guards[i].start))
			continue;
		atomic_store(&vu_guards[i].len, map->len);
		atomic_store(&vu_guards[i].mem, m);
		atomic_store(&vu_guards[i].start, (uintptr_t)map->base);
		slot = i;
	}
	pthread_mutex_unlock(&vu_guards_lock);
	return slot;
}

/* ---- one mapping ---- */

/*
 * A page of a file whose server the front end controls may never come: whoever
 * touches it would hang in the kernel. So plain files only, and none of FUSE.
 */
static int vu_map_check(int fd, const struct vu_region *r, struct stat *ret_st,
			size_t *ret_align, const char **ret_why)
{
	struct statfs fs;

	if (fstat(fd, ret_st) || fstatfs(fd, &fs) || !S_ISREG(ret_st->st_mode) ||
	    fs.f_type == FUSE_MAGIC) {
		*ret_why = "memory that is no plain file";
		return -EINVAL;
	}
	if (r->offset + r->size > (uint64_t)ret_st->st_size) {
		*ret_why = "a memory region beyond the end of its file";
		return -EINVAL;
	}
	*ret_align = sysconf(_SC_PAGESIZE);
	if (fs.f_type == HUGETLBFS_MAGIC && (size_t)fs.f_bsize > *ret_align)
		*ret_align = fs.f_bsize;
	return 0;
}

static int vu_map(struct vu_mem *m, const struct vu_region *r, int fd,
		  struct vu_mapping *ret_map, const char **ret_why)
{
	struct vu_mapping map = { .region = *r, .used = true };
	struct stat st;
	size_t align;
	int slot = vu_map_check(fd, r, &st, &align, ret_why);

	if (slot)
		return slot;
	map.head = r->offset & (align - 1);
	map.dev = st.st_dev;
	map.ino = st.st_ino;
	map.len = (map.head + r->size + align - 1) & ~(align - 1);
	map.base = mmap(NULL, map.len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
			fd, r->offset - map.head);
	if (map.base == MAP_FAILED) {
		*ret_why = "memory that cannot be mapped";
		return -errno;
	}
	slot = vu_guard_add(m, &map);
	if (slot < 0) {
		munmap(map.base, map.len);
		*ret_why = "too many memory regions";
		return slot;
	}
	map.guard = slot;
	*ret_map = map;
	return 0;
}

static void vu_unmap(struct vu_mapping *map)
{
	/* First: nobody else may get this address while the handler knows it. */
	atomic_store(&vu_guards[map->guard].start, 0);
	munmap(map->base, map->len);
}

/* ---- the table ---- */

static void vu_mem_append(struct vu_mem *m, const struct vu_mapping *map)
{
	unsigned int i = m->mem.n;

	m->maps[i] = *map;
	m->regions[i] = (struct guest_mem_region){
		.gpa = map->region.gpa,
		.size = map->region.size,
		.hva = (char *)map->base + map->head,
	};
	__atomic_store_n(&m->mem.n, i + 1, __ATOMIC_RELEASE);
}

static void vu_mem_retire(struct vu_mem *m, unsigned int i)
{
	m->maps[i].used = false;
	__atomic_store_n(&m->regions[i].size, 0, __ATOMIC_RELAXED);
}

void vu_mem_reap(struct vu_mem *m)
{
	unsigned int n = 0;

	m->live = false;
	for (unsigned int i = 0; i < m->mem.n; i++) {
		if (!m->maps[i].used) {
			vu_unmap(&m->maps[i]);
			continue;
		}
		m->maps[n] = m->maps[i];
		m->regions[n] = m->regions[i];
		n++;
	}
	__atomic_store_n(&m->mem.n, n, __ATOMIC_RELEASE);
}

void vu_mem_clear(struct vu_mem *m)
{
	for (unsigned int i = 0; i < m->mem.n; i++)
		m->maps[i].used = false;
	vu_mem_reap(m);
	atomic_store(&m->lost, 0);
}

void vu_mem_init(struct vu_mem *m, int wake_fd)
{
	memset(m, 0, sizeof(*m));
	m->mem.regions = m->regions;
	m->wake_fd = wake_fd;
}

static bool vu_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static bool vu_regions_overlap(const struct vu_region *a, const struct vu_region *b)
{
	return vu_overlap(a->gpa, a->size, b->gpa, b->size) ||
	       vu_overlap(a->uaddr, a->size, b->uaddr, b->size);
}

static int vu_table_check(const struct vu_region *regions, unsigned int n,
			  const char **ret_why)
{
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int k = i + 1; k < n; k++)
			if (vu_regions_overlap(&regions[i], &regions[k])) {
				*ret_why = "memory regions overlap";
				return -EINVAL;
			}
	return 0;
}

/* The same part of the same file at the same place, so that nothing has to change. */
static int vu_mem_find_same(const struct vu_mem *m, const struct vu_region *r, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -1;
	for (unsigned int i = 0; i < m->mem.n; i++) {
		const struct vu_mapping *map = &m->maps[i];

		if (map->used && map->dev == st.st_dev && map->ino == st.st_ino &&
		    !memcmp(&map->region, r, sizeof(*r)))
			return i;
	}
	return -1;
}

/* Maps what is new, in fresh[]; keep[] tells which regions stay. */
static int vu_mem_prepare(struct vu_mem *m, const struct vu_region *regions,
			  const int *fds, unsigned int n, bool *keep,
			  struct vu_mapping *fresh, const char **ret_why)
{
	unsigned int n_fresh = 0;
	int err = vu_table_check(regions, n, ret_why);

	for (unsigned int i = 0; i < n && !err; i++) {
		int same = vu_mem_find_same(m, &regions[i], fds[i]);

		if (same >= 0)
			keep[same] = true;
		else
			err = vu_map(m, &regions[i], fds[i], &fresh[n_fresh], ret_why);
		n_fresh += same < 0 && !err;
	}
	if (!err && m->mem.n + n_fresh > VU_MEM_SLOTS) {
		*ret_why = "too many changes of memory while the device runs";
		err = -ENOSPC;
	}
	if (!err)
		return n_fresh;
	while (n_fresh)
		vu_unmap(&fresh[--n_fresh]);
	return err;
}

int vu_mem_set(struct vu_mem *m, const struct vu_region *regions, const int *fds,
	       unsigned int n, const char **ret_why)
{
	struct vu_mapping fresh[VU_TABLE_REGIONS];
	bool keep[VU_MEM_SLOTS] = { false };
	unsigned int before = m->mem.n;
	int n_fresh = vu_mem_prepare(m, regions, fds, n, keep, fresh, ret_why);

	if (n_fresh < 0)
		return n_fresh;
	/* In this order there is no moment at which memory that stays is missing. */
	for (int i = 0; i < n_fresh; i++)
		vu_mem_append(m, &fresh[i]);
	for (unsigned int i = 0; i < before; i++)
		if (m->maps[i].used && !keep[i])
			vu_mem_retire(m, i);
	if (!m->live)
		vu_mem_reap(m);
	return 0;
}

int vu_mem_add(struct vu_mem *m, const struct vu_region *r, int fd, const char **ret_why)
{
	struct vu_mapping map;
	unsigned int n_used = 0;
	int err;

	for (unsigned int i = 0; i < m->mem.n; i++) {
		if (!m->maps[i].used)
			continue;
		n_used++;
		if (vu_regions_overlap(&m->maps[i].region, r)) {
			*ret_why = "memory regions overlap";
			return -EINVAL;
		}
	}
	if (n_used == VU_MAX_REGIONS || m->mem.n == VU_MEM_SLOTS) {
		*ret_why = "too many memory regions";
		return -ENOSPC;
	}
	err = vu_map(m, r, fd, &map, ret_why);
	if (!err)
		vu_mem_append(m, &map);
	return err;
}

int vu_mem_remove(struct vu_mem *m, const struct vu_region *r, const char **ret_why)
{
	for (unsigned int i = 0; i < m->mem.n; i++) {
		const struct vu_region *have = &m->maps[i].region;

		if (!m->maps[i].used || have->gpa != r->gpa || have->uaddr != r->uaddr ||
		    have->size != r->size)
			continue;
		vu_mem_retire(m, i);
		if (!m->live)
			vu_mem_reap(m);
		return 0;
	}
	*ret_why = "there is no such memory region";
	return -ENOENT;
}

bool vu_mem_translate(const struct vu_mem *m, uint64_t uaddr, uint64_t *ret_gpa)
{
	for (unsigned int i = 0; i < m->mem.n; i++) {
		const struct vu_region *r = &m->maps[i].region;

		if (!m->maps[i].used || uaddr < r->uaddr || uaddr - r->uaddr >= r->size)
			continue;
		*ret_gpa = r->gpa + (uaddr - r->uaddr);
		return true;
	}
	return false;
}
