// SPDX-License-Identifier: GPL-2.0-only
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/virtio_usbip.h>

#include "usb.h"

#define EXIT_USAGE	1
#define MIN_BUDGET	(8 << 20)	/* DEV-5 */

static const char usage[] =
"Usage: vhost-user-usb --socket-path PATH [OPTION...] IMAGE[,OPTION...]...\n"
"       vhost-user-usb --fd N [OPTION...] IMAGE[,OPTION...]...\n"
"IMAGE may be zero:, a device for tests of the guest's USB drivers, or a USB device of\n"
"the host: usb:VID:PID, usb:BUS-PORT, /dev/bus/usb/BBB/DDD, fd:N; or of a USB/IP server:\n"
"usbip://HOST[:PORT]/BUSID, usbip+unix:SOCKET/BUSID, usbip+fd:N/BUSID.\n"
"Serves USB sticks to a virtual machine over vhost-user.\n"
"\n"
"  -s, --socket-path PATH   make this socket and serve who connects\n"
"      --fd N               use this descriptor, a listening or connected socket\n"
"      --usb2-ports N       ports for speed=high, 1..31 (default: at least 4)\n"
"      --usb3-ports N       ports for speed=super, 1..15 (default: at least 4)\n"
"      --request-queues N   queues for transfers, 2..8 (default: 2)\n"
"      --budget BYTES       parks what is more than that in flight\n"
"      --without FEATURE    does not offer streams, iso, port-pm or ssp\n"
"      --trace FILE         record all transfers, for Wireshark\n"
"      --trace-format FORM  usbmon (default) or usbip\n"
"      --trace-size SIZE    of the file at most, 64M by default\n"
"      --trace-snaplen N    bytes of data of one record, 64K by default\n"
"      --sandbox MODE       auto (default), require, debug or off\n"
"      --print-capabilities print what this program can do, as JSON\n"
"  -v, --verbose            say more; twice: every message\n"
"      --help, --version\n"
"\n"
"Options of an image (a comma in a path is written twice):\n"
"  speed=super|high, sector-size=512|4096, serial=HEX, protocol=bot|uas, ro;\n"
"  of zero: speed=low|full|high|super|super-plus, pattern=0|1, wake=MILLISECONDS;\n"
"  of a USB device: detach; of all: filter=fault:NAME[@N[+]], filter=delay:MICROSECONDS\n"
"\n"
"SIGUSR1 pulls all sticks, SIGUSR2 plugs them in again. More: man vhost-user-usb\n";

static int refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int refuse(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("vhost-user-usb: ", stderr);
	vfprintf(stderr, fmt, args);
	fputs(" (--help shows how)\n", stderr);
	va_end(args);
	return EXIT_USAGE + 1;
}

static int parse_number(const char *what, const char *s, long min, long max,
			unsigned int *ret_n)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(s, &end, 10);
	if (errno || end == s || *end || n < min || n > max)
		return refuse("%s %s: not a number from %ld to %ld", what, s, min, max);
	*ret_n = n;
	return 0;
}

/* Cuts the next piece off *s; two commas are one that belongs to it. */
static char *cut(char **s)
{
	char *start = *s, *to = *s, *from = *s;

	while (*from && (*from != ',' || from[1] == ',')) {
		from += *from == ',';
		*to++ = *from++;
	}
	*s = *from ? from + 1 : from;
	*to = '\0';
	return start;
}

/* speed= of the test device, which has them all. */
static int parse_zero_option(struct stick_spec *zero, const char *o)
{
	static const struct { const char *name; enum usb_speed speed; } speeds[] = {
		{ "speed=low", USB_SPEED_LOW_ }, { "speed=full", USB_SPEED_FULL_ },
		{ "speed=high", USB_SPEED_HIGH_ }, { "speed=super", USB_SPEED_SUPER_ },
		{ "speed=super-plus", USB_SPEED_SUPER_PLUS_ },
	};

	if (!strncmp(o, "pattern=", 8))
		return parse_number("pattern", o + 8, 0, 1, &zero->pattern);
	if (!strncmp(o, "wake=", 5))
		return parse_number("wake", o + 5, 1, 60000, &zero->wake_ms);
	for (unsigned int i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
		if (strcmp(o, speeds[i].name))
			continue;
		zero->speed = speeds[i].speed;
		return 0;
	}
	return refuse("zero: no such option: %s", o);
}

