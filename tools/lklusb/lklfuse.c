// SPDX-License-Identifier: GPL-2.0-only
/*
 * lklfuse FILE DIR -o type=ext4,part=1,...: LKL's command of this name, for scripts
 * that use it. Its options become those of lklusb mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "commands.h"
#include "report.h"

#define MAX_ARGS	128

static const char help[] =
	"usage: lklfuse FILE DIR [options]\n"
	"\n"
	"LKL's command, with lklusb in its place; everything else is as with lklusb mount.\n"
	"\n"
	"  -o type=TYPE        of the filesystem; found by itself otherwise\n"
	"  -o part=N           partition\n"
	"  -o ro               read-only\n"
	"  -o mb=N             memory of the library kernel in MiB\n"
	"  -o log=FILE         write the library kernel's log there\n"
	"  -o opts=OPTIONS     of the filesystem, with \\ before \",\" and \"=\"\n"
	"  -o lock=FILE        wait until nobody else has locked this file\n"
	"  -o WORDS            as for lklusb mount\n"
	"  -f, -d              stay in the foreground; -d with the library kernel's log\n"
	"  -s                  one thread\n"
	"  -h, --help; -V, --version\n";

/* For what is done anyway, or has no meaning here. */
static const char *const idle_words[] = {
	"ac_attr_timeout=", "attr_timeout=", "auto_cache", "big_writes", "clone_fd",
	"entry_timeout=", "hard_remove", "intr", "kernel_cache", "max_idle_threads=",
	"negative_timeout=", "noforget", "readdir_ino", "use_ino",
};

struct arguments {
	int n;
	char *values[MAX_ARGS + 1];
};

static int add(struct arguments *a, const char *text)
{
	if (a->n == MAX_ARGS)
		return report(REPORT_USAGE, "options-too-long", "too many options");
	a->values[a->n] = strdup(text);
	if (!a->values[a->n])
		return report(REPORT_SYSTEM, "memory", "no memory");
	a->n++;
	return 0;
}

static int add_two(struct arguments *a, const char *option, const char *value)
{
	int status = add(a, option);

	return status ? status : add(a, value);
}

static bool is_idle(const char *word)
{
	for (size_t i = 0; i < sizeof(idle_words) / sizeof(idle_words[0]); i++) {
		size_t len = strlen(idle_words[i]);

		if (idle_words[i][len - 1] == '=' ? !strncmp(word, idle_words[i], len)
						  : !strcmp(word, idle_words[i]))
			return true;
	}
	return false;
}

/* For as long as this process and its children live. */
static int lock(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, LOCK_EX))
		return report(REPORT_SYSTEM, "lock", "%s: %s", path, strerror(errno));
	return 0;
}

static void unescape(char *text)
{
	char *to = text;

	for (; *text; *to++ = *text++)
		if (*text == '\\' && (text[1] == ',' || text[1] == '='))
			text++;
	*to = 0;
}

static int add_word(struct arguments *a, char *word)
{
	char *value = strchr(word, '='), mem[32];

	value = value ? value + 1 : word;
	if (!*word || is_idle(word))
		return 0;
	if (!strncmp(word, "lock=", 5))
		return lock(value);
	if (!strncmp(word, "log=", 4))
		return add_two(a, "--kernel-log", value);
	if (!strncmp(word, "max_threads=", 12))
		return add_two(a, "--threads", value);
	if (!strncmp(word, "mb=", 3)) {
		snprintf(mem, sizeof(mem), "%sM", value);
		return add_two(a, "--mem", mem);
	}
	if (!strncmp(word, "opts=", 5)) {
		unescape(value);
		return add_two(a, "-o", value);
	}
	return add_two(a, "-o", word);
}

/* Ends at a comma without a backslash before it, which stays. */
static char *cut(char *words)
{
	for (; *words && *words != ','; words++)
		if (*words == '\\' && words[1])
			words++;
	if (!*words)
		return NULL;
	*words = 0;
	return words + 1;
}

static int add_words(struct arguments *a, char *words)
{
	int status = 0;
	char *next;

	for (; words && !status; words = next) {
		next = cut(words);
		status = add_word(a, words);
	}
	return status;
}

static int take(struct arguments *a, int c)
{
	switch (c) {
	case 'o':
		return add_words(a, optarg);
	case 'f':
		return add(a, "-f");
	case 'd':
		return add_two(a, "-f", "-v");
	case 's':
		return add_two(a, "--threads", "1");
	default:
		return REPORT_USAGE;
	}
}

int cmd_lklfuse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct arguments a = { 0 };
	int c, status = add(&a, "mount");

	while (!status && (c = getopt_long(argc, argv, "o:fdshV", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout), REPORT_OK;
		if (c == 'V')
			return print_version(), REPORT_OK;
		status = take(&a, c);
	}
	if (!status)
		status = add(&a, "--");
	for (; optind < argc && !status; optind++)
		status = add(&a, argv[optind]);
	if (status)
		return status;
	optind = 0;		/* glibc: the next getopt begins anew */
	return cmd_mount(a.n, a.values);
}
