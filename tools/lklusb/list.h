/* SPDX-License-Identifier: GPL-2.0-only */
/* list.h - what list shows, for other commands. */
#ifndef LIST_H
#define LIST_H

#include "guest.h"

/* Plugs the source in, which is only read, and prints what is on it. An exit status. */
int list_source(struct guest_config *config, bool json);

#endif
