// SPDX-License-Identifier: GPL-2.0-only
/* The log and the worker pool. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "log.h"
#include "worker.h"

/* ---- log ---- */

static char last_line[1024];
static int last_level;

static void keep_line(void *ctx, enum log_level level, const char *line)
{
	assert_ptr_equal(ctx, last_line);
	last_level = level;
	strcpy(last_line, line);
}

static int log_setup(void **state)
{
	log_set_callback(keep_line, last_line);
	log_set_level(LOG_LEVEL_INFO);
	strcpy(last_line, "nothing");
	return 0;
}

static int log_teardown(void **state)
{
	log_set_callback(NULL, NULL);
	log_set_fd(STDERR_FILENO);
	log_set_level(LOG_LEVEL_WARN);
	return 0;
}

static void log_levels(void **state)
{
	log_debug("too much");
	assert_string_equal(last_line, "nothing");
	log_info("%s %d", "just right", 1);
	assert_string_equal(last_line, "just right 1");
	assert_int_equal(last_level, LOG_LEVEL_INFO);
	log_err("bad");
	assert_int_equal(last_level, LOG_LEVEL_ERR);
	assert_int_equal(log_get_level(), LOG_LEVEL_INFO);
}

static void log_keeps_errno(void **state)
{
	errno = ENOTTY;
	log_set_callback(NULL, NULL);
	log_set_fd(9999);
	log_err("to nowhere");
	assert_int_equal(errno, ENOTTY);
}

static void log_is_one_harmless_line(void **state)
{
	char big[2000];

	log_err("label \x1b[2Jevil\nsecond\r\n\n");
	assert_string_equal(last_line, "label ?[2Jevil?second?");
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_err("%s", big);
	assert_in_range(strlen(last_line), 400, 600);
}

static void log_to_descriptor(void **state)
{
	char buf[64];
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	log_set_callback(NULL, NULL);
	log_set_fd(fds[1]);
	log_info("one");
	log_set_fd(-1);
	log_info("two");
	close(fds[1]);
	assert_int_equal(read(fds[0], buf, sizeof(buf)), 4);
	assert_memory_equal(buf, "one\n", 4);
	close(fds[0]);
}

/* ---- worker pool ---- */

struct job {
	struct work work;
	struct worker_pool *pool;
	atomic_uint *n_run;
	unsigned int nth;	/* set by run: its place in the order */
	unsigned int again;	/* times to submit itself */
};

static void job_run(struct work *work)
{
	struct job *job = (struct job *)work;

	job->nth = atomic_fetch_add(job->n_run, 1);
	if (job->again) {
		job->again--;
		assert_int_equal(worker_submit(job->pool, work), 0);
	}
}

static void one_thread_keeps_the_order(void **state)
{
	struct worker_pool *pool = worker_pool_new(1);
	static struct job jobs[500];
	atomic_uint n_run = 0;

	for (unsigned int i = 0; i < 500; i++) {
		jobs[i] = (struct job){ { job_run, NULL }, pool, &n_run, 0, 0 };
		assert_int_equal(worker_submit(pool, &jobs[i].work), 0);
	}
	worker_pool_destroy(pool);
	for (unsigned int i = 0; i < 500; i++)
		assert_int_equal(jobs[i].nth, i);
}

/* Also what the queued work queues itself. */
static void destroy_drains(void **state)
{
	for (unsigned int round = 0; round < 50; round++) {
		struct worker_pool *pool = worker_pool_new(3);
		struct job jobs[20];
		atomic_uint n_run = 0;

		for (unsigned int i = 0; i < 20; i++) {
			jobs[i] = (struct job){ { job_run, NULL }, pool, &n_run, 0, i };
			assert_int_equal(worker_submit(pool, &jobs[i].work), 0);
		}
		worker_pool_destroy(pool);
		assert_int_equal(n_run, 20 + 19 * 20 / 2);
	}
	worker_pool_destroy(worker_pool_new(4));
	worker_pool_destroy(NULL);
}

struct meeting {
	struct work work;
	unsigned int expected;
	atomic_uint *n_come, *n_gone;
};

static void meeting_run(struct work *work)
{
	struct meeting *m = (struct meeting *)work;
	atomic_uint *n_gone = m->n_gone;

	atomic_fetch_add(m->n_come, 1);
	while (atomic_load(m->n_come) < m->expected)
		sched_yield();
	atomic_fetch_add(n_gone, 1);
}

static void meet(struct worker_pool *pool, unsigned int n)
{
	atomic_uint n_come = 0, n_gone = 0;
	struct meeting meetings[4];

	for (unsigned int i = 0; i < n; i++) {
		meetings[i] = (struct meeting){
			{ meeting_run, NULL }, n, &n_come, &n_gone,
		};
		assert_int_equal(worker_submit(pool, &meetings[i].work), 0);
	}
	while (atomic_load(&n_gone) < n)
		sched_yield();
}

/* Ends only if all of them are inside fn at the same time; also after idling. */
static void runs_as_many_as_it_has_threads(void **state)
{
	struct worker_pool *pool;

	alarm(60);
	for (unsigned int round = 0; round < 50; round++) {
		pool = worker_pool_new(4);
		for (unsigned int n = 1; n <= 4; n++) {
			meet(pool, n);
			usleep(round * 10);
		}
		worker_pool_destroy(pool);
	}
	alarm(0);
}

static void pool_survives_a_fork_before_its_use(void **state)
{
	struct worker_pool *pool = worker_pool_new(2);
	pid_t pid = fork();
	int status;

	if (!pid) {
		atomic_uint n_run = 0;
		struct job job = { { job_run, NULL }, pool, &n_run, 0, 3 };

		alarm(20);
		worker_submit(pool, &job.work);
		worker_pool_destroy(pool);
		_exit(n_run == 4 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	worker_pool_destroy(pool);
}

static void mask_run(struct work *work)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	atomic_store(((struct job *)work)->n_run, sigismember(&mask, SIGTERM));
}

static void signals_stay_with_the_others(void **state)
{
	struct worker_pool *pool = worker_pool_new(1);
	atomic_uint blocked = 7;
	struct job job = { { mask_run, NULL }, pool, &blocked, 0, 0 };
	sigset_t mask;

	assert_int_equal(worker_submit(pool, &job.work), 0);
	worker_pool_destroy(pool);
	assert_int_equal(blocked, 1);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_false(sigismember(&mask, SIGTERM));
}

#define LOG_TEST(name) \
	cmocka_unit_test_setup_teardown(name, log_setup, log_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(log_levels),
		LOG_TEST(log_keeps_errno),
		LOG_TEST(log_is_one_harmless_line),
		LOG_TEST(log_to_descriptor),
		cmocka_unit_test(one_thread_keeps_the_order),
		cmocka_unit_test(destroy_drains),
		cmocka_unit_test(runs_as_many_as_it_has_threads),
		cmocka_unit_test(pool_survives_a_fork_before_its_use),
		cmocka_unit_test(signals_stay_with_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
