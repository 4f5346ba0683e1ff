/* SPDX-License-Identifier: GPL-2.0-only */
/* shell_i.h - what the parts of lklusb shell share. */
#ifndef SHELL_I_H
#define SHELL_I_H

#include <histedit.h>
#include <limits.h>
#include <stdbool.h>

#include "copy.h"
#include "look.h"
#include "names.h"

struct shell {
	struct look look;
	char cwd[PATH_MAX];		/* of what is mounted, without links */
	int started_in;			/* folder of the host, descriptor */
	Tokenizer *words;
	EditLine *edit;			/* at a terminal; NULL: commands come from elsewhere */
	History *history;
	bool over;
	int status;			/* of the last command */
};

enum shell_flags {
	SHELL_MOUNT = 1,		/* something must be mounted */
	SHELL_RW = 2,			/* only with --rw */
	SHELL_WILDCARDS = 4,		/* its words are paths of the stick */
};

/* One of the shell's; -1: wrongly used, else an exit status. */
struct shell_command {
	const char *name;
	int (*run)(struct shell *shell, int argc, char **argv);
	const char *args, *help;
	unsigned int flags;
};

/* Ends with a name of NULL. */
extern const struct shell_command shell_commands[];

/* ---- shell_files.c: commands about files, and paths ---- */

int shell_cat(struct shell *shell, int argc, char **argv);
int shell_cd(struct shell *shell, int argc, char **argv);
int shell_cp(struct shell *shell, int argc, char **argv);
int shell_pwd(struct shell *shell, int argc, char **argv);

/* The path from the top of what is mounted, not yet looked at; false: too long. */
bool shell_absolute(const struct shell *shell, const char *path, char *ret);

/* As look_path; reports why not. */
long shell_open(const struct shell *shell, const char *path, int flags);

/* [path]. Returns the exit status. */
int shell_failed(const char *path, long err);

/* ---- shell_ls.c ---- */

int shell_ls(struct shell *shell, int argc, char **argv);

/* ---- shell_expand.c ---- */

/* Adds the word, or the paths that it stands for. 0 or -errno. */
int shell_expand(const struct shell *shell, const char *word, struct names *words);

/* ---- shell_write.c: with --rw ---- */

int shell_mkdir(struct shell *shell, int argc, char **argv);
int shell_mv(struct shell *shell, int argc, char **argv);
int shell_put(struct shell *shell, int argc, char **argv);
int shell_rm(struct shell *shell, int argc, char **argv);

/* ---- shell_edit.c: lines of a terminal ---- */

/* Opens what the editor needs of the host. False: it cannot be used here. */
bool shell_edit_begin(struct shell *shell);
void shell_edit_end(struct shell *shell);

/* Until the next call; NULL: there are no more, or stop_wanted(). */
const char *shell_edit_line(struct shell *shell);

#endif