static int parse_filter(struct stick_spec *stick, const char *filter)
{
	int err = chain_add_filter(&stick->chain, filter);

	return err ? refuse("filter=%s: %s", filter, chain_filter_error(err)) : 0;
}

static int parse_usb_option(struct stick_spec *stick, const char *o)
{
	if (strcmp(o, "detach"))
		return refuse("%s: no such option of a USB device: %s", stick->path, o);
	stick->detach = true;
	return 0;
}

static int parse_stick_option(struct stick_spec *stick, const char *o)
{
	if (!strncmp(o, "filter=", 7))
		return parse_filter(stick, o + 7);
	if (stick->usb)
		return parse_usb_option(stick, o);
	if (*stick->usbip.busid)
		return refuse("%s: no such option of a USB device: %s", stick->path, o);
	if (stick->zero)
		return parse_zero_option(stick, o);
	if (!strcmp(o, "ro"))
		stick->readonly = true;
	else if (!strcmp(o, "speed=super"))
		stick->speed = USB_SPEED_SUPER_;
	else if (!strcmp(o, "speed=high"))
		stick->speed = USB_SPEED_HIGH_;
	else if (!strcmp(o, "sector-size=512"))
		stick->sector_size = 512;
	else if (!strcmp(o, "sector-size=4096"))
		stick->sector_size = 4096;
	else if (!strcmp(o, "protocol=bot"))
		stick->uas = false;
	else if (!strcmp(o, "protocol=uas"))
		stick->uas = true;
	else if (!strncmp(o, "serial=", 7) && o[7])
		stick->serial = strdup(o + 7);
	else
		return refuse("%s: no such option of an image: %s", stick->path, o);
	return 0;
}

static int parse_stick(struct options *o, const char *arg)
{
	struct stick_spec *stick = &o->sticks[o->n_sticks++];
	char *copy = strdup(arg), *rest = copy;
	int err = 0;

	*stick = (struct stick_spec){ .speed = USB_SPEED_SUPER_, .sector_size = 512 };
	if (!copy)
		return refuse("no memory");
	stick->path = strdup(cut(&rest));
	stick->zero = stick->path && !strcmp(stick->path, "zero:");
	stick->usb = stick->path && usb_named_by(stick->path);
	if (stick->path && usbip_source_named_by(stick->path) &&
	    (!usbip_source_parse(stick->path, &stick->usbip) || !*stick->usbip.busid))
		err = refuse("%s: not usbip://HOST[:PORT]/BUSID or one of its kind",
			     stick->path);
	while (*rest && !err)
		err = parse_stick_option(stick, cut(&rest));
	if (!err && !*stick->path)
		err = refuse("an image without a name");
	free(copy);
	return err;
}

/* As many ports as sticks want, and a few for what is plugged in later. */
static void default_ports(struct options *o)
{
	unsigned int usb2 = 0, usb3 = 0;

	for (unsigned int i = 0; i < o->n_sticks; i++) {
		usb2 += o->sticks[i].speed < USB_SPEED_SUPER_;
		usb3 += o->sticks[i].speed >= USB_SPEED_SUPER_;
	}
	if (!o->usb2_ports)
		o->usb2_ports = usb2 > 4 ? usb2 : 4;
	if (!o->usb3_ports)
		o->usb3_ports = usb3 > 4 ? usb3 : 4;
}

static int parse_feature(const char *name, uint64_t *ret_mask)
{
	static const struct { const char *name; unsigned int bit; } features[] = {
		{ "streams", VIRTIO_USBIP_F_STREAMS }, { "iso", VIRTIO_USBIP_F_ISO },
		{ "port-pm", VIRTIO_USBIP_F_PORT_PM }, { "ssp", VIRTIO_USBIP_F_SSP },
	};

	for (unsigned int i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		if (strcmp(name, features[i].name))
			continue;
		*ret_mask |= 1ull << features[i].bit;
		return 0;
	}
	return refuse("--without %s: no such feature", name);
}

enum { OPT_FD = 256, OPT_USB2, OPT_USB3, OPT_QUEUES, OPT_BUDGET, OPT_WITHOUT, OPT_TRACE,
       OPT_TRACE_FORMAT, OPT_TRACE_SIZE, OPT_TRACE_SNAPLEN,
       OPT_CAPABILITIES, OPT_SANDBOX, OPT_NO_SANDBOX, OPT_HELP, OPT_VERSION };

