// SPDX-License-Identifier: GPL-2.0-only
/* The contents of files. */
#include "behaviour.h"

#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#define MIB (1 << 20)

static bool all_zero(const char *buf, size_t size)
{
	while (size--)
		if (*buf++)
			return false;
	return true;
}

/* Writes, truncations and reads at random against a copy in memory. */
static void model(void)
{
	size_t max = 3 * MIB, size = 0, off, len, i;
	char *copy = calloc(1, max), *buf = malloc(max);
	unsigned int seed;
	struct stat st;
	int fd = make("f");

	CHECK(copy && buf);
	srand(42);
	for (i = 0; i < 600; i++) {
		seed = rand();
		off = rand() % max;
		len = rand() % (i % 7 ? 20000 : 400000);
		if (len > max - off)
			len = max - off;
		switch (rand() % 8) {
		case 0:
			CHECK(ftruncate(fd, off) == 0);
			if (off < size)
				memset(copy + off, 0, size - off);
			size = off;
			break;
		case 1: case 2: case 3:
			fill_random(copy + off, len, seed);
			CHECK(pwrite(fd, copy + off, len, off) == (ssize_t)len);
			if (len && off + len > size)
				size = off + len;
			break;
		default:
			len = off < size ? (len < size - off ? len : size - off) : 0;
			CHECK(pread(fd, buf, len, off) == (ssize_t)len);
			CHECK(!memcmp(buf, copy + off, len));
		}
		CHECK(fstat(fd, &st) == 0 && (size_t)st.st_size == size);
	}
	close(fd);
	fd = open("f", O_RDONLY);
	CHECK(read(fd, buf, max) == (ssize_t)size && !memcmp(buf, copy, size));
	close(fd);
}

static void append_from_two_processes(void)
{
	enum { LINES = 2000 };
	char line[17];
	pid_t pid[2];
	int i, p, counts[2] = { 0, 0 };
	FILE *f;

	close(make("log"));
	for (p = 0; p < 2; p++) {
		pid[p] = fork();
		if (pid[p])
			continue;
		int fd = open("log", O_WRONLY | O_APPEND);

		CHECK(fd >= 0);
		for (i = 0; i < LINES; i++) {
			snprintf(line, sizeof(line), "%d %013d\n", p, i);
			CHECK(write(fd, line, 16) == 16);
		}
		_exit(0);
	}
	await_child(pid[0]);
	await_child(pid[1]);
	CHECK(stat_of("log").st_size == 2 * LINES * 16);
	f = fopen("log", "r");
	while (fgets(line, sizeof(line), f)) {
		p = line[0] - '0';
		CHECK(p == 0 || p == 1);
		CHECK(atoi(line + 2) == counts[p]++);
	}
	CHECK(counts[0] == LINES && counts[1] == LINES);
	fclose(f);
}

static void truncate_and_extend(void)
{
	static char buf[100000];
	int fd = make("f");

	memset(buf, 'x', sizeof(buf));
	CHECK(write(fd, buf, sizeof(buf)) == sizeof(buf));
	CHECK(ftruncate(fd, 5001) == 0);
	CHECK(ftruncate(fd, 90000) == 0);
	CHECK(stat_of("f").st_size == 90000);
	CHECK(pread(fd, buf, sizeof(buf), 0) == 90000);
	CHECK(buf[5000] == 'x' && all_zero(buf + 5001, 90000 - 5001));
	CHECK(truncate("f", 1000000) == 0 && stat_of("f").st_size == 1000000);
	CHECK(pread(fd, buf, 100, 999950) == 50 && all_zero(buf, 50));
	CHECK(pread(fd, buf, 100, 1000000) == 0);
	CHECK(lseek(fd, 0, SEEK_END) == 1000000);
	CHECK_ERR(ftruncate(fd, -1), EINVAL);
	CHECK_ERR(truncate(".", 0), EISDIR);
	close(fd);
}

static void sparse_files(void)
{
	off_t big = 64 * MIB, pos;
	int fd;

	if (opt.no_holes)
		skip("no holes");
	fd = make("f");
	CHECK(pwrite(fd, "data", 4, big) == 4);
	CHECK(fsync(fd) == 0);
	CHECK(stat_of("f").st_size == big + 4);
	CHECK(stat_of("f").st_blocks * 512 < MIB);
	CHECK(lseek(fd, 0, SEEK_HOLE) == 0);
	pos = lseek(fd, 0, SEEK_DATA);
	CHECK(pos > 0 && pos <= big);
	CHECK(lseek(fd, big, SEEK_HOLE) == big + 4);
	CHECK_ERR(lseek(fd, big + 4, SEEK_DATA), ENXIO);
	CHECK(pwrite(fd, "start", 5, 0) == 5);
	CHECK(lseek(fd, 0, SEEK_DATA) == 0);
	pos = lseek(fd, 0, SEEK_HOLE);
	CHECK(pos > 0 && pos < big);
	close(fd);
}

