// SPDX-License-Identifier: GPL-2.0-only
/*
 * The allow-list. What is on it without a condition costs next to nothing: the host's
 * kernel finds once that the filter says yes to that number, and does not run it again.
 * So calls of the data path have no conditions.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "sandbox_i.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define THREAD_FLAGS	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND | \
			 CLONE_THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID | \
			 CLONE_CHILD_CLEARTID)

/* ---- lists ---- */

static const int allowed[] = {
	/* data */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(futex),
	SCMP_SYS(preadv2),
	SCMP_SYS(pwritev2),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(preadv),
	SCMP_SYS(pwritev),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(fdatasync),
	SCMP_SYS(fsync),
	SCMP_SYS(fallocate),
	SCMP_SYS(ftruncate),
	SCMP_SYS(lseek),
	SCMP_SYS(fadvise64),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	/* memory; mmap and mprotect are below */
	SCMP_SYS(madvise),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(mlock),
	SCMP_SYS(mlock2),
	SCMP_SYS(munlock),
	SCMP_SYS(memfd_create),
	/* time */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	/* threads */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(rseq),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(membarrier),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(gettid),
	SCMP_SYS(restart_syscall),
	/* signals */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sigaltstack),
	/* descriptors that are open */
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(fstat),
	SCMP_SYS(fstatfs),
	SCMP_SYS(eventfd2),
	SCMP_SYS(pipe2),
	SCMP_SYS(accept4),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockname),
	/* who and where this is */
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(setsid),
	SCMP_SYS(wait4),
};

/* What libraries try, and go on without. */
static const struct {
	int call, err;
} refused[] = {
	{ SCMP_SYS(open), EACCES },
	{ SCMP_SYS(openat), EACCES },
	{ SCMP_SYS(access), EACCES },
	{ SCMP_SYS(faccessat2), EACCES },
	{ SCMP_SYS(stat), EACCES },
	{ SCMP_SYS(lstat), EACCES },
	{ SCMP_SYS(statx), EACCES },
	{ SCMP_SYS(readlink), EACCES },
	{ SCMP_SYS(getcwd), EACCES },
	{ SCMP_SYS(socket), EACCES },
	{ SCMP_SYS(clone3), ENOSYS },	/* its flags are in memory: clone is tried then */
};

/* With .beneath; Landlock says where. */
static const int files[] = {
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(mkdirat),
	SCMP_SYS(unlinkat),
	SCMP_SYS(symlinkat),
	SCMP_SYS(utimensat),
	SCMP_SYS(umask),
};

/*
 * With .ring. What a ring does passes no filter, so rings are made before, and restricted
 * to commands of descriptors that are open (host/fuse/ring.c).
 */
static const int rings[] = {
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(sched_setaffinity),
};

/* With .front_ends. */
static const int front_ends[] = {
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_create1),
};

/* With .terminal; none that types for the user. */
static const unsigned int terminal_requests[] = {
	TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ, FIONREAD,
};

/* With .usb. */
static const unsigned int usb_requests[] = {
	USBDEVFS_SUBMITURB,
	USBDEVFS_REAPURBNDELAY,
	USBDEVFS_DISCARDURB,
	USBDEVFS_CONTROL,
	USBDEVFS_SETINTERFACE,
	USBDEVFS_CLEAR_HALT,
	USBDEVFS_RESET,
	USBDEVFS_ALLOC_STREAMS,
	USBDEVFS_FREE_STREAMS,
	/* of the same device, when it came back */
	USBDEVFS_GET_CAPABILITIES,
	USBDEVFS_GET_SPEED,
	USBDEVFS_GETDRIVER,
	USBDEVFS_CLAIMINTERFACE,
	USBDEVFS_RELEASEINTERFACE,
	USBDEVFS_DROP_PRIVILEGES,
};

static const int fcntl_commands[] = {
	F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_ADD_SEALS,
};

/* Those that libedit sends on to whom the terminal would send them. */
static const int terminal_signals[] = {
	0, SIGINT, SIGTSTP, SIGQUIT, SIGHUP, SIGTERM, SIGCONT, SIGWINCH,
};

static const struct {
	int level, name;
} socket_options[] = {
	{ SOL_SOCKET, SO_RCVTIMEO },
	{ SOL_SOCKET, SO_SNDTIMEO },
	{ SOL_SOCKET, SO_KEEPALIVE },
	{ IPPROTO_TCP, TCP_NODELAY },
	{ IPPROTO_TCP, TCP_KEEPIDLE },
	{ IPPROTO_TCP, TCP_KEEPINTVL },
	{ IPPROTO_TCP, TCP_KEEPCNT },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT },
};

