// SPDX-License-Identifier: GPL-2.0-only
#include <linux/export.h>
#include <linux/io.h>
#include "lkl_i.h"

unsigned int lkl_mmio_read(const volatile void __iomem *addr, unsigned int size)
{
	return lkl_ops->mmio_read((unsigned long)addr - LKL_IO_TOKEN, size);
}
EXPORT_SYMBOL(lkl_mmio_read);

void lkl_mmio_write(volatile void __iomem *addr, unsigned int value,
		    unsigned int size)
{
	lkl_cpu.mmio_writes++;
	lkl_ops->mmio_write((unsigned long)addr - LKL_IO_TOKEN, value, size);
}
EXPORT_SYMBOL(lkl_mmio_write);
