// SPDX-License-Identifier: GPL-2.0-only
/* Mount and small-file helpers over system calls. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <lkl.h>

static int make_folders(const char *path)
{
	char *copy = strdup(path), *p;
	long err = 0;

	if (!copy)
		return -ENOMEM;
	for (p = copy + 1; err >= 0 || err == -EEXIST; p++) {
		if (*p && *p != '/')
			continue;
		char old = *p;

		*p = 0;
		err = LKL_CALL3(SYS_mkdirat, AT_FDCWD, copy, 0755);
		*p = old;
		if (!old)
			break;
	}
	free(copy);
	return err == -EEXIST ? 0 : err;
}

int lkl_mount(const char *source, const char *target, const char *type,
	      unsigned long flags, const char *data)
{
	static const size_t page_size = 4096;
	char *page;
	int err = make_folders(target);

	if (err)
		return err;
	if (data && strlen(data) >= page_size)
		return -EINVAL;
	/* mount(2) copies a whole page, whatever the string's length */
	page = calloc(1, page_size);
	if (!page)
		return -ENOMEM;
	if (data)
		memcpy(page, data, strlen(data));
	err = LKL_CALL5(SYS_mount, source ? source : "none", target, type, flags,
			page);
	free(page);
	return err;
}

int lkl_umount(const char *target, int flags)
{
	return LKL_CALL2(SYS_umount2, target, flags);
}

long lkl_read_file(const char *path, char *buf, size_t size)
{
	long fd, n, len = 0;

	if (!size)
		return -EINVAL;
	fd = LKL_CALL4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	do {
		n = LKL_CALL3(SYS_read, fd, buf + len, size - 1 - len);
		if (n > 0)
			len += n;
	} while (n > 0 && (size_t)len < size - 1);
	LKL_CALL1(SYS_close, fd);
	buf[len] = 0;
	return n < 0 ? n : len;
}

int lkl_write_file(const char *path, const char *text)
{
	long fd, n;

	fd = LKL_CALL4(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	n = LKL_CALL3(SYS_write, fd, text, strlen(text));
	LKL_CALL1(SYS_close, fd);
	return n < 0 ? n : 0;
}
