// SPDX-License-Identifier: GPL-2.0-only
#include "virtio_dev.h"

void *guest_mem_ptr(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	for (unsigned int i = 0; i < mem->n; i++) {
		const struct guest_mem_region *r = &mem->regions[i];
		uint64_t off = gpa - r->gpa;

		if (gpa >= r->gpa && off <= r->size && len <= r->size - off)
			return (char *)r->hva + off;
	}
	return NULL;
}
