/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * volume.h - what may be between a partition and its filesystem: LUKS, LVM, one in the
 * other; also one volume group in several encrypted partitions.
 *
 * Functions report what goes wrong and return 0 or an exit status.
 */
#ifndef VOLUME_H
#define VOLUME_H

#include "disk.h"
#include "key_session.h"
#include "lvm_open.h"
#include "unlock.h"

#define VOLUME_MAX_LAYERS 16u

struct volume_config {
	const char *partition;		/* as for disk_choose, or NULL */
	const char *lv;			/* GROUP/NAME, or NULL: the only one */
	struct unlock_config unlock;

	/* What is asked of whoever opens it; NULL: start a key helper; nobody else has parts. */
	void *ctx;
	int (*connect)(void *ctx, struct key_session *ret_session);
	/* 0: this encrypted part is ours from now on; else it is mounted, which say reports. */
	int (*claim)(void *ctx, const struct disk_part *part, bool say);
	void (*release)(void *ctx, const struct disk_part *part);
};

/* Devices that were made inside, each of those before. */
struct volume {
	const struct disk *disk;
	unsigned int n_layers;
	struct volume_layer {
		struct disk_part part;		/* what is in it */
		const struct disk_part *below;	/* what was unlocked; NULL: a logical volume */
		struct unlocked unlocked;
		bool shared;			/* that is with luks_share.h */
	} layers[VOLUME_MAX_LAYERS];
	bool lvm;
	const char *encryption;		/* "luks1", "luks2", "plain", or NULL */
	struct lvm_device lv;
	struct key_session keys;	/* while it is opened */
	bool has_keys;
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
