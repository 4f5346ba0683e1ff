// SPDX-License-Identifier: GPL-2.0-only
#include "mount_args.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "source.h"

static const char help[] =
	"usage: lklusb mount [options] SRC... DIR\n"
	"\n"
	"Mounts a filesystem on SRC, a USB device or an image file that is plugged into\n"
	"the library kernel as a USB stick, on the folder DIR. Several SRC are the parts of one\n"
	"btrfs or LVM volume group.\n"
	"\n"
	"  -p, --partition P   N, LABEL=, UUID=, PARTLABEL= or PARTUUID=\n"
	"  --lv GROUP/NAME     a logical volume of LVM; the only one otherwise\n"
	"  -t, --type TYPE     of the filesystem; found by itself otherwise\n"
	"  -r, --ro            read-only, also for the stick\n"
	"  -w, --rw            for writing, the default\n"
	"  --no-replay         leave a dirty journal alone; read-only\n"
	"  -o OPTIONS          as for mount(8); words of FUSE and of the filesystem\n"
	OWNER_HELP
	"  --threads N         that serve, at most\n"
	"  --io-uring          FUSE over io_uring, if the host has it switched on\n"
	UNLOCK_HELP
	SOURCE_HELP
	"  -f, --foreground    do not go into the background\n"
	"  -v, --verbose       with the library kernel's log\n"
	"  -q, --quiet\n";

static const struct option options[] = {
	{ "partition", required_argument, NULL, 'p' },
	{ "lv", required_argument, NULL, 360 },
	{ "no-replay", no_argument, NULL, 361 },
	{ "type", required_argument, NULL, 't' },
	{ "ro", no_argument, NULL, 'r' },
	{ "rw", no_argument, NULL, 'w' },
	{ "threads", required_argument, NULL, 'T' },
	{ "io-uring", no_argument, NULL, 430 },
	{ "foreground", no_argument, NULL, 'f' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	OWNER_OPTIONS,
	SOURCE_OPTIONS,
	UNLOCK_OPTIONS,
	{ 0 },
};

static int take_words(struct mount_args *args, char *words);

static int take_option(struct mount_args *args, int c)
{
	static char ro[] = "ro", rw[] = "rw";

	switch (c) {
	case 'p':
		args->volume.partition = optarg;
		return 0;
	case 361:
		args->no_replay = true;
		return mount_options_add(&args->options, ro);
	case 360:
		args->volume.lv = optarg;
		return 0;
	case 't':
		args->type = optarg;
		return 0;
	case 'r':
		return mount_options_add(&args->options, ro);
	case 'w':
		return mount_options_add(&args->options, rw);
	case 'o':
		return take_words(args, optarg);
	case 'T':
		args->threads = atoi(optarg);
		return args->threads >= 1 && args->threads <= 64 ? 0 :
		       report(REPORT_USAGE, "usage", "--threads %s: 1 to 64", optarg);
	case 430:
		args->io_uring = true;
		return 0;
	case 'f':
		args->foreground = true;
		return 0;
	case 'v':
		args->guest.verbose = true;
		return 0;
	case 'q':
		args->quiet = true;
		return 0;
	case 'h':
		args->help = true;
		return 0;
	default:
		if (owner_is_option(c))
			return owner_option(&args->options.owner, c, optarg);
		return unlock_is_option(c) ? unlock_option(&args->volume.unlock, c, optarg) :
					     source_option(&args->guest, c, optarg);
	}
}

/* The option that has this name without its dashes; NULL: it is no such word. */
static const struct option *find_option(const char *word, size_t len)
{
	/* Words of filesystems, or of no use in fstab. */
	static const char not_words[] = "fhqv";

	for (const struct option *p = options; p->name; p++)
		if (strlen(p->name) == len && !strncmp(p->name, word, len) &&
		    (p->val > 255 || !strchr(not_words, p->val)))
			return p;
	return NULL;
}

static int take_words(struct mount_args *args, char *words)
{
	const struct option *option;
	int status = 0;
	char *next, *value;

	for (; words && !status; words = next) {
		next = mount_options_cut(words);
		value = strchrnul(words, '=');
		option = find_option(words, value - words);
		if (option && !*value == (option->has_arg == no_argument)) {
			optarg = *value ? value + 1 : NULL;
			status = take_option(args, option->val);
		} else {
			status = mount_options_add(&args->options, words);
		}
	}
	return status;
}

int mount_args_help(bool asked)
{
	fputs(help, asked ? stdout : stderr);
	return asked ? REPORT_OK : REPORT_USAGE;
}

int mount_args_parse(struct mount_args *args, int argc, char **argv)
{
	int c, status = 0;

	optind = 0;		/* a process may do this more than once */
	*args = (struct mount_args) { 0 };
	source_init(&args->guest);
	unlock_init(&args->volume.unlock);
	mount_options_init(&args->options);
	while (!status && (c = getopt_long(argc, argv, "p:t:rwo:fvqh", options, NULL)) != -1)
		status = take_option(args, c);
	if (status || args->help)
		return status;
	status = owner_finish(&args->options.owner);
	if (status)
		return status;
	args->guest.n_more = argc - optind - 2;
	if (argc - optind < 2 || args->guest.n_more >= GUEST_MAX_SOURCES)
		return mount_args_help(false);
	args->source = argv[optind];
	for (unsigned int i = 0; i < args->guest.n_more; i++)
		args->guest.more[i] = argv[optind + 1 + i];
	args->dir = argv[argc - 1];
	if (!args->volume.partition)
		args->volume.partition = args->options.partition;
	args->type = args->type ? args->type : args->options.type;
	args->guest.readonly = args->options.readonly;
	return 0;
}
