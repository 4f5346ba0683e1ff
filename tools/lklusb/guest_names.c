// SPDX-License-Identifier: GPL-2.0-only
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <lkl.h>

#include "dirents.h"

#define NAMES_BYTES	(32u << 10)

int guest_names(long dir, int (*fn)(void *ctx, const char *name), void *ctx)
{
	char *buf = malloc(NAMES_BYTES);
	int ret = buf ? 0 : -ENOMEM;
	long n;

	while (!ret) {
		n = LKL_CALL3(SYS_getdents64, dir, buf, NAMES_BYTES);
		if (n <= 0) {
			ret = n;
			break;
		}
		ret = dirents_each(buf, n < NAMES_BYTES ? n : NAMES_BYTES, fn, ctx);
	}
	free(buf);
	return ret;
}

int guest_names_of(const char *path, int (*fn)(void *ctx, const char *name), void *ctx)
{
	long fd = LKL_CALL4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int ret = fd < 0 ? fd : guest_names(fd, fn, ctx);

	if (fd >= 0)
		LKL_CALL1(SYS_close, fd);
	return ret;
}
