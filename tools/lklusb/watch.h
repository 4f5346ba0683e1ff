/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watch.h - a limit for what a device can make last for ever.
 *
 * Linux tries some commands again without counting (a UAS device whose data stage
 * fails but whose status is good), and no call of the library kernel has a time-out.
 */
#ifndef WATCH_H
#define WATCH_H

/*
 * After so many seconds without watch_end(), late() is called on another thread, which
 * ends the process. Once at a time.
 */
void watch_begin(unsigned int seconds, void (*late)(void));
void watch_end(void);

#endif
