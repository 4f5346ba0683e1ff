// SPDX-License-Identifier: MIT
/* libcryptsetup at work on a copy of a header; the device itself is out of reach. */
#include "key_i.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libcryptsetup.h>

#define STRING_(x) #x
#define STRING(x) STRING_(x)
#define HEADER "/proc/self/fd/" STRING(KEY_FD_HEADER)

static struct passphrase kept;	/* was right once, or is the key file's */

/* Its last word says what is wrong. */
static void take_log(int level, const char *text, void *answer)
{
	struct key_answer *a = answer;

	if (level != CRYPT_LOG_ERROR)
		return;
	snprintf(a->text, sizeof(a->text), "%s", text);
	a->text[strcspn(a->text, "\n")] = 0;
}

/* ---- what the header asks for ---- */

static bool slot_active(struct crypt_device *cd, int slot)
{
	crypt_keyslot_info info = crypt_keyslot_status(cd, slot);

	return info == CRYPT_SLOT_ACTIVE || info == CRYPT_SLOT_ACTIVE_LAST;
}

/* Bytes up to the end of the last key slot in use. */
static uint64_t header_end(struct crypt_device *cd)
{
	int n = crypt_keyslot_max(crypt_get_type(cd));
	uint64_t offset, length, end = 0;

	for (int slot = 0; slot < n; slot++)
		if (slot_active(cd, slot) &&
		    !crypt_keyslot_area(cd, slot, &offset, &length) &&
		    offset + length > end)
			end = offset + length;
	return end;
}

