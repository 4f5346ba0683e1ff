/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fusefs.h - shows a filesystem that is mounted in the library kernel to the host,
 * through FUSE.
 *
 *   fusefs_mount -> (lkl_start_kernel, lkl_mount) -> fusefs_serve -> fusefs_free
 *
 * A process may serve several, each on threads of its own.
 * Nobody else may change the filesystem meanwhile: names, attributes and pages are
 * cached by the host for ever.
 */
#ifndef FUSEFS_H
#define FUSEFS_H

#include <stdbool.h>
#include <sys/types.h>

#include "idmap.h"

struct fusefs;

/*
 * Who owns what, and who may do what (docs/permissions.md).
 *
 * Without keep everything belongs to uid:gid, whoever owns it inside; what is made is
 * owned by them inside too; chown to others is -EPERM. Nobody's permissions are checked
 * as long as only one user can reach the mount and there is no umask.
 *
 * With keep owners are as they are inside, or their counterparts if there is a map, and
 * the host's kernel checks permissions; who has no counterpart can make nothing, and
 * what they own nobody can write to. Filesystems without owners (FAT, exFAT, NTFS)
 * belong to uid:gid all the same.
 */
struct fusefs_owners {
	bool keep;
	struct idmap users, groups;	/* with keep */
	uid_t uid;
	gid_t gid;
	int umask;		/* without keep: all that may not be done; -1 = as inside */
};

struct fusefs_config {
	const char *fsname;	/* first column of /proc/mounts; may hold any character */
	const char *subtype;	/* type becomes fuse.SUBTYPE */
	const char *options;	/* more FUSE mount options, comma-separated, or NULL */
	bool readonly;
	struct fusefs_owners owners;
	unsigned int threads;	/* that serve a channel, at most; 0 = 8, 1..64 */
	bool io_uring;		/* FUSE over io_uring, if the host has it; else /dev/fuse */
	/* Unmounts it lazily, since this process will have no right to; NULL = it has. */
	void (*unmount)(void *ctx);
	void *unmount_ctx;
};

/*
 * Mounts on the folder dir (needs fusermount3 unless root). Requests wait from
 * now on until fusefs_serve. Starts no thread: call it before lkl_start_kernel
 * in the process that will serve. -errno; libfuse's own message goes to the log.
 */
int fusefs_mount(const struct fusefs_config *config, const char *dir,
		 struct fusefs **ret_fs);

/*
 * The same in two processes: one mounts, with its user's rights, and sends the other the
 * descriptor. Until somebody serves it, requests wait; when nobody has the descriptor
 * any more they fail, and what is left is to be unmounted with fusefs_disconnect.
 * The other adopts it (and has fd, if that succeeds) with the same config; its library
 * kernel may have been started long ago.
 */
int fusefs_connect(const struct fusefs_config *config, const char *dir, int *ret_fd);
int fusefs_adopt(const struct fusefs_config *config, const char *dir, int fd,
		 struct fusefs **ret_fs);

/* Whether it will be served over io_uring. */
bool fusefs_has_io_uring(const struct fusefs *fs);

/* Unmounts dir (lazily) if fd is its descriptor and it is still mounted. */
void fusefs_disconnect(const char *dir, int fd);

/*
 * Serves root, a path of the library kernel, on the caller's thread, until it is
 * unmounted (returns 0), fusefs_stop is called (0), or the library kernel is dead
 * (-EIO). More threads join while calls of the library kernel sleep.
 * ready is called once, when requests are answered; then from within.
 */
int fusefs_serve(struct fusefs *fs, const char *root, void (*ready)(void *ctx),
		 void *ctx);

/*
 * Makes fusefs_serve return, after it has answered what the host has asked until
 * then, but for seconds at most. Any thread, also from a signal handler.
 */
void fusefs_stop(struct fusefs *fs);

/* Takes the mount from the host and leaves everything else; the process ends. */
void fusefs_abandon(struct fusefs *fs);

/*
 * Unmounts (lazily) if that was not done, ends the threads, closes every
 * descriptor inside the library kernel, frees. After it, lkl_umount is not busy.
 */
void fusefs_free(struct fusefs *fs);

#endif
