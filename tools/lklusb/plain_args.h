/* SPDX-License-Identifier: GPL-2.0-only */
/* plain_args.h - the options of commands that have none of their own. */
#ifndef PLAIN_ARGS_H
#define PLAIN_ARGS_H

#include <stdbool.h>

/*
 * Takes --help, and -J or --json unless ret_json is NULL; optind is behind them. Between
 * least and most arguments are left. Returns -1, or the exit status of a command that
 * has said its help.
 */
int plain_args(int argc, char **argv, const char *help, int least, int most, bool *ret_json);

#endif