static const struct option long_options[] = {
	{ "socket-path", required_argument, NULL, 's' },
	{ "socket", required_argument, NULL, 's' },
	{ "fd", required_argument, NULL, OPT_FD },
	{ "usb2-ports", required_argument, NULL, OPT_USB2 },
	{ "usb3-ports", required_argument, NULL, OPT_USB3 },
	{ "request-queues", required_argument, NULL, OPT_QUEUES },
	{ "budget", required_argument, NULL, OPT_BUDGET },
	{ "without", required_argument, NULL, OPT_WITHOUT },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "trace-format", required_argument, NULL, OPT_TRACE_FORMAT },
	{ "trace-size", required_argument, NULL, OPT_TRACE_SIZE },
	{ "trace-snaplen", required_argument, NULL, OPT_TRACE_SNAPLEN },
	{ "sandbox", required_argument, NULL, OPT_SANDBOX },
	{ "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
	{ "print-capabilities", no_argument, NULL, OPT_CAPABILITIES },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int parse_option(struct options *o, int c)
{
	unsigned int n;

	switch (c) {
	case 's':
		o->socket_path = optarg;
		return 0;
	case OPT_FD:
		if (parse_number("--fd", optarg, 0, INT_MAX, &n))
			return EXIT_USAGE + 1;
		o->fd = n;
		return 0;
	case OPT_USB2:
		return parse_number("--usb2-ports", optarg, 1, 31, &o->usb2_ports);
	case OPT_USB3:
		return parse_number("--usb3-ports", optarg, 1, 15, &o->usb3_ports);
	case OPT_QUEUES:
		return parse_number("--request-queues", optarg, 2, 8, &o->request_queues);
	case OPT_BUDGET:
		return parse_number("--budget", optarg, MIN_BUDGET, INT_MAX, &o->budget);
	case OPT_WITHOUT:
		return parse_feature(optarg, &o->features_off);
	case OPT_TRACE:
		o->chain.trace_config.path = optarg;
		return 0;
	case OPT_TRACE_FORMAT:
		return chain_set_format(&o->chain, optarg) ?
		       refuse("--trace-format %s: usbmon or usbip", optarg) : 0;
	case OPT_TRACE_SIZE:
		return chain_set_size(&o->chain, optarg) ?
		       refuse("--trace-size %s: 32M to 8G", optarg) : 0;
	case OPT_TRACE_SNAPLEN:
		return chain_set_snaplen(&o->chain, optarg) ?
		       refuse("--trace-snaplen %s: 0 to 4M", optarg) : 0;
	case OPT_SANDBOX:
		return confine_parse(optarg, &o->sandbox) ? 0 :
		       refuse("--sandbox %s: auto, require, debug or off", optarg);
	case OPT_NO_SANDBOX:
		o->sandbox = CONFINE_OFF;
		return 0;
	case OPT_CAPABILITIES:
		o->print_capabilities = true;
		return 0;
	case 'v':
		o->verbose++;
		return 0;
	case OPT_HELP:
		fputs(usage, stdout);
		return 1;
	case OPT_VERSION:
		puts("vhost-user-usb " VERSION);
		return 1;
	default:
		return refuse("what was that?");
	}
}

int options_parse(int argc, char **argv, struct options *o)
{
	int c, err = 0;

	*o = (struct options){ .fd = -1, .chain = CHAIN_INIT };
	o->sticks = calloc(argc, sizeof(*o->sticks));
	if (!o->sticks)
		return refuse("no memory");
	while (!err && (c = getopt_long(argc, argv, "s:v", long_options, NULL)) != -1)
		err = parse_option(o, c);
	/* The others are to be ignored then. */
	if (err || o->print_capabilities)
		return err;
	if (!o->socket_path == (o->fd < 0))
		return refuse("give one of --socket-path and --fd");
	while (!err && optind < argc)
		err = parse_stick(o, argv[optind++]);
	default_ports(o);
	return err;
}

bool options_have_usb(const struct options *o)
{
	for (unsigned int i = 0; i < o->n_sticks; i++)
		if (o->sticks[i].usb)
			return true;
	return false;
}

void options_free(struct options *o)
{
	for (unsigned int i = 0; i < o->n_sticks; i++) {
		free(o->sticks[i].path);
		free(o->sticks[i].serial);
	}
	free(o->sticks);
}
