/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * chain.h - the filters that the command line puts between the guest and its devices.
 * What is wrong with an option is said by the caller, in its own way.
 */
#ifndef CHAIN_H
#define CHAIN_H

#include "fault_filter.h"
#include "trace.h"

#define CHAIN_FILTERS	8u

struct chain_filter {
	bool is_fault;
	struct fault fault;
	unsigned int delay_us;
};

struct chain {
	struct chain_filter filters[CHAIN_FILTERS];	/* from the device to the guest */
	unsigned int n_filters;
	struct trace_config trace_config;	/* path NULL: no trace */
	struct trace *trace;
};

#define CHAIN_INIT	{ .trace_config = { .snaplen = TRACE_DEFAULT_SNAPLEN } }

/* Values of options. -EINVAL. */
int chain_set_format(struct chain *c, const char *value);
int chain_set_size(struct chain *c, const char *value);
int chain_set_snaplen(struct chain *c, const char *value);

/*
 * fault:NAME[@N[+]] or delay:MICROSECONDS. -EINVAL; -E2BIG: more than CHAIN_FILTERS.
 * chain_filter_error says that in words.
 */
int chain_add_filter(struct chain *c, const char *value);
const char *chain_filter_error(int err);

/* Whether there is any filter. */
bool chain_is_used(const struct chain *c);

/* Whether the command lines asked for the same; the trace is not looked at. */
bool chain_same_filters(const struct chain *a, const struct chain *b);

/* Opens the trace's file, if there is one: as trace_open. Starts nothing. */
int chain_open(struct chain *c);

/*
 * *backend becomes the outermost of its filters: the trace, so that it shows what the
 * guest sees. On failure (-ENOMEM) *backend is what is to be closed instead.
 */
int chain_wrap(struct chain *c, struct usb_backend **backend);

/* After the backends were closed. */
void chain_close(struct chain *c);

#endif
