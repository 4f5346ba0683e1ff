/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * look.h - a source in the library kernel without FUSE, to look at it: nothing is written
 * to the source, unless that was asked for. One per process.
 *
 *   look_init, look_option ... -> look_open -> (look_mount -> ... -> look_unmount) ->
 *     look_close
 *
 * Functions report what goes wrong and return 0 or an exit status.
 */
#ifndef LOOK_H
#define LOOK_H

#include <getopt.h>
#include <stdbool.h>

#include "one_mount.h"
#include "source.h"

/* Of those that may write. */
#define LOOK_RW_OPTION	{ "rw", no_argument, NULL, 390 }

/* For getopt_long, of the commands that mount. */
#define LOOK_SHORT "p:t:o:vqh"
#define LOOK_OPTIONS \
	{ "partition", required_argument, NULL, 'p' }, \
	{ "lv", required_argument, NULL, 360 }, \
	{ "type", required_argument, NULL, 't' }, \
	{ "verbose", no_argument, NULL, 'v' }, \
	{ "quiet", no_argument, NULL, 'q' }, \
	{ "help", no_argument, NULL, 'h' }, \
	SOURCE_OPTIONS, \
	UNLOCK_OPTIONS

#define LOOK_HELP \
	"  -p, --partition P   N, LABEL=, UUID=, PARTLABEL= or PARTUUID=\n" \
	"  --lv GROUP/NAME     a logical volume of LVM; the only one otherwise\n" \
	"  -t, --type TYPE     of the filesystem; found by itself otherwise\n" \
	"  -o OPTIONS          of the filesystem\n" \
	UNLOCK_HELP \
	SOURCE_HELP \
	"  -v, --verbose       with the library kernel's log\n" \
	"  -q, --quiet\n"

struct look {
	struct one_mount mount;		/* its fs stays NULL */
	struct disk disk;
	long root;			/* descriptor inside: its top folder; or -1 */
	bool writable;			/* --rw */
};

void look_init(struct look *look);

/* Takes an option of LOOK_OPTIONS; args.help is set if that was asked for. */
int look_option(struct look *look, int option, char *value);

/* Opens the source, boots, and reads the disk. look_close follows in any case. */
int look_open(struct look *look, const char *source);
int look_close(struct look *look);

/*
 * Mounts the partition or GROUP/NAME of LVM; NULL: that of the options, or the only one.
 * Again after look_unmount.
 */
int look_mount(struct look *look, const char *what);
int look_unmount(struct look *look);

/*
 * Opens a path of what is mounted: absolute ones, and symbolic links, start at its top
 * folder, and nothing leads out of it. A descriptor inside, or -errno.
 */
long look_path(const struct look *look, const char *path, int flags);

/* Whether it can be a file's in a folder. */
bool look_is_name(const char *name);

/*
 * Opens the folder that path is in, likewise; path is changed. *ret_name: the last name of
 * it, which may be a link's; "" if it ends with none, and then it is opened itself.
 */
long look_parent(const struct look *look, char *path, const char **ret_name);

#endif
