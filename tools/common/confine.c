// SPDX-License-Identifier: GPL-2.0-only
#include "confine.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker_ask.h"
#include "report.h"

static struct {
	int *fds;
	unsigned int n;
	bool partial, on;
} confined;

bool confine_parse(const char *text, enum confine_mode *ret)
{
	static const char *const names[] = {
		[CONFINE_AUTO] = "auto", [CONFINE_REQUIRE] = "require",
		[CONFINE_DEBUG] = "debug", [CONFINE_OFF] = "off",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i])) {
			*ret = i;
			return true;
		}
	return false;
}

/* ---- descriptors ---- */

/* What is opened later is none of these, and messages go into no image. */
static void open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	close(fd);
}

static void note(int fd)
{
	int *more = realloc(confined.fds, (confined.n + 1) * sizeof(*more));

	if (!more)
		abort();
	confined.fds = more;
	confined.fds[confined.n++] = fd;
}

void confine_begin(void)
{
	DIR *list;
	struct dirent *d;
	int fd;

	open_standard();
	confined.n = 0;
	list = opendir("/proc/self/fd");
	while (list && (d = readdir(list))) {
		fd = atoi(d->d_name);
		if (fd > 2 && fd != dirfd(list))
			note(fd);
	}
	if (list)
		closedir(list);
}

/* Those that the command line names were duplicated. */
static void close_inherited(void)
{
	for (unsigned int i = 0; i < confined.n; i++)
		close(confined.fds[i]);
	confined.n = 0;
}

/* ---- standard input and output ---- */

/*
 * Under the name that is everybody's, if it is the one that steers this session: of that
 * the mode is nobody's to change.
 */
static int open_terminal(int fd, int flags)
{
	int tty = tcgetpgrp(fd) < 0 ? -1 : open("/dev/tty", flags);
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return tty < 0 ? open(path, flags) : tty;
}

static void replace(int fd, int by)
{
	if (by < 0)
		return;
	dup2(by, fd);
	close(by);
}

/*
 * Whoever has a terminal open for reading gets what is typed there; in a session of its own
 * also when another program is in the foreground. Mostly it is open so at all three.
 */
static void narrow_standard(bool input)
{
	if (!input)
		replace(0, open("/dev/null", O_RDONLY | O_CLOEXEC));
	for (int fd = 0; fd <= 2; fd++)
		if (isatty(fd))
			replace(fd, open_terminal(fd, O_NOCTTY | O_CLOEXEC |
						      (fd ? O_WRONLY : O_RDONLY)));
}

/* ---- */

static const char *missing(const struct sandbox_state *state)
{
	return state->landlock ? "seccomp" : state->seccomp ? "Landlock" :
	       "neither Landlock nor seccomp";
}

static int refuse(const struct sandbox_state *host)
{
	report(REPORT_SYSTEM, "sandbox-missing", host->landlock || host->seccomp ?
	       "this host's kernel has no %s" : "this host's kernel has %s", missing(host));
	report_hint("lklusb doctor says more");
	return REPORT_SYSTEM;
}

static void warn(const struct sandbox_state *host)
{
	report(REPORT_OK, "sandbox-partial", host->landlock || host->seccomp ?
	       "this host's kernel has no %s: the sandbox is weaker" :
	       "this host's kernel has %s: there is no sandbox", missing(host));
	report_hint("--sandbox=require refuses such hosts");
}

static int stay_outside(void)
{
	return report(REPORT_OK, "sandbox-off",
		      "no sandbox: whoever takes this process over can do what this user can do");
}

int confine(enum confine_mode mode, const struct sandbox *sandbox, bool input)
{
	struct sandbox how = *sandbox;
	struct sandbox_state state;
	bool whole;
	int err;

	if (mode == CONFINE_OFF)
		return stay_outside();
	sandbox_offered(&state);
	whole = state.landlock && state.seccomp;
	if (!whole && mode == CONFINE_REQUIRE)
		return refuse(&state);
	close_inherited();
	narrow_standard(input);
	how.lenient = mode == CONFINE_DEBUG;
	err = broker_say(BROKER_SEAL, 0);
	if (!err)
		err = sandbox_enter(&how, &state);
	if (err)
		return report(REPORT_SYSTEM, "sandbox", "the sandbox cannot be entered: %s",
			      strerror(-err));
	if (!whole)
		warn(&state);
	confined.partial = !whole || mode == CONFINE_DEBUG;
	confined.on = state.landlock || state.seccomp;
	return 0;
}

const char *confine_state(void)
{
	return !confined.on ? "off" : confined.partial ? "partial" : "full";
}