static void fallocate_modes(void)
{
	static char buf[65536];
	int fd = make("f");
	blkcnt_t blocks;

	if (fallocate(fd, 0, 0, MIB) && errno == EOPNOTSUPP)
		skip("no fallocate");
	CHECK(stat_of("f").st_size == MIB);
	CHECK(stat_of("f").st_blocks * 512 >= MIB);
	CHECK(pread(fd, buf, sizeof(buf), 1000) == sizeof(buf));
	CHECK(all_zero(buf, sizeof(buf)));
	CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, MIB, MIB) == 0);
	CHECK(stat_of("f").st_size == MIB);
	if (opt.no_holes)
		return;
	memset(buf, 'y', sizeof(buf));
	CHECK(pwrite(fd, buf, sizeof(buf), 0) == sizeof(buf));
	CHECK(fsync(fd) == 0);
	blocks = stat_of("f").st_blocks;
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 16384) == 0);
	CHECK(stat_of("f").st_size == MIB && stat_of("f").st_blocks < blocks);
	CHECK(pread(fd, buf, sizeof(buf), 0) == sizeof(buf));
	CHECK(buf[8191] == 'y' && all_zero(buf + 8192, 16384) && buf[24576] == 'y');
	if (!fallocate(fd, FALLOC_FL_ZERO_RANGE, 100, 100)) {
		CHECK(pread(fd, buf, 300, 0) == 300);
		CHECK(buf[99] == 'y' && all_zero(buf + 100, 100) && buf[200] == 'y');
	} else {
		CHECK(errno == EOPNOTSUPP);
	}
	CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
	close(fd);
}

static void copy_range(void)
{
	size_t size = 2 * MIB + 333;
	char *a = malloc(size), *b = malloc(size);
	loff_t in = 0, out = 77;
	ssize_t n, done = 0;
	int from = make("from"), to = make("to");

	fill_random(a, size, 9);
	CHECK(write(from, a, size) == (ssize_t)size);
	while ((n = copy_file_range(from, &in, to, &out, size, 0)) > 0)
		done += n;
	CHECK(n == 0 && done == (ssize_t)size);
	CHECK(stat_of("to").st_size == (off_t)size + 77);
	CHECK(pread(to, b, size, 77) == (ssize_t)size && !memcmp(a, b, size));
	CHECK(pread(to, b, 77, 0) == 77 && all_zero(b, 77));
	in = size;
	CHECK(copy_file_range(from, &in, to, &out, 10, 0) == 0);
	in = 0;
	out = 10;
	CHECK(copy_file_range(from, &in, from, &out, 1000, 0) < 0 && errno == EINVAL);
	close(from);
	close(to);
}

static void shared_mapping(void)
{
	size_t size = MIB;
	char *map, *buf = malloc(size);
	int fd = make("f"), i;

	CHECK(ftruncate(fd, size) == 0);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	fill_random(map, size, 3);
	CHECK(pread(fd, buf, size, 0) == (ssize_t)size && !memcmp(map, buf, size));
	CHECK(msync(map, size, MS_SYNC) == 0);
	for (i = 0; i < 1000; i++) {
		CHECK(pwrite(fd, &i, sizeof(i), i * 1000) == sizeof(i));
		CHECK(!memcmp(map + i * 1000, &i, sizeof(i)));
	}
	memcpy(buf, map, size);
	CHECK(munmap(map, size) == 0 && close(fd) == 0);
	fd = open("f", O_RDWR);
	/* the host's copy goes, so that what the filesystem has is read */
	CHECK(fsync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED && !memcmp(map, buf, size));
	munmap(map, size);
	close(fd);
}

/* Dirty through a mapping, then without a name: still written, still read. */
static void mapping_of_unlinked_file(void)
{
	size_t size = 256 << 10;
	char *map, *buf = malloc(size);
	int fd = make("f");

	CHECK(ftruncate(fd, size) == 0);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED && unlink("f") == 0);
	fill_random(map, size, 5);
	CHECK(msync(map, size, MS_SYNC) == 0);
	memcpy(buf, map, size);
	CHECK(munmap(map, size) == 0);
	CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED && !memcmp(map, buf, size));
	close(fd);
}

