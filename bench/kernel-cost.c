// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernel-cost: what a process pays the kernel it runs on, in nanoseconds: a system call, the
 * first touch of a page, a switch to another thread and back, copying one MiB in and out.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CALLS	20000u
#define PAGES	4096u
#define TURNS	2000u
#define COPIES	16u
#define MIB	(1u << 20)

static int pipes[2][2];

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void check(long ret)
{
	if (ret >= 0)
		return;
	perror("kernel-cost");
	exit(1);
}

static uint64_t call_ns(void)
{
	uint64_t start = now();

	for (unsigned int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	return (now() - start) / CALLS;
}

static uint64_t fault_ns(void)
{
	uint8_t *p = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start;

	if (p == MAP_FAILED)
		check(-1);
	madvise(p, PAGES * 4096, MADV_NOHUGEPAGE);
	start = now();
	for (unsigned int i = 0; i < PAGES; i++)
		p[i * 4096] = 1;
	start = now() - start;
	munmap(p, PAGES * 4096);
	return start / PAGES;
}

static void *answer(void *arg)
{
	char c;

	while (read(pipes[0][0], &c, 1) == 1)
		check(write(pipes[1][1], &c, 1));
	return NULL;
}

static uint64_t turn_ns(void)
{
	pthread_t thread;
	uint64_t start;
	char c = 0;

	check(pipe(pipes[0]));
	check(pipe(pipes[1]));
	check(-pthread_create(&thread, NULL, answer, NULL));
	start = now();
	for (unsigned int i = 0; i < TURNS; i++) {
		check(write(pipes[0][1], &c, 1));
		check(read(pipes[1][0], &c, 1));
	}
	start = now() - start;
	close(pipes[0][1]);
	pthread_join(thread, NULL);
	return start / TURNS;
}

/* Into a file of the page cache and out again, in memory that was touched before. */
static uint64_t copy_ns(void)
{
	int fd = memfd_create("copy", 0);
	char *buf = calloc(1, MIB);
	uint64_t start;

	check(fd);
	if (!buf)
		check(-1);
	check(pwrite(fd, buf, MIB, 0));
	check(pread(fd, buf, MIB, 0));
	start = now();
	for (unsigned int i = 0; i < COPIES; i++) {
		check(pwrite(fd, buf, MIB, 0));
		check(pread(fd, buf, MIB, 0));
	}
	start = now() - start;
	free(buf);
	close(fd);
	return start / COPIES;
}

int main(void)
{
	uint64_t call = call_ns(), fault = fault_ns(), turn = turn_ns(), copy = copy_ns();

	printf("system call %.2f us, page fault %.2f us, two switches and four calls %.1f us, "
	       "a MiB in and out %.2f ms\n", call / 1e3, fault / 1e3, turn / 1e3, copy / 1e6);
	return 0;
}
