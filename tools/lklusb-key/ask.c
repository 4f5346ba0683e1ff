// SPDX-License-Identifier: MIT
/* Passphrases from somebody: a terminal, an askpass program, systemd's agent. */
#include "key_i.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <libcryptsetup.h>

#define AGENT		"/usr/bin/systemd-ask-password"
#define AGENT_FOLDER	"/run/systemd/ask-password"
#define SYSTEMD_RUNS	"/run/systemd/system"

static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static volatile sig_atomic_t interrupted;
static bool typed;		/* the last passphrase came from a terminal */

void passphrase_free(struct passphrase *p)
{
	crypt_safe_free(p->text);
	*p = (struct passphrase) { 0 };
}

/* Whether there is something to read; false: nobody wants it any more. */
static bool wait_for(int fd)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = KEY_FD_SOCKET },
	};

	while (!interrupted && !fds[1].revents) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return false;
		if (fds[0].revents && !fds[1].revents)
			return true;
	}
	return false;
}

/* One line, or all if line is not set; a line's end is no part of it. */
static int read_secret(int fd, bool line, struct passphrase *ret)
{
	char *text = crypt_safe_alloc(PASSPHRASE_MAX + 2);
	size_t len = 0;
	ssize_t n = 1;

	if (!text)
		return KEY_FAILED;
	while (len < PASSPHRASE_MAX + 2 && n > 0 && !(line && memchr(text, '\n', len))) {
		n = wait_for(fd) ? read(fd, text + len, PASSPHRASE_MAX + 2 - len) : -1;
		if (n > 0)
			len += n;
	}
	if (n < 0 || (line && !memchr(text, '\n', len))) {
		crypt_safe_free(text);
		return KEY_CANCELLED;
	}
	if (len && text[len - 1] == '\n')
		len--;
	if (len > PASSPHRASE_MAX) {
		crypt_safe_free(text);
		return KEY_UNREADABLE;
	}
	*ret = (struct passphrase) { text, len };
	return 0;
}

/* ---- the terminal ---- */

static void on_signal(int sig)
{
	interrupted = 1;
}

/* The terminal must get its echo back whatever happens. */
static void catch_ends(bool on, struct sigaction old[])
{
	struct sigaction action = { .sa_handler = on_signal };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaction(ends[i], on ? &action : &old[i], on ? &old[i] : NULL);
}

static int ask_terminal(int tty, const char *what, struct passphrase *ret)
{
	struct sigaction old[sizeof(ends) / sizeof(ends[0])];
	struct termios before, silent;
	int status;

	if (tcgetattr(tty, &before))
		return KEY_NOBODY;
	silent = before;
	silent.c_lflag &= ~(ECHO | ECHOE | ECHOK | ECHONL);
	catch_ends(true, old);
	dprintf(tty, "Passphrase for %s: ", what);
	tcsetattr(tty, TCSAFLUSH, &silent);
	status = read_secret(tty, true, ret);
	tcsetattr(tty, TCSAFLUSH, &before);
	dprintf(tty, "\n");
	catch_ends(false, old);
	typed = !status;
	return status;
}

static int open_terminal(void)
{
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool ask_can_retry(void)
{
	return typed;
}

void ask_say(const char *text)
{
	int tty = open_terminal();

	if (tty < 0)
		return;
	dprintf(tty, "%s\n", text);
	close(tty);
}

/* ---- programs ---- */

static int ask_program(const char *const argv[], struct passphrase *ret)
{
	int fds[2], status, end = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return KEY_FAILED;
	pid = fork();
	if (!pid) {
		dup2(fds[1], 1);
		/* Its own and libcryptsetup's descriptors are none of its business. */
		close_range(3, ~0u, 0);
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(fds[1]);
	status = pid < 0 ? KEY_FAILED : read_secret(fds[0], false, ret);
	close(fds[0]);
	if (pid > 0 && status)
		kill(pid, SIGTERM);
	while (pid > 0 && waitpid(pid, &end, 0) < 0 && errno == EINTR)
		;
	if (status || !end)
		return status;
	passphrase_free(ret);
	return WIFEXITED(end) && WEXITSTATUS(end) == 127 ? KEY_UNREADABLE : KEY_CANCELLED;
}

/* ---- whom ---- */

int ask(const struct key_setup *setup, const char *what, struct passphrase *ret)
{
	char prompt[sizeof(((struct key_question *)0)->what) + 32];
	const char *const askpass[] = { setup->askpass, prompt, NULL };
	const char *const agent[] = { AGENT, "--no-tty", "--id=lklusb", prompt, NULL };
	int tty, status;

	typed = false;
	snprintf(prompt, sizeof(prompt), "Passphrase for %s:", what);
	if (*setup->askpass)
		return ask_program(askpass, ret);
	tty = open_terminal();
	if (tty >= 0) {
		status = ask_terminal(tty, what, ret);
		close(tty);
		return status;
	}
	/* Agents listen to those who may write there. */
	if (!access(AGENT, X_OK) && !access(SYSTEMD_RUNS, F_OK) &&
	    !access(AGENT_FOLDER, W_OK))
		return ask_program(agent, ret);
	return KEY_NOBODY;
}
