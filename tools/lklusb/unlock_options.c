// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "key_helper.h"
#include "report.h"
#include "unlock.h"

void unlock_init(struct unlock_config *config)
{
	*config = (struct unlock_config) {
		.hash = "sha256", .key_bits = 256, .key_fd_open = -1, .header_fd = -1,
	};
}

static int number(const char *value, unsigned long long max, uint64_t *ret)
{
	char *end;
	unsigned long long n = strtoull(value, &end, 10);

	if (*end || end == value || *value == '-' || n > max)
		return report(REPORT_USAGE, "usage", "%s: no number up to %llu", value, max);
	*ret = n;
	return 0;
}

static int word(const char *value, size_t size, const char **ret)
{
	if (!*value || strlen(value) >= size)
		return report(REPORT_USAGE, "usage", "%s: too long", value);
	*ret = value;
	return 0;
}

static int key_size(struct unlock_config *config, const char *value)
{
	uint64_t bits;
	int status = number(value, KEY_MAX_BYTES * 8, &bits);

	if (!status && (!bits || bits % 8))
		return report(REPORT_USAGE, "usage", "--key-size %s: a multiple of 8", value);
	config->key_bits = bits;
	return status;
}

int unlock_option(struct unlock_config *config, int option, const char *value)
{
	const struct key_setup *r = NULL;

	switch (option) {
	case 270:
		config->key_file = value;
		return 0;
	case 271:
		return number(value, 1ull << 40, &config->file_offset);
	case 272:
		return number(value, 8ull << 20, &config->file_size);
	case 273:
		config->key_fd = value;
		return 0;
	case 274:
		return word(value, sizeof(r->keyring), &config->keyring);
	case 275:
		return word(value, sizeof(r->askpass), &config->askpass);
	case 276:
		config->header = value;
		return 0;
	case 277:
		return word(value, sizeof(r->cipher), &config->plain);
	case 278:
		return word(value, sizeof(r->hash), &config->hash);
	case 279:
		return key_size(config, value);
	case 280:
		return number(value, 1ull << 54, &config->offset);
	default:
		return number(value, 1ull << 54, &config->skip);
	}
}

bool unlock_wanted(const struct unlock_config *config, const struct disk_part *part)
{
	return config->header || config->plain ||
	       (part->type && !strcmp(part->type, DISK_LUKS));
}
