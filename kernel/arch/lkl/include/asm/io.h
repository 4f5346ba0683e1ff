/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_IO_H
#define _ASM_LKL_IO_H

#include <linux/types.h>

/*
 * Device registers are reached through the host's table. An __iomem pointer is
 * a token: the physical address in a range that no load can ever reach.
 */
#define LKL_IO_TOKEN 0xfee0000000000000UL

unsigned int lkl_mmio_read(const volatile void __iomem *addr, unsigned int size);
void lkl_mmio_write(volatile void __iomem *addr, unsigned int value,
		    unsigned int size);

#define __raw_readb __raw_readb
static inline u8 __raw_readb(const volatile void __iomem *addr)
{
	return lkl_mmio_read(addr, 1);
}

#define __raw_readw __raw_readw
static inline u16 __raw_readw(const volatile void __iomem *addr)
{
	return lkl_mmio_read(addr, 2);
}

#define __raw_readl __raw_readl
static inline u32 __raw_readl(const volatile void __iomem *addr)
{
	return lkl_mmio_read(addr, 4);
}

#define __raw_writeb __raw_writeb
static inline void __raw_writeb(u8 value, volatile void __iomem *addr)
{
	lkl_mmio_write(addr, value, 1);
}

#define __raw_writew __raw_writew
static inline void __raw_writew(u16 value, volatile void __iomem *addr)
{
	lkl_mmio_write(addr, value, 2);
}

#define __raw_writel __raw_writel
static inline void __raw_writel(u32 value, volatile void __iomem *addr)
{
	lkl_mmio_write(addr, value, 4);
}

#define ioremap ioremap
static inline void __iomem *ioremap(phys_addr_t offset, size_t size)
{
	return (void __iomem *)(LKL_IO_TOKEN + offset);
}

#define iounmap iounmap
static inline void iounmap(volatile void __iomem *addr)
{
}

#include <asm-generic/io.h>

#endif
