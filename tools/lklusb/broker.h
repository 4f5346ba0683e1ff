/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * broker.h - a process outside of the sandbox, made before it. It does for the one with the
 * library kernel what that has no right to any more, in the few words of broker_word.h; and
 * when that one has ended, in whatever way, it takes away what is left: mounts, names,
 * locks, and gives the host its driver back.
 *
 *   broker_start -> broker_device, broker_guard -> confine() -> the rest -> broker_end
 *
 * broker_ask.h says who may call what, when.
 */
#ifndef BROKER_H
#define BROKER_H

#include <stdint.h>
#include <sys/types.h>

#include "broker_ask.h"

struct guest_config;
struct key_session;
struct unlock_config;

/* What it knows by heart, since it does not believe anybody later. */
struct broker_config {
	const struct guest_config *guest;
	const struct unlock_config *unlock;	/* or NULL: no keys */
	const char *unlink;			/* a socket to be removed at the end, or NULL */
};

int broker_start(const struct broker_config *config);

/* The USB device that may be reopened, by its port path. */
int broker_device(const char *id);

/* It gets its driver back with fd, a usbfs node with all its rights; fd stays open. */
int broker_guard(int fd, unsigned int interface);

/* A mount of FUSE on this folder, which is ours: its number on the host. */
int broker_keep(const char *dir, dev_t *ret_dev);

/* Of mounts that it keeps: makes them found (control.h), or not any more. */
int broker_publish(dev_t dev);
void broker_withdraw(dev_t dev);

/* Lets the host write back what was written through mappings; waits for it. */
void broker_sync(dev_t dev);

/* Lazily; it is not kept any more. */
void broker_unmount(dev_t dev);

/*
 * volume.h's connect: a key helper with the options and files of the command line. The
 * broker reports; 0 or an exit status.
 */
int broker_connect_keys(void *ctx, struct key_session *ret_session);

/*
 * The source once more: the USB device that is at its place now, if it is the same one
 * (-EEXIST: another one), or a connection to the USB/IP server.
 */
int broker_reopen(int *ret_fd);

/* The host has its driver back when this returns. Nothing is claimed any more. */
void broker_give_back(void);

enum broker_file { BROKER_KERNEL_LOG, BROKER_TRACE };

/* Whether path, absolute, is that file of the configuration: 0, or -EINVAL. */
int broker_same(unsigned int file, const char *path);

/* A line for the system's log. */
void broker_log(int priority, const char *line);

/* It has no terminal and no output any more. */
void broker_quiet(void);

/* ---- broker_serve.c: in the broker ---- */

_Noreturn void broker_serve(const void *config, int socket);

#endif
