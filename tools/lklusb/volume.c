// SPDX-License-Identifier: GPL-2.0-only
#include "volume.h"

#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "report.h"

/* With --lv it need not be said where LVM is. */
int volume_choose(const struct volume_config *c, const struct disk *disk,
		  const struct disk_part **ret_part)
{
	for (unsigned int i = 0; c->lv && !c->partition && i < disk->n_parts; i++)
		if (disk_is_lvm(&disk->parts[i])) {
			*ret_part = &disk->parts[i];
			return 0;
		}
	return disk_choose(disk, c->partition, c->unlock.header || c->unlock.plain, ret_part);
}

static int open_lvm(struct volume *v, const struct volume_config *c, const struct disk *disk,
		    const struct disk_part *part, bool readonly, struct disk_part *inner)
{
	struct lvm_scan scan;
	struct lvm_wanted wanted = {
		.name = c->lv,
		.part = c->partition || v->unlocked ? part : NULL,
	};
	int status = lvm_scan(&scan, disk, v->unlocked ? part : NULL);

	if (!status)
		status = lvm_open(&scan, &wanted, readonly, inner, &v->lv);
	lvm_scan_free(&scan);
	v->lvm = v->is_lv[v->n_layers] = *inner->node;
	return status;
}

/* The helper's terminal and the key file are those of the process that serves. */
static int second_key(const struct disk_part *part)
{
	report(REPORT_MOUNT, "luks-second",
	       "%s is encrypted: only the first mount of a stick can unlock",
	       disk_part_name(part));
	report_hint("unmount what is mounted of the stick, and mount this first");
	return REPORT_MOUNT;
}

static int open_luks(struct volume *v, const struct volume_config *c,
		     const struct disk_part *part, bool readonly, struct disk_part *inner)
{
	const struct unlock_config *u = &c->unlock;
	int status;

	if (c->second)
		return second_key(part);
	/* Else a passphrase is asked for, on the same terminal. */
	daemon_phase(u->key_file || u->key_fd || u->keyring ? "Unlocking" : NULL);
	status = unlock_open(u, part, readonly, inner);
	inner->volume = part->volume ? strdup(part->volume) : NULL;
	v->unlocked = *inner->node;
	return status;
}

int volume_open(struct volume *v, const struct volume_config *c, const struct disk *disk,
		bool readonly, const struct disk_part **ret_part)
{
	const struct disk_part *part = *ret_part;
	int status = 0;

	while (!status && v->n_layers < VOLUME_MAX_LAYERS) {
		struct disk_part *inner = &v->layers[v->n_layers];

		if (!v->lvm && disk_is_lvm(part)) {
			status = open_lvm(v, c, disk, part, readonly, inner);
		} else if (!v->unlocked && unlock_wanted(&c->unlock, part)) {
			status = open_luks(v, c, part, readonly, inner);
		} else {
			break;
		}
		if (*inner->node) {
			v->n_layers++;
			part = inner;
		}
	}
	if (!status && c->lv && !v->lvm)
		status = report(REPORT_MOUNT, "lv-missing", "%s: there is no LVM",
				disk_part_name(part));
	*ret_part = part;
	return status;
}

static int close_layer(struct volume *v, unsigned int layer)
{
	int err;

	if (!v->is_lv[layer])
		return unlock_close();
	err = lvm_close(&v->lv);
	return err ? report(REPORT_MOUNT, "lvm-device", "%s: in use inside: %s",
			    disk_part_name(&v->layers[layer]), strerror(-err)) : 0;
}

int volume_close(struct volume *v)
{
	int status = 0;

	while (!status && v->n_layers) {
		status = close_layer(v, v->n_layers - 1);
		if (!status)
			disk_part_free(&v->layers[--v->n_layers]);
	}
	return status;
}

void volume_free(struct volume *v)
{
	for (unsigned int i = 0; i < v->n_layers; i++)
		disk_part_free(&v->layers[i]);
}
