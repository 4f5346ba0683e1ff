/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * serve.h - the life of the process that serves a stick: from the source to the last
 * word. It has the mounts, of which the last that ends is its end.
 */
#ifndef SERVE_H
#define SERVE_H

#include "one_mount.h"

/*
 * Opens, boots, mounts m, serves it and what others ask for on listener, until nothing
 * is mounted. Reports; an exit status.
 */
int serve(struct one_mount *m, int listener);

#endif
