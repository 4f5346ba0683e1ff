// SPDX-License-Identifier: GPL-2.0-only
/* The mounts of a stick, and what happens to all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "key_session.h"
#include "serve_i.h"

struct served_stick stick = {
	.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER,
};

/* ---- coming and going ---- */

bool mount_list_add(struct one_mount *m)
{
	bool added;

	pthread_mutex_lock(&stick.lock);
	added = !stick.over && !stick.stopping;
	if (added) {
		m->next = stick.mounts;
		stick.mounts = m;
		stick.n_mounts++;
		snprintf(m->root, sizeof(m->root), GUEST_MNT "/%u", stick.n_ever++);
	}
	pthread_mutex_unlock(&stick.lock);
	return added;
}

/* The first one is its caller's. */
static void free_mount(struct one_mount *m)
{
	volume_free(&m->volume);
	if (!m->joined)
		return;
	free(m->message);
	free(m);
}

void mount_list_reap(void)
{
	struct one_mount *ended = NULL, **link, *m;

	pthread_mutex_lock(&stick.lock);
	for (link = &stick.mounts; (m = *link);) {
		if (m->state != MOUNT_ENDED) {
			link = &m->next;
			continue;
		}
		*link = m->next;
		m->next = ended;
		ended = m;
	}
	pthread_mutex_unlock(&stick.lock);
	while ((m = ended)) {
		ended = m->next;
		if (m->joined)
			pthread_join(m->thread, NULL);
		free_mount(m);
	}
}

void mount_list_join(void)
{
	struct one_mount *m;

	pthread_mutex_lock(&stick.lock);
	while (!stick.over)
		pthread_cond_wait(&stick.changed, &stick.lock);
	pthread_mutex_unlock(&stick.lock);
	for (m = stick.mounts; m; m = m->next)
		if (m->joined)
			pthread_join(m->thread, NULL);
}

void mount_list_free(void)
{
	struct one_mount *m;

	while ((m = stick.mounts)) {
		stick.mounts = m->next;
		free_mount(m);
	}
}

/* "" or where it is mounted. */
static void claim(struct one_mount *m, const struct disk_part *part, char *ret_dir)
{
	size_t n = part - stick.disk.parts;
	const struct one_mount *other;

	*ret_dir = 0;
	pthread_mutex_lock(&stick.lock);
	for (other = stick.mounts; other; other = other->next)
		if (other != m && other->state != MOUNT_ENDED && other->claimed[n])
			strcpy(ret_dir, other->dir);
	if (!*ret_dir)
		m->claimed[n] = true;
	pthread_mutex_unlock(&stick.lock);
}

int mount_list_claim_part(void *ctx, const struct disk_part *part, bool say)
{
	struct one_mount *m = ctx;
	char dir[sizeof(m->dir)];

	claim(m, part, dir);
	if (!*dir)
		return 0;
	if (!say)
		return REPORT_MOUNT;
	return part->number ?
	       report(REPORT_MOUNT, "already-mounted", "partition %d of %s is mounted on %s",
		      part->number, m->source, dir) :
	       report(REPORT_MOUNT, "already-mounted", "%s is mounted on %s", m->source, dir);
}

/* Logical volumes are claimed one by one (lvm_open), encrypted parts when they are opened. */
int mount_list_claim(struct one_mount *m)
{
	return disk_is_lvm(m->chosen) || unlock_wanted(&m->args.volume.unlock, m->chosen) ? 0 :
	       mount_list_claim_part(m, m->chosen, true);
}

void mount_list_release(void *ctx, const struct disk_part *part)
{
	struct one_mount *m = ctx;

	pthread_mutex_lock(&stick.lock);
	m->claimed[part - stick.disk.parts] = false;
	pthread_mutex_unlock(&stick.lock);
}

void mount_list_ready(struct one_mount *m, dev_t dev)
{
	pthread_mutex_lock(&stick.lock);
	m->dev = dev;
	m->state = MOUNT_READY;
	pthread_mutex_unlock(&stick.lock);
}

bool mount_list_forget(struct one_mount *m, dev_t *ret_dev)
{
	const struct one_mount *other;
	bool alone;

	pthread_mutex_lock(&stick.lock);
	*ret_dev = m->dev;
	alone = m->dev != 0;
	m->dev = 0;
	for (other = stick.mounts; other; other = other->next)
		alone &= other->dev != *ret_dev;
	pthread_mutex_unlock(&stick.lock);
	return alone;
}

