// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>
#include <lkl.h>

#include "commands.h"
#include "confine.h"
#include "progress.h"
#include "report.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "list", cmd_list, "[SRC]      USB devices, or what is on a source" },
	{ "mount", cmd_mount, "SRC DIR    mount a filesystem" },
	{ "umount", cmd_umount, "DIR        write everything out and unmount" },
	{ "status", cmd_status, "[DIR]      what is mounted, and how it is doing" },
	{ "dmesg", cmd_dmesg, "DIR        the library kernel's log" },
	{ "probe", cmd_probe, "SRC        what a device or an image is, without mounting it" },
	{ "cp", cmd_cp, "SRC:PATH... DEST  copy files out, without FUSE" },
	{ "shell", cmd_shell, "SRC        look around on a source, without FUSE" },
	{ "watch", cmd_hotplug, "           sticks that come and go; mounts them if asked" },
	{ "export", cmd_export, "SRC...     serve USB devices or images to USB/IP clients" },
	{ "doctor", cmd_doctor, "           what works on this machine, and what mends the rest" },
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* Links to the program. */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} names[] = {
	{ "lklfuse", cmd_lklfuse },
	{ "mount.fuse.lklusb", cmd_mount_helper },
	{ "umount.fuse.lklusb", cmd_umount_helper },
};
#define N_NAMES (sizeof(names) / sizeof(names[0]))

static void usage(FILE *to)
{
	fputs("usage: lklusb COMMAND ...\n\n", to);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(to, "  %-7s %s\n", commands[i].name, commands[i].help);
	fputs("\n  lklusb COMMAND --help; lklusb --version; man lklusb\n", to);
}

void print_version(void)
{
	printf("lklusb %s, Linux %s\n", LKLUSB_VERSION, lkl_kernel_version());
}

int main(int argc, char **argv)
{
	const char *name = argc ? basename(argv[0]) : "";

	confine_begin();
	report_before_line(progress_clear);
	for (size_t i = 0; i < N_NAMES; i++)
		if (!strcmp(name, names[i].name))
			return names[i].run(argc, argv);
	if (argc >= 2 && !strcmp(argv[1], "lklfuse"))
		return cmd_lklfuse(argc - 1, argv + 1);
	if (argc >= 2 && !strcmp(argv[1], "--version"))
		return print_version(), REPORT_OK;
	if (argc >= 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))) {
		usage(stdout);
		return REPORT_OK;
	}
	for (size_t i = 0; argc >= 2 && i < N_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	if (argc >= 2)
		report(REPORT_USAGE, "usage", "%s: no such command", argv[1]);
	usage(stderr);
	return REPORT_USAGE;
}
