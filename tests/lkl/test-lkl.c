// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library kernel alone: boot, calls from many threads, faults, halt. One test
 * a process, since a process has one kernel: test-lkl NAME.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <lkl.h>

#define CHECK(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
		exit(1);						\
	}								\
} while (0)

static char log_text[1 << 16];
static size_t log_len;
static int panics;

static void log_piece(void *ctx, const char *text, size_t len)
{
	if (len > sizeof(log_text) - 1 - log_len)
		len = sizeof(log_text) - 1 - log_len;
	memcpy(log_text + log_len, text, len);
	log_len += len;
}

static void on_panic(void *ctx, const char *message)
{
	panics++;
}

static void start(void)
{
	struct lkl_config config = {
		.ram_bytes = 64 << 20,
		.log = log_piece,
		.panic = on_panic,
	};

	CHECK(lkl_init(&config) == 0);
	CHECK(lkl_start_kernel() == 0);
}

static void stop(void)
{
	CHECK(lkl_halt() == 0);
	CHECK(!strstr(log_text, "WARNING") && !strstr(log_text, "BUG:"));
}

static int open_fds(void)
{
	char path[32];
	int fd, n = 0;

	for (fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n += access(path, F_OK) == 0;
	}
	return n;
}

static long mappings_of(const char *what)
{
	char line[512];
	long n = 0;
	FILE *f = fopen("/proc/self/maps", "r");

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, what) != NULL;
	fclose(f);
	return n;
}

static int host_threads(void)
{
	char buf[4096], *p;
	FILE *f = fopen("/proc/self/status", "r");
	size_t n;

	CHECK(f);
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	buf[n] = 0;
	p = strstr(buf, "Threads:");
	CHECK(p);
	return atoi(p + 8);
}

static void test_boot_and_halt(void)
{
	int fds = open_fds();

	start();
	CHECK(LKL_CALL0(SYS_getpid) == 1);
	CHECK(LKL_CALL0(100000) == -ENOSYS);
	CHECK(LKL_CALL3(SYS_read, 77, NULL, 0) == -EBADF);
	CHECK(strncmp(lkl_kernel_version(), "6.", 2) == 0);
	CHECK(mappings_of("lkl-ram") > 0);
	stop();
	CHECK(LKL_CALL0(SYS_getpid) == -ENODEV);
	CHECK(mappings_of("lkl-ram") == 0);
	CHECK(open_fds() == fds);
	CHECK(host_threads() == 1);
}

static void test_one_kernel_a_process(void)
{
	struct lkl_config config = { 0 };

	start();
	CHECK(lkl_init(&config) == -EBUSY);
	stop();
	CHECK(lkl_init(&config) == -EBUSY);
}

static void test_bad_config(void)
{
	struct lkl_config config = { .ram_bytes = 4096 };
	char huge[4096];

	CHECK(lkl_init(&config) == -EINVAL);
	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = 0;
	config.ram_bytes = 0;
	config.cmdline = huge;
	CHECK(lkl_init(&config) == -EINVAL);
	CHECK(lkl_halt() == -ENODEV);
}

static void test_tmpfs_files(void)
{
	char buf[6] = "";
	long fd;

	start();
	CHECK(lkl_mount(NULL, "/a/b", "tmpfs", 0, "size=1m") == 0);
	fd = LKL_CALL4(SYS_openat, AT_FDCWD, "/a/b/f", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK(LKL_CALL3(SYS_write, fd, "hello", 5) == 5);
	CHECK(LKL_CALL4(SYS_pread64, fd, buf, 5, 0) == 5);
	CHECK(strcmp(buf, "hello") == 0);
	CHECK(lkl_umount("/a/b", 0) == -EBUSY);
	CHECK(LKL_CALL1(SYS_close, fd) == 0);
	CHECK(lkl_write_file("/a/b/f", "world") == 0);
	CHECK(lkl_read_file("/a/b/f", buf, sizeof(buf)) == 5);
	CHECK(strcmp(buf, "world") == 0);
	CHECK(lkl_read_file("/a/b/g", buf, sizeof(buf)) == -ENOENT);
	CHECK(lkl_umount("/a/b", 0) == 0);
	CHECK(lkl_mount(NULL, "/x", "nosuchfs", 0, NULL) == -ENODEV);
	stop();
}

/* A delayed fput must be done when close() has returned. */
static void test_close_is_immediate(void)
{
	int i;

	start();
	CHECK(lkl_mount(NULL, "/m", "tmpfs", 0, NULL) == 0);
	for (i = 0; i < 1000; i++) {
		long fd = LKL_CALL4(SYS_openat, AT_FDCWD, "/m/f",
				    O_RDWR | O_CREAT, 0600);

		CHECK(fd >= 0 && LKL_CALL1(SYS_close, fd) == 0);
		CHECK(lkl_umount("/m", 0) == 0);
		CHECK(lkl_mount(NULL, "/m", "tmpfs", 0, NULL) == 0);
	}
	stop();
}

#define ROUNDS 3000
static long to_pong[2], to_ping[2];

static void *pong(void *unused)
{
	char c;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		CHECK(LKL_CALL3(SYS_read, to_pong[0], &c, 1) == 1);
		CHECK(LKL_CALL3(SYS_write, to_ping[1], &c, 1) == 1);
	}
	return NULL;
}

