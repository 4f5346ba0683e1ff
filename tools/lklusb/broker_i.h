/* SPDX-License-Identifier: GPL-2.0-only */
/* broker_i.h - the mounts that the broker keeps, by their numbers on the host. */
#ifndef BROKER_I_H
#define BROKER_I_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * The one on this folder, if it is lklusb's, of this user and of the stick that this
 * process has the lock of, or of source. 0 or -errno.
 */
int broker_mounts_keep(const char *dir, const char *source, dev_t *ret_dev);

/* Where it is; NULL: it is not kept. */
const char *broker_mounts_dir(dev_t dev);

int broker_mounts_publish(dev_t dev);
void broker_mounts_withdraw(dev_t dev);
void broker_mounts_unmount(dev_t dev);

/* All that is left. left: their process has ended by its own will. */
void broker_mounts_end(bool left);

#endif
