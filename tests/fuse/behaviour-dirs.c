// SPDX-License-Identifier: GPL-2.0-only
/* Reading directories, and many files in them. */
#include "behaviour.h"

#include <dirent.h>
#include <sys/statvfs.h>

#define MANY 5000

static void populate(int n)
{
	char name[32];
	int i, fd;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "file-%05d", i);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		CHECK(fd >= 0 && close(fd) == 0);
	}
}

/* Marks each file-N that is read; "." and ".." are counted. */
static int read_all(DIR *dir, char *seen, int n)
{
	struct dirent *e;
	int count = 0, i;

	memset(seen, 0, n);
	while (errno = 0, (e = readdir(dir))) {
		count++;
		if (sscanf(e->d_name, "file-%d", &i) == 1) {
			CHECK(i >= 0 && i < n);
			CHECK(!seen[i]);
			seen[i] = 1;
		}
	}
	CHECK(errno == 0);
	return count;
}

static void entry_numbers(void)
{
	struct dirent *e;
	struct stat st, up = stat_of("..");
	DIR *dir;
	int round, n;

	populate(300);
	CHECK(mkdir("sub", 0755) == 0);
	for (round = 0; round < 3; round++) {
		dir = opendir(".");
		CHECK(dir);
		for (n = 0; (e = readdir(dir)); n++) {
			st = stat_of(e->d_name);
			if (strcmp(e->d_name, ".."))
				CHECK(e->d_ino == st.st_ino);
			else
				CHECK(st.st_ino == up.st_ino);
			CHECK(e->d_type == DT_UNKNOWN || e->d_type << 12 ==
			      (int)(st.st_mode & S_IFMT));
		}
		CHECK(n == 303);
		closedir(dir);
	}
}

static void rewinding(void)
{
	static char seen[400];
	int count;
	DIR *dir;

	populate(200);
	dir = opendir(".");
	CHECK(dir && read_all(dir, seen, 400) == 202);
	CHECK(unlink("file-00007") == 0);
	close(make("file-00300"));
	rewinddir(dir);
	CHECK(read_all(dir, seen, 400) == 202 && !seen[7] && seen[300]);
	rewinddir(dir);
	CHECK(rename("file-00300", "file-00301") == 0);
	count = read_all(dir, seen, 400);	/* neither name, or one */
	CHECK(count == 201 || count == 202);
	closedir(dir);
	dir = opendir(".");
	CHECK(read_all(dir, seen, 400) == 202 && !seen[300] && seen[301]);
	closedir(dir);
}

/* Every position returns to its entry, also in another stream and after changes. */
static void seeking(void)
{
	static struct { long pos; char name[32]; } entries[MANY + 2];
	struct dirent *e;
	DIR *dir;
	int n, i, k;

	populate(MANY);
	dir = opendir(".");
	CHECK(dir);
	for (n = 0; ; n++) {
		long pos = telldir(dir);

		e = readdir(dir);
		if (!e)
			break;
		CHECK(n < MANY + 2);
		entries[n].pos = pos;
		snprintf(entries[n].name, sizeof(entries[n].name), "%.31s", e->d_name);
	}
	CHECK(n == MANY + 2);
	for (k = 0; k < 300; k++) {
		i = k * 7919 % n;
		seekdir(dir, entries[i].pos);
		e = readdir(dir);
		CHECK(e && !strcmp(e->d_name, entries[i].name));
		if (i + 1 < n) {
			e = readdir(dir);
			CHECK(e && !strcmp(e->d_name, entries[i + 1].name));
		}
	}
	closedir(dir);
}

/* As rm -r does: a part is read, and removed, and the next part is read. */
static void deleting_while_reading(void)
{
	struct dirent *e;
	int removed = 0;
	DIR *dir;

	populate(MANY);
	dir = opendir(".");
	CHECK(dir);
	while (errno = 0, (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		CHECK(unlink(e->d_name) == 0);
		removed++;
	}
	CHECK(errno == 0 && removed == MANY);
	rewinddir(dir);
	for (removed = 0; (e = readdir(dir)); )
		removed++;
	CHECK(removed == 2);
	closedir(dir);
}

/* What stays is read exactly once, whatever comes and goes meanwhile. */
static void changing_while_reading(void)
{
	static char seen[2000];
	struct dirent *e;
	char name[32];
	int n = 0, i;
	DIR *dir;

	populate(2000);
	dir = opendir(".");
	CHECK(dir);
	while ((e = readdir(dir))) {
		if (sscanf(e->d_name, "file-%d", &i) == 1) {
			CHECK(i >= 0 && i < 2000);
			CHECK(!seen[i]);
			seen[i] = 1;
		}
		if (n++ < 500) {
			snprintf(name, sizeof(name), "other-%d", n);
			close(make(name));
			if (n % 2)
				CHECK(unlink(name) == 0);
		}
		CHECK(n < 10000);
	}
	for (i = 0; i < 2000; i++)
		CHECK(seen[i]);
	closedir(dir);
}

static void two_readers(void)
{
	static char seen_a[1000], seen_b[1000];
	struct dirent *e;
	DIR *a, *b;
	int i, more_a = 1, more_b = 1, n = 0;

	populate(1000);
	a = opendir(".");
	b = opendir(".");
	CHECK(a && b);
	while (more_a || more_b) {
		if (more_a) {
			e = readdir(a);
			more_a = e != NULL;
			if (e && sscanf(e->d_name, "file-%d", &i) == 1)
				CHECK(!seen_a[i]++);
		}
		if (more_b && n++ % 3 == 0) {
			e = readdir(b);
			more_b = e != NULL;
			if (e && sscanf(e->d_name, "file-%d", &i) == 1)
				CHECK(!seen_b[i]++);
		}
	}
	for (i = 0; i < 1000; i++)
		CHECK(seen_a[i] && seen_b[i]);
	closedir(a);
	closedir(b);
}

static void many_files(void)
{
	enum { N = 20000, PER = 500 };
	char name[64], text[16];
	struct statvfs vfs;
	struct stat st;
	int i, fd;

	CHECK(statvfs(".", &vfs) == 0);
	if (vfs.f_bavail < N + 1000 || (vfs.f_files && vfs.f_favail < N + 100))
		skip("no room");
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "d%d", i / PER);
		if (i % PER == 0)
			CHECK(mkdir(name, 0755) == 0);
		snprintf(name, sizeof(name), "d%d/f%d", i / PER, i);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		CHECK(fd >= 0);
		snprintf(text, sizeof(text), "%d", i);
		CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
		CHECK(close(fd) == 0);
	}
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "d%d/f%d", i / PER, i);
		snprintf(text, sizeof(text), "%d", i);
		CHECK(stat(name, &st) == 0 && st.st_size == (off_t)strlen(text));
		if (i % 20 == 0)
			CHECK(has_text(name, text));
	}
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "d%d/f%d", i / PER, i);
		CHECK(unlink(name) == 0);
	}
	for (i = 0; i < N / PER; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		CHECK(rmdir(name) == 0);
	}
}

const struct behaviour dir_tests[] = {
	{ "entry-numbers", entry_numbers },
	{ "rewinding", rewinding },
	{ "seeking", seeking },
	{ "deleting-while-reading", deleting_while_reading },
	{ "changing-while-reading", changing_while_reading },
	{ "two-readers", two_readers },
	{ "many-files", many_files },
	{ 0 },
};