static uint64_t memory_available(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

/* KiB of the hungriest key slot: whoever wrote the header chose them. */
static uint64_t memory_wanted(struct crypt_device *cd)
{
	int n = crypt_keyslot_max(crypt_get_type(cd));
	struct crypt_pbkdf_type pbkdf;
	uint64_t most = 0;

	for (int slot = 0; slot < n; slot++)
		if (slot_active(cd, slot) && !crypt_keyslot_get_pbkdf(cd, slot, &pbkdf) &&
		    pbkdf.max_memory_kb > most)
			most = pbkdf.max_memory_kb;
	return most;
}

static int load_luks(struct crypt_device *cd, uint64_t copied, struct key_answer *a)
{
	uint32_t requirements = 0;

	if (crypt_load(cd, CRYPT_LUKS, NULL))
		return KEY_BAD_HEADER;
	a->need = header_end(cd);
	if (a->need > copied)
		return a->need <= KEY_MAX_HEADER ? KEY_MORE : KEY_BAD_HEADER;
	a->need = memory_wanted(cd) << 10;
	if (a->need >> 10 > memory_available())
		return KEY_MEMORY;
	a->version = strcmp(crypt_get_type(cd), CRYPT_LUKS1) ? 2 : 1;
	if (a->version == 1)
		return 0;
	/* Interrupted work on the device itself is cryptsetup's to finish. */
	if (crypt_persistent_flags_get(cd, CRYPT_FLAGS_REQUIREMENTS, &requirements) ||
	    requirements) {
		snprintf(a->text, sizeof(a->text),
			 "it is being reencrypted, or needs what this libcryptsetup does not know");
		return KEY_UNSUPPORTED;
	}
	return 0;
}

static int load_plain(struct crypt_device *cd, const struct key_setup *setup,
		      struct key_answer *a)
{
	struct crypt_params_plain params = {
		.hash = setup->hash,
		.offset = setup->offset,
		.skip = setup->skip,
		.sector_size = 512,
	};
	const char *mode = strchr(setup->cipher, '-');
	char cipher[sizeof(setup->cipher)] = "";

	if (!mode)
		return KEY_UNSUPPORTED;
	memcpy(cipher, setup->cipher, mode - setup->cipher);
	if (crypt_format(cd, CRYPT_PLAIN, cipher, mode + 1, NULL, NULL, setup->key_bytes,
			 &params))
		return KEY_UNSUPPORTED;
	return 0;
}

/* ---- the passphrase ---- */

static int read_file(struct crypt_device *cd, const struct key_setup *setup,
		     struct passphrase *ret)
{
	size_t size = setup->file_size;

	if (setup->format == KEY_PLAIN && !size)
		size = setup->key_bytes;
	return crypt_keyfile_device_read(cd, NULL, &ret->text, &ret->len,
					 setup->file_offset, size, 0) ? KEY_UNREADABLE : 0;
}

static int get_passphrase(struct crypt_device *cd, const struct key_setup *setup,
			  const char *what, struct passphrase *ret)
{
	switch (setup->origin) {
	case KEY_FILE:
		return read_file(cd, setup, ret);
	case KEY_KEYRING:
		return ask_keyring(setup->keyring, ret);
	default:
		return ask(setup, what, ret);
	}
}

/* A plain key file is the key itself. */
static int take_key(const struct key_setup *setup, const struct passphrase *p,
		    struct key_answer *a)
{
	if (p->len != setup->key_bytes || p->len > sizeof(a->key)) {
		snprintf(a->text, sizeof(a->text), "it has %zu bytes, not %u", p->len,
			 setup->key_bytes);
		return KEY_UNREADABLE;
	}
	memcpy(a->key, p->text, p->len);
	a->key_bytes = p->len;
	return KEY_OK;
}

static int get_key(struct crypt_device *cd, const struct passphrase *p, struct key_answer *a)
{
	size_t size = sizeof(a->key);
	int r = crypt_volume_key_get(cd, CRYPT_ANY_SLOT, (char *)a->key, &size, p->text,
				     p->len);

	a->key_bytes = size;
	if (r >= 0)
		return KEY_OK;
	switch (r) {
	case -EPERM:
		return KEY_WRONG;
	case -ENOENT:		/* no slot is in use */
		return KEY_BAD_HEADER;
	case -ENOMEM:
		return KEY_MEMORY;
	default:
		snprintf(a->text, sizeof(a->text), "cannot use %.60s-%.60s",
			 crypt_get_cipher(cd), crypt_get_cipher_mode(cd));
		return KEY_UNSUPPORTED;
	}
}

static int use(struct crypt_device *cd, const struct key_setup *setup,
	       const struct passphrase *p, struct key_answer *a)
{
	return setup->format == KEY_PLAIN && setup->origin == KEY_FILE ?
	       take_key(setup, p, a) : get_key(cd, p, a);
}

static int try_once(struct crypt_device *cd, const struct key_setup *setup, const char *what,
		    struct key_answer *a)
{
	struct passphrase p = { 0 };
	int status = get_passphrase(cd, setup, what, &p);

	if (status)
		return status;
	status = use(cd, setup, &p, a);
	if (status && setup->origin != KEY_FILE) {	/* a pipe is read once */
		passphrase_free(&p);
	} else {
		unlock_forget();
		kept = p;
	}
	return status;
}

/* The parts of one volume group have the same one, most of the time. */
static int try_kept(struct crypt_device *cd, const struct key_setup *setup,
		    struct key_answer *a)
{
	return kept.text ? use(cd, setup, &kept, a) : KEY_WRONG;
}

static int try_passphrases(struct crypt_device *cd, const struct key_setup *setup,
			   const char *what, struct key_answer *a)
{
	int status = try_kept(cd, setup, a);
	char text[64];

	/* A file or a keyring has no other one. */
	if (status != KEY_WRONG || (kept.text && setup->origin != KEY_PROMPT))
		return status;
	for (int i = 1; i <= TRIES && status == KEY_WRONG; i++) {
		status = try_once(cd, setup, what, a);
		if (status != KEY_WRONG || !ask_can_retry())
			break;
		snprintf(text, sizeof(text), "No key slot matches, try %d/%d", i, TRIES);
		if (i < TRIES)
			ask_say(text);
	}
	return status;
}

void unlock_forget(void)
{
	passphrase_free(&kept);
}

/* ---- the answer ---- */

static int describe(struct crypt_device *cd, struct key_answer *a)
{
	struct crypt_params_integrity integrity = { 0 };
	const char *cipher = crypt_get_cipher(cd), *mode = crypt_get_cipher_mode(cd);
	uint32_t flags = 0;

	if (!cipher || !mode)
		return KEY_UNSUPPORTED;
	snprintf(a->cipher, sizeof(a->cipher), "%s-%s", cipher, mode);
	a->sector_size = crypt_get_sector_size(cd);
	a->offset = crypt_get_data_offset(cd);
	a->iv_offset = crypt_get_iv_offset(cd);
	if (a->version != 2)
		return KEY_OK;
	if (!crypt_get_integrity_info(cd, &integrity) && integrity.integrity) {
		a->tag_bytes = integrity.tag_size;
		snprintf(a->integrity, sizeof(a->integrity), "%s", integrity.integrity);
	}
	if (!crypt_persistent_flags_get(cd, CRYPT_FLAGS_ACTIVATION, &flags))
		a->flags = (flags & CRYPT_ACTIVATE_ALLOW_DISCARDS ? KEY_DISCARDS : 0) |
			   (flags & CRYPT_ACTIVATE_NO_JOURNAL ? KEY_NO_JOURNAL : 0);
	return KEY_OK;
}

void unlock(const struct key_setup *setup, const struct key_question *q, struct key_answer *a)
{
	struct crypt_device *cd;
	int status;

	/* Nobody else has this copy. */
	crypt_metadata_locking(NULL, 0);
	if (crypt_init(&cd, HEADER)) {
		a->status = KEY_FAILED;
		return;
	}
	crypt_set_log_callback(cd, take_log, a);
	if (setup->format == KEY_PLAIN)
		status = load_plain(cd, setup, a);
	else
		status = load_luks(cd, setup->detached ? setup->detached : q->copied, a);
	if (!status)
		status = try_passphrases(cd, setup, q->what, a);
	if (!status)
		status = describe(cd, a);
	a->status = status;
	crypt_free(cd);
}
