// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile stick, and a library kernel in its hands, under lklusb cp: folders, names, types,
 * links and sizes as the input has them. Whatever they are, nothing is made or changed
 * outside of the folder that was asked for, and what is made is a file, a folder, or a link
 * that stays within it.
 *
 * Input: a byte of options; then what each system call answers, as it is asked.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <lkl.h>

#include "copy.h"
#include "guest.h"
#include "report.h"
#include "stop.h"

#define SECRET "untouched"

static const uint8_t *input, *end;
static bool all_links, merge, all;	/* all: of "/", which has no folder of its own */

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* ---- the hostile side ---- */

static unsigned int byte(void)
{
	return input < end ? *input++ : 0;
}

static uint64_t number(void)
{
	uint64_t n = 0;

	for (unsigned int left = byte() % 9; left; left--)
		n = n << 8 | byte();
	return n;
}

/* A word that may matter, or bytes as they come; not more than size. */
static size_t word(char *to, size_t size)
{
	static const char *const words[] = {
		"a", "b", "link", "file", "dir", ".", "..", "", "/", "../outside", "../../outside",
		"../../outside/secret", "link/secret", "../x", "a/../../x", "dir/..", "./a", "a/b",
	};
	unsigned int which = byte();
	size_t len;

	if (which < 192) {
		len = strlen(words[which % (sizeof(words) / sizeof(*words))]);
		len = len < size ? len : size;
		memcpy(to, words[which % (sizeof(words) / sizeof(*words))], len);
		return len;
	}
	len = byte();
	for (size_t i = 0; i < len && i < size; i++)
		to[i] = byte();
	return len < size ? len : size;
}

static void one_name(char *entry, size_t size)
{
	struct dirent64 d = { .d_type = byte(), .d_reclen = size };
	char name[256];
	size_t len = word(name, size - offsetof(struct dirent64, d_name) - 1);

	memcpy(entry, &d, offsetof(struct dirent64, d_name));
	memcpy(entry + offsetof(struct dirent64, d_name), name, len);
	entry[offsetof(struct dirent64, d_name) + len] = 0;
}

static long names(char *buf, size_t size)
{
	unsigned int n = byte();
	long len = 0;

	if (input == end || !n)
		return 0;
	if (n > 250)
		return -EIO;
	if (n > 200) {		/* nothing that a kernel would say */
		for (; len < n && (size_t)len < size; len++)
			buf[len] = byte();
		return n > 240 ? (long)number() : len;
	}
	for (n %= 8; n; n--, len += 64)
		one_name(buf + len, 64);
	return len;
}

static long attributes(struct statx *st)
{
	static const mode_t types[] = {
		S_IFDIR, S_IFREG, S_IFLNK, S_IFDIR, S_IFREG, S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO,
		S_IFSOCK, 0,
	};

	if (input == end)
		return -ENOENT;
	memset(st, 0, sizeof(*st));
	st->stx_mode = types[byte() % (sizeof(types) / sizeof(*types))] | (byte() << 4);
	st->stx_size = number();
	if (st->stx_size < INT64_MAX)
		st->stx_size %= 1 << 20;
	st->stx_mtime.tv_sec = number();
	st->stx_mtime.tv_nsec = number();
	return 0;
}

static long target(char *to, size_t size)
{
	size_t len = 0;

	if (byte() > 250)
		return (long)number();
	for (unsigned int n = byte() % 4; n; n--) {
		len += word(to + len, size - len);
		if (len < size && byte() % 2)
			to[len++] = '/';
	}
	return len;
}

static long content(char *to, size_t size)
{
	size_t n = byte();

	if (n > 250)
		return (long)number();
	n = n < size ? n : size;
	memset(to, 'x', n);
	return n;
}

long lkl_syscall(long nr, long a0, long a1, long a2, long a3, long a4, long a5)
{
	switch (nr) {
	case SYS_openat:
	case SYS_openat2:
		return byte() % 16 == 15 ? -EACCES : 3;
	case SYS_getdents64:
		return names((char *)a1, a2);
	case SYS_statx:
		return attributes((struct statx *)a4);
	case SYS_readlinkat:
		return target((char *)a2, a3);
	case SYS_pread64:
		return content((char *)a1, a2);
	case SYS_lseek:
		return input == end ? -ENXIO : byte() % 2 ? -EINVAL : (long)number();
	default:
		return 0;
	}
}

/* ---- what copy.c has besides ---- */

bool stop_wanted(void)
{
	return false;
}

bool guest_gone(void)
{
	return false;
}

const char *lkl_panic_message(void)
{
	return NULL;
}

int report(enum report_status status, const char *code, const char *fmt, ...)
{
	return status;
}

void report_note(const char *fmt, ...)
{
}

/* ---- the host's side ---- */

static char base[] = "/dev/shm/fuzz-copy.XXXXXX";
static int base_fd;

static void make(const char *path, const char *text)
{
	int fd = openat(base_fd, path, O_WRONLY | O_CREAT | O_EXCL, 0640);

	check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && !close(fd));
}

