/* SPDX-License-Identifier: GPL-2.0-only */
/* stop.h - Ctrl-C stops what is being done, SIGTERM and SIGHUP all of it. */
#ifndef STOP_H
#define STOP_H

#include <stdbool.h>

/*
 * From now on; until then signals are as ever. Of what does not stop, as a device that does
 * not answer, the second signal more ends the process.
 */
void stop_by_signals(void);

/* Whether what is being done is to stop. */
bool stop_wanted(void);

/* Whether all is. */
bool stop_all_wanted(void);

/* Until fd can be read: 1; 0: stop_wanted(); -EINTR: another signal came. */
int stop_wait(int fd);

/* The next thing is begun. */
void stop_reset(void);

#endif
