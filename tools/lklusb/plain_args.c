// SPDX-License-Identifier: GPL-2.0-only
#include "plain_args.h"

#include <getopt.h>
#include <stdio.h>

#include "report.h"

int plain_args(int argc, char **argv, const char *help, int least, int most, bool *ret_json)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'J' },
		{ 0 },
	};
	bool wrong = false;
	int c;

	while ((c = getopt_long(argc, argv, "hJ", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout), REPORT_OK;
		if (c == 'J' && ret_json)
			*ret_json = true;
		else
			wrong = true;
	}
	if (wrong || argc - optind < least || argc - optind > most)
		return fputs(help, stderr), REPORT_USAGE;
	return -1;
}
