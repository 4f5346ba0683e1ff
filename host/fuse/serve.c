// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads that serve: leader and followers.
 *
 * One thread, the leader, reads /dev/fuse and answers. As long as no call of the
 * library kernel waits it stays the only one, since a request that changes threads
 * costs a wake-up of another processor, several times what answering takes. Before
 * the leader goes to sleep inside, lkl_on_sleep's hook makes another thread the
 * leader; when it has answered and sees another leader, it waits to be needed.
 *
 * A helper thread does what takes time or must not wait for a lock of the host:
 * it closes idle descriptors, asks the host to forget, and ends the leader's read.
 */
#include "fuse_i.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define STACK_SIZE	(512u << 10)
#define END_SIGNAL	SIGURG		/* its default is to be ignored */
#define EXPIRE_MS	2000
#define DRAIN_MS	3000		/* what is asked faster than answered */

static __thread struct server *self;

struct server *server_self(void)
{
	return self;
}

/* ---- the thread's task inside ---- */

/*
 * Root with every capability, whoever owns what it makes; but without the right to
 * the blocks that a filesystem reserves for root.
 */
static void task_privileges(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	LKL_CALL5(SYS_prctl, PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0);
	if (LKL_CALL2(SYS_capget, &header, data) < 0)
		return;
	data[0].effective &= ~(1u << CAP_SYS_RESOURCE);
	LKL_CALL2(SYS_capset, &header, data);
}

static void task_ids(struct server *s, uid_t uid, gid_t gid)
{
	if (s->fsgid != gid)
		LKL_CALL1(SYS_setfsgid, gid);
	if (s->fsuid != uid)
		LKL_CALL1(SYS_setfsuid, uid);
	s->fsgid = gid;
	s->fsuid = uid;
}

static void task_umask(struct server *s, mode_t mask)
{
	if (s->umask != mask)
		LKL_CALL1(SYS_umask, mask);
	s->umask = mask;
}

/* A umask of its own, like the rest of this. */
static void task_begin(struct server *s)
{
	long err = LKL_CALL1(SYS_unshare, CLONE_FS);

	if (err)
		log_warn("fuse: unshare inside: %s", lkl_strerror(err));
	task_privileges();
	s->fsuid = s->fsgid = 0;
	s->umask = (mode_t)-1;
	task_umask(s, 0);
	if (!s->fs->owners.keep)
		task_ids(s, s->fs->owners.uid, s->fs->owners.gid);
}

static void task_end(struct server *s)
{
	task_ids(s, 0, 0);
	task_umask(s, 022);
}

static int identity(struct server *s, const struct fuse_ctx *ctx)
{
	uid_t uid;
	gid_t gid;
	int err = owner_of(s->fs, ctx, &uid, &gid);

	if (!err)
		task_ids(s, uid, gid);
	return err;
}

/* Requests that the host makes for nobody have no identity. */
void server_identity(struct server *s, const struct fuse_ctx *ctx)
{
	identity(s, ctx);
}

int server_creates(struct server *s, const struct fuse_ctx *ctx)
{
	task_umask(s, ctx->umask);
	return identity(s, ctx);
}

/* ---- roles ---- */

static void *server_main(void *arg);

static struct server *server_new(struct fusefs *fs)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->fs = fs;
	s->io = aligned_alloc(4096, IO_MAX);
	if (!s->io) {
		free(s);
		return NULL;
	}
	pthread_cond_init(&s->wake, NULL);
	return s;
}

static void server_free(struct server *s)
{
	pthread_cond_destroy(&s->wake);
	free(s->buf.mem);
	free(s->io);
	free(s);
}

/*
 * As a thread with all signals blocked but the one that ends a read, and those of a
 * fault, which is the library kernel's.
 */
