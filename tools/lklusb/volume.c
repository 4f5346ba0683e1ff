// SPDX-License-Identifier: GPL-2.0-only
#include "volume.h"

#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "luks_share.h"
#include "report.h"

/* With --lv it need not be said where LVM is. */
int volume_choose(const struct volume_config *c, const struct disk *disk,
		  const struct disk_part **ret_part)
{
	const struct disk_part *p, *end = disk->parts + disk->n_parts;
	bool any = c->unlock.header || c->unlock.plain, found;

	for (int luks = 0; c->lv && !c->partition && luks <= !any; luks++)
		for (p = disk->parts; p < end; p++) {
			found = luks ? unlock_wanted(&c->unlock, p) : disk_is_lvm(p);
			if (found) {
				*ret_part = p;
				return 0;
			}
		}
	return disk_choose(disk, c->partition, any, ret_part);
}

/* ---- encryption ---- */

static int connect_keys(struct volume *v, const struct volume_config *c)
{
	int status = 0;

	if (v->has_keys)
		return 0;
	status = c->connect ? c->connect(c->ctx, &v->keys) :
			      unlock_start_helper(&c->unlock, &v->keys);
	v->has_keys = !status;
	return status;
}

/* What the command line says about one is not about another within it. */
static bool wanted(const struct volume *v, const struct unlock_config *c,
		   const struct disk_part *part)
{
	return !(v->encryption && (c->header || c->plain)) && unlock_wanted(c, part);
}

/* Else it is in something that this volume has opened. */
static bool on_disk(const struct volume *v, const struct disk_part *part)
{
	return part >= v->disk->parts && part < v->disk->parts + v->disk->n_parts;
}

static int claim(const struct volume *v, const struct volume_config *c,
		 const struct disk_part *part, bool say)
{
	return c->claim && on_disk(v, part) ? c->claim(c->ctx, part, say) : 0;
}

/* Another mount has unlocked it, and it has LVM in it. */
static bool open_shared(struct volume *v, const struct disk_part *part, int *ret_status)
{
	struct volume_layer *layer = &v->layers[v->n_layers];

	*layer = (struct volume_layer) { .below = part };
	layer->shared = luks_share_get(part, &layer->part, &v->encryption);
	if (!layer->shared)
		return false;
	v->n_layers++;
	*ret_status = disk_probe(&layer->part);
	return true;
}

static int open_luks(struct volume *v, const struct volume_config *c,
		     const struct disk_part *part, bool readonly)
{
	struct volume_layer *layer = &v->layers[v->n_layers];
	const struct unlock_config *u = &c->unlock;
	int status = 0;

	if (open_shared(v, part, &status))
		return status;
	status = claim(v, c, part, true);
	if (!status)
		status = connect_keys(v, c);
	if (status)
		return status;
	/* Else a passphrase is asked for, on the same terminal. */
	daemon_phase(u->key_file || u->key_fd || u->keyring ? "Unlocking" : NULL);
	layer->below = part;
	status = unlock_open(&layer->unlocked, u, &v->keys, part, readonly, &layer->part);
	if (!*layer->part.node)
		return status;
	layer->part.volume = part->volume ? strdup(part->volume) : NULL;
	v->encryption = layer->unlocked.kind;
	v->n_layers++;
	if (on_disk(v, part) && disk_is_lvm(&layer->part))
		layer->shared = luks_share_add(part, &layer->part, &layer->unlocked);
	return status;
}

static int close_layer(struct volume *v)
{
	struct volume_layer *layer = &v->layers[v->n_layers - 1];
	int err, status = 0;

	if (layer->below) {
		status = layer->shared ? luks_share_put(layer->below) :
					 unlock_close(&layer->unlocked);
	} else {
		err = lvm_close(&v->lv);
		if (err)
			status = report(REPORT_MOUNT, "lvm-device", "%s: in use inside: %s",
					disk_part_name(&layer->part), strerror(-err));
	}
	if (status)
		return status;
	disk_part_free(&layer->part);
	v->n_layers--;
	return 0;
}

/* ---- LVM ---- */

static bool is_open(const struct volume *v, const struct disk_part *part)
{
	for (unsigned int i = 0; i < v->n_layers; i++)
		if (v->layers[i].below == part)
			return true;
	return false;
}

/* *next: the first that was not tried. Room is left for the volume and LUKS in it. */
static const struct disk_part *next_luks(const struct volume *v, const struct volume_config *c,
					 const struct disk *disk, unsigned int *next)
{
	const struct disk_part *part;

	for (; v->n_layers + 2 < VOLUME_MAX_LAYERS && *next < disk->n_parts; ++*next) {
		part = &disk->parts[*next];
		if (wanted(v, &c->unlock, part) && !is_open(v, part))
			return part;
	}
	return NULL;
}

/* Why a volume is not found in the end. */
struct skipped {
	int status;		/* of a part whose header or key was not right */
	bool in_use;		/* by other mounts of the stick */
};

