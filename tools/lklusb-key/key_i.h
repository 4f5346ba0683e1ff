/* SPDX-License-Identifier: MIT */
/* key_i.h - the parts of the key helper. */
#ifndef KEY_I_H
#define KEY_I_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "key_helper.h"

#define PASSPHRASE_MAX	512	/* typed, or of an askpass program or keyring */
#define TRIES		3

struct crypt_device;

/* Memory of crypt_safe_alloc(): locked if the user may, wiped when it is freed. */
struct passphrase {
	char *text;
	size_t len;
};

void passphrase_free(struct passphrase *p);

/*
 * All return 0, or a status of enum key_status. The one that types sees its errors
 * on the terminal; with the others there is one try.
 */
int ask(const struct key_setup *setup, const char *what, struct passphrase *ret);
int ask_keyring(const char *description, struct passphrase *ret);
bool ask_can_retry(void);
void ask_say(const char *text);

/*
 * Answers the question about the header at KEY_FD_HEADER; fills status, text and all that
 * belongs to the status. A passphrase that was right once is tried first.
 */
void unlock(const struct key_setup *setup, const struct key_question *question,
	    struct key_answer *ret_answer);
void unlock_forget(void);

#endif
