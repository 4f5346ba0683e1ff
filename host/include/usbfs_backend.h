/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usbfs_backend.h - a real USB device, through the host's usbfs
 * (<linux/usbdevice_fs.h>) and nothing above it.
 */
#ifndef USBFS_BACKEND_H
#define USBFS_BACKEND_H

#include <poll.h>
#include <sys/types.h>

#include "usb_backend.h"

#define USBFS_DRIVER_NAME	256u	/* bytes, with the terminating 0 */

/*
 * What the backend asks of its host; a script can take the host's place. Each
 * returns -errno where the system call would set errno. Any thread, also at the
 * same time; ioctls with the exception of SUBMITURB and REAPURBNDELAY may block for
 * seconds.
 */
struct usbfs_host_ops {
	int (*ioctl)(void *ctx, int fd, unsigned long request, void *arg);
	/* fds[0] is the device, fds[1] a descriptor of the backend's own. */
	int (*poll)(void *ctx, struct pollfd *fds, unsigned int n, int timeout_ms);
	ssize_t (*pread)(void *ctx, int fd, void *buf, size_t len, off_t off);
	int (*close)(void *ctx, int fd);
};

/* The system calls; ctx is not used. */
extern const struct usbfs_host_ops usbfs_system;

struct usbfs_config {
	int fd;			/* of /dev/bus/usb/BBB/DDD, open for writing */
	/*
	 * A second one, opened for itself and not a dup, or -1. fd gives its right to
	 * attach drivers up; this one keeps it, to give the host its driver back.
	 * Without it, fd keeps its rights if a driver was detached.
	 */
	int give_back_fd;
	bool keep_rights;	/* of fd: somebody else has it too, and gives back with it */
	bool others_give_back;	/* some other process does: nothing is kept for it */
	bool detach;		/* take interfaces from drivers of the host */
	uint8_t interface_class;	/* take interfaces of this class; 0 = all */
	const struct usbfs_host_ops *host;	/* NULL = usbfs_system */
	void *host_ctx;
	/*
	 * The device left by itself; once, on a thread of the backend, after everything
	 * in flight ended and the port was told. Must not block. NULL = ignore.
	 */
	void (*gone)(void *ctx);
	void *gone_ctx;
	/*
	 * Around the completions of what was reaped together, on the thread that reaped;
	 * after() may do whatever follows from them, new transfers included. NULL = nothing.
	 */
	void (*before)(void);
	void (*after)(void);
};

/*
 * Claims the interfaces; both descriptors are the backend's from success on. Asks the
 * device for its configuration, so this may block for a second. Starts no thread: the
 * first transfer does.
 *
 * -EBUSY: an interface has a driver, whose name (of the host, or "usbfs": another
 * program) is written into driver; -ENXIO: no interface of that class; -EINVAL:
 * descriptors of the device make no sense, or fd is not one of usbfs; -ENODEV: gone;
 * -EACCES: fd is not open for writing; -ENOMEM.
 *
 * Isochronous transfers are refused with -EINVAL.
 */
int usbfs_backend_new(const struct usbfs_config *config, struct usb_backend **ret_backend,
		      char driver[USBFS_DRIVER_NAME]);

/*
 * Streams of an endpoint that the host granted when usbfs_backend_new tried. 0: a guest
 * must not be offered any, so that it takes a setting of the device without.
 */
unsigned int usbfs_backend_streams(const struct usb_backend *backend);

/*
 * The interfaces whose driver of the host it has detached and would give back when it is
 * closed, by the right that its descriptor has kept: that somebody else does from now on.
 */
uint32_t usbfs_backend_hand_over(struct usb_backend *backend);

#endif
