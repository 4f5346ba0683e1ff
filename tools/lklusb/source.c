// SPDX-License-Identifier: GPL-2.0-only
#include "source.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "report.h"
#include "usbip.h"
#include "usbip_source.h"

void source_init(struct guest_config *config)
{
	*config = (struct guest_config) {
		.speed = USB_SPEED_SUPER_,
		.sector_size = 512,
		.chain = CHAIN_INIT,
		.beneath = -1,
		.ram_bytes = 256ul << 20,	/* address space; only what is used is taken */
	};
}

static int parse_mem(struct guest_config *config, const char *value)
{
	char *end;
	unsigned long long n = strtoull(value, &end, 10);

	if (*end == 'M' || *end == 'm')
		n <<= 20, end++;
	else if (*end == 'G' || *end == 'g')
		n <<= 30, end++;
	if (*end || n < 32ull << 20 || n > 64ull << 30)
		return report(REPORT_USAGE, "usage", "--mem %s: 32M to 64G", value);
	config->ram_bytes = n;
	return 0;
}

static int add_filter(struct guest_config *config, const char *value)
{
	int err;

	if (!strcmp(value, "powercut")) {
		config->powercut = true;
		return 0;
	}
	err = chain_add_filter(&config->chain, value);
	return err ? report(REPORT_USAGE, "usage", "--filter %s: %s",
			    value, chain_filter_error(err)) : 0;
}

int source_option(struct guest_config *config, int option, const char *value)
{
	switch (option) {
	case 256:
		config->virtio_blk = true;
		return 0;
	case 257:
		if (strcmp(value, "super") && strcmp(value, "high"))
			return report(REPORT_USAGE, "usage", "--speed %s: super or high",
				      value);
		config->speed = *value == 's' ? USB_SPEED_SUPER_ : USB_SPEED_HIGH_;
		return 0;
	case 258:
		config->sector_size = atoi(value);
		if (config->sector_size != 512 && config->sector_size != 4096)
			return report(REPORT_USAGE, "usage", "--sector-size %s: 512 or 4096",
				      value);
		return 0;
	case 259:
		return parse_mem(config, value);
	case 260:
		config->kernel_log = value;
		return 0;
	case 264:
		config->uas = true;
		return 0;
	case 320:
		config->no_uas = true;
		return 0;
	case 263:
		config->detach_driver = true;
		return 0;
	case 300:
		config->chain.trace_config.path = value;
		return 0;
	case 301:
		if (chain_set_format(&config->chain, value))
			return report(REPORT_USAGE, "usage",
				      "--trace-format %s: usbmon or usbip", value);
		return 0;
	case 302:
		if (chain_set_size(&config->chain, value))
			return report(REPORT_USAGE, "usage", "--trace-size %s: 32M to 8G",
				      value);
		return 0;
	case 303:
		if (chain_set_snaplen(&config->chain, value))
			return report(REPORT_USAGE, "usage", "--trace-snaplen %s: 0 to 4M",
				      value);
		return 0;
	case 380:
		if (!confine_parse(value, &config->sandbox))
			return report(REPORT_USAGE, "usage",
				      "--sandbox %s: auto, require, debug or off", value);
		return 0;
	case 381:
		config->sandbox = CONFINE_OFF;
		return 0;
	case 261:
		return add_filter(config, value);
	default:
		return REPORT_USAGE;	/* getopt_long has said why */
	}
}

/* ---- the same stick? ---- */

/* The broker looks: this process cannot. */
static bool same_file(unsigned int file, const char *ours, const char *theirs,
		      const char *their_cwd)
{
	char path[PATH_MAX];

	if (!ours || !theirs)
		return ours == theirs;
	if (*theirs == '/')
		their_cwd = "";
	return snprintf(path, sizeof(path), "%s/%s", their_cwd, theirs) < PATH_MAX &&
	       !broker_same(file, path);
}

const char *source_difference(const struct guest_config *a, const struct guest_config *b,
			      const char *their_cwd)
{
	const struct trace_config *s = &a->chain.trace_config, *t = &b->chain.trace_config;
	const struct {
		bool same;
		const char *option;
	} options[] = {
		{ a->readonly == b->readonly, "--ro" },
		{ a->virtio_blk == b->virtio_blk, "--virtio-blk" },
		{ a->speed == b->speed, "--speed" },
		{ a->sector_size == b->sector_size, "--sector-size" },
		{ a->uas == b->uas, "--uas" },
		{ a->no_uas == b->no_uas, "--no-uas" },
		{ a->detach_driver == b->detach_driver, "--detach-driver" },
		{ a->ram_bytes == b->ram_bytes, "--mem" },
		{ a->sandbox == b->sandbox, "--sandbox" },
		{ a->powercut == b->powercut && chain_same_filters(&a->chain, &b->chain),
		  "--filter" },
		{ same_file(BROKER_KERNEL_LOG, a->kernel_log, b->kernel_log, their_cwd), "--kernel-log" },
		{ same_file(BROKER_TRACE, s->path, t->path, their_cwd), "--trace" },
		{ s->form == t->form, "--trace-format" },
		{ s->max_size == t->max_size, "--trace-size" },
		{ s->snaplen == t->snaplen, "--trace-snaplen" },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!options[i].same)
			return options[i].option;
	return NULL;
}

/* ---- */

int source_check(const char *source)
{
	if (usbip_source_named_by(source) && !usbip_is_valid(source))
		return report(REPORT_USAGE, "source-kind",
			      "%s: not usbip://HOST[:PORT]/BUSID, usbip+unix:SOCKET/BUSID or "
			      "usbip+fd:N/BUSID", source);
	return 0;
}
