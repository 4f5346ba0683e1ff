/* SPDX-License-Identifier: MIT */
/*
 * key_helper.h - what lklusb and its key helper say to each other, in the byte order of
 * the machine: the setup once, then a question and an answer for each encrypted device,
 * each one message of fixed size.
 *
 * The helper (tools/lklusb-key) is a program of its own, since libcryptsetup and what it
 * links have no place beside the library kernel. It gets descriptors and no paths. Who
 * starts it says how to get at the key; who has the other end of its socket, which may be
 * another process and in the hands of a hostile stick, only for which header.
 */
#ifndef KEY_HELPER_H
#define KEY_HELPER_H

#include <stdint.h>

#define KEY_MAGIC	0x316b6c6cu

/* Descriptors that the helper starts with. */
#define KEY_FD_KEY	0	/* the key file, or /dev/null */
#define KEY_FD_SETUP	3	/* pipe */
#define KEY_FD_HEADER	4	/* copy of a detached header, or /dev/null */
#define KEY_FD_SOCKET	5	/* SOCK_SEQPACKET; when its peer closes, the helper ends */

#define KEY_MAX_BYTES	512	/* of a volume key */
#define KEY_MAX_HEADER	(256ull << 20)
#define KEY_MAX_QUESTIONS 64	/* each may be a guess at the passphrase */

enum key_format { KEY_LUKS = 1, KEY_PLAIN };
enum key_origin { KEY_PROMPT = 1, KEY_FILE, KEY_KEYRING };

struct key_setup {
	uint32_t magic;
	uint32_t format;		/* enum key_format */
	uint32_t origin;		/* enum key_origin, of the passphrase */
	uint32_t key_bytes;		/* KEY_PLAIN */
	uint64_t detached;		/* bytes at KEY_FD_HEADER; 0: questions bring copies */
	uint64_t file_offset;		/* KEY_FILE */
	uint64_t file_size;		/* likewise; 0 = all */
	uint64_t offset, skip;		/* KEY_PLAIN: 512-byte sectors */
	char cipher[64], hash[64];	/* KEY_PLAIN: aes-xts-plain64, sha256 */
	char askpass[1024];		/* program that asks, or "" */
	char keyring[256];		/* description of a user key */
};

/* With the descriptor of a copy of the header, which is as long as the device. */
struct key_question {
	uint32_t magic;
	uint32_t reserved;
	uint64_t copied;		/* so many bytes of the header are there */
	char what[160];			/* for the prompt, printable */
};

enum key_status {
	KEY_OK,
	KEY_WRONG,		/* no key slot matches */
	KEY_BAD_HEADER,		/* damaged, or none */
	KEY_NOBODY,		/* nobody could be asked */
	KEY_CANCELLED,
	KEY_MORE,		/* copy .need bytes of the header and ask again */
	KEY_MEMORY,		/* .need bytes of memory are not there */
	KEY_UNSUPPORTED,
	KEY_UNREADABLE,		/* key file, keyring or askpass program */
	KEY_FAILED,
	KEY_N_STATUS,
};

#define KEY_DISCARDS	1u	/* .flags: the header allows discards */
#define KEY_NO_JOURNAL	2u	/* .flags: dm-integrity without its journal */

struct key_answer {
	uint32_t magic;
	uint32_t status;		/* enum key_status */
	uint64_t need;			/* bytes */
	char text[160];			/* libcryptsetup's last word, or "" */
	/* KEY_OK: */
	uint32_t version;		/* LUKS 1 or 2, 0: plain */
	uint32_t flags;
	uint32_t sector_size;		/* bytes */
	uint32_t key_bytes;
	uint64_t offset;		/* of the data, 512-byte sectors */
	uint64_t iv_offset;		/* likewise */
	uint32_t tag_bytes;		/* of dm-integrity, 0: none */
	uint32_t reserved;
	char cipher[64];		/* aes-xts-plain64 */
	char integrity[64];		/* hmac(sha256), aead, none, or "" */
	uint8_t key[KEY_MAX_BYTES];
};

#endif