static void trap(const char *link, const char *to)
{
	char path[sizeof(base) + 32];

	snprintf(path, sizeof(path), "%s/%s", base, to);
	check(!symlinkat(path, base_fd, link));
}

/* base/outside/secret, and base/dest/t with links that lead there. */
static void prepare(void)
{
	check(!mkdirat(base_fd, "dest", 0755));
	if (!merge)
		return;
	check(!mkdirat(base_fd, "dest/t", 0755) && !mkdirat(base_fd, "dest/t/dir", 0755));
	trap("dest/t/link", "outside");
	trap("dest/t/file", "outside/secret");
	trap("dest/t/dir/link", "outside");
	trap("dest/link", "outside");
	trap("dest/file", "outside/secret");
}

/* Up and down, without asking what is there; depth folders below the topmost one. */
static bool stays(const char *to, int depth)
{
	if (*to == '/')
		return false;
	for (; *to; to += strcspn(to, "/"), to += *to == '/') {
		if (!strncmp(to, "../", 3) || !strcmp(to, ".."))
			depth--;
		else if (*to != '/' && strncmp(to, "./", 2) && strcmp(to, "."))
			depth++;
		if (depth < 0)
			return false;
	}
	return true;
}

/* With all the links on the way, of which none was there before. */
static void check_end(int dir, const char *name)
{
	char path[PATH_MAX], top[64], *found;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	snprintf(top, sizeof(top), "%s/dest%s", base, all ? "" : "/t");
	found = merge ? NULL : realpath(path, NULL);
	check(!found || !strncmp(found, top, strlen(top)));
	free(found);
}

static void check_link(int dir, const char *name, int depth)
{
	char to[PATH_MAX];
	ssize_t n = readlinkat(dir, name, to, sizeof(to) - 1);

	check(n >= 0);
	to[n] = 0;
	if (all_links || !strncmp(to, base, strlen(base)))	/* it was there before */
		return;
	check(depth >= 0 && stays(to, depth));
	check_end(dir, name);
}

/* Looks at everything, or removes it. */
static void walk(int parent, const char *folder, int depth, bool removing)
{
	int fd = openat(parent, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	struct stat st;

	check(list && !fchmod(fd, 0700));
	while ((d = readdir(list))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		check(!fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW));
		check(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode) || S_ISLNK(st.st_mode));
		check(S_ISLNK(st.st_mode) || !(st.st_mode & 07000));
		if (S_ISDIR(st.st_mode))
			walk(fd, d->d_name, depth + 1, removing);
		else if (removing)
			check(!unlinkat(fd, d->d_name, 0));
		else if (S_ISLNK(st.st_mode))
			check_link(fd, d->d_name, depth);
	}
	closedir(list);
	check(!removing || !unlinkat(parent, folder, AT_REMOVEDIR));
}

static unsigned int count(const char *folder)
{
	DIR *list = fdopendir(openat(base_fd, folder, O_RDONLY | O_DIRECTORY));
	unsigned int n = 0;

	check(list);
	while (readdir(list))
		n++;
	closedir(list);
	return n - 2;
}

static void check_outside(void)
{
	struct stat st, folder;
	char text[64] = "";
	int fd = openat(base_fd, "outside/secret", O_RDONLY);

	check(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && !strcmp(text, SECRET));
	check(!fstat(fd, &st) && !fstatat(base_fd, "outside", &folder, 0) && !close(fd));
	check((st.st_mode & 07777) == 0640 && (folder.st_mode & 07777) == 0755);
	check(count("outside") == 1 && count(".") == 1);
}

static void leave(void)
{
	unlinkat(base_fd, "outside/secret", 0);
	unlinkat(base_fd, "outside", AT_REMOVEDIR);
	rmdir(base);
}

static void enter(void)
{
	umask(022);
	check(mkdtemp(base));
	base_fd = open(base, O_RDONLY | O_DIRECTORY);
	check(base_fd >= 0 && !mkdirat(base_fd, "outside", 0755));
	make("outside/secret", SECRET);
	atexit(leave);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct look look;
	char dest[sizeof(base) + 8];
	struct copy copy;
	unsigned int options;

	if (!base_fd)
		enter();
	input = data;
	end = data + len;
	options = byte();
	copy = (struct copy) {
		.recursive = !(options & 1) || options & 32, .keep = options & 2,
		.replace = options & 4, .all_links = options & 8,
		.beneath = options & 128, .beneath_dir = base_fd,
	};
	all_links = copy.all_links;
	merge = options & 16;
	all = options & 64;
	prepare();
	snprintf(dest, sizeof(dest), "%s/dest", copy.beneath ? "." : base);
	copy_path(&copy, &look, all ? "/" : "/t", dest);
	copy_finish(&copy);
	walk(base_fd, "dest", all ? 0 : -1, false);
	walk(base_fd, "dest", 0, true);
	check_outside();
	return 0;
}
