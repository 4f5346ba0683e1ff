/* SPDX-License-Identifier: GPL-2.0-only */
/* serve.h - the life of the process that serves: from the source to the last word. */
#ifndef SERVE_H
#define SERVE_H

#include "one_mount.h"

/* Opens, boots, mounts, serves until the end. Reports; an exit status. */
int serve(struct one_mount *m);

#endif
