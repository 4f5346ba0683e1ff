/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guest.h - a library kernel with a disk plugged in, or several. One per process.
 *
 *   guest_open -> guest_boot -> (disk.h, lkl_mount, ...) -> guest_close
 *
 * All functions report what goes wrong and return 0 or an exit status.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "chain.h"
#include "confine.h"
#include "usb_backend.h"

#define GUEST_MNT "/mnt"	/* where the filesystem is mounted inside */

#define GUEST_MAX_SOURCES 8u

struct guest_config {
	const char *source;		/* an image file, block device or USB device */
	const char *more[GUEST_MAX_SOURCES - 1];	/* of the same filesystem or group */
	unsigned int n_more;
	bool readonly;
	bool virtio_blk;		/* a plain disk instead of a USB stick */
	bool detach_driver;		/* take a USB device from a driver of the host */
	bool no_uas;			/* of a USB device: as if it had only Bulk-Only */
	bool powercut;			/* tests: unflushed writes die with the process */
	enum usb_speed speed;
	unsigned int sector_size;	/* 512 or 4096 */
	bool uas;			/* the emulated stick offers UAS */
	struct chain chain;		/* filters; not of a plain disk */
	size_t ram_bytes;		/* 0 = default */
	const char *kernel_log;		/* file that gets the kernel's log, or NULL */
	bool verbose;			/* the kernel's log on stderr as well */
	enum confine_mode sandbox;
	struct unlock_config *unlock;	/* keys that may be asked for, or NULL */
	unsigned int keys;		/* so often: a helper answers a number of questions */
	int beneath;			/* folder in which files will be made, or -1 */
	bool beneath_readable;		/* and read */
	bool terminal;			/* lines are edited on one */
	bool input;			/* standard input is read */
	/* The kernel panicked; any thread, must not block. NULL = ignore. */
	void (*on_panic)(void);
	/* The process ends because nothing else ends the start; likewise. */
	void (*on_stuck)(void);
	/* A USB device was pulled; likewise. */
	void (*on_gone)(void);
};

/* Starts the broker, and opens the source; no thread is made. */
int guest_open(const struct guest_config *config);

/*
 * Enters the sandbox: what is to be opened is open. Before there are threads, once;
 * guest_boot does it if nobody did. ring: FUSE is served over io_uring.
 */
int guest_confine(bool ring);

/*
 * Boots and waits for the disk. If that and the reading of the disk, until
 * guest_disk_was_read(), takes too long, the process ends.
 */
int guest_boot(void);
void guest_disk_was_read(void);

/*
 * Stops the disks' units (START STOP UNIT), which writes its cache out, so that it
 * can be pulled. Nothing of it is mounted. Not of a virtio-blk disk, which has none.
 * 0 or -errno.
 */
int guest_eject(void);

/*
 * Powers the kernel off and closes the source. Nothing is mounted any more.
 * Returns REPORT_OK or the status of what went wrong, which was reported.
 */
int guest_close(void);

/* Names of the disks inside, "sda" or "vda"; NULL from the number of sources on. */
const char *guest_disk(unsigned int number);

/* Whether a medium cannot be written to. */
bool guest_readonly(void);

struct usbip_dev_stats;

/* Of its transfers; false: a plain disk has none. */
bool guest_urbs(struct usbip_dev_stats *ret_stats);

/* Whether all USB devices were pulled: what is dirty is lost. */
bool guest_gone(void);

/*
 * After something failed while the mount is being made: whether that is because the
 * device left, which is known a moment later. Reports; REPORT_OK if it is there.
 */
int guest_left(void);

/*
 * Calls fn for each name in a folder of the library kernel, but "." and "..", until it
 * returns other than 0: that, or -errno. -EUCLEAN: the folder's entries make no sense.
 */
int guest_names(long dir, int (*fn)(void *ctx, const char *name), void *ctx);
int guest_names_of(const char *path, int (*fn)(void *ctx, const char *name), void *ctx);

/*
 * The newest part of the kernel's log, malloc'ed; also after a panic. NULL: no
 * memory.
 */
char *guest_log(void);

/* " kernel: ..." below a message: the last line of the kernel's log that matches. */
void guest_report_log(const char *word);

#endif