/* ---- a list becomes rules ---- */

static int allow(scmp_filter_ctx f, const int *calls, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	return err;
}

static bool in(const int *calls, size_t n, int call)
{
	while (n--)
		if (calls[n] == call)
			return true;
	return false;
}

static int refuse(scmp_filter_ctx f, const struct sandbox *s)
{
	int err = 0;

	for (size_t i = 0; i < COUNT(refused) && !err; i++)
		if (s->beneath < 0 || !in(files, COUNT(files), refused[i].call))
			err = seccomp_rule_add(f, SCMP_ACT_ERRNO(refused[i].err),
					       refused[i].call, 0);
	return err;
}

/* ---- by arguments ---- */

/* An argument that is an int: what is in the upper half nobody looks at. */
static struct scmp_arg_cmp is(unsigned int arg, uint32_t value)
{
	return (struct scmp_arg_cmp) { arg, SCMP_CMP_MASKED_EQ, UINT32_MAX, value };
}

static struct scmp_arg_cmp is_long(unsigned int arg, uint64_t value)
{
	return (struct scmp_arg_cmp) { arg, SCMP_CMP_EQ, value, 0 };
}

static struct scmp_arg_cmp lacks(unsigned int arg, uint32_t bits)
{
	return (struct scmp_arg_cmp) { arg, SCMP_CMP_MASKED_EQ, bits, 0 };
}

static int allow_if(scmp_filter_ctx f, int call, struct scmp_arg_cmp arg)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 1, arg);
}

static int allow_if_both(scmp_filter_ctx f, int call, struct scmp_arg_cmp a,
			 struct scmp_arg_cmp b)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 2, a, b);
}

/* No code is made. */
static int allow_memory(scmp_filter_ctx f)
{
	int err = allow_if(f, SCMP_SYS(mmap), lacks(2, PROT_EXEC));

	return err ? err :
	       allow_if(f, SCMP_SYS(mprotect), lacks(2, PROT_EXEC));
}

/* Threads, as pthread_create makes them, but no processes; signals to itself. */
static int allow_threads(scmp_filter_ctx f, bool terminal)
{
	pid_t self = getpid();
	int err = allow_if(f, SCMP_SYS(clone), is_long(0, THREAD_FLAGS));

	if (!err)
		err = allow_if(f, SCMP_SYS(tgkill), is(0, self));
	if (!err)
		err = allow_if(f, SCMP_SYS(kill), is(0, self));
	for (size_t i = 0; i < COUNT(terminal_signals) && terminal && !err; i++)
		err = allow_if_both(f, SCMP_SYS(kill), is(0, 0), is(1, terminal_signals[i]));
	return err;
}

/* Of itself, and no more than to say its name. */
static int allow_itself(scmp_filter_ctx f)
{
	int err = allow_if(f, SCMP_SYS(prctl), is(0, PR_SET_NAME));

	if (!err)		/* glibc names what it maps */
		err = allow_if(f, SCMP_SYS(prctl), is(0, PR_SET_VMA));
	if (!err)
		err = allow_if_both(f, SCMP_SYS(prctl), is(0, PR_SET_DUMPABLE),
				    is_long(1, 0));
	return err ? err : allow_if_both(f, SCMP_SYS(prlimit64), is(0, 0),
					 is_long(2, 0));
}

/* To whom the socket is connected: one of TCP that is not any more could connect so. */
static int allow_sending(scmp_filter_ctx f)
{
	int err = allow_if(f, SCMP_SYS(sendmsg),
			   lacks(2, MSG_FASTOPEN));

	return err ? err : allow_if_both(f, SCMP_SYS(sendto),
					 lacks(3, MSG_FASTOPEN),
					 is_long(4, 0));
}

static int allow_sockets(scmp_filter_ctx f)
{
	int err = allow_sending(f);

	if (!err)
		err = allow_if(f, SCMP_SYS(getsockopt), is(1, SOL_SOCKET));
	for (size_t i = 0; i < COUNT(socket_options) && !err; i++)
		err = allow_if_both(f, SCMP_SYS(setsockopt),
				    is(1, socket_options[i].level),
				    is(2, socket_options[i].name));
	return err;
}

static int allow_requests(scmp_filter_ctx f, const unsigned int *requests, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = allow_if(f, SCMP_SYS(ioctl), is(1, requests[i]));
	return err;
}

