// SPDX-License-Identifier: MIT
/*
 * lklusb-key: started by lklusb for what is encrypted. Reads how to get at a passphrase;
 * then it is asked, through a socket, about copies of headers, and answers each time with
 * a volume key; ends when nobody has the other end of the socket.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "key_i.h"

static struct key_setup setup;
static struct key_question question;
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

static bool read_setup(void)
{
	return read(KEY_FD_SETUP, &setup, sizeof(setup)) == sizeof(setup) &&
	       setup.magic == KEY_MAGIC;
}

/* ---- the end ---- */

static volatile sig_atomic_t ended;

static void on_end(int sig)
{
	ended = 1;
}

/*
 * While it works they end it. While it waits they do so after wiping, and also if the other
 * end of the socket, which may be in wrong hands, stays open.
 */
static void let_signals(bool through)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = through ? SIG_DFL : on_end };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaddset(&set, signals[i]);
		sigaction(signals[i], &action, NULL);
	}
	sigprocmask(through ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

/* Whether there is a question, or nobody is left to ask one. */
static bool wait_for_question(void)
{
	struct pollfd pfd = { .fd = KEY_FD_SOCKET, .events = POLLIN };
	sigset_t none;

	sigemptyset(&none);
	return ppoll(&pfd, 1, NULL, &none) == 1 && !ended;
}

/* ---- questions ---- */

/* It reaches a terminal. */
static bool is_printable(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return len < size;
}

/*
 * libcryptsetup opens it once more, with the user's rights, reads it twice, and may mend it:
 * only memory that nobody changes any more.
 */
static bool is_sealed(int fd)
{
	const int wanted = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & wanted) == wanted;
}

/* With a descriptor, which becomes KEY_FD_HEADER, if the header is not there already. */
static bool take_header(struct msghdr *msg)
{
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	int fd;

	if (setup.detached || !cmsg || cmsg->cmsg_level != SOL_SOCKET ||
	    cmsg->cmsg_type != SCM_RIGHTS || cmsg->cmsg_len != CMSG_LEN(sizeof(fd)))
		return setup.detached && !cmsg;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return is_sealed(fd) && dup2(fd, KEY_FD_HEADER) >= 0 && !close(fd);
}

static bool read_question(void)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = &question, .iov_len = sizeof(question) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	ssize_t n = wait_for_question() ? recvmsg(KEY_FD_SOCKET, &msg, MSG_CMSG_CLOEXEC) : -1;

	return n == sizeof(question) && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	       take_header(&msg) && question.magic == KEY_MAGIC &&
	       is_printable(question.what, sizeof(question.what));
}

static bool answer_question(void)
{
	bool sent;

	answer.magic = KEY_MAGIC;
	let_signals(true);
	unlock(&setup, &question, &answer);
	let_signals(false);
	sent = send(KEY_FD_SOCKET, &answer, sizeof(answer), MSG_NOSIGNAL) == sizeof(answer);
	explicit_bzero(&answer, sizeof(answer));
	return sent;
}

int main(int argc, char **argv)
{
	int n = 0;

	if (argc != 1) {
		fprintf(stderr, "%s is started by lklusb mount\n", argv[0]);
		return 1;
	}
	if (protect()) {
		perror("lklusb-key");
		return 1;
	}
	if (!read_setup()) {
		fprintf(stderr, "lklusb-key is started by lklusb mount\n");
		return 1;
	}
	let_signals(false);
	while (n++ < KEY_MAX_QUESTIONS && read_question() && answer_question())
		;
	unlock_forget();
	return 0;
}
