// SPDX-License-Identifier: MIT
/* A "user" key of the kernel's keyrings; two system calls that glibc does not wrap. */
#include "key_i.h"

#include <sys/syscall.h>
#include <unistd.h>
#include <linux/keyctl.h>
#include <libcryptsetup.h>

int ask_keyring(const char *description, struct passphrase *ret)
{
	long key = syscall(SYS_request_key, "user", description, NULL, 0);
	char *text = crypt_safe_alloc(PASSPHRASE_MAX);
	long len = -1;

	if (key >= 0 && text)
		len = syscall(SYS_keyctl, KEYCTL_READ, key, text, PASSPHRASE_MAX);
	if (len < 0 || len > PASSPHRASE_MAX) {
		crypt_safe_free(text);
		return KEY_UNREADABLE;
	}
	*ret = (struct passphrase) { text, len };
	return 0;
}
