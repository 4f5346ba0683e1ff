// SPDX-License-Identifier: GPL-2.0-only
#include "virtio_dev.h"

void *guest_mem_ptr(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	unsigned int n = __atomic_load_n(&mem->n, __ATOMIC_ACQUIRE);

	for (unsigned int i = 0; i < n; i++) {
		const struct guest_mem_region *r = &mem->regions[i];
		uint64_t size = __atomic_load_n(&r->size, __ATOMIC_RELAXED);
		uint64_t off = gpa - r->gpa;

		if (size && gpa >= r->gpa && off <= size && len <= size - off)
			return (char *)r->hva + off;
	}
	return NULL;
}