static int thread_start(pthread_t *ret_thread, void *(*fn)(void *), void *arg)
{
	sigset_t all, old;
	pthread_attr_t attr;
	int err;

	sigfillset(&all);
	sigdelset(&all, END_SIGNAL);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGFPE);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(ret_thread, &attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

/* Caller holds role_lock. Without a new thread, who finishes first leads. */
static void start_leader(struct fusefs *fs)
{
	struct server *s;

	if (fs->ending || fs->n_servers >= fs->max_servers)
		return;
	s = server_new(fs);
	if (!s)
		return;
	s->leads = true;
	fs->leader = s;
	if (thread_start(&s->thread, server_main, s)) {
		fs->leader = NULL;
		server_free(s);
		return;
	}
	fs->servers[fs->n_servers++] = s;
}

/* Called on a serving thread before it sleeps in a call inside. */
static void before_sleep(void *ctx)
{
	struct server *s = ctx, *next;
	struct fusefs *fs = s->fs;

	if (!s->leads)
		return;
	s->leads = false;
	pthread_mutex_lock(&fs->role_lock);
	fs->leader = NULL;
	next = fs->idle;
	if (next) {
		fs->idle = next->next_idle;
		next->idle = false;
		next->leads = true;
		fs->leader = next;
		pthread_cond_signal(&next->wake);
	} else {
		start_leader(fs);
	}
	pthread_mutex_unlock(&fs->role_lock);
}

/* Returns as the leader: true; or at the end: false. */
static bool become_leader(struct server *s)
{
	struct fusefs *fs = s->fs;
	bool leads;

	pthread_mutex_lock(&fs->role_lock);
	if (!s->leads && !fs->leader && !fs->ending) {
		fs->leader = s;
		s->leads = true;
	} else if (!s->leads && !fs->ending) {
		s->idle = true;
		s->next_idle = fs->idle;
		fs->idle = s;
		while (s->idle)
			pthread_cond_wait(&s->wake, &fs->role_lock);
	}
	leads = s->leads && !fs->ending;
	pthread_mutex_unlock(&fs->role_lock);
	return leads;
}

static void end_all(struct fusefs *fs)
{
	struct server *s;

	pthread_mutex_lock(&fs->role_lock);
	__atomic_store_n(&fs->ending, true, __ATOMIC_SEQ_CST);
	while ((s = fs->idle)) {
		fs->idle = s->next_idle;
		s->idle = false;
		pthread_cond_signal(&s->wake);
	}
	pthread_mutex_unlock(&fs->role_lock);
	helper_wake(fs);	/* another thread may be reading: see end_reads */
}

/* ---- requests ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static bool stopping(const struct fusefs *fs)
{
	return __atomic_load_n(&fs->stopping, __ATOMIC_SEQ_CST);
}

static bool ending(const struct fusefs *fs)
{
	return __atomic_load_n(&fs->ending, __ATOMIC_SEQ_CST);
}

static bool others_busy(struct server *s)
{
	struct fusefs *fs = s->fs;
	bool busy = false;

	pthread_mutex_lock(&fs->role_lock);
	for (unsigned int i = 0; i < fs->n_servers && !busy; i++)
		busy = fs->servers[i] != s && !fs->servers[i]->idle;
	pthread_mutex_unlock(&fs->role_lock);
	return busy;
}

static void drain_begin(struct server *s)
{
	int fd = fuse_session_fd(s->fs->se);

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	__atomic_store_n(&s->draining, true, __ATOMIC_SEQ_CST);
}

/* 1: a request; 0: nothing this time; -1: unmounted, stopped, or broken. */
static int receive(struct server *s)
{
	struct fusefs *fs = s->fs;
	bool last;
	int n = 0;

	if (stopping(fs) && !s->draining)
		drain_begin(s);
	/*
	 * syncfs of the host returns when what was written through mappings is queued,
	 * not when we have it. A dozen requests at a time come out of that queue, the
	 * next when one is answered: nobody answers and none is there, that is the end.
	 */
	last = s->draining && (lkl_panic_message() || now_ms() >= fs->drain_until ||
			       !others_busy(s));
	/* Whoever stops repeats the signal until this is false: no race. */
	__atomic_store_n(&s->reading, true, __ATOMIC_SEQ_CST);
	if (!ending(fs) && stopping(fs) == s->draining)
		n = fuse_session_receive_buf(fs->se, &s->buf);
	__atomic_store_n(&s->reading, false, __ATOMIC_SEQ_CST);
	if (ending(fs) || fuse_session_exited(fs->se))
		return -1;
	if (n > 0)
		return last && now_ms() >= fs->drain_until ? -1 : 1;
	if (n == -EAGAIN && !last)
		usleep(1000);	/* the others: they end by themselves */
	if (n == -EAGAIN)
		return last ? -1 : 0;
	if (n && n != -EINTR)
		log_err("fuse: reading requests: %s", lkl_strerror(n));
	return n && n != -EINTR ? -1 : 0;
}

static void serve(struct server *s, void (*ready)(void *ctx), void *ctx)
{
	struct fusefs *fs = s->fs;
	int got;

	while (s->leads || become_leader(s)) {
		got = receive(s);
		if (got < 0)
			break;
		if (!got)
			continue;
		fuse_session_process_buf(fs->se, &s->buf);
		if (fs->announce && ready) {
			fs->announce = false;
			ready(ctx);
		}
		if (lkl_panic_message() || fuse_session_exited(fs->se))
			break;
	}
	s->leads = false;
	end_all(fs);
}

static void *server_main(void *arg)
{
	struct server *s = arg;

	self = s;
	lkl_on_sleep(before_sleep, s);
	task_begin(s);
	serve(s, NULL, NULL);
	lkl_on_sleep(NULL, NULL);
	return NULL;
}

/* ---- the helper ---- */

void helper_wake(struct fusefs *fs)
{
	uint64_t one = 1;

	/* Full means that it is woken already. */
	if (write(fs->event, &one, sizeof(one)) < 0)
		return;
}

/*
 * Whether a thread may still be in read, or be about to: the signal is repeated until
 * all have seen that it is over, so none is lost between a look and the read.
 */
static bool end_reads(struct fusefs *fs)
{
	bool left;

	pthread_mutex_lock(&fs->role_lock);
	left = fs->leader && !__atomic_load_n(&fs->ending, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < fs->n_servers; i++) {
		if (!__atomic_load_n(&fs->servers[i]->reading, __ATOMIC_SEQ_CST))
			continue;
		left = true;
		if (__atomic_load_n(&fs->servers[i]->draining, __ATOMIC_SEQ_CST))
			continue;
		pthread_kill(fs->servers[i]->thread, END_SIGNAL);
	}
	pthread_mutex_unlock(&fs->role_lock);
	return left;
}

static void *helper_main(void *arg)
{
	struct fusefs *fs = arg;
	struct pollfd pfd = { .fd = fs->event, .events = POLLIN };
	uint64_t count;
	bool left;

	while (!stopping(fs) && !ending(fs)) {
		__atomic_store_n(&fs->helper_sleeps, true, __ATOMIC_SEQ_CST);
		left = descs_expire(fs);
		if (left)
			__atomic_store_n(&fs->helper_sleeps, false, __ATOMIC_SEQ_CST);
		poll(&pfd, 1, left ? EXPIRE_MS : -1);
		if (read(fs->event, &count, sizeof(count)) > 0)
			nodes_trim(fs);
	}
	while (end_reads(fs))
		usleep(1000);
	return NULL;
}

/* ---- */

void fusefs_stop(struct fusefs *fs)
{
	int saved_errno = errno;

	if (!stopping(fs))
		fs->drain_until = now_ms() + DRAIN_MS;
	__atomic_store_n(&fs->stopping, 1, __ATOMIC_SEQ_CST);
	helper_wake(fs);
	errno = saved_errno;
}

static void on_end_signal(int sig)
{
}

/*
 * No SA_RESTART: read returns. The handler stays, since the process may serve other
 * mounts when this one ends.
 */
static void signals_begin(sigset_t *ret_old)
{
	struct sigaction sa = { .sa_handler = on_end_signal };
	sigset_t set;

	sigaction(END_SIGNAL, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, END_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, ret_old);
}

static void join_all(struct fusefs *fs)
{
	unsigned int i;

	for (i = 1; i < fs->n_servers; i++)
		pthread_join(fs->servers[i]->thread, NULL);
	pthread_join(fs->helper, NULL);
	for (i = 0; i < fs->n_servers; i++)
		server_free(fs->servers[i]);
	fs->n_servers = 0;
}

static int serve_first(struct fusefs *fs, void (*ready)(void *ctx), void *ctx)
{
	struct server *s = server_new(fs);
	int err;

	if (!s)
		return -ENOMEM;
	s->thread = pthread_self();
	s->leads = true;
	fs->leader = s;
	fs->servers[fs->n_servers++] = s;
	err = thread_start(&fs->helper, helper_main, fs);
	if (err) {
		fs->n_servers = 0;
		server_free(s);
		return err;
	}
	self = s;
	task_begin(s);
	lkl_on_sleep(before_sleep, s);
	serve(s, ready, ctx);
	lkl_on_sleep(NULL, NULL);
	task_end(s);
	join_all(fs);
	self = NULL;
	return 0;
}

int fusefs_serve(struct fusefs *fs, const char *root, void (*ready)(void *ctx),
		 void *ctx)
{
	sigset_t old;
	int err = root_open(fs, root);

	if (err)
		return err;
	signals_begin(&old);
	err = serve_first(fs, ready, ctx);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err ? err : lkl_panic_message() ? -EIO : 0;
}
