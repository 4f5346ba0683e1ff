/* SPDX-License-Identifier: GPL-2.0-only */
/* ask.h - asking the process that serves a mount (control.h). */
#ifndef ASK_H
#define ASK_H

#include <sys/types.h>

#include "request.h"

/*
 * A socket on which kind was asked about uid's mount dev, or -errno: -ENOENT or
 * -ECONNREFUSED if there is no such process.
 */
int ask_begin(dev_t dev, uid_t uid, enum request_kind kind);

/* The whole answer, malloc'ed; NULL: nobody answers. */
char *ask(dev_t dev, uid_t uid, enum request_kind kind);

#endif
