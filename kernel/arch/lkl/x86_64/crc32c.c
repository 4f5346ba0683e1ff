// SPDX-License-Identifier: GPL-2.0-only
/* SSE 4.2's CRC32, which uses general registers only. */
#include <linux/unaligned.h>
#include <lkl_machine.h>
#include "cpuid.h"

bool lkl_crc32c_usable(void)
{
	return cpuid_1_ecx() & (1u << 20);
}

__attribute__((target("crc32"))) u32 lkl_crc32c(u32 crc, const u8 *data, size_t n)
{
	unsigned long long c = crc;

	for (; n >= 8; n -= 8, data += 8)
		c = __builtin_ia32_crc32di(c, get_unaligned((const u64 *)data));
	for (; n; n--)
		c = __builtin_ia32_crc32qi(c, *data++);
	return c;
}
