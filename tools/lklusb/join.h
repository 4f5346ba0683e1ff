/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * join.h - a mount of a stick that another process of the user has: this one mounts on
 * the host, that one serves, and answers as answer.h says. The key of what is encrypted is
 * asked for here, by a helper of this process, whose socket that one gets.
 *
 * If it closes before "taken" it is about to end, and the stick is soon free.
 */
#ifndef JOIN_H
#define JOIN_H

#include "one_mount.h"
#include "request.h"

#define JOIN_AGAIN	-1

/*
 * m was checked, request has the words of its command line. An exit status, or JOIN_AGAIN:
 * nobody has the stick any more, or not yet.
 */
int join(struct one_mount *m, struct request *request);

#endif
