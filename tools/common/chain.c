// SPDX-License-Identifier: GPL-2.0-only
#include "chain.h"
#include "delay_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DELAY	10000000ull	/* us */
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

static int parse_filter(const char *value, struct chain_filter *ret_filter)
{
	struct chain_filter filter = { .is_fault = !strncmp(value, "fault:", 6) };
	uint64_t us = 0;
	int err;

	if (filter.is_fault)
		err = fault_parse(value + 6, &filter.fault);
	else if (!strncmp(value, "delay:", 6))
		err = parse_size(value + 6, 1, MAX_DELAY, &us);
	else
		err = -EINVAL;
	filter.delay_us = us;
	if (!err)
		*ret_filter = filter;
	return err;
}

int chain_add_filter(struct chain *c, const char *value)
{
	int err;

	if (c->n_filters == CHAIN_FILTERS)
		return -E2BIG;
	err = parse_filter(value, &c->filters[c->n_filters]);
	c->n_filters += !err;
	return err;
}

const char *chain_filter_error(int err)
{
	return err == -E2BIG ? "too many" :
	       "not fault:NAME[@N[+]] or delay:MICROSECONDS, which the manual explains";
}

bool chain_is_used(const struct chain *c)
{
	return c->trace_config.path || c->n_filters;
}

bool chain_same_filters(const struct chain *a, const struct chain *b)
{
	bool same = a->n_filters == b->n_filters;

	for (unsigned int i = 0; same && i < a->n_filters; i++) {
		const struct chain_filter *f = &a->filters[i], *g = &b->filters[i];

		same = f->is_fault == g->is_fault && f->delay_us == g->delay_us &&
		       f->fault.kind == g->fault.kind && f->fault.from == g->fault.from &&
		       f->fault.to == g->fault.to;
	}
	return same;
}

int chain_open(struct chain *c)
{
	return c->trace_config.path ? trace_open(&c->trace_config, &c->trace) : 0;
}

int chain_wrap(struct chain *c, struct usb_backend **backend)
{
	int err = 0;

	for (unsigned int i = 0; i < c->n_filters && !err; i++) {
		const struct chain_filter *filter = &c->filters[i];

		err = filter->is_fault ?
		      fault_filter_new(&filter->fault, *backend, backend) :
		      delay_filter_new(filter->delay_us, *backend, backend);
	}
	if (!err && c->trace)
		err = trace_filter_new(c->trace, *backend, backend);
	return err;
}

void chain_close(struct chain *c)
{
	trace_close(c->trace);
	c->trace = NULL;
}
