// SPDX-License-Identifier: GPL-2.0-only
#include "broker_i.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "control.h"
#include "mounts.h"
#include "stick_lock.h"

struct kept {
	struct kept *next;
	dev_t dev;
	char *dir;
};

static struct kept *all;

static struct kept **find(dev_t dev)
{
	struct kept **link = &all;

	while (*link && (*link)->dev != dev)
		link = &(*link)->next;
	return link;
}

/* A joined mount may have another name for the stick. */
static bool is_of_stick(const struct mounts_entry *entry, const char *source)
{
	return (source && !strcmp(entry->source, source)) || stick_lock_covers(entry->source);
}

static int add(const char *dir, dev_t dev)
{
	struct kept *k = calloc(1, sizeof(*k));

	if (k)
		k->dir = strdup(dir);
	if (!k || !k->dir) {
		free(k);
		return -ENOMEM;
	}
	k->dev = dev;
	k->next = all;
	all = k;
	return 0;
}

static void take_out(struct kept **link)
{
	struct kept *k = *link;

	*link = k->next;
	free(k->dir);
	free(k);
}

/* The host gives a number again as soon as it is free: that one is gone. */
static int keep(const char *dir, dev_t dev)
{
	struct kept **link = find(dev);

	if (*link)
		take_out(link);
	return add(dir, dev);
}

int broker_mounts_keep(const char *dir, const char *source, dev_t *ret_dev)
{
	struct mounts_entry *entry = calloc(1, sizeof(*entry));
	int err = entry ? mounts_find(dir, entry) : -ENOMEM;

	if (!err && (entry->uid != getuid() || !is_of_stick(entry, source)))
		err = -EPERM;
	if (!err)
		err = keep(dir, entry->dev);
	if (!err)
		*ret_dev = entry->dev;
	free(entry);
	return err;
}

const char *broker_mounts_dir(dev_t dev)
{
	const struct kept *k = *find(dev);

	return k ? k->dir : NULL;
}

int broker_mounts_publish(dev_t dev)
{
	return *find(dev) ? control_publish(dev) : -ENOENT;
}

void broker_mounts_withdraw(dev_t dev)
{
	control_withdraw(dev);
}

/* ---- unmounting ---- */

static void run_fusermount(char *dir)
{
	char *argv[] = { "fusermount3", "-u", "-q", "-z", "--", dir, NULL };
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &none);
	if (!posix_spawnp(&pid, argv[0], NULL, &attr, argv, environ))
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	posix_spawnattr_destroy(&attr);
}

/* Somebody may have unmounted it, and mounted something else there. */
static bool is_there(const struct kept *k)
{
	struct mounts_entry *entry = calloc(1, sizeof(*entry));
	bool there = entry && !mounts_find(k->dir, entry) && entry->dev == k->dev;

	free(entry);
	return there;
}

static void unmount(struct kept *k)
{
	if (!is_there(k))
		return;
	if (!geteuid())
		umount2(k->dir, MNT_DETACH | UMOUNT_NOFOLLOW);
	else
		run_fusermount(k->dir);
}

void broker_mounts_unmount(dev_t dev)
{
	struct kept **link = find(dev);

	if (!*link)
		return;
	unmount(*link);
	take_out(link);
}

void broker_mounts_end(bool left)
{
	while (all) {
		if (!left && is_there(all))
			syslog(LOG_ERR, "%s: its serving process is gone; unflushed data is lost "
			       "[daemon-gone]", all->dir);
		control_withdraw(all->dev);
		broker_mounts_unmount(all->dev);
	}
}
