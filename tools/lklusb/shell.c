// SPDX-License-Identifier: GPL-2.0-only
/*
 * lklusb shell: looking around on a source, where there is no FUSE. What the host is needed
 * for (the folder in which it was started, the terminal's description) is opened before
 * the library kernel runs.
 */
#include "shell_i.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <lkl.h>

#include "commands.h"
#include "disk_show.h"
#include "guest.h"
#include "output.h"
#include "probe.h"
#include "probe_usb.h"
#include "report.h"
#include "stop.h"

static const char help[] =
	"usage: lklusb shell [options] SRC\n"
	"\n"
	"Plugs SRC, which is only read, into the library kernel, and takes commands: from a\n"
	"terminal, from standard input, or from -c. The last one's exit status is the shell's.\n"
	"\n"
	"  -c, --command TEXT  commands, one a line\n"
	"  --rw                what is mounted may be written to\n"
	LOOK_HELP;

/* ---- commands about the source ---- */

static int run_dmesg(struct shell *s, int argc, char **argv)
{
	char *log = argc == 1 ? guest_log() : NULL;

	if (argc > 1)
		return -1;
	if (log)
		output_log(log);
	free(log);
	return 0;
}

static int run_lsblk(struct shell *s, int argc, char **argv)
{
	return argc > 1 ? -1 : disk_print(s->look.mount.source, &s->look.disk);
}

static int run_lsusb(struct shell *s, int argc, char **argv)
{
	struct json_object *usb = argc == 1 ? probe_usb() : NULL;

	if (argc > 1)
		return -1;
	probe_print_usb(usb);
	json_object_put(usb);
	return 0;
}

static bool is_mounted(const struct shell *s)
{
	return s->look.root >= 0;
}

static int run_umount(struct shell *s, int argc, char **argv)
{
	return argc > 1 ? -1 : look_unmount(&s->look);
}

static int run_mount(struct shell *s, int argc, char **argv)
{
	int status = argc > 2 ? -1 : look_unmount(&s->look);

	if (status)
		return status;
	strcpy(s->cwd, "/");
	return look_mount(&s->look, argv[1]);
}

static int run_exit(struct shell *s, int argc, char **argv)
{
	if (argc > 1)
		return -1;
	s->over = true;
	return s->status;
}

static int run_help(struct shell *s, int argc, char **argv)
{
	for (const struct shell_command *c = shell_commands; c->name; c++)
		if (!(c->flags & SHELL_RW) || s->look.writable)
			printf("  %-6s %-22s %s\n", c->name, c->args, c->help);
	return 0;
}

#define FILES	(SHELL_MOUNT | SHELL_WILDCARDS)

const struct shell_command shell_commands[] = {
	{ "ls", shell_ls, "[-l] [PATH...]", "names, with -l all about them", FILES },
	{ "cat", shell_cat, "PATH...", "what is in files", FILES },
	{ "cp", shell_cp, "[-raf] PATH... DEST", "copies out, to below where lklusb was started",
	  FILES },
	{ "cd", shell_cd, "[PATH]", "into that folder, or the topmost", SHELL_MOUNT },
	{ "pwd", shell_pwd, "", "where this is", SHELL_MOUNT },
	{ "lsblk", run_lsblk, "", "partitions and volumes", 0 },
	{ "lsusb", run_lsusb, "", "the USB device", 0 },
	{ "mount", run_mount, "[P | GROUP/NAME]", "another partition or volume", 0 },
	{ "umount", run_umount, "", "nothing is mounted any more", SHELL_MOUNT },
	{ "dmesg", run_dmesg, "", "the library kernel's log", 0 },
	{ "mkdir", shell_mkdir, "PATH...", "folders", SHELL_MOUNT | SHELL_RW },
	{ "mv", shell_mv, "PATH DEST", "another name, or into a folder", SHELL_MOUNT | SHELL_RW },
	{ "put", shell_put, "FILE... DEST", "copies in, from below where lklusb was started",
	  SHELL_MOUNT | SHELL_RW },
	{ "rm", shell_rm, "PATH...", "files and empty folders away", FILES | SHELL_RW },
	{ "help", run_help, "", "this", 0 },
	{ "exit", run_exit, "", "the end, as is the end of input", 0 },
	{ 0 },
};

/* ---- a line ---- */