static void test_ping_pong(void)
{
	int a[2], b[2], i;
	pthread_t thread;
	char c, back;

	start();
	CHECK(LKL_CALL2(SYS_pipe2, a, 0) == 0);
	CHECK(LKL_CALL2(SYS_pipe2, b, 0) == 0);
	memcpy(to_pong, (long[]){ a[0], a[1] }, sizeof(to_pong));
	memcpy(to_ping, (long[]){ b[0], b[1] }, sizeof(to_ping));
	CHECK(pthread_create(&thread, NULL, pong, NULL) == 0);
	for (i = 0; i < ROUNDS; i++) {
		c = i;
		CHECK(LKL_CALL3(SYS_write, to_pong[1], &c, 1) == 1);
		CHECK(LKL_CALL3(SYS_read, to_ping[0], &back, 1) == 1);
		CHECK(back == c);
	}
	CHECK(pthread_join(thread, NULL) == 0);
	stop();
}

#define WORKERS 8
#define INCREMENTS 4000
static long counter_fd;

static void *increment(void *unused)
{
	uint64_t one = 1;
	int i;

	for (i = 0; i < INCREMENTS; i++) {
		CHECK(LKL_CALL3(SYS_write, counter_fd, &one, 8) == 8);
		if (i % 64 == 0)
			CHECK(LKL_CALL0(SYS_sched_yield) == 0);
	}
	return NULL;
}

