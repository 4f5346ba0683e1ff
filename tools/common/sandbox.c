// SPDX-License-Identifier: GPL-2.0-only
#include "sandbox_i.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define MAX_DESCRIPTORS	1024u	/* lklusb cp has two a folder, 256 deep */

static bool entered;

/* LeakSanitizer asks; its check is a process that traces this one. */
int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
	return entered;
}

void sandbox_offered(struct sandbox_state *ret)
{
	ret->landlock = landlock_version();
	ret->seccomp = seccomp_offered();
}

/*
 * Neither what the user's other processes count towards (RLIMIT_NPROC), nor what images
 * and transfers need. A core dump of 0 bytes is one for a program that the host has for
 * that; of 1 byte it is none.
 */
static int set_limits(void)
{
	struct rlimit core, files;

	if (getrlimit(RLIMIT_NOFILE, &files) || getrlimit(RLIMIT_CORE, &core))
		return -errno;
	core.rlim_cur = core.rlim_max = core.rlim_max ? 1 : 0;
	if (files.rlim_max > MAX_DESCRIPTORS)
		files.rlim_max = MAX_DESCRIPTORS;
	if (files.rlim_cur > files.rlim_max)
		files.rlim_cur = files.rlim_max;
	return setrlimit(RLIMIT_CORE, &core) || setrlimit(RLIMIT_NOFILE, &files) ? -errno : 0;
}

/* Landlock first: its system calls are on nobody's list. */
int sandbox_enter(const struct sandbox *sandbox, struct sandbox_state *ret)
{
	int err = set_limits();

	sandbox_offered(ret);
	entered = true;
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (!err && ret->landlock)
		err = landlock_enter(ret->landlock, sandbox);
	if (!err && ret->seccomp)
		err = seccomp_enter(sandbox);
	return err;
}
