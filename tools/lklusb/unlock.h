/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * unlock.h - an encrypted partition becomes a device of the library kernel: the key
 * helper finds the key, dm-crypt inside uses it.
 *
 * The command line, and the files that it names, are of the process that asks for a mount;
 * so is the helper, which it starts. The process that serves asks that one, through a
 * socket, and has neither.
 *
 * All functions report what goes wrong and return 0 or an exit status.
 */
#ifndef UNLOCK_H
#define UNLOCK_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "disk.h"
#include "key_session.h"

struct unlock_config {
	const char *key_file;		/* path, or NULL */
	const char *key_fd;		/* number, or NULL */
	uint64_t file_offset, file_size;	/* of either; size 0: all */
	const char *keyring;		/* description of a user key, or NULL */
	const char *askpass;		/* program, or NULL */
	const char *header;		/* file, or NULL: in front of the data */
	const char *plain;		/* cipher: no LUKS but plain dm-crypt; or NULL */
	const char *hash;
	unsigned int key_bits;
	uint64_t offset, skip;		/* 512-byte sectors */
	int key_fd_open, header_fd;	/* unlock_prepare's, or -1 */
};

/* What unlock_open has made. */
struct unlocked {
	unsigned int number;
	char crypt[32], integrity[32];	/* names for the device mapper, or "": not there */
	const char *kind;		/* "luks1", "luks2", "plain" */
	bool unusable;			/* because of its header or key: others may work */
};

/* For getopt_long; values 270 to 289. */
#define UNLOCK_OPTIONS \
	{ "key-file", required_argument, NULL, 270 }, \
	{ "keyfile-offset", required_argument, NULL, 271 }, \
	{ "keyfile-size", required_argument, NULL, 272 }, \
	{ "key-fd", required_argument, NULL, 273 }, \
	{ "keyring", required_argument, NULL, 274 }, \
	{ "askpass", required_argument, NULL, 275 }, \
	{ "header", required_argument, NULL, 276 }, \
	{ "plain", required_argument, NULL, 277 }, \
	{ "hash", required_argument, NULL, 278 }, \
	{ "key-size", required_argument, NULL, 279 }, \
	{ "offset", required_argument, NULL, 280 }, \
	{ "skip", required_argument, NULL, 281 }

#define UNLOCK_HELP \
	"  --key-file FILE, --key-fd N\n" \
	"                      that opens an encrypted partition, instead of a passphrase\n" \
	"  --keyfile-offset N, --keyfile-size N\n" \
	"                      bytes of it that are the key\n" \
	"  --keyring NAME      a user key of the kernel's keyrings\n" \
	"  --askpass PROGRAM   that asks for the passphrase\n" \
	"  --header FILE       a LUKS header that is not on the partition\n" \
	"  --plain CIPHER      plain dm-crypt, aes-xts-plain64 for instance; with\n" \
	"                      --hash NAME, --key-size BITS, --offset SECTORS, --skip SECTORS\n"

static inline bool unlock_is_option(int option)
{
	return option >= 270 && option <= 289;
}

void unlock_init(struct unlock_config *config);

/* Takes an option of UNLOCK_OPTIONS. */
int unlock_option(struct unlock_config *config, int option, const char *value);

/* Opens the key file and the header, while paths can still be opened. */
int unlock_prepare(struct unlock_config *config);
void unlock_close_files(struct unlock_config *config);

/* Starts the helper with them. */
int unlock_start_helper(const struct unlock_config *config, struct key_session *ret_session);
int unlock_helper_failed(int err);

/* Whether part is to be unlocked; without a signature if the user says so. */
bool unlock_wanted(const struct unlock_config *config, const struct disk_part *part);

/*
 * Asks, tries, and makes the device inside, which is probed. The result is to be freed
 * as those of disk.h are.
 */
int unlock_open(struct unlocked *ret_unlocked, const struct unlock_config *config,
		const struct key_session *session, const struct disk_part *part, bool readonly,
		struct disk_part *ret_inner);

/* Removes the device, which wipes the key. Nothing of it is mounted. */
int unlock_close(struct unlocked *unlocked);

#endif
