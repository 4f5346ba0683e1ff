// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads that serve: leader and followers.
 *
 * One thread, the leader, reads /dev/fuse and answers; with rings, one for each of them. As long as no call of the
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
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
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

/* ---- roles ---- */

static void *server_main(void *arg);

static struct server *server_new(struct channel *ch)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->fs = ch->fs;
	s->channel = ch;
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
static int thread_start(pthread_t *ret_thread, const cpu_set_t *cpus,
			void *(*fn)(void *), void *arg)
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
	if (cpus)
		pthread_attr_setaffinity_np(&attr, sizeof(*cpus), cpus);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(ret_thread, &attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

/* Caller holds role_lock. */
static struct server *start_server(struct channel *ch, bool leads)
{
	struct fusefs *fs = ch->fs;
	struct server *s;

	if (fs->ending || ch->n_servers >= fs->max_servers || fs->n_servers >= MAX_THREADS)
		return NULL;
	s = server_new(ch);
	if (!s)
		return NULL;
	s->leads = leads;
	if (thread_start(&s->thread, ch->uring ? &ch->cpus : NULL, server_main, s)) {
		server_free(s);
		return NULL;
	}
	fs->servers[fs->n_servers++] = s;
	ch->n_servers++;
	return s;
}

/*
 * Caller holds role_lock; nobody leads. Without an idle or a new thread, who finishes
 * first leads.
 */
static void next_leader(struct channel *ch)
{
	struct server *next = ch->idle;

	if (next) {
		ch->idle = next->next_idle;
		next->idle = false;
		next->leads = true;
		pthread_cond_signal(&next->wake);
	} else {
		next = start_server(ch, true);
	}
	ch->leader = next;
}

/* Called on a serving thread before it sleeps in a call inside. */
static void before_sleep(void *ctx)
{
	struct server *s = ctx;
	struct fusefs *fs = s->fs;

	if (!s->leads)
		return;
	s->leads = false;
	pthread_mutex_lock(&fs->role_lock);
	next_leader(s->channel);
	pthread_mutex_unlock(&fs->role_lock);
}

/* Returns as the leader: true; or at the end: false. */
static bool become_leader(struct server *s)
{
	struct channel *ch = s->channel;
	struct fusefs *fs = s->fs;
	bool leads;

	pthread_mutex_lock(&fs->role_lock);
	if (!ch->leader && !ch->closed && !fs->ending) {
		ch->leader = s;
		s->leads = true;
	} else if (!fs->ending) {
		s->idle = true;
		s->next_idle = ch->idle;
		ch->idle = s;
		while (s->idle)
			pthread_cond_wait(&s->wake, &fs->role_lock);
	}
	leads = s->leads && !fs->ending;
	pthread_mutex_unlock(&fs->role_lock);
	return leads;
}

void channels_open(struct fusefs *fs)
{
	struct channel *ch;
	unsigned int i;

	pthread_mutex_lock(&fs->role_lock);
	for (i = 1; i < fs->n_channels; i++) {
		ch = &fs->channels[i];
		ch->closed = false;
		next_leader(ch);
		if (!ch->leader) {
			ch->closed = true;
			uring_refuse(ch, fuse_session_fd(fs->se));
		}
	}
	pthread_mutex_unlock(&fs->role_lock);
	log_debug("fuse: %u rings", fs->n_channels - 1);
}

/* What the host still asks comes through /dev/fuse, or it is the end. */
static void channel_close(struct server *s, int err)
{
	struct channel *ch = s->channel;

	if (err != -ENOTCONN && err != -ECONNABORTED && err != -ECANCELED)
		log_err("fuse: io_uring: %s", lkl_strerror(err));
	pthread_mutex_lock(&s->fs->role_lock);
	ch->closed = true;
	ch->leader = NULL;
	s->leads = false;
	pthread_mutex_unlock(&s->fs->role_lock);
}

static void wake_idle(struct channel *ch)
{
	struct server *s;

	while ((s = ch->idle)) {
		ch->idle = s->next_idle;
		s->idle = false;
		pthread_cond_signal(&s->wake);
	}
}

static void end_all(struct fusefs *fs)
{
	pthread_mutex_lock(&fs->role_lock);
	__atomic_store_n(&fs->ending, true, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < fs->n_channels; i++)
		wake_idle(&fs->channels[i]);
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

#define NOT_EMPTY	UINT64_MAX

static void count_served(struct fusefs *fs)
{
	if (stopping(fs))
		__atomic_add_fetch(&fs->served, 1, __ATOMIC_SEQ_CST);
}

static uint64_t served(const struct fusefs *fs)
{
	return __atomic_load_n(&fs->served, __ATOMIC_SEQ_CST);
}

/*
 * Caller holds role_lock. A leader that found nothing is quiet until somebody else has
 * begun or ended a request since.
 */
static bool quiet(struct server *s)
{
	struct channel *ch = s->channel;

	return s->idle || (ch->leader == s &&
			   __atomic_load_n(&ch->empty_at, __ATOMIC_SEQ_CST) ==
				served(s->fs));
}

static bool others_busy(struct server *s)
{
	struct fusefs *fs = s->fs;
	bool busy = false;

	pthread_mutex_lock(&fs->role_lock);
	for (unsigned int i = 0; i < fs->n_servers && !busy; i++)
		busy = fs->servers[i] != s && !quiet(fs->servers[i]);
	pthread_mutex_unlock(&fs->role_lock);
	return busy;
}

static void drain_begin(struct server *s)
{
	int fd = fuse_session_fd(s->fs->se);

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	__atomic_store_n(&s->draining, true, __ATOMIC_SEQ_CST);
}

/* 1: a request; -EINTR, -EAGAIN: none; 0: unmounted; else an error. */
static int fetch(struct server *s)
{
	struct channel *ch = s->channel;
	bool answering = s->entry;
	uint64_t before;
	int n;

	__atomic_store_n(&ch->empty_at, NOT_EMPTY, __ATOMIC_SEQ_CST);
	before = served(s->fs);
	n = ch->uring ? uring_fetch(s, !s->draining)
		      : dev_fetch(s);
	if (n > 0 || answering)
		count_served(s->fs);
	else if (n == -EAGAIN)
		__atomic_store_n(&ch->empty_at, before, __ATOMIC_SEQ_CST);
	return n;
}

/* 1: a request; 0: nothing this time; -1: unmounted, stopped, or broken. */
static int receive(struct server *s)
{
	struct fusefs *fs = s->fs;
	bool last;
	int n = -EINTR;

	if (stopping(fs) && !s->draining)
		drain_begin(s);
	/*
	 * syncfs of the host returns when what was written through mappings is queued,
	 * not when we have it. A dozen requests at a time come out of that queue, the
	 * next when one is answered: nobody answers and none is there, that is the end.
	 */
	last = s->draining && (lkl_panic_message() || now_ms() >= fs->drain_until ||
			       (!s->entry && !others_busy(s)));
	/* Whoever stops repeats the signal until this is false: no race. */
	__atomic_store_n(&s->reading, true, __ATOMIC_SEQ_CST);
	if (!ending(fs) && stopping(fs) == s->draining)
		n = fetch(s);
	__atomic_store_n(&s->reading, false, __ATOMIC_SEQ_CST);
	if (ending(fs) || fuse_session_exited(fs->se))
		return -1;
	if (n > 0)
		return last && now_ms() >= fs->drain_until ? -1 : 1;
	if (n == -EAGAIN && !last)
		usleep(1000);	/* the others: they end by themselves */
	if (n == -EAGAIN)
		return last ? -1 : 0;
	if (n == -EINTR || (!n && !s->channel->uring))
		return 0;
	if (s->channel->uring) {
		channel_close(s, n);
		return 0;
	}
	log_err("fuse: reading requests: %s", lkl_strerror(n));
	return -1;
}

/* Its answer, if a ring has it, goes with the next wait, if this thread waits. */
static void process(struct server *s)
{
	fuse_session_process_buf(s->fs->se, s->entry ? &s->request : &s->buf);
	if (!s->leads)
		uring_flush(s);
	if (!s->entry)
		count_served(s->fs);
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
		process(s);
		if (ready && fs->announce) {
			fs->announce = false;
			ready(ctx);
		}
		if (lkl_panic_message() || fuse_session_exited(fs->se))
			break;
	}
	uring_flush(s);
	s->leads = false;
	end_all(fs);
}

static void *server_main(void *arg)
{
	struct server *s = arg;

	self = s;
	lkl_on_sleep(before_sleep, s);
	server_task_begin(s);
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

/* Caller holds role_lock. */
static bool has_leader(const struct fusefs *fs)
{
	for (unsigned int i = 0; i < fs->n_channels; i++)
		if (fs->channels[i].leader)
			return true;
	return false;
}

/*
 * Whether a thread may still be in read, or be about to: the signal is repeated until
 * all have seen that it is over, so none is lost between a look and the read.
 */
static bool end_reads(struct fusefs *fs)
{
	bool left;

	pthread_mutex_lock(&fs->role_lock);
	left = has_leader(fs) && !ending(fs);
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
	struct channel *ch = &fs->channels[0];
	struct server *s = server_new(ch);
	int err;

	if (!s)
		return -ENOMEM;
	s->thread = pthread_self();
	s->leads = true;
	ch->leader = s;
	ch->n_servers = 1;
	fs->servers[fs->n_servers++] = s;
	err = thread_start(&fs->helper, NULL, helper_main, fs);
	if (err) {
		fs->n_servers = 0;
		server_free(s);
		return err;
	}
	self = s;
	server_task_begin(s);
	lkl_on_sleep(before_sleep, s);
	serve(s, ready, ctx);
	lkl_on_sleep(NULL, NULL);
	server_task_end(s);
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
