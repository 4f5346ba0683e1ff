// SPDX-License-Identifier: GPL-2.0-only
/* Several processes at once, for some seconds. */
#include "behaviour.h"

#include <dirent.h>
#include <sys/wait.h>
#include <time.h>

#define PROCESSES 6

static time_t end;

static void in_parallel(void (*fn)(int number))
{
	pid_t pids[PROCESSES];
	int i;

	end = time(NULL) + opt.seconds;
	for (i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			srand(i + 1);
			fn(i);
			_exit(0);
		}
	}
	for (i = 0; i < PROCESSES; i++)
		await_child(pids[i]);
}

/* Only the errors that a race of names may give. */
static void allow(int ret)
{
	if (ret < 0 && errno != ENOENT && errno != EEXIST && errno != ENOTEMPTY &&
	    errno != EISDIR && errno != ENOTDIR && errno != EINVAL && errno != EBUSY)
		fail(__FILE__, __LINE__, "an error that no race explains");
}

static void random_name(char *name)
{
	sprintf(name, rand() % 3 ? "n%d" : "d%d/n%d", rand() % 8, rand() % 4);
}

static void change_names(int number)
{
	char a[32], b[32];
	struct stat st;
	int fd;

	while (time(NULL) < end) {
		random_name(a);
		random_name(b);
		switch (rand() % 9) {
		case 0: case 1:
			fd = open(a, O_RDWR | O_CREAT, 0644);
			allow(fd);
			if (fd >= 0) {
				CHECK(write(fd, a, strlen(a)) > 0);
				CHECK(fstat(fd, &st) == 0 && close(fd) == 0);
			}
			break;
		case 2: allow(unlink(a)); break;
		case 3: case 4: allow(rename(a, b)); break;
		case 5: sprintf(a, "d%d", rand() % 8); allow(mkdir(a, 0755)); break;
		case 6: sprintf(a, "d%d", rand() % 8); allow(rmdir(a)); break;
		case 7:
			if (!opt.no_hardlinks && link(a, b))
				allow(errno == EPERM ? 0 : -1);
			break;
		case 8: allow(stat(a, &st)); break;
		}
	}
}

static void names_at_once(void)
{
	DIR *dir;
	struct dirent *e;
	struct stat st;

	in_parallel(change_names);
	dir = opendir(".");
	CHECK(dir);
	while ((e = readdir(dir)))	/* nothing is half there */
		CHECK(lstat(e->d_name, &st) == 0);
	closedir(dir);
}

/* Each with a tree of its own: built, checked, moved, removed. */
static void own_tree(int number)
{
	char top[16], moved[16], path[64], text[64];
	int i, round = 0, fd;

	sprintf(top, "t%d", number);
	sprintf(moved, "m%d", number);
	while (time(NULL) < end) {
		round++;
		CHECK(mkdir(top, 0755) == 0);
		for (i = 0; i < 40; i++) {
			sprintf(path, "%s/%d", top, i % 5);
			if (i < 5)
				CHECK(mkdir(path, 0755) == 0);
			sprintf(path, "%s/%d/f%d", top, i % 5, i);
			fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
			sprintf(text, "%d %d %d", number, round, i);
			CHECK(fd >= 0 && write(fd, text, strlen(text)) ==
			      (ssize_t)strlen(text));
			if (i % 16 == 0)
				CHECK(fsync(fd) == 0);
			CHECK(close(fd) == 0);
		}
		CHECK(rename(top, moved) == 0);
		for (i = 0; i < 40; i++) {
			sprintf(path, "%s/%d/f%d", moved, i % 5, i);
			sprintf(text, "%d %d %d", number, round, i);
			CHECK(has_text(path, text));
		}
		remove_tree(moved);
		CHECK(!exists(moved));
	}
}

static void trees_at_once(void)
{
	in_parallel(own_tree);
}

/* One file: each process has every sixth block of it. */
static void own_blocks(int number)
{
	static char buf[8192], back[8192];
	unsigned int seeds[64] = { 0 };
	int fd = open("shared", O_RDWR), i;
	off_t off;

	CHECK(fd >= 0);
	while (time(NULL) < end) {
		i = rand() % 64;
		off = (i * PROCESSES + number) * (off_t)sizeof(buf);
		if (seeds[i]) {
			fill_random(buf, sizeof(buf), seeds[i]);
			CHECK(pread(fd, back, sizeof(back), off) == sizeof(back));
			CHECK(!memcmp(buf, back, sizeof(buf)));
		}
		seeds[i] = rand();
		fill_random(buf, sizeof(buf), seeds[i]);
		CHECK(pwrite(fd, buf, sizeof(buf), off) == sizeof(buf));
		if (rand() % 50 == 0)
			CHECK(fdatasync(fd) == 0);
		if (rand() % 100 == 0)
			CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	}
	close(fd);
}

static void blocks_at_once(void)
{
	close(make("shared"));
	in_parallel(own_blocks);
}

const struct behaviour stress_tests[] = {
	{ "names-at-once", names_at_once },
	{ "trees-at-once", trees_at_once },
	{ "blocks-at-once", blocks_at_once },
	{ 0 },
};
