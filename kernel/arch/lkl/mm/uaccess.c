// SPDX-License-Identifier: GPL-2.0-only
#include <linux/uaccess.h>

/* Number of bytes without the NUL, count if there was none. */
long strncpy_from_user(char *dst, const char __user *src, long count)
{
	size_t len;

	if (count <= 0)
		return 0;
	len = strnlen((const char __force *)src, count);
	memcpy(dst, (const char __force *)src, len < count ? len + 1 : len);
	return len;
}
EXPORT_SYMBOL(strncpy_from_user);

/* With the NUL; more than n if there is none. */
long strnlen_user(const char __user *src, long n)
{
	return n > 0 ? strnlen((const char __force *)src, n) + 1 : 0;
}
EXPORT_SYMBOL(strnlen_user);
