// SPDX-License-Identifier: GPL-2.0-only
/*
 * lklusb mount: everything that can fail does so before the user's shell goes on.
 * The order is that of the borders: first what needs the host (source, FUSE), then
 * the library kernel, which needs neither.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "daemon.h"
#include "join.h"
#include "log.h"
#include "one_mount.h"
#include "progress.h"
#include "report.h"
#include "serve.h"
#include "stick_lock.h"

#define TRY_MS		20
#define PATIENCE_MS	120000	/* with a process that neither answers nor ends */

/* Parsing changes the words. */
static int copy_words(int argc, char **argv, struct request *r)
{
	if (argc > (int)REQUEST_WORDS)
		return report(REPORT_USAGE, "options-too-long", "the options are too long");
	for (int i = 0; i < argc; i++) {
		r->argv[i] = strdup(argv[i]);
		if (!r->argv[i])
			return report(REPORT_SYSTEM, "memory", "out of memory");
	}
	r->argc = argc;
	return 0;
}

/* What the names in the words mean goes before them. */
static int add_names(struct request *r, const struct owner_names *names)
{
	if (r->argc + names->n > REQUEST_WORDS)
		return report(REPORT_USAGE, "options-too-long", "the options are too long");
	memmove(r->argv + 1 + names->n, r->argv + 1, (r->argc - 1) * sizeof(*r->argv));
	memcpy(r->argv + 1, names->words, names->n * sizeof(*r->argv));
	r->argc += names->n;
	return 0;
}

static int serve_stick(struct one_mount *m, int listener)
{
	int status = m->args.foreground ? 0 : daemon_fork();

	if (!status)
		return serve(m, listener);	/* whose broker ends the lock */
	stick_lock_end();
	return status;
}

/* Of those who want the same stick one starts, and the others ask it. */
static int start_or_join(struct one_mount *m, struct request *request)
{
	int i, took, fd, status = JOIN_AGAIN;

	for (i = 0; status == JOIN_AGAIN && i < PATIENCE_MS / TRY_MS; i++) {
		took = stick_lock_take(&fd);
		if (took > 0)
			return serve_stick(m, fd);
		if (took < 0)
			return report(REPORT_SYSTEM, "control", "no control socket: %s",
				      strerror(-took));
		fd = stick_lock_connect();
		if (fd >= 0) {
			close(fd);
			status = join(m, request);
		}
		if (status == JOIN_AGAIN)
			usleep(TRY_MS * 1000);
	}
	return status == JOIN_AGAIN ?
	       report(REPORT_MOUNT, "source-busy",
		      "%s: the process that has it neither answers nor ends", m->source) :
	       status;
}

int cmd_mount(int argc, char **argv)
{
	static struct one_mount m = { .socket = -1, .fuse = -1 };
	static struct request request;
	static char cwd[PATH_MAX];
	int status = copy_words(argc, argv, &request);

	if (!status)
		status = mount_args_parse(&m.args, argc, argv);
	if (!status)
		status = add_names(&request, &m.args.options.owner.names);
	if (status)
		return status;
	if (m.args.help)
		return mount_args_help(true);
	if (m.args.quiet)
		report_quiet();
	if (m.args.guest.verbose) {
		log_set_level(LOG_LEVEL_INFO);
		progress_off();
	}
	status = one_mount_check(&m);
	if (!status)
		status = unlock_prepare(&m.args.volume.unlock);
	if (status)
		return status;
	request.cwd = getcwd(cwd, sizeof(cwd)) ? cwd : "/";
	stick_lock_add(m.source);
	for (unsigned int i = 0; i < m.args.guest.n_more; i++)
		stick_lock_add(m.args.guest.more[i]);
	return start_or_join(&m, &request);
}
