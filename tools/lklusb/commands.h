/* SPDX-License-Identifier: GPL-2.0-only */
/* commands.h - the sub-commands; each returns an exit status of report.h. */
#ifndef COMMANDS_H
#define COMMANDS_H

int cmd_list(int argc, char **argv);
int cmd_mount(int argc, char **argv);
int cmd_umount(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_dmesg(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_cp(int argc, char **argv);
int cmd_shell(int argc, char **argv);
int cmd_hotplug(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

/* Under other names of the program. */
int cmd_lklfuse(int argc, char **argv);
int cmd_mount_helper(int argc, char **argv);
int cmd_umount_helper(int argc, char **argv);

void print_version(void);

#endif
