// SPDX-License-Identifier: GPL-2.0-only
#include "key.h"

#include <string.h>

#define MAX_TAG 512u

/* Tables are words and spaces: neither ends a word, and none is empty inside. */
static bool word_valid(const char *text, size_t size, const char *allowed)
{
	size_t len = strnlen(text, size);

	return len < size && strspn(text, allowed) == len;
}

static bool text_valid(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

static bool cipher_valid(const char *cipher)
{
	return *cipher && strncmp(cipher, "capi:", 5) &&
	       word_valid(cipher, 64, "abcdefghijklmnopqrstuvwxyz0123456789-:_,()");
}

static bool sector_size_valid(uint32_t size)
{
	return size == 512 || size == 1024 || size == 2048 || size == 4096;
}

static bool place_valid(const struct key_answer *a, uint64_t size)
{
	uint64_t sectors = size / 512;

	return a->offset < sectors && (sectors - a->offset) * 512 >= a->sector_size;
}

bool key_answer_valid(const struct key_answer *a, size_t len, uint64_t size)
{
	if (len != sizeof(*a) || a->magic != KEY_MAGIC || a->status >= KEY_N_STATUS ||
	    !text_valid(a->text, sizeof(a->text)))
		return false;
	if (a->status == KEY_MORE)
		return a->need && a->need <= KEY_MAX_HEADER;
	if (a->status != KEY_OK)
		return true;
	return a->version <= 2 && sector_size_valid(a->sector_size) &&
	       a->key_bytes && a->key_bytes <= KEY_MAX_BYTES && a->tag_bytes <= MAX_TAG &&
	       cipher_valid(a->cipher) &&
	       word_valid(a->integrity, sizeof(a->integrity),
			  "abcdefghijklmnopqrstuvwxyz0123456789-()") &&
	       !a->tag_bytes == !*a->integrity && place_valid(a, size);
}