static void test_many_threads(void)
{
	pthread_t threads[WORKERS];
	uint64_t sum = 0;
	int i;

	start();
	counter_fd = LKL_CALL2(SYS_eventfd2, 0, 0);
	CHECK(counter_fd >= 0);
	for (i = 0; i < WORKERS; i++)
		CHECK(!pthread_create(&threads[i], NULL, increment, NULL));
	for (i = 0; i < WORKERS; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK(LKL_CALL3(SYS_read, counter_fd, &sum, 8) == 8);
	CHECK(sum == WORKERS * INCREMENTS);
	stop();
}

static void *one_call(void *unused)
{
	CHECK(LKL_CALL0(SYS_gettid) > 1);
	return NULL;
}

/* The task of a thread that ended is freed: tasks and memory stay bounded. */
static void test_thread_exit_frees(void)
{
	struct sysinfo before, after;
	pthread_t thread;
	int i;

	start();
	for (i = 0; i < 2000; i++) {
		CHECK(!pthread_create(&thread, NULL, one_call, NULL));
		CHECK(!pthread_join(thread, NULL));
		if (i == 200)
			CHECK(LKL_CALL1(SYS_sysinfo, &before) == 0);
	}
	CHECK(LKL_CALL1(SYS_sysinfo, &after) == 0);
	CHECK(after.procs <= before.procs + 8);
	/* 1800 leaked stacks would be 56 MiB */
	CHECK(before.freeram - after.freeram < (4 << 20) ||
	      after.freeram > before.freeram);
	stop();
}

static void test_sleep(void)
{
	struct timespec ts = { 0, 30000000 }, a, b;

	start();
	clock_gettime(CLOCK_MONOTONIC, &a);
	CHECK(LKL_CALL2(SYS_nanosleep, &ts, NULL) == 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK((b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec >=
	      30000000);
	stop();
}

static void *sleep_inside(void *arg)
{
	return (void *)LKL_CALL2(SYS_nanosleep, arg, NULL);
}

static double seconds_inside(void)
{
	struct timespec ts;

	CHECK(LKL_CALL2(SYS_clock_gettime, CLOCK_MONOTONIC, &ts) == 0);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/*
 * A thread sleeps for an hour of the library kernel's; the clock that runs ahead ends
 * that, stops at its limit, and timers of the time after are in time.
 */
static void test_clock_skip(void)
{
	struct timespec hour = { .tv_sec = 3600 }, ms = { .tv_nsec = 30000000 }, a, b;
	uint64_t limit = 4000 * 1000000000ULL;
	pthread_t thread;
	double before;
	void *ret;

	start();
	before = seconds_inside();
	CHECK(pthread_create(&thread, NULL, sleep_inside, &hour) == 0);
	while (seconds_inside() < before + 3600)
		if (!lkl_clock_skip(limit))
			usleep(100);
	CHECK(pthread_join(thread, &ret) == 0 && !ret);
	before = seconds_inside();
	while (lkl_clock_skip(0))
		;
	CHECK(seconds_inside() < before + 30);
	clock_gettime(CLOCK_MONOTONIC, &a);
	CHECK(LKL_CALL2(SYS_nanosleep, &ms, NULL) == 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK((b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec >= ms.tv_nsec);
	stop();
}

/* Calls that the kernel has only if the architecture wants them. */
static void test_calls_of_the_host(void)
{
	int fd;

	start();
	fd = LKL_CALL4(SYS_openat, AT_FDCWD, "/file", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK(LKL_CALL4(SYS_fadvise64, fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	CHECK(LKL_CALL4(SYS_sync_file_range, fd, 0, 0, 2) == 0);
	CHECK(LKL_CALL1(SYS_close, fd) == 0);
	stop();
}

/* Tickless: an idle kernel is left alone, and costs no processor time. */
static void test_idle(void)
{
	struct lkl_counters before, after;
	struct timespec cpu;

	start();
	CHECK(LKL_CALL0(SYS_getppid) == 0);
	sleep(1);			/* what booting left to do */
	lkl_counters(&before);
	sleep(3);
	lkl_counters(&after);
	CHECK(after.timer_irqs - before.timer_irqs < 30);
	CHECK(after.switches - before.switches < 60);
	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0);
	CHECK(cpu.tv_sec == 0);
	stop();
}

/* Calls of one thread need no other thread and no task switch. */
static void test_call_counts(void)
{
	struct lkl_counters before, after;
	int i;

	start();
	LKL_CALL0(SYS_getppid);
	lkl_counters(&before);
	for (i = 0; i < 1000; i++)
		CHECK(LKL_CALL0(SYS_getppid) == 0);
	lkl_counters(&after);
	CHECK(after.calls - before.calls == 1000);
	CHECK(after.foreign_calls == before.foreign_calls);
	/* at most a tick came in between */
	CHECK(after.switches - before.switches <= 8);
	stop();
}

static void *blocked_read(void *fd)
{
	char c;

	return (void *)LKL_CALL3(SYS_read, (long)fd, &c, 1);
}

/*
 * A fault of the kernel is its panic: it fails the call that caused it, those
 * that wait, and later ones, and nothing else.
 */
static void test_fault_fails_calls(void)
{
	int fds[2];
	pthread_t thread;
	void *ret;

	start();
	CHECK(LKL_CALL2(SYS_pipe2, fds, 0) == 0);
	CHECK(!pthread_create(&thread, NULL, blocked_read, (void *)(long)fds[0]));
	usleep(20000);
	CHECK(LKL_CALL3(SYS_write, fds[1], (void *)8, 4) == -EIO);
	CHECK(!pthread_join(thread, &ret));
	CHECK((long)ret == -EIO);
	CHECK(LKL_CALL0(SYS_getpid) == -EIO);
	CHECK(panics == 1);
	CHECK(lkl_panic_message() && strstr(lkl_panic_message(), "Oops"));
	CHECK(lkl_halt() == -EIO);
	CHECK(host_threads() == 1);
	CHECK(mappings_of("lkl-ram") == 0);
}

/* A thread ends by ending, not by these. */
static void test_exit_is_refused(void)
{
	start();
	CHECK(LKL_CALL1(SYS_exit, 0) == -ENOSYS);
	CHECK(LKL_CALL1(SYS_exit_group, 0) == -ENOSYS);
	CHECK(LKL_CALL0(SYS_fork) == -ENOSYS);
	stop();
}

static void test_own_fault_is_not_ours(void)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		start();
		raise(SIGSEGV);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	/* by the signal, or by a sanitizer's handler of it */
	CHECK(!(WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

/* Big enough for kvmalloc() to fall back to vmalloc(). */
static unsigned long long blocked_signals(const char *thread)
{
	unsigned long long set = 0;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%s/status", thread);
	f = fopen(path, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f) && sscanf(line, "SigBlk: %llx", &set) != 1)
		;
	fclose(f);
	return set;
}

/* A handler of the program's own never runs on a thread of the library's. */
static void test_signals_are_the_programs(void)
{
	const unsigned long long tstp = 1ULL << (SIGTSTP - 1), fault = 1ULL << (SIGSEGV - 1);
	unsigned int others = 0;
	struct dirent *e;
	DIR *d;

	start();
	d = opendir("/proc/self/task");
	CHECK(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' || atoi(e->d_name) == getpid())
			continue;
		CHECK(blocked_signals(e->d_name) & tstp);
		CHECK(!(blocked_signals(e->d_name) & fault));
		others++;
	}
	closedir(d);
	CHECK(others >= 2);		/* the background and the timer */
	stop();
}

static void test_vmalloc(void)
{
	long fd, n;
	size_t size = 3 << 20;
	char *big = malloc(size), *back = malloc(size);
	size_t i;

	CHECK(big && back);
	start();
	CHECK(lkl_mount(NULL, "/proc", "proc", 0, NULL) == 0);
	CHECK(lkl_mount(NULL, "/t", "tmpfs", 0, NULL) == 0);
	for (i = 0; i < size; i++)
		big[i] = i * 7;
	fd = LKL_CALL4(SYS_openat, AT_FDCWD, "/t/f", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	/* A 64 KiB value comes in through kvmalloc. */
	n = LKL_CALL5(SYS_fsetxattr, fd, "trusted.big", big, 65536, 0);
	CHECK(n == 0 || n == -E2BIG || n == -ENOSPC || n == -EOPNOTSUPP);
	CHECK(LKL_CALL4(SYS_pwrite64, fd, big, size, 0) == (long)size);
	CHECK(LKL_CALL4(SYS_pread64, fd, back, size, 0) == (long)size);
	CHECK(memcmp(big, back, size) == 0);
	LKL_CALL1(SYS_close, fd);
	n = lkl_read_file("/proc/vmallocinfo", back, size);
	CHECK(n > 0);
	stop();
	free(big);
	free(back);
}

/*
 * The kernel has tried the machine's ciphers and CRC with its own vectors when it
 * registered them: in place and not, in pieces of any size and alignment.
 */
static void test_crypto_instructions(void)
{
	const struct { const char *name; bool usable; } algorithms[] = {
		{ "xts-aes-lkl", __builtin_cpu_supports("aes") },
		{ "cbc-aes-lkl", __builtin_cpu_supports("aes") },
		{ "crc32c-lkl", __builtin_cpu_supports("sse4.2") },
	};
	static char text[1 << 16];
	char *entry, *passed;

	start();
	CHECK(lkl_mount("proc", "/proc", "proc", 0, NULL) == 0);
	CHECK(lkl_read_file("/proc/crypto", text, sizeof(text)) > 0);
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		entry = strstr(text, algorithms[i].name);
		CHECK(!entry == !algorithms[i].usable);
		passed = entry ? strstr(entry, "selftest     : passed") : NULL;
		CHECK(!entry || (passed && passed < strstr(entry, "\n\n")));
	}
	CHECK(!strstr(log_text, "alg: "));
	stop();
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "boot-and-halt", test_boot_and_halt },
	{ "one-kernel-a-process", test_one_kernel_a_process },
	{ "bad-config", test_bad_config },
	{ "tmpfs-files", test_tmpfs_files },
	{ "close-is-immediate", test_close_is_immediate },
	{ "ping-pong", test_ping_pong },
	{ "many-threads", test_many_threads },
	{ "thread-exit-frees", test_thread_exit_frees },
	{ "sleep", test_sleep },
	{ "clock-skip", test_clock_skip },
	{ "calls-of-the-host", test_calls_of_the_host },
	{ "idle", test_idle },
	{ "call-counts", test_call_counts },
	{ "fault-fails-calls", test_fault_fails_calls },
	{ "exit-is-refused", test_exit_is_refused },
	{ "own-fault-is-not-ours", test_own_fault_is_not_ours },
	{ "signals-are-the-programs", test_signals_are_the_programs },
	{ "vmalloc", test_vmalloc },
	{ "crypto-instructions", test_crypto_instructions },
};

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (argc < 2) {
			puts(tests[i].name);
		} else if (!strcmp(argv[1], tests[i].name)) {
			tests[i].run();
			return 0;
		}
	}
	return argc < 2 ? 0 : 2;
}
