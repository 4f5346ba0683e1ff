/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * volume.h - what may be between a partition and its filesystem: LUKS, LVM, one in the
 * other in either order.
 *
 * Functions report what goes wrong and return 0 or an exit status.
 */
#ifndef VOLUME_H
#define VOLUME_H

#include "disk.h"
#include "lvm_open.h"
#include "unlock.h"

#define VOLUME_MAX_LAYERS 2u

struct volume_config {
	const char *partition;		/* as for disk_choose, or NULL */
	const char *lv;			/* GROUP/NAME, or NULL: the only one */
	struct unlock_config unlock;
	bool second;			/* other mounts are served already */
};

struct volume {
	struct disk_part layers[VOLUME_MAX_LAYERS];
	bool is_lv[VOLUME_MAX_LAYERS];
	unsigned int n_layers;
	bool unlocked, lvm;
	struct lvm_device lv;
};

/* The partition to begin with. */
int volume_choose(const struct volume_config *config, const struct disk *disk,
		  const struct disk_part **ret_part);

/*
 * Opens what is in *part, which becomes the volume's if it has a filesystem there.
 * volume_close in any case.
 */
int volume_open(struct volume *volume, const struct volume_config *config,
		const struct disk *disk, bool readonly, const struct disk_part **part);

/* Removes the devices. Nothing is mounted any more. */
int volume_close(struct volume *volume);

/* Only what is known about them. */
void volume_free(struct volume *volume);

#endif
