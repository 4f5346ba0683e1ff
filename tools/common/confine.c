// SPDX-License-Identifier: GPL-2.0-only
#include "confine.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker_ask.h"
#include "report.h"

#define MAX_INHERITED	256

static struct {
	int fds[MAX_INHERITED];
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

void confine_begin(void)
{
	DIR *list = opendir("/proc/self/fd");
	struct dirent *d;
	int fd;

	while (list && (d = readdir(list))) {
		fd = atoi(d->d_name);
		if (fd > 2 && fd != dirfd(list) && confined.n < MAX_INHERITED)
			confined.fds[confined.n++] = fd;
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

int confine(enum confine_mode mode, const struct sandbox *sandbox)
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
