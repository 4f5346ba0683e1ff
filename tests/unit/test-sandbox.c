// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process inside the sandbox can still do: each attempt is a process of its own,
 * which enters it and tries.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <linux/usbdevice_fs.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "sandbox_i.h"

#define KILLED	1000		/* by SIGSYS; else what an attempt returns: 0 or an errno */

static struct {
	int file, event, pair[2], udp;
	int folder;
	char folder_name[64];
	pid_t other;
	struct sockaddr_in tcp;
	struct rlimit core;
} t;

static struct sandbox config;

static int result(long ret)
{
	return ret < 0 ? errno : 0;
}

/* ---- what is tried ---- */

static int try_open(void)
{
	return result(open("/etc/passwd", O_RDONLY));
}

static int try_create(void)
{
	return result(openat(t.folder, "new", O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static int try_raw_open(void)
{
	return result(syscall(SYS_open, "/etc/passwd", O_RDONLY));
}

static int try_openat2(void)
{
	uint64_t how[3] = { O_RDONLY };

	return result(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how, sizeof(how)));
}

static int try_stat(void)
{
	struct stat st;

	return result(stat("/etc/passwd", &st));
}

/* The flag that lets fstat through, with a path. */
static int try_stat_trick(void)
{
	struct stat st;

	return result(syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &st, AT_EMPTY_PATH));
}

static int try_fstat(void)
{
	struct stat st;

	return fstat(t.file, &st) ? errno : st.st_size == 4096 ? 0 : EINVAL;
}

static int try_unlink(void)
{
	return result(unlinkat(t.folder, "there", 0));
}

static int try_rename(void)
{
	return result(renameat(t.folder, "there", t.folder, "moved"));
}

static int try_chdir(void)
{
	return result(chdir("/tmp"));
}

static int try_getdents(void)
{
	char buf[4096];

	return result(syscall(SYS_getdents64, t.folder, buf, sizeof(buf)));
}

static int try_socket(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int try_netlink(void)
{
	return result(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int try_connect(void)
{
	return result(connect(t.udp, (void *)&t.tcp, sizeof(t.tcp)));
}

static int try_sendto(void)
{
	return result(sendto(t.udp, "x", 1, 0, (void *)&t.tcp, sizeof(t.tcp)));
}

static int try_fastopen(void)
{
	struct msghdr msg = { .msg_name = &t.tcp, .msg_namelen = sizeof(t.tcp) };

	return result(sendmsg(t.udp, &msg, MSG_FASTOPEN));
}

static int try_attach_filter(void)
{
	return result(setsockopt(t.pair[0], SOL_SOCKET, SO_ATTACH_FILTER, NULL, 0));
}

static int try_exec(void)
{
	char *argv[] = { "true", NULL }, *none[] = { NULL };

	return result(execve("/bin/true", argv, none));
}

static int try_execveat(void)
{
	return result(syscall(SYS_execveat, t.file, "", NULL, NULL, AT_EMPTY_PATH));
}

static int try_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return result(pid);
}

static int try_vfork(void)
{
	return result(syscall(SYS_vfork));
}

static int try_new_namespace(void)
{
	return result(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

static int try_unshare(void)
{
	return result(unshare(CLONE_NEWUSER));
}

static int try_ptrace(void)
{
	return result(ptrace(PTRACE_ATTACH, t.other, NULL, NULL));
}

static int try_read_memory(void)
{
	char byte;
	struct iovec local = { &byte, 1 }, remote = { &config, 1 };

	return result(process_vm_readv(t.other, &local, 1, &remote, 1, 0));
}

static int try_kill_other(void)
{
	return result(kill(t.other, SIGTERM));
}

static int try_kill_all(void)
{
	return result(kill(-1, 0));
}

static int try_kill_group(void)
{
	return result(kill(0, 0));
}

static int try_tgkill_other(void)
{
	return result(syscall(SYS_tgkill, t.other, t.other, SIGTERM));
}

/* A descriptor whose news are a signal to somebody. */
static int try_set_owner(void)
{
	return result(fcntl(t.pair[0], F_SETOWN, t.other));
}

/* One whose owner is not set has the one that its terminal knows. */
static int try_async(void)
{
	return result(fcntl(t.pair[0], F_SETFL, O_ASYNC));
}

static int try_nonblock(void)
{
	return result(fcntl(t.pair[0], F_SETFL, O_NONBLOCK));
}

static int try_end_group(void)
{
	return result(kill(0, SIGKILL));
}

static int try_chmod(void)
{
	return result(fchmod(t.folder, 0700));
}

static int try_setuid_bit(void)
{
	return result(fchmod(t.folder, 04700));
}

static int try_setgid_bit(void)
{
	return result(fchmod(t.folder, 02700));
}

/* Less than that would be a dump for a program that has them all. */
static int try_dump(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_CORE, &limit) ? errno :
	       limit.rlim_cur == !!t.core.rlim_max ? 0 : EINVAL;
}

static int try_exec_memory(void)
{
	return result((long)mmap(NULL, 4096, PROT_READ | PROT_EXEC,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static int try_make_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? EINVAL : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int try_io_uring(void)
{
	char params[120] = { 0 };

	return result(syscall(SYS_io_uring_setup, 1, params));
}

static int try_bpf(void)
{
	return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int try_type(void)
{
	return result(ioctl(t.file, TIOCSTI, "x"));
}

static int try_dumpable(void)
{
	return result(prctl(PR_SET_DUMPABLE, 1));
}

static int try_raise_limit(void)
{
	struct rlimit limit = { 4096, 4096 };

	return result(setrlimit(RLIMIT_NOFILE, &limit));
}

static int try_mount(void)
{
	return result(syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, NULL));
}

static int try_usb(void)
{
	return result(ioctl(t.event, USBDEVFS_RESET));
}

/* All that host/backends/usbfs says to a device after it was taken. */
static int try_usb_all(void)
{
	static const unsigned long requests[] = {
		USBDEVFS_SUBMITURB, USBDEVFS_REAPURBNDELAY, USBDEVFS_DISCARDURB,
		USBDEVFS_CONTROL, USBDEVFS_SETINTERFACE,
		USBDEVFS_CLEAR_HALT, USBDEVFS_RESET, USBDEVFS_ALLOC_STREAMS,
		USBDEVFS_FREE_STREAMS, USBDEVFS_CLAIMINTERFACE, USBDEVFS_RELEASEINTERFACE,
		USBDEVFS_GETDRIVER, USBDEVFS_GET_CAPABILITIES, USBDEVFS_GET_SPEED,
		USBDEVFS_DROP_PRIVILEGES,
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (ioctl(t.event, requests[i], NULL) != -1 || errno != ENOTTY)
			return EINVAL;
	return 0;
}

/* After which the host's drivers take what nobody has claimed. */
static int try_configuration(void)
{
	int value = 1;

	return result(ioctl(t.event, USBDEVFS_SETCONFIGURATION, &value));
}

static int try_claim_from_driver(void)
{
	struct usbdevfs_disconnect_claim arg = { 0 };

	return result(ioctl(t.event, USBDEVFS_DISCONNECT_CLAIM, &arg));
}

static int try_usb_driver(void)
{
	struct usbdevfs_ioctl arg = { .ioctl_code = USBDEVFS_DISCONNECT };

	return result(ioctl(t.event, USBDEVFS_IOCTL, &arg));
}

static int try_epoll(void)
{
	struct epoll_event ev = { .events = EPOLLOUT };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, t.event, &ev))
		return errno;
	return epoll_wait(fd, &ev, 1, 0) == 1 ? 0 : EINVAL;
}

static int try_for_owner(void)
{
	return result(fchmod(t.file, 0600));
}

static int try_for_everybody(void)
{
	return result(fchmod(t.file, 0666));
}

/* ---- what has to work ---- */

static int try_file(void)
{
	char buf[16] = "0123456789", again[16];
	struct iovec iov = { again, 10 };

	if (pwrite(t.file, buf, 10, 100) != 10 || preadv2(t.file, &iov, 1, 100, 0) != 10)
		return errno;
	return memcmp(buf, again, 10) || fdatasync(t.file) ? EINVAL : 0;
}

static int try_pair(void)
{
	char c;

	if (send(t.pair[0], "x", 1, MSG_NOSIGNAL) != 1 || recv(t.pair[1], &c, 1, 0) != 1)
		return errno;
	return 0;
}

static void *thread_main(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

static int try_thread(void)
{
	pthread_t thread;
	int ran = 0, err = pthread_create(&thread, NULL, thread_main, &ran);

	return err ? err : pthread_join(thread, NULL) || !ran ? EINVAL : 0;
}

static int try_memfd(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	char *p;

	if (fd < 0 || ftruncate(fd, 4096))
		return errno;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return errno;
	*p = 1;
	return munmap(p, 4096) ? errno : 0;
}

static int try_kill_itself(void)
{
	return result(kill(getpid(), 0));
}

static int try_print(void)
{
	return printf("%s", "") < 0 || fflush(stdout) ? errno : 0;
}

/* ---- */

struct attempt {
	const char *name;
	int (*run)(void);
	int wanted, usb, beneath;	/* beneath: in a sandbox that may make files */
	int front_ends;			/* vhost-user-usb with a trace */
};

#define A(what, wanted)		{ #what, try_##what, wanted, wanted, wanted, wanted }

static const struct attempt attempts[] = {
	A(open, EACCES),
	A(raw_open, EACCES),
	{ "openat2", try_openat2, KILLED, KILLED, EACCES, KILLED },
	{ "create", try_create, EACCES, EACCES, 0, EACCES },
	A(stat, EACCES),
	A(stat_trick, EACCES),
	{ "unlink", try_unlink, KILLED, KILLED, 0, KILLED },
	A(rename, KILLED),
	A(chdir, KILLED),
	A(getdents, KILLED),
	A(socket, EACCES),
	A(netlink, EACCES),
	A(connect, KILLED),
	A(sendto, KILLED),
	A(fastopen, KILLED),
	A(attach_filter, KILLED),
	A(exec, KILLED),
	A(execveat, KILLED),
	A(fork, KILLED),
	A(vfork, KILLED),
	A(new_namespace, KILLED),
	A(unshare, KILLED),
	A(ptrace, KILLED),
	A(read_memory, KILLED),
	A(kill_other, KILLED),
	A(kill_all, KILLED),
	A(kill_group, KILLED),
	A(tgkill_other, KILLED),
	A(set_owner, KILLED),
	A(async, KILLED),
	A(end_group, KILLED),
	{ "chmod", try_chmod, KILLED, KILLED, 0, KILLED },
	A(setuid_bit, KILLED),
	A(setgid_bit, KILLED),
	A(exec_memory, KILLED),
	A(make_executable, KILLED),
	A(io_uring, KILLED),
	A(bpf, KILLED),
	A(type, KILLED),
	A(dumpable, KILLED),
	A(raise_limit, KILLED),
	A(mount, KILLED),
	{ "usb", try_usb, KILLED, ENOTTY, KILLED, KILLED },
	{ "all of usb", try_usb_all, KILLED, 0, KILLED, KILLED },
	{ "epoll", try_epoll, KILLED, KILLED, KILLED, 0 },
	{ "for its owner", try_for_owner, KILLED, KILLED, 0, 0 },
	{ "for everybody", try_for_everybody, KILLED, KILLED, 0, KILLED },
	{ "another configuration", try_configuration, KILLED, EACCES, KILLED, KILLED },
	A(usb_driver, KILLED),
	A(claim_from_driver, KILLED),
	A(fstat, 0),
	A(file, 0),
	A(pair, 0),
	A(thread, 0),
	A(memfd, 0),
	A(kill_itself, 0),
	A(print, 0),
	A(nonblock, 0),
	A(dump, 0),
};
#define N_ATTEMPTS (sizeof(attempts) / sizeof(attempts[0]))

static void in_sandbox(int (*run)(void))
{
	struct sandbox_state state;

	if (setpgid(0, 0) || sandbox_enter(&config, &state))
		_exit(255);
	_exit(run());
}

/* 0, an errno or KILLED. */
static int outcome(int (*run)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		in_sandbox(run);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return KILLED;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void try_all(size_t wanted)
{
	unsigned int wrong = 0;

	for (size_t i = 0; i < N_ATTEMPTS; i++) {
		int want = *(const int *)((const char *)&attempts[i] + wanted);
		int got = outcome(attempts[i].run);

		if (got == want)
			continue;
		printf("%s: %d, not %d\n", attempts[i].name, got, want);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void mount_process(void **state)
{
	config = (struct sandbox) { .beneath = -1 };
	try_all(offsetof(struct attempt, wanted));
}

static void with_usb(void **state)
{
	config = (struct sandbox) { .beneath = -1, .usb = true };
	try_all(offsetof(struct attempt, usb));
}

static void with_front_ends(void **state)
{
	config = (struct sandbox) { .beneath = -1, .front_ends = true, .trace = true };
	try_all(offsetof(struct attempt, front_ends));
}

static void with_a_folder(void **state)
{
	config = (struct sandbox) { .beneath = t.folder };
	try_all(offsetof(struct attempt, beneath));
}

/* Signals as its keys send them, to the same ones. */
static void with_a_terminal(void **state)
{
	config = (struct sandbox) { .beneath = -1, .terminal = true };
	assert_int_equal(outcome(try_kill_group), 0);
	assert_int_equal(outcome(try_end_group), KILLED);
	assert_int_equal(outcome(try_kill_other), KILLED);
}

/* ---- without seccomp: what Landlock alone does ---- */

static int only_landlock(int (*run)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    landlock_enter(landlock_version(), &config))
			_exit(255);
		_exit(run());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int try_create_elsewhere(void)
{
	return result(open("/tmp/lklusb-test-elsewhere", O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static int try_make_node(void)
{
	return result(mknodat(t.folder, "fifo", S_IFIFO | 0600, 0));
}

static void landlock_holds_paths(void **state)
{
	struct sandbox_state host;

	sandbox_offered(&host);
	if (!host.landlock)
		skip();
	config = (struct sandbox) { .beneath = -1 };
	assert_int_equal(only_landlock(try_open), EACCES);
	assert_int_equal(only_landlock(try_unlink), EACCES);
	config.beneath = t.folder;
	assert_int_equal(only_landlock(try_open), EACCES);
	assert_int_equal(only_landlock(try_create_elsewhere), EACCES);
	assert_int_equal(only_landlock(try_make_node), EACCES);
	assert_int_equal(only_landlock(try_create), 0);
	if (host.landlock >= 6)
		assert_int_equal(only_landlock(try_kill_other), EPERM);
}

/* The debug mode names what it refuses, and goes on. */
static void lenient(void **state)
{
	int status, fds[2], saved = dup(STDERR_FILENO);
	char text[200] = "";
	pid_t pid;

	config = (struct sandbox) { .beneath = -1, .lenient = true };
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	pid = fork();
	if (!pid)
		in_sandbox(try_chdir);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EPERM);
	assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "system call 80 is not allowed"));
	close(fds[0]);
}

/* ---- */

static int setup(void **state)
{
	int fd;

	snprintf(t.folder_name, sizeof(t.folder_name), "/tmp/lklusb-test-sandbox.XXXXXX");
	if (!mkdtemp(t.folder_name))
		return -1;
	t.folder = open(t.folder_name, O_RDONLY | O_DIRECTORY);
	fd = openat(t.folder, "there", O_WRONLY | O_CREAT, 0600);
	close(fd);
	t.file = memfd_create("test", 0);
	t.event = eventfd(0, 0);
	t.udp = socket(AF_INET, SOCK_DGRAM, 0);
	t.tcp = (struct sockaddr_in) {
		.sin_family = AF_INET, .sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	t.other = fork();
	if (!t.other)
		for (;;)
			pause();
	return t.folder < 0 || ftruncate(t.file, 4096) || getrlimit(RLIMIT_CORE, &t.core) ||
	       socketpair(AF_UNIX, SOCK_SEQPACKET, 0, t.pair);
}

static int teardown(void **state)
{
	kill(t.other, SIGKILL);
	waitpid(t.other, NULL, 0);
	unlinkat(t.folder, "there", 0);
	unlinkat(t.folder, "new", 0);
	return rmdir(t.folder_name);
}

static int renew(void **state)
{
	int fd = openat(t.folder, "there", O_WRONLY | O_CREAT, 0600);

	close(fd);
	unlinkat(t.folder, "new", 0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mount_process),
		cmocka_unit_test(with_usb),
		cmocka_unit_test(with_front_ends),
		cmocka_unit_test_teardown(with_a_folder, renew),
		cmocka_unit_test(with_a_terminal),
		cmocka_unit_test(landlock_holds_paths),
		cmocka_unit_test(lenient),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
