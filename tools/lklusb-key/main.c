// SPDX-License-Identifier: MIT
/*
 * lklusb-key: started by lklusb mount for each encrypted partition. Reads a request
 * and a copy of a header, gets hold of a passphrase, answers with the volume key, ends.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "key_i.h"

static struct key_request request;
static struct key_answer answer;	/* locked in memory */

/* No core dump, no debugger of this user, no end later than lklusb's. */
static int protect(void)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_PDEATHSIG, SIGTERM) || setrlimit(RLIMIT_CORE, &none))
		return -1;
	return mlock(&answer, sizeof(answer));
}

static bool read_request(void)
{
	return read(KEY_FD_REQUEST, &request, sizeof(request)) == sizeof(request) &&
	       request.magic == KEY_MAGIC;
}

static bool write_answer(void)
{
	const char *p = (const char *)&answer;
	size_t left = sizeof(answer);
	ssize_t n;

	for (; left; p += n, left -= n) {
		n = write(KEY_FD_ANSWER, p, left);
		if (n < 0 && errno != EINTR)
			return false;
		n = n < 0 ? 0 : n;
	}
	return true;
}

int main(int argc, char **argv)
{
	bool done;

	if (argc != 1) {
		fprintf(stderr, "%s is started by lklusb mount\n", argv[0]);
		return 1;
	}
	if (protect()) {
		perror("lklusb-key");
		return 1;
	}
	if (!read_request()) {
		fprintf(stderr, "lklusb-key is started by lklusb mount\n");
		return 1;
	}
	answer.magic = KEY_MAGIC;
	unlock(&request, &answer);
	done = write_answer();
	explicit_bzero(&answer, sizeof(answer));
	return !done;
}
