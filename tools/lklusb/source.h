/* SPDX-License-Identifier: GPL-2.0-only */
/* source.h - command-line options that say how a source is plugged in. */
#ifndef SOURCE_H
#define SOURCE_H

#include <getopt.h>

#include "guest.h"

/* For getopt_long, beside a command's own; values from 256 on. */
#define SOURCE_OPTIONS \
	{ "virtio-blk", no_argument, NULL, 256 }, \
	{ "speed", required_argument, NULL, 257 }, \
	{ "sector-size", required_argument, NULL, 258 }, \
	{ "mem", required_argument, NULL, 259 }, \
	{ "kernel-log", required_argument, NULL, 260 }, \
	{ "filter", required_argument, NULL, 261 }, \
	{ "uas", no_argument, NULL, 264 }, \
	{ "no-uas", no_argument, NULL, 320 }, \
	{ "detach-driver", no_argument, NULL, 263 }, \
	{ "trace", required_argument, NULL, 300 }, \
	{ "trace-format", required_argument, NULL, 301 }, \
	{ "trace-size", required_argument, NULL, 302 }, \
	{ "trace-snaplen", required_argument, NULL, 303 }, \
	{ "sandbox", required_argument, NULL, 380 }, \
	{ "no-sandbox", no_argument, NULL, 381 }

#define SOURCE_HELP \
	"  --virtio-blk        serve the image as a plain disk, without USB\n" \
	"  --speed SPEED       of the emulated stick: super (default) or high\n" \
	"  --sector-size N     512 (default) or 4096\n" \
	"  --uas               the emulated stick speaks USB Attached SCSI\n" \
	"  --mem SIZE          memory of the library kernel, 256M by default\n" \
	"  --kernel-log FILE   write the library kernel's log there\n" \
	"  --detach-driver     take a USB device from the host's driver\n" \
	"  --no-uas            Bulk-Only even if a USB device has UAS\n" \
	"  --trace FILE        record all USB transfers, for Wireshark\n" \
	"  --trace-format FORM usbmon (default) or usbip\n" \
	"  --trace-size SIZE   of the file at most, 64M by default\n" \
	"  --trace-snaplen N   bytes of data of one record, 64K by default\n" \
	"  --sandbox MODE      auto (default), require, debug; --no-sandbox\n" \
	"  --filter FILTER     tests: powercut, fault:NAME[@N[+]], delay:MICROSECONDS\n"

/* Defaults: SuperSpeed, 512 bytes, 256 MiB. */
void source_init(struct guest_config *config);

/* Takes an option of SOURCE_OPTIONS. Reports; 0 or an exit status. */
int source_option(struct guest_config *config, int option, const char *value);

/*
 * The option because of which the two do not describe the same stick, or NULL. Names of
 * files in theirs are relative to their_cwd.
 */
const char *source_difference(const struct guest_config *ours,
			      const struct guest_config *theirs, const char *their_cwd);

/* Whether SRC, if it is an address, is a correct one; reports if not. */
int source_check(const char *source);

#endif
