// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest RAM is one shared mapping of a memfd, so that peers can map it as well;
 * vmalloc maps pieces of the same memfd in a reserved range.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include "lkl_host_i.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23	/* Linux 5.14; older kernels refuse, harmlessly */
#endif

/* Address space only; large mounts (XFS, btrfs) vmalloc some hundred MiB. */
#define VMALLOC_SIZE (16UL << 30)

static struct lkl_ram ram = { .fd = -1 };
static void *vmalloc_base;

static int ram_create(size_t bytes)
{
	ram.fd = memfd_create("lkl-ram", MFD_CLOEXEC);
	if (ram.fd < 0)
		return -errno;
	if (ftruncate(ram.fd, bytes))
		return -errno;
	ram.hva = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ram.fd,
		       0);
	if (ram.hva == MAP_FAILED) {
		ram.hva = NULL;
		return -errno;
	}
	ram.size = bytes;
	madvise(ram.hva, bytes, MADV_DONTDUMP);
	return 0;
}

int memory_create(size_t ram_bytes, struct lkl_boot_info *ret_info)
{
	int err = ram_create(ram_bytes);

	if (err)
		goto undo;
	vmalloc_base = mmap(NULL, VMALLOC_SIZE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (vmalloc_base == MAP_FAILED) {
		vmalloc_base = NULL;
		err = -errno;
		goto undo;
	}
	ret_info->ram_base = (unsigned long)ram.hva;
	ret_info->ram_size = ram.size;
	ret_info->vmalloc_base = (unsigned long)vmalloc_base;
	ret_info->vmalloc_size = VMALLOC_SIZE;
	return 0;
undo:
	memory_destroy();
	return err;
}

void memory_destroy(void)
{
	if (vmalloc_base)
		munmap(vmalloc_base, VMALLOC_SIZE);
	if (ram.hva)
		munmap(ram.hva, ram.size);
	if (ram.fd >= 0)
		close(ram.fd);
	vmalloc_base = NULL;
	ram = (struct lkl_ram) { .fd = -1 };
}

const struct lkl_ram *lkl_ram(void)
{
	return &ram;
}

void memory_populate(unsigned long ram_offset, unsigned long size)
{
	if (ram_offset < ram.size && size <= ram.size - ram_offset)
		madvise((char *)ram.hva + ram_offset, size, MADV_POPULATE_WRITE);
}

int memory_map(void *va, unsigned long ram_offset, unsigned long size)
{
	void *p = mmap(va, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		       ram.fd, ram_offset);

	return p == MAP_FAILED ? -errno : 0;
}

void memory_unmap(void *va, unsigned long size)
{
	mmap(va, size, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}