static void direct_io(void)
{
	char *buf = aligned_alloc(4096, 65536), *back = aligned_alloc(4096, 65536);
	int fd = open("f", O_RDWR | O_CREAT | O_DIRECT, 0644), plain;

	if (fd < 0 && errno == EINVAL)
		skip("no O_DIRECT");
	CHECK(fd >= 0);
	fill_random(buf, 65536, 1);
	CHECK(pwrite(fd, buf, 65536, 0) == 65536);
	plain = open("f", O_RDWR);
	CHECK(pread(plain, back, 65536, 0) == 65536 && !memcmp(buf, back, 65536));
	CHECK(pwrite(plain, "changed!", 8, 4096) == 8);
	CHECK(pread(fd, back, 4096, 4096) == 4096 && !memcmp(back, "changed!", 8));
	close(plain);
	close(fd);
}

static void synchronous_writes(void)
{
	static const int flags[] = { O_SYNC, O_DSYNC, 0 };
	char text[32];
	size_t i;
	int fd, dir = open(".", O_RDONLY | O_DIRECTORY);

	CHECK(dir >= 0);
	for (i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "s%zu", i);
		fd = open(text, O_RDWR | O_CREAT | O_EXCL | flags[i], 0644);
		CHECK(fd >= 0 && write(fd, text, 2) == 2);
		CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && close(fd) == 0);
		CHECK(has_text(text, text));
		CHECK(fsync(dir) == 0);
	}
	CHECK(fdatasync(dir) == 0);
	close(dir);
}

/* More than fits into the library kernel's memory. */
static void big_file(void)
{
	enum { N = 200 };
	char *buf = malloc(MIB), *back = malloc(MIB);
	struct statvfs vfs;
	int fd, i;

	CHECK(statvfs(".", &vfs) == 0);
	if (vfs.f_bavail * vfs.f_frsize < (N + 20ull) * MIB)
		skip("no room");
	fd = make("f");
	for (i = 0; i < N; i++) {
		fill_random(buf, MIB, i);
		CHECK(write(fd, buf, MIB) == MIB);
	}
	CHECK(fsync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	CHECK(stat_of("f").st_size == (off_t)N * MIB);
	CHECK(stat_of("f").st_blocks * 512ll >= (off_t)N * MIB);
	for (i = 0; i < N; i++) {
		fill_random(buf, MIB, i);
		CHECK(pread(fd, back, MIB, (off_t)i * MIB) == MIB);
		CHECK(!memcmp(buf, back, MIB));
	}
	close(fd);
}

/* Full is an error of the write, and over when something is removed. */
static void no_space(void)
{
	char *buf = malloc(MIB);
	struct statvfs vfs;
	ssize_t n, total = 0;
	int fd;

	if (!opt.fill)
		skip("may not fill the filesystem");
	fill_random(buf, MIB, 1);
	fd = make("fill");
	while ((n = write(fd, buf, MIB)) > 0)
		total += n;
	CHECK(n < 0 && errno == ENOSPC && total > 0);
	CHECK(statvfs(".", &vfs) == 0);
	CHECK(close(fd) == 0);
	CHECK(unlink("fill") == 0);
	sync();
	fd = make("after");
	CHECK(write(fd, buf, MIB) == MIB && fsync(fd) == 0);
	close(fd);
}

/* Part of a write-back finds room: what did not is an error all the same. */
static void mapping_without_space(void)
{
	enum { PAGES = 64, ROOM = 24, PAGE = 4096 };
	int hole = make("hole"), fill = make("fill");
	char *buf = malloc(MIB), *map;
	ssize_t n, total = 0;

	if (!opt.fill)
		skip("may not fill the filesystem");
	fill_random(buf, MIB, 1);
	CHECK(ftruncate(hole, PAGES * PAGE) == 0);
	while ((n = write(fill, buf, MIB)) > 0)
		total += n;
	CHECK(fsync(fill) == 0);
	CHECK(ftruncate(fill, total / PAGE * PAGE - ROOM * PAGE) == 0 && fsync(fill) == 0);
	map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, hole, 0);
	CHECK(map != MAP_FAILED);
	memset(map, 'm', PAGES * PAGE);
	CHECK_ERR(msync(map, PAGES * PAGE, MS_SYNC), ENOSPC);
	close(fill);
	close(hole);
}

const struct behaviour data_tests[] = {
	{ "model", model },
	{ "append-from-two-processes", append_from_two_processes },
	{ "truncate-and-extend", truncate_and_extend },
	{ "sparse-files", sparse_files },
	{ "fallocate-modes", fallocate_modes },
	{ "copy-range", copy_range },
	{ "shared-mapping", shared_mapping },
	{ "mapping-of-unlinked-file", mapping_of_unlinked_file },
	{ "direct-io", direct_io },
	{ "synchronous-writes", synchronous_writes },
	{ "big-file", big_file },
	{ "no-space", no_space },
	{ "mapping-without-space", mapping_without_space },
	{ 0 },
};
