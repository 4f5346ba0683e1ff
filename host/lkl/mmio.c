// SPDX-License-Identifier: GPL-2.0-only
/* Device registers, and the command line that tells the kernel of them. */
#include <errno.h>
#include <stdio.h>
#include "lkl_host_i.h"

static struct {
	const struct lkl_mmio_ops *ops;
	void *dev;
	uint32_t size;
} devices[LKL_MMIO_MAX];
static int n_devices;

int lkl_add_mmio(const struct lkl_mmio_ops *ops, void *dev, uint32_t size)
{
	if (n_devices == LKL_MMIO_MAX || size > LKL_MMIO_STRIDE)
		return -ENOSPC;
	devices[n_devices].ops = ops;
	devices[n_devices].dev = dev;
	devices[n_devices].size = size;
	return ++n_devices;
}

void lkl_irq_raise(int irq)
{
	cpu_raise(1ULL << irq);
}

static int device_at(lkl_u64 addr, unsigned int size)
{
	lkl_u64 i = (addr - LKL_MMIO_BASE) / LKL_MMIO_STRIDE;

	if (addr < LKL_MMIO_BASE || i >= (lkl_u64)n_devices)
		return -1;
	if (addr % LKL_MMIO_STRIDE + size > devices[i].size)
		return -1;
	return i;
}

unsigned int mmio_read(lkl_u64 addr, unsigned int size)
{
	int i = device_at(addr, size);

	if (i < 0)
		return ~0U;
	return devices[i].ops->read(devices[i].dev, addr % LKL_MMIO_STRIDE,
				    size);
}

void mmio_write(lkl_u64 addr, unsigned int value, unsigned int size)
{
	int i = device_at(addr, size);

	if (i >= 0)
		devices[i].ops->write(devices[i].dev, addr % LKL_MMIO_STRIDE,
				      value, size);
}

int mmio_cmdline(char *buf, size_t size)
{
	size_t used = 0;
	int i;

	buf[0] = 0;
	for (i = 0; i < n_devices && used < size; i++)
		used += snprintf(buf + used, size - used,
				 " virtio_mmio.device=0x%x@0x%llx:%d",
				 devices[i].size,
				 LKL_MMIO_BASE + i * LKL_MMIO_STRIDE, i + 1);
	return used < size ? 0 : -ENOSPC;
}

void mmio_forget(void)
{
	n_devices = 0;
}
