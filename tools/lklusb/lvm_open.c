// SPDX-License-Identifier: GPL-2.0-only
#include "lvm_open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dm.h"
#include "guest.h"
#include "report.h"

struct choice {
	const struct lvm_group *group;
	const struct lvm_lv *lv;
	unsigned int n;		/* that fit */
};

/* ---- which one ---- */

static bool is_name(const char *text, size_t len, const char *name)
{
	return strlen(name) == len && !strncmp(text, name, len);
}

/* As it is, or as LVM prints it. */
static bool is_id(const char *text, size_t len, const char *id)
{
	for (; len && *id; text++, len--)
		if (*text != '-' && *text != *id++)
			return false;
	return !len && !*id;
}

static bool fits(const struct lvm_group *g, const struct lvm_lv *lv, const char *wanted)
{
	const char *slash = wanted ? strchr(wanted, '/') : NULL;
	size_t len = slash ? slash - wanted : 0;

	if (!wanted)
		return lv->visible;
	if (slash && !is_name(wanted, len, g->name) && !is_id(wanted, len, g->id))
		return false;
	wanted = slash ? slash + 1 : wanted;
	return !strcmp(wanted, lv->name) || is_id(wanted, strlen(wanted), lv->id);
}

/* Of all that it may look at, or only those that fit: counts, and lists with say. */
static struct choice look(const struct lvm_scan *scan, const struct lvm_wanted *w,
			  const char *name, bool say)
{
	struct choice c = { 0 };

	for (unsigned int i = 0; i < scan->n_groups; i++) {
		const struct lvm_group *g = scan->groups[i];

		if (w->part && !lvm_scan_has(scan, g, w->part))
			continue;
		for (uint32_t k = 0; k < g->n_lvs; k++) {
			const struct lvm_lv *lv = &g->lvs[k];

			if (!fits(g, lv, name))
				continue;
			if (say)
				report_detail(" --lv %s/%s  %llu MiB  %s", g->name, lv->name,
					      (unsigned long long)lv->sectors >> 11,
					      lvm_kind(g, lv));
			c = (struct choice) { g, lv, c.n + 1 };
		}
	}
	return c;
}

static int choose(const struct lvm_scan *scan, const struct lvm_wanted *w, struct choice *ret)
{
	*ret = look(scan, w, w->name, false);
	if (ret->n == 1)
		return 0;
	if (!ret->n && w->more)
		return LVM_OPEN_MORE;
	if (!ret->n) {
		report(REPORT_MOUNT, "lv-missing", w->name ? "no logical volume is %s" :
		       "LVM is there, but no logical volume", w->name);
		look(scan, w, NULL, true);
		return REPORT_MOUNT;
	}
	report(REPORT_USAGE, "lv-ambiguous", "more than one logical volume fits; choose with --lv");
	look(scan, w, w->name, true);
	return REPORT_USAGE;
}

/* ---- whether it can be ---- */

static int unsupported(const struct choice *c, const char *why)
{
	return report(REPORT_MOUNT, "lvm-unsupported", "%s/%s: %s", c->group->name, c->lv->name,
		      why);
}

static int check_kind(const struct choice *c, bool readonly)
{
	char why[80];

	if (*c->lv->type) {
		snprintf(why, sizeof(why), "volumes of type %s are not supported", c->lv->type);
		return unsupported(c, why);
	}
	if (c->lv->use == LVM_PART)
		return unsupported(c, "it is a part of other volumes");
	if (c->lv->use == LVM_ORIGIN && !readonly) {
		unsupported(c, "writing to it would damage its snapshots");
		report_hint("--ro");
		return REPORT_MOUNT;
	}
	return 0;
}

static int not_all_here(const struct choice *c, const struct lvm_present *pvs, int err,
			uint32_t bad)
{
	const struct lvm_group *g = c->group;

	if (err != -ENODEV)
		return report(REPORT_MOUNT, "lvm-damaged", "%s/%s: physical volume %s is too short",
			      g->name, c->lv->name, g->pvs[bad].id);
	report(REPORT_MOUNT, "lvm-incomplete", "%s/%s needs physical volumes that are not here",
	       g->name, c->lv->name);
	for (uint32_t i = 0; i < g->n_pvs; i++)
		report_detail(" %s %s", g->pvs[i].id, !pvs[i].node ? "is not here" :
			      g->pvs[i].missing ? "was missing before: its data are old" :
			      pvs[i].node);
	return REPORT_MOUNT;
}

