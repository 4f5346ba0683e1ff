// SPDX-License-Identifier: GPL-2.0-only
/*
 * lklusb mount: everything that can fail does so before the user's shell goes on.
 * The order is that of the borders: first what needs the host (source, FUSE), then
 * the library kernel, which needs neither.
 */
#include <stdlib.h>

#include "commands.h"
#include "daemon.h"
#include "log.h"
#include "one_mount.h"
#include "report.h"
#include "serve.h"

int cmd_mount(int argc, char **argv)
{
	static struct one_mount m;
	int status = mount_args_parse(&m.args, argc, argv);

	if (status)
		return status;
	if (m.args.help)
		return mount_args_help(true);
	if (m.args.quiet)
		report_quiet();
	if (m.args.guest.verbose)
		log_set_level(LOG_LEVEL_INFO);
	status = one_mount_check(&m);
	if (!status)
		status = unlock_prepare(&m.args.unlock);
	if (!status && !m.args.foreground)
		status = daemon_fork();
	return status ? status : serve(&m);
}
