/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vhost_user.h - serves a virtio device to a virtual machine over a vhost-user
 * socket: UML, QEMU and whoever else speaks the protocol.
 *
 * One front end at a time. One that breaks the rules, or dies, is dropped with one
 * line in the log; the device is reset and the next one is served. The process must
 * ignore SIGPIPE. A SIGBUS handler is installed, because a front end can truncate the
 * memory that it shares (host/transport/vhost_user_mem.c).
 */
#ifndef VHOST_USER_H
#define VHOST_USER_H

#include "virtio_dev.h"

struct vhost_user;

/*
 * fd: a listening socket, whose front ends are served one after the other, or a
 * connected one. It stays the caller's, as do ops and dev, which must live until
 * vhost_user_free. -EINVAL: no such socket, or the device has more queues or
 * configuration than fit; -ENOMEM.
 */
int vhost_user_new(const struct virtio_device_ops *ops, void *dev, int fd,
		   struct vhost_user **ret_vu);

/*
 * Serves on the calling thread, which also runs the device's notify, until
 * vhost_user_stop; with a connected socket also until its front end is gone.
 * 0; -EPROTO: the one front end was dropped; or -errno.
 */
int vhost_user_run(struct vhost_user *vu);

/* Makes vhost_user_run return, now or when it is called. Any thread. */
void vhost_user_stop(struct vhost_user *vu);

/* Not while it runs. The device is reset. NULL is allowed. */
void vhost_user_free(struct vhost_user *vu);

#endif