/*
 * One more encrypted part, which may be of the group; what is in use, has another key or
 * something else in it stays as it is.
 */
static int open_next(struct volume *v, const struct volume_config *c,
		     const struct disk_part *part, bool readonly, struct skipped *skipped)
{
	unsigned int before = v->n_layers;
	const char *encryption = v->encryption;
	int status;

	if (!luks_shared(part) && claim(v, c, part, false)) {
		skipped->in_use = true;
		return 0;
	}
	status = open_luks(v, c, part, readonly);
	if (v->n_layers == before && v->layers[before].unlocked.unusable) {
		skipped->status = status;
		status = 0;
	} else if (status || disk_is_lvm(&v->layers[before].part)) {
		return status;
	} else {
		v->encryption = encryption;
		status = close_layer(v);
	}
	if (c->release)
		c->release(c->ctx, part);
	return status;
}

/* What other mounts have unlocked costs no question. */
static int open_all_shared(struct volume *v, const struct volume_config *c,
			   const struct disk *disk)
{
	const struct disk_part *part;
	unsigned int next = 0;
	int status = 0;

	for (; !status && (part = next_luks(v, c, disk, &next)); next++)
		open_shared(v, part, &status);
	return status;
}

static int try_lvm(struct volume *v, const struct volume_config *c, const struct disk *disk,
		   const struct disk_part *part, bool more, bool readonly)
{
	struct volume_layer *layer = &v->layers[v->n_layers];
	const struct disk_part *inner[VOLUME_MAX_LAYERS];
	struct lvm_scan scan;
	struct lvm_wanted wanted = {
		.name = c->lv,
		.part = c->partition || (v->n_layers && !c->lv) ? part : NULL,
		.more = more,
	};
	int status;

	for (unsigned int i = 0; i < v->n_layers; i++)
		inner[i] = &v->layers[i].part;
	status = lvm_scan(&scan, disk, inner, v->n_layers);
	memset(layer, 0, sizeof(*layer));
	if (!status)
		status = lvm_open(&scan, &wanted, readonly, &layer->part, &v->lv);
	lvm_scan_free(&scan);
	v->lvm = *layer->part.node;
	v->n_layers += v->lvm;
	return status;
}

/* Its group may be on more than one encrypted part. */
static int open_lvm(struct volume *v, const struct volume_config *c, const struct disk *disk,
		    const struct disk_part *part, bool readonly)
{
	struct skipped skipped = { 0 };
	const struct disk_part *luks;
	unsigned int next = 0;
	int status = open_all_shared(v, c, disk);

	if (!status)
		status = try_lvm(v, c, disk, part, true, readonly);
	for (; status == LVM_OPEN_MORE && (luks = next_luks(v, c, disk, &next)); next++) {
		status = open_next(v, c, luks, readonly, &skipped);
		if (!status)
			status = try_lvm(v, c, disk, part, true, readonly);
	}
	if (status != LVM_OPEN_MORE)
		return status;
	if (skipped.in_use)
		return report(REPORT_MOUNT, "already-mounted",
			      "%s is not in what is left: other encrypted parts are mounted, or about to be",
			      c->lv ? c->lv : "LVM");
	if (skipped.status && !v->n_layers && !disk_is_lvm(part))
		return skipped.status;		/* which was reported */
	return try_lvm(v, c, disk, part, false, readonly);
}

/* With --lv and without -p it may be in any of the encrypted parts. */
static bool search_lvm(const struct volume *v, const struct volume_config *c,
		       const struct disk_part *part)
{
	return !v->n_layers && c->lv && !c->partition && !c->unlock.header &&
	       !c->unlock.plain && unlock_wanted(&c->unlock, part);
}

/* ---- */

int volume_open(struct volume *v, const struct volume_config *c, const struct disk *disk,
		bool readonly, const struct disk_part **ret_part)
{
	const struct disk_part *part = *ret_part;
	int status = 0;

	v->disk = disk;
	while (!status && v->n_layers < VOLUME_MAX_LAYERS) {
		if (!v->lvm && (disk_is_lvm(part) || search_lvm(v, c, part)))
			status = open_lvm(v, c, disk, part, readonly);
		else if (wanted(v, &c->unlock, part))
			status = open_luks(v, c, part, readonly);
		else
			break;
		part = v->n_layers ? &v->layers[v->n_layers - 1].part : part;
	}
	if (v->has_keys)
		key_session_end(&v->keys);
	v->has_keys = false;
	if (!status && c->lv && !v->lvm)
		status = report(REPORT_MOUNT, "lv-missing", "%s: there is no LVM",
				disk_part_name(part));
	*ret_part = part;
	return status;
}

int volume_close(struct volume *v)
{
	int status = 0;

	while (!status && v->n_layers)
		status = close_layer(v);
	return status;
}

void volume_free(struct volume *v)
{
	for (unsigned int i = 0; i < v->n_layers; i++)
		disk_part_free(&v->layers[i].part);
}
