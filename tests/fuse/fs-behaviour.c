// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether a mounted folder behaves like a local filesystem of Linux.
 *
 *   fs-behaviour                     lists the tests
 *   fs-behaviour [OPTION]... DIR     runs all of them
 *   fs-behaviour [OPTION]... DIR NAME...
 *
 * Options say what the filesystem cannot do: --no-hardlinks --no-xattr --no-symlinks
 * --no-owners (nor modes) --no-holes --no-special --no-exchange --no-collapse
 * --coarse-times (2 s) --ignores-case --whole-names --readonly; --fill allows tests
 * that fill it; --seconds=N of each stress test. Exit status 0: all passed.
 */
#include "behaviour.h"

#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define SKIPPED	77
#define LIMIT	300		/* seconds a test */

struct behaviour_opt opt = { .seconds = 3 };

static const struct behaviour *const groups[] = {
	names_tests, data_tests, attr_tests, dir_tests, stress_tests,
};

/* ---- helpers ---- */

void fail(const char *file, int line, const char *what)
{
	const char *base = strrchr(file, '/');
	int err = errno;

	fprintf(stderr, "%s:%d: %s (errno %d: %s)\n", base ? base + 1 : file, line, what,
		err, strerror(err));
	_exit(1);
}

void skip(const char *why)
{
	fprintf(stderr, "%s\n", why);
	_exit(SKIPPED);
}

int make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);

	CHECK(fd >= 0);
	return fd;
}

void make_text(const char *path, const char *text)
{
	int fd = make(path);

	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(close(fd) == 0);
}

bool has_text(const char *path, const char *text)
{
	char buf[256];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	CHECK(fd >= 0);
	n = read(fd, buf, sizeof(buf));
	close(fd);
	return n == (ssize_t)strlen(text) && !memcmp(buf, text, n);
}

struct stat stat_of(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		fail(__FILE__, __LINE__, path);
	return st;
}

bool exists(const char *path)
{
	struct stat st;

	if (!lstat(path, &st))
		return true;
	CHECK(errno == ENOENT);
	return false;
}

void await_child(pid_t pid)
{
	int status;

	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void fill_random(void *buf, size_t size, unsigned int seed)
{
	uint32_t x = seed * 2654435761u + 1;
	unsigned char *p = buf;

	while (size--) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		*p++ = x >> 11;
	}
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	if (type == FTW_DP || type == FTW_D || type == FTW_DNR)
		return rmdir(path);
	return unlink(path);
}

void remove_tree(const char *path)
{
	nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

void nap_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

/* ---- running ---- */

static void child(const struct behaviour *test)
{
	setpgid(0, 0);
	alarm(LIMIT);
	umask(022);
	if (!opt.readonly && (mkdir(test->name, 0755) || chdir(test->name)))
		fail(__FILE__, __LINE__, "making the test's folder");
	test->run();
	_exit(0);
}

/* 0 passed or skipped, 1 failed. */
static int run(const struct behaviour *test)
{
	int status, result;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		child(test);
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	kill(-pid, SIGKILL);		/* what it left running */
	if (!opt.readonly) {
		remove_tree(test->name);
		if (!access(test->name, F_OK)) {
			printf("FAIL %s: its folder cannot be removed\n", test->name);
			return 1;
		}
	}
	if (WIFSIGNALED(status)) {
		printf("FAIL %s: signal %d\n", test->name, WTERMSIG(status));
		return 1;
	}
	result = WEXITSTATUS(status);
	printf("%s %s\n", result == 0 ? "ok  " : result == SKIPPED ? "skip" : "FAIL",
	       test->name);
	return result != 0 && result != SKIPPED;
}

static bool wanted(const struct behaviour *test, char **names)
{
	bool readonly = !strncmp(test->name, "readonly-", 9);

	if (!*names)
		return readonly == opt.readonly;
	for (; *names; names++)
		if (!strcmp(*names, test->name))
			return true;
	return false;
}

static int for_each(char **names, int (*fn)(const struct behaviour *test))
{
	const struct behaviour *test;
	int failed = 0, ran = 0;
	size_t g;

	for (g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (test = groups[g]; test->name; test++)
			if (fn != run || wanted(test, names)) {
				failed += fn(test);
				ran++;
			}
	return ran ? failed : 1;
}

static int print_name(const struct behaviour *test)
{
	puts(test->name);
	return 0;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "no-hardlinks", no_argument, NULL, 'h' },
		{ "no-xattr", no_argument, NULL, 'x' },
		{ "no-symlinks", no_argument, NULL, 'l' },
		{ "no-owners", no_argument, NULL, 'o' },
		{ "no-holes", no_argument, NULL, 's' },
		{ "no-special", no_argument, NULL, 'p' },
		{ "no-exchange", no_argument, NULL, 'e' },
		{ "no-collapse", no_argument, NULL, 'c' },
		{ "coarse-times", no_argument, NULL, 't' },
		{ "ignores-case", no_argument, NULL, 'i' },
		{ "whole-names", no_argument, NULL, 'w' },
		{ "readonly", no_argument, NULL, 'r' },
		{ "fill", no_argument, NULL, 'f' },
		{ "seconds", required_argument, NULL, 'S' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (c) {
		case 'h': opt.no_hardlinks = true; break;
		case 'x': opt.no_xattr = true; break;
		case 'l': opt.no_symlinks = true; break;
		case 'o': opt.no_owners = true; break;
		case 's': opt.no_holes = true; break;
		case 'p': opt.no_special = true; break;
		case 'e': opt.no_exchange = true; break;
		case 'c': opt.no_collapse = true; break;
		case 't': opt.coarse_times = true; break;
		case 'i': opt.ignores_case = true; break;
		case 'w': opt.whole_names = true; break;
		case 'r': opt.readonly = true; break;
		case 'f': opt.fill = true; break;
		case 'S': opt.seconds = atoi(optarg); break;
		default: exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	int failed;

	parse(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (optind == argc)
		return for_each(NULL, print_name);
	if (chdir(argv[optind])) {
		perror(argv[optind]);
		return 2;
	}
	failed = for_each(argv + optind + 1, run);
	if (failed)
		printf("%d failed\n", failed);
	return failed ? 1 : 0;
}
