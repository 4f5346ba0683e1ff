// SPDX-License-Identifier: GPL-2.0-only
/* The asking side. */
#include "broker.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "broker_ask.h"
#include "unlock.h"

int broker_start(const struct broker_config *config)
{
	return broker_fork(broker_serve, config);
}

int broker_device(const char *id)
{
	return broker_ask(BROKER_DEVICE, 0, id, -1, NULL, NULL);
}

int broker_guard(int fd, unsigned int interface)
{
	return broker_ask(BROKER_GUARD, interface, NULL, fd, NULL, NULL);
}

int broker_keep(const char *dir, dev_t *ret_dev)
{
	uint64_t dev = 0;
	int err = broker_ask(BROKER_KEEP, 0, dir, -1, NULL, &dev);

	if (!err)
		*ret_dev = dev;
	return err;
}

int broker_publish(dev_t dev)
{
	return broker_say(BROKER_PUBLISH, dev);
}

void broker_withdraw(dev_t dev)
{
	broker_say(BROKER_WITHDRAW, dev);
}

void broker_unmount(dev_t dev)
{
	broker_say(BROKER_UNMOUNT, dev);
}

/* Others may ask meanwhile: whoever unmounts this ends the wait. */
void broker_sync(dev_t dev)
{
	int fds[2], err;
	char c;

	if (pipe2(fds, O_CLOEXEC))
		return;
	err = broker_ask(BROKER_SYNC, dev, NULL, fds[1], NULL, NULL);
	close(fds[1]);
	while (!err && read(fds[0], &c, 1) < 0 && errno == EINTR)
		;
	close(fds[0]);
}

static void end_keys(void)
{
	broker_say(BROKER_END_KEYS, 0);
}

int broker_connect_keys(void *ctx, struct key_session *ret)
{
	uint64_t status = 0;
	int fd = -1, err = broker_ask(BROKER_KEYS, 0, NULL, -1, &fd, &status);

	if (err || (!status && fd < 0))
		return unlock_helper_failed(err);
	if (status)
		return status;
	*ret = (struct key_session) { .socket = fd, .watch = -1, .end = end_keys };
	return 0;
}

int broker_reopen(int *ret_fd)
{
	int fd = -1, err = broker_ask(BROKER_REOPEN, 0, NULL, -1, &fd, NULL);

	if (!err && fd < 0)
		err = -EPROTO;
	if (!err)
		*ret_fd = fd;
	return err;
}

void broker_give_back(void)
{
	broker_say(BROKER_GIVE_BACK, 0);
}

int broker_same(unsigned int file, const char *path)
{
	return broker_ask(BROKER_SAME, file, path, -1, NULL, NULL);
}

void broker_log(int priority, const char *line)
{
	broker_ask(BROKER_LOG, priority, line, -1, NULL, NULL);
}

void broker_quiet(void)
{
	broker_say(BROKER_QUIET, 0);
}
