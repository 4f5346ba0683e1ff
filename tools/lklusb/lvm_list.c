// SPDX-License-Identifier: GPL-2.0-only
#include "lvm_list.h"

#include <errno.h>
#include <stdio.h>

#include "lvm_open.h"

/* Looks into it, which nobody else can without a device mapper. */
static void look(const struct lvm_scan *scan, const struct lvm_group *g,
		 const struct lvm_lv *lv, struct lvm_listed *l)
{
	struct lvm_device device;
	int err = lvm_open_volume(scan, g, lv, true, &l->part, &device);

	l->part.size = lv->sectors * 512;
	if (err) {
		l->why_not = *lv->type ? lv->type : lv->use == LVM_PART ? "part" :
			     err == -ENODEV ? "incomplete" :
			     err == -EBUSY ? "mounted" : "unusable";
		return;
	}
	disk_probe(&l->part);
	lvm_close(&device);
}

int lvm_list(const struct disk *disk, void (*fn)(void *ctx, const struct lvm_listed *lv),
	     void *ctx)
{
	struct lvm_scan scan;
	int status = lvm_scan(&scan, disk, NULL, 0);

	for (unsigned int i = 0; i < scan.n_groups; i++) {
		const struct lvm_group *g = scan.groups[i];

		for (uint32_t k = 0; k < g->n_lvs; k++) {
			struct lvm_listed l = { .kind = lvm_kind(g, &g->lvs[k]) };

			if (!g->lvs[k].visible)
				continue;
			snprintf(l.name, sizeof(l.name), "%s/%s", g->name, g->lvs[k].name);
			look(&scan, g, &g->lvs[k], &l);
			fn(ctx, &l);
			disk_part_free(&l.part);
		}
	}
	lvm_scan_free(&scan);
	return status;
}
