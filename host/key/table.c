// SPDX-License-Identifier: GPL-2.0-only
/* Formats: Documentation/admin-guide/device-mapper/dm-crypt.rst, dm-integrity.rst */
#include "key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SPEC_SIZE 256

static void hex(const struct key_answer *a, char *to)
{
	static const char digits[] = "0123456789abcdef";

	for (uint32_t i = 0; i < a->key_bytes; i++) {
		*to++ = digits[a->key[i] >> 4];
		*to++ = digits[a->key[i] & 15];
	}
	*to = 0;
}

/*
 * What LUKS2 calls aes-xts-random with hmac(sha256) is capi:authenc(hmac(sha256),xts(aes))-random
 * for dm-crypt.
 */
static int authenticated_spec(const struct key_answer *a, char *spec, size_t size)
{
	char cipher[64], mode[64], iv[64], api[160];
	int n = sscanf(a->cipher, "%63[^-]-%63[^-]-%63s", cipher, mode, iv);

	if (n == 2) {			/* a stream cipher: chacha20-random */
		strcpy(iv, mode);
		strcpy(api, cipher);
	} else if (n == 3) {
		snprintf(api, sizeof(api), "%s(%s)", mode, cipher);
	} else {
		return -EINVAL;
	}
	if (!strcmp(a->integrity, "none") || !strcmp(a->integrity, "aead"))
		snprintf(spec, size, n == 3 && !strcmp(mode, "ccm") ?
			 "capi:rfc4309(%s)-%s" : "capi:%s-%s", api, iv);
	else if (!strcmp(a->integrity, "poly1305"))
		snprintf(spec, size, "capi:rfc7539(%s,poly1305)-%s", api, iv);
	else
		snprintf(spec, size, "capi:authenc(%s,%s)-%s", a->integrity, api, iv);
	return 0;
}

int key_table_crypt(const struct key_answer *a, const char *node,
		    char ret_table[static KEY_TABLE_SIZE])
{
	char spec[SPEC_SIZE], options[128] = "", key[2 * KEY_MAX_BYTES + 1];
	int n = 0, err = 0;
	size_t len = 0;

	if (a->tag_bytes) {
		err = authenticated_spec(a, spec, sizeof(spec));
		len += snprintf(options + len, sizeof(options) - len, " integrity:%u:%s",
				a->tag_bytes,
				strcmp(a->integrity, "none") ? "aead" : "none");
		n++;
	} else {
		snprintf(spec, sizeof(spec), "%s", a->cipher);
	}
	if (err)
		return err;
	if (a->sector_size != 512) {
		len += snprintf(options + len, sizeof(options) - len, " sector_size:%u",
				a->sector_size);
		n++;
	}
	if (a->flags & KEY_DISCARDS) {
		snprintf(options + len, sizeof(options) - len, " allow_discards");
		n++;
	}
	hex(a, key);
	snprintf(ret_table, KEY_TABLE_SIZE, "%s %s %llu %s %llu %d%s", spec, key,
		 (unsigned long long)a->iv_offset, node,
		 a->tag_bytes ? 0 : (unsigned long long)a->offset, n, options);
	explicit_bzero(key, sizeof(key));
	return 0;
}

void key_table_integrity(const struct key_answer *a, const char *node,
			 char ret_table[static KEY_TABLE_SIZE])
{
	snprintf(ret_table, KEY_TABLE_SIZE, "%s %llu %u %c 1 block_size:%u", node,
		 (unsigned long long)a->offset, a->tag_bytes,
		 a->flags & KEY_NO_JOURNAL ? 'D' : 'J', a->sector_size);
}

uint64_t key_data_sectors(const struct key_answer *a, uint64_t size)
{
	uint64_t sectors = size / 512 - a->offset;

	return sectors - sectors % (a->sector_size / 512);
}