void mount_list_serves(struct one_mount *m, struct fusefs *fs)
{
	pthread_mutex_lock(&stick.lock);
	m->fs = fs;
	if (fs && stick.stopping)
		fusefs_stop(fs);
	pthread_mutex_unlock(&stick.lock);
}

void mount_list_hide(struct one_mount *m)
{
	pthread_mutex_lock(&stick.lock);
	m->state = MOUNT_ENDING;
	while (m->users)
		pthread_cond_wait(&stick.changed, &stick.lock);
	pthread_mutex_unlock(&stick.lock);
}

bool mount_list_end(struct one_mount *m, bool started)
{
	bool last;

	pthread_mutex_lock(&stick.lock);
	memset(m->claimed, 0, sizeof(m->claimed));
	if (started && !stick.status)
		stick.status = m->status;
	last = --stick.n_mounts == 0;
	if (last) {
		stick.over = true;
		stick.last = m;
	}
	pthread_cond_broadcast(&stick.changed);
	pthread_mutex_unlock(&stick.lock);
	return last;
}

void mount_list_leave(struct one_mount *m)
{
	pthread_mutex_lock(&stick.lock);
	m->state = MOUNT_ENDED;
	pthread_mutex_unlock(&stick.lock);
}

void mount_list_stop(void)
{
	struct one_mount *m;

	pthread_mutex_lock(&stick.lock);
	stick.stopping = true;
	for (m = stick.mounts; m; m = m->next)
		if (m->fs)
			fusefs_stop(m->fs);
	pthread_mutex_unlock(&stick.lock);
	key_session_cancel();
}

void mount_list_stop_one(struct one_mount *m)
{
	pthread_mutex_lock(&stick.lock);
	if (m->fs)
		fusefs_stop(m->fs);
	pthread_mutex_unlock(&stick.lock);
}

/* ---- looking ---- */

char **mount_list_dirs(const struct one_mount *but, bool starting)
{
	const struct one_mount *m;
	unsigned int n = 0;
	char **dirs;

	pthread_mutex_lock(&stick.lock);
	dirs = calloc(stick.n_mounts + 1, sizeof(*dirs));
	for (m = stick.mounts; m && dirs; m = m->next)
		if (m != but && (m->state == MOUNT_READY ||
				 (starting && m->state == MOUNT_STARTING)) &&
		    (dirs[n] = strdup(m->dir)))
			n++;
	pthread_mutex_unlock(&stick.lock);
	return dirs;
}

void mount_list_free_dirs(char **dirs)
{
	for (unsigned int i = 0; dirs && dirs[i]; i++)
		free(dirs[i]);
	free(dirs);
}

dev_t *mount_list_devs(void)
{
	const struct one_mount *m;
	unsigned int n = 0;
	dev_t *devs;

	pthread_mutex_lock(&stick.lock);
	devs = calloc(stick.n_mounts + 1, sizeof(*devs));
	for (m = stick.mounts; m && devs; m = m->next)
		if (m->state == MOUNT_READY && m->dev)
			devs[n++] = m->dev;
	pthread_mutex_unlock(&stick.lock);
	return devs;
}

/* The newest comes first: the host gives a number again as soon as a mount is gone. */
struct one_mount *mount_list_get(dev_t dev)
{
	struct one_mount *m;

	pthread_mutex_lock(&stick.lock);
	for (m = stick.mounts; m && (m->state != MOUNT_READY || m->dev != dev); m = m->next)
		;
	if (m)
		m->users++;
	pthread_mutex_unlock(&stick.lock);
	return m;
}

void mount_list_put(struct one_mount *m)
{
	pthread_mutex_lock(&stick.lock);
	m->users--;
	pthread_cond_broadcast(&stick.changed);
	pthread_mutex_unlock(&stick.lock);
}

bool mount_list_want_eject(struct one_mount *m)
{
	bool alone;

	pthread_mutex_lock(&stick.lock);
	alone = stick.n_mounts == 1;
	if (alone)
		m->eject = true;
	pthread_mutex_unlock(&stick.lock);
	return alone;
}