/*
 * Another configuration would have the host's drivers take the device, whether or not the
 * rights to attach them were given up. A guest may ask for one: its device stalls.
 */
static int allow_usb(scmp_filter_ctx f)
{
	int err = allow_requests(f, usb_requests, COUNT(usb_requests));

	return err ? err : seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(ioctl), 1,
					    is(1, USBDEVFS_SETCONFIGURATION));
}

/*
 * Neither who gets a descriptor's signals (a terminal knows that without being told), nor
 * what is typed on a terminal.
 */
static int allow_descriptors(scmp_filter_ctx f, const struct sandbox *s)
{
	int err = allow_if(f, SCMP_SYS(ioctl), is(1, TCGETS));

	if (!err && s->usb)
		err = allow_usb(f);
	if (!err && s->terminal)
		err = allow_requests(f, terminal_requests, COUNT(terminal_requests));
	for (size_t i = 0; i < COUNT(fcntl_commands) && !err; i++)
		err = allow_if(f, SCMP_SYS(fcntl),
			       is(1, fcntl_commands[i]));
	return err ? err : allow_if_both(f, SCMP_SYS(fcntl), is(1, F_SETFL),
					 lacks(2, O_ASYNC));
}

/* Whoever runs a file that was made gets nobody else's rights by it. */
static int allow_files(scmp_filter_ctx f)
{
	int err = allow(f, files, COUNT(files));

	return err ? err : allow_if(f, SCMP_SYS(fchmod),
				    lacks(1, S_ISUID | S_ISGID));
}

/* ---- SIGSYS ---- */

/* fstat() of glibc is a newfstatat with an empty path, which no filter can see. */
static long fstat_only(const greg_t *r)
{
	const char *path = (const char *)r[REG_RSI];
	long ret;

	if (!(r[REG_R10] & AT_EMPTY_PATH) || !path || *path)
		return -EACCES;
	ret = syscall(SYS_fstat, (int)r[REG_RDI], r[REG_RDX]);
	return ret < 0 ? -errno : ret;
}

static void say(int call)
{
	char text[80];
	int len = snprintf(text, sizeof(text), "sandbox: system call %d is not allowed\n", call);

	if (write(STDERR_FILENO, text, len) < 0)
		return;
}

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	int saved = errno;

	if (info->si_syscall == SYS_newfstatat) {
		r[REG_RAX] = fstat_only(r);
	} else {
		say(info->si_syscall);
		r[REG_RAX] = -EPERM;
	}
	errno = saved;
}

static int catch_sigsys(void)
{
	struct sigaction sa = {
		.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART,
	};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	return sigaction(SIGSYS, &sa, NULL) || sigprocmask(SIG_UNBLOCK, &set, NULL) ?
	       -errno : 0;
}

/* ---- */

static int fill(scmp_filter_ctx f, const struct sandbox *s)
{
	int err = allow(f, allowed, COUNT(allowed));

	if (!err)
		err = allow_memory(f);
	if (!err)
		err = allow_threads(f, s->terminal);
	if (!err)
		err = allow_itself(f);
	if (!err)
		err = allow_sockets(f);
	if (!err)
		err = allow_descriptors(f, s);
	if (!err && s->beneath >= 0)
		err = allow_files(f);
	if (!err && s->trace)
		err = allow_if(f, SCMP_SYS(fchmod), is(1, 0600));
	if (!err && s->front_ends)
		err = allow(f, front_ends, COUNT(front_ends));
	if (!err && s->ring)
		err = allow(f, rings, COUNT(rings));
	if (!err)
		err = refuse(f, s);
	/* As everything else in a lenient one, where there must be no rule for that. */
	if (!err && !s->lenient)
		err = seccomp_rule_add(f, SCMP_ACT_TRAP, SCMP_SYS(newfstatat), 0);
	return err;
}

/* A filter of the machine's own calls; those of 32-bit programs kill as well. */
int seccomp_enter(const struct sandbox *s)
{
	scmp_filter_ctx f = seccomp_init(s->lenient ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS);
	int err = f ? catch_sigsys() : -ENOMEM;

	if (!err)
		err = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!err)	/* a binary tree of the numbers */
		err = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!err)
		err = fill(f, s);
	if (!err)
		err = seccomp_load(f);
	seccomp_release(f);
	return err;
}

bool seccomp_offered(void)
{
	unsigned int action = SECCOMP_RET_KILL_PROCESS;

	return !syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}