static const struct shell_command *find(const char *name)
{
	for (const struct shell_command *c = shell_commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

static int check(const struct shell *s, const struct shell_command *c, const char *name)
{
	if (!c)
		return report(REPORT_USAGE, "shell-command", "%s: no such command; try help", name);
	if ((c->flags & SHELL_MOUNT) && !is_mounted(s))
		return report(REPORT_MOUNT, "shell-mount",
			      "nothing is mounted; lsblk shows what can be: mount P");
	if ((c->flags & SHELL_RW) && !s->look.writable)
		return report(REPORT_USAGE, "shell-readonly", "%s needs lklusb shell --rw", c->name);
	return 0;
}

static int run(struct shell *s, const struct shell_command *c, int argc, char **argv)
{
	int status;

	optind = 0;
	opterr = 0;
	status = c->run(s, argc, argv);
	if (status < 0)
		status = report(REPORT_USAGE, "usage", "usage: %s %s", c->name, c->args);
	if (guest_gone())
		status = report(REPORT_MOUNT, "device-gone", "%s was unplugged",
				s->look.mount.source);
	if (guest_gone() || lkl_panic_message())
		s->over = true;
	return lkl_panic_message() && !status ? REPORT_MOUNT : status;
}

static int run_words(struct shell *s, int argc, const char **argv)
{
	const struct shell_command *c = find(argv[0]);
	int err = 0, status = check(s, c, argv[0]);
	struct names words = { 0 };

	if (status)
		return status;
	for (int i = 0; i < argc && !err; i++)
		err = i && (c->flags & SHELL_WILDCARDS) ? shell_expand(s, argv[i], &words) :
					  names_add(&words, argv[i]);
	status = err ? report(REPORT_SYSTEM, "memory", "too many words: %s", strerror(-err)) :
		 run(s, c, words.n, words.names);
	names_free(&words);
	return status;
}

static void run_line(struct shell *s, const char *line)
{
	const char **words;
	int argc;

	tok_reset(s->words);
	if (tok_str(s->words, line, &argc, &words))
		s->status = report(REPORT_USAGE, "usage", "a quote without its end");
	else if (argc && *words[0] != '#')
		s->status = run_words(s, argc, words);
	fflush(stdout);
}

/* ---- lines ---- */

/* Of a terminal: Ctrl-C ends a command. */
static void run_typed(struct shell *s)
{
	const char *line;

	while (!s->over && !stop_all_wanted()) {
		stop_reset();
		line = shell_edit_line(s);
		if (line)
			run_line(s, line);
		else if (!stop_wanted())
			break;
	}
}

/* Without a buffer nothing is in it that poll() does not know. */
static ssize_t get_line(FILE *script, char **line, size_t *size)
{
	if (script == stdin) {
		setvbuf(stdin, NULL, _IONBF, 0);
		while (stop_wait(STDIN_FILENO) < 0)
			;
	}
	return stop_wanted() || !script ? -1 : getline(line, size, script);
}

/* Of a script: it ends all. */
static void run_script(struct shell *s, FILE *script)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while (!s->over && (len = get_line(script, &line, &size)) >= 0) {
		if ((size_t)len != strlen(line))
			s->status = report(REPORT_USAGE, "usage", "a line with a zero byte");
		else
			run_line(s, line);
	}
	free(line);
}

static bool asked_for(const struct shell *s)
{
	return s->look.mount.args.volume.partition || s->look.mount.args.volume.lv;
}

/* What can only be one thing, or was asked for. Of several the user may choose. */
static int mount_first(struct shell *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->look.disk.n_parts; i++)
		n += disk_mountable(&s->look.disk.parts[i]);
	if (asked_for(s) || n == 1)
		return look_mount(&s->look, NULL);
	if (s->edit)
		report_note("%u partitions can be mounted: lsblk shows them, mount P chooses", n);
	return 0;
}

static int shell(struct shell *s, const char *source, FILE *script)
{
	int status = look_open(&s->look, source), end;

	stop_by_signals();
	signal(SIGPIPE, SIG_IGN);
	if (!status)
		status = mount_first(s);
	if (!status || (s->edit && s->look.disk.n_parts && !asked_for(s))) {
		s->edit ? run_typed(s) : run_script(s, script);
		status = s->status;
	}
	shell_edit_end(s);
	end = look_close(&s->look);
	return status ? status : end;
}

/* ---- the command ---- */

static int begin(struct shell *s, const char *command, FILE **ret_script)
{
	setlocale(LC_CTYPE, "");
	strcpy(s->cwd, "/");
	s->words = tok_init(NULL);
	s->started_in = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	*ret_script = command ? fmemopen((char *)command, strlen(command), "r") : stdin;
	if (!s->words || (!*ret_script && command && *command))
		return report(REPORT_SYSTEM, "memory", "out of memory");
	if (s->started_in < 0)
		return report(REPORT_SYSTEM, "shell", "this folder: %s", strerror(errno));
	s->look.mount.args.guest.beneath = s->started_in;
	s->look.mount.args.guest.beneath_readable = s->look.writable;
	if (!command && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !shell_edit_begin(s))
		return report(REPORT_SYSTEM, "shell", "this terminal cannot be used");
	s->look.mount.args.guest.terminal = s->edit;
	s->look.mount.args.guest.input = !command;
	return 0;
}

int cmd_shell(int argc, char **argv)
{
	static const struct option options[] = {
		{ "command", required_argument, NULL, 'c' },
		LOOK_RW_OPTION,
		LOOK_OPTIONS,
		{ 0 },
	};
	static struct shell s;
	const char *command = NULL;
	FILE *script;
	int c, status = 0;

	look_init(&s.look);
	while (!status && (c = getopt_long(argc, argv, "c:" LOOK_SHORT, options, NULL)) != -1) {
		if (c == 'c')
			command = optarg;
		else
			status = look_option(&s.look, c, optarg);
	}
	if (status)
		return status;
	if (s.look.mount.args.help || argc - optind != 1)
		return fputs(help, s.look.mount.args.help ? stdout : stderr),
		       s.look.mount.args.help ? REPORT_OK : REPORT_USAGE;
	status = begin(&s, command, &script);
	return status ? status : shell(&s, argv[optind], script);
}
