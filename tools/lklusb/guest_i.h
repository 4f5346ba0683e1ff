/* SPDX-License-Identifier: GPL-2.0-only */
/* guest_i.h - what the parts of the library kernel's process share. */
#ifndef GUEST_I_H
#define GUEST_I_H

#include <stdatomic.h>
#include <stdbool.h>

#include "devices.h"
#include "guest.h"
#include "virtio_blk.h"
#include "virtio_mmio.h"
#include "virtio_usbip_dev.h"

struct guest {
	struct guest_config config;
	struct virtio_mmio *mmio;
	struct usbip_dev *usb;		/* one of these two */
	struct virtio_blk *blk;
	struct device device;		/* of the host, if real */
	char disks[GUEST_MAX_SOURCES][8];	/* in no particular order */
	bool readonly;
	bool real;			/* a USB device, of the host or of a peer */
	unsigned int n_returns;		/* so often may it leave and come back */
	bool booted, confined;
	_Atomic unsigned int n_gone;
	_Atomic bool left;		/* one of the devices */
	_Atomic bool gone;		/* all of them */
	_Atomic bool has_disk;		/* the first time; it may be gone again */
};

extern struct guest guest;

/* ---- guest_plug.c: the source, and how it is plugged in ---- */

/* All sources. Reports; 0 or an exit status. */
int guest_plug(void);

/*
 * Some devices leave when they are reset, and come back as new ones. Until the disk is
 * there nothing is lost by that; the library kernel sees them come back. Later, what
 * is mounted is.
 */
bool guest_came_back(void);

/* From now on somebody is told when it goes. */
void guest_disk_is_there(void);

/* ---- guest_log.c ---- */

/* Another file that gets the log: reports; 0 or an exit status. */
int guest_log_to(const char *file);

/* lkl_config's log. */
void guest_log_piece(void *ctx, const char *text, size_t len);

#endif
