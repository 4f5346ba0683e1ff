// SPDX-License-Identifier: GPL-2.0-only
#include "opener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker_ask.h"
#include "broker_loop.h"
#include "image.h"
#include "send_fd.h"
#include "unix_listen.h"
#include "usb.h"

/* ---- the asking side ---- */

static void serve(const void *options, int socket);

int opener_start(const struct options *options)
{
	return broker_fork(serve, options);
}

static int ask(uint64_t number, int *ret_fd)
{
	int fd = -1, err = broker_ask(BROKER_REOPEN, number, NULL, -1, &fd, NULL);

	if (!err && fd < 0)
		err = -EPROTO;
	if (!err)
		*ret_fd = fd;
	return err;
}

int opener_open(const struct options *options, const struct stick_spec *stick, int *ret_fd)
{
	return ask(stick - options->sticks, ret_fd);
}

void opener_give_back(const struct options *options, const struct stick_spec *stick)
{
	if (stick->detach)
		broker_say(BROKER_GIVE_BACK, stick - options->sticks);
}

/* The number after the sticks' is the socket's. */
int opener_socket(const struct options *options, int *ret_fd)
{
	return ask(options->n_sticks, ret_fd);
}

/* ---- the broker ---- */

static struct {
	const struct options *options;
	int socket;
	struct usb_taken *taken;	/* of each stick */
	bool made_socket;
	struct stat made;		/* it */
} o;

/*
 * In a child, for names and servers may take their time: whoever asked may have ended
 * meanwhile.
 */
static void connect_and_tell(const struct usbip_source *source, int to)
{
	const char *why;
	int fd = -1, err = usbip_source_connect(source, &fd, &why);

	send_fd(to, &err, sizeof(err), 0, fd);
	_exit(0);
}

static int wait_connected(int from, int *ret_fd)
{
	struct pollfd fds[] = { { .fd = from, .events = POLLIN }, { .fd = o.socket } };
	int err, fd = -1;

	if (poll(fds, 2, -1) < 0 || fds[1].revents)
		return -EPIPE;
	if (receive_fd(from, &err, sizeof(err), &fd) != sizeof(err))
		return -EIO;
	*ret_fd = fd;
	return err;
}

static int connect_usbip(const struct usbip_source *source, int *ret_fd)
{
	int ends[2], err;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	pid = fork();
	if (!pid)
		connect_and_tell(source, ends[1]);
	err = pid < 0 ? -errno : 0;
	close(ends[1]);
	if (!err) {
		err = wait_connected(ends[0], ret_fd);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(ends[0]);
	return err;
}

/* What was taken before and not given back is another device's. */
static int take_usb(const struct stick_spec *stick, struct usb_taken *taken, int *ret_fd)
{
	usb_give_back(taken);
	return usb_take(stick->path, stick->detach, ret_fd, taken);
}

static int open_socket(int *ret_fd)
{
	int err = 0;

	if (o.options->socket_path) {
		if (o.made_socket)
			return -EEXIST;
		err = unix_listen(o.options->socket_path, ret_fd);
		o.made_socket = !err && !lstat(o.options->socket_path, &o.made);
		return err;
	}
	*ret_fd = fcntl(o.options->fd, F_DUPFD_CLOEXEC, 3);
	return *ret_fd < 0 ? -errno : 0;
}

/* Whoever came after a killed one may have made his. */
static void remove_socket(void)
{
	struct stat now;

	if (o.made_socket && !lstat(o.options->socket_path, &now) &&
	    now.st_dev == o.made.st_dev && now.st_ino == o.made.st_ino &&
	    now.st_ctim.tv_sec == o.made.st_ctim.tv_sec &&
	    now.st_ctim.tv_nsec == o.made.st_ctim.tv_nsec)
		unlink(o.options->socket_path);
}

static int do_reopen(struct broker_talk *t)
{
	uint64_t n = t->q->value;
	const struct stick_spec *stick;

	if (n == o.options->n_sticks)
		return open_socket(&t->answer);
	if (n > o.options->n_sticks)
		return -EINVAL;
	stick = &o.options->sticks[n];
	if (stick->zero)
		return -EINVAL;
	if (*stick->usbip.busid)
		return connect_usbip(&stick->usbip, &t->answer);
	if (stick->usb)
		return take_usb(stick, &o.taken[n], &t->answer);
	return image_open_fd(stick->path, stick->readonly ? IMAGE_READONLY : 0, &t->answer);
}

static int do_give_back(struct broker_talk *t)
{
	if (t->q->value >= o.options->n_sticks)
		return -EINVAL;
	usb_give_back(&o.taken[t->q->value]);
	return 0;
}

/* There is nothing that it does only before. */
static int do_seal(struct broker_talk *t)
{
	return 0;
}

static broker_word_fn *const words[BROKER_N_WORDS] = {
	[BROKER_SEAL] = do_seal,
	[BROKER_REOPEN] = do_reopen,
	[BROKER_GIVE_BACK] = do_give_back,
};

/* Descriptors that the command line names. */
static void begin(void)
{
	unsigned int n = o.options->n_sticks;
	int *keep = calloc(n + 2, sizeof(*keep));

	o.taken = calloc(n + 1, sizeof(*o.taken));
	if (!keep || !o.taken)
		_exit(1);
	for (unsigned int i = 0; i < n; i++) {
		const struct stick_spec *stick = &o.options->sticks[i];

		keep[i] = stick->usb ? usb_fd(stick->path) : stick->usbip.fd;
		o.taken[i].fd = -1;
	}
	keep[n] = o.options->fd;
	keep[n + 1] = o.socket;
	broker_loop_begin("vu-usb-broker", keep, n + 2);
	free(keep);
}

static void serve(const void *options, int socket)
{
	o.options = options;
	o.socket = socket;
	begin();
	broker_loop(socket, words, NULL);
	for (unsigned int i = 0; i < o.options->n_sticks; i++)
		usb_give_back(&o.taken[i]);
	remove_socket();
	_exit(0);
}