/* ---- the device ---- */

static int fill_targets(const struct lvm_group *g, const struct lvm_lv *lv,
			const struct lvm_present *pvs, struct dm_target *targets)
{
	char params[LVM_PARAMS_SIZE];

	for (uint32_t i = 0; i < lv->n_segments; i++) {
		const struct lvm_segment *s = &g->segments[lv->first_segment + i];

		targets[i].start = s->start;
		targets[i].sectors = s->sectors;
		targets[i].type = lvm_target(g, s, pvs, params);
		targets[i].params = strdup(params);
		if (!targets[i].params)
			return -ENOMEM;
	}
	return 0;
}

/* Returns the number N of /dev/dm-N, or -errno. */
static int create(const struct lvm_group *g, const struct lvm_lv *lv,
		  const struct lvm_present *pvs, bool readonly, struct lvm_device *device)
{
	struct dm_target *targets = calloc(lv->n_segments, sizeof(*targets));
	int n = targets ? fill_targets(g, lv, pvs, targets) : -ENOMEM;

	/* Two devices of one volume would be two filesystems on the same sectors. */
	snprintf(device->name, sizeof(device->name), "lklusb-%s%s", g->id, lv->id);
	if (!n)
		n = dm_create(device->name, targets, lv->n_segments, readonly || !lv->writable);
	for (uint32_t i = 0; targets && i < lv->n_segments; i++)
		free((char *)targets[i].params);
	free(targets);
	return n;
}

static int describe(const struct lvm_group *g, const struct lvm_lv *lv, int n,
		    struct disk_part *inner)
{
	memset(inner, 0, sizeof(*inner));
	inner->size = lv->sectors * 512;
	snprintf(inner->node, sizeof(inner->node), "/dev/dm-%d", n);
	return asprintf(&inner->volume, "%s/%s", g->name, lv->name) < 0 ? -ENOMEM : 0;
}

int lvm_open_volume(const struct lvm_scan *scan, const struct lvm_group *g,
		    const struct lvm_lv *lv, bool readonly, struct disk_part *ret_inner,
		    struct lvm_device *ret_device)
{
	struct lvm_present pvs[LVM_MAX_PVS];
	uint32_t bad;
	int n;

	if (*lv->type || lv->use == LVM_PART || lvm_scan_present(scan, g, pvs) ||
	    lvm_check_present(g, lv, pvs, &bad))
		return -ENODEV;
	n = create(g, lv, pvs, readonly, ret_device);
	return n < 0 ? n : describe(g, lv, n, ret_inner);
}

int lvm_open(const struct lvm_scan *scan, const struct lvm_wanted *wanted, bool readonly,
	     struct disk_part *ret_inner, struct lvm_device *ret_device)
{
	struct lvm_present pvs[LVM_MAX_PVS];
	struct choice c;
	uint32_t bad;
	int err, status = choose(scan, wanted, &c);

	if (!status)
		status = check_kind(&c, readonly);
	if (!status)
		status = lvm_scan_present(scan, c.group, pvs);
	if (status)
		return status;
	err = lvm_check_present(c.group, c.lv, pvs, &bad);
	if (err == -ENODEV && wanted->more)
		return LVM_OPEN_MORE;
	if (err)
		return not_all_here(&c, pvs, err, bad);
	err = lvm_open_volume(scan, c.group, c.lv, readonly, ret_inner, ret_device);
	if (!err)
		return disk_probe(ret_inner);
	if (err == -EBUSY)
		return report(REPORT_MOUNT, "already-mounted", "%s/%s is mounted already",
			      c.group->name, c.lv->name);
	report(REPORT_MOUNT, "lvm-device", "%s/%s: the library kernel cannot use it: %s",
	       c.group->name, c.lv->name, strerror(-err));
	guest_report_log("device-mapper");
	return REPORT_MOUNT;
}

int lvm_close(const struct lvm_device *device)
{
	return dm_remove(device->name);
}
