// SPDX-License-Identifier: GPL-2.0-only
#include "chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SNAPLEN	(4ull << 20)

int chain_set_format(struct chain *c, const char *value)
{
	if (strcmp(value, "usbmon") && strcmp(value, "usbip"))
		return -EINVAL;
	c->trace_config.form = strcmp(value, "usbip") ? TRACE_USBMON : TRACE_USBIP;
	return 0;
}

static int parse_size(const char *value, uint64_t min, uint64_t max, uint64_t *ret_size)
{
	char *end;
	unsigned long long n;

	if (*value < '0' || *value > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(value, &end, 10);
	if (errno || n > max)
		return -EINVAL;
	if (*end == 'K' || *end == 'k')
		n <<= 10, end++;
	else if (*end == 'M' || *end == 'm')
		n <<= 20, end++;
	else if (*end == 'G' || *end == 'g')
		n <<= 30, end++;
	if (*end || n < min || n > max)
		return -EINVAL;
	*ret_size = n;
	return 0;
}

int chain_set_size(struct chain *c, const char *value)
{
	return parse_size(value, TRACE_MIN_SIZE, 1ull << 33, &c->trace_config.max_size);
}

int chain_set_snaplen(struct chain *c, const char *value)
{
	uint64_t n;
	int err = parse_size(value, 0, MAX_SNAPLEN, &n);

	if (!err)
		c->trace_config.snaplen = n;
	return err;
}

bool chain_is_used(const struct chain *c)
{
	return c->trace_config.path;
}

int chain_open(struct chain *c)
{
	return c->trace_config.path ? trace_open(&c->trace_config, &c->trace) : 0;
}

int chain_wrap(struct chain *c, struct usb_backend **backend)
{
	return c->trace ? trace_filter_new(c->trace, *backend, backend) : 0;
}

void chain_close(struct chain *c)
{
	trace_close(c->trace);
	c->trace = NULL;
}
