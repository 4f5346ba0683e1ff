// SPDX-License-Identifier: GPL-2.0-only
#include "lvm_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <lkl.h>

#include "report.h"

static int read_node(void *ctx, uint64_t offset, void *buf, size_t len)
{
	long n;

	for (; len; offset += n, buf = (char *)buf + n, len -= n) {
		n = LKL_CALL4(SYS_pread64, *(long *)ctx, buf, len, offset);
		if (n <= 0)
			return n ? n : -EIO;
	}
	return 0;
}

/* Of several copies the newest counts. */
static int keep(struct lvm_scan *scan, struct lvm_group *group)
{
	for (unsigned int i = 0; i < scan->n_groups; i++) {
		struct lvm_group *g = scan->groups[i];

		if (strcmp(g->id, group->id))
			continue;
		if (group->seqno > g->seqno) {
			scan->groups[i] = group;
			group = g;
		}
		lvm_group_free(group);
		return 0;
	}
	if (scan->n_groups == LVM_MAX_GROUPS) {
		lvm_group_free(group);
		return -E2BIG;
	}
	scan->groups[scan->n_groups++] = group;
	return 0;
}

static int read_copy(struct lvm_scan *scan, const struct lvm_disk *disk,
		     const struct lvm_place *place)
{
	struct lvm_group *group;
	char *text;
	size_t len;
	int err = lvm_text_read(disk, place, &text, &len);

	if (err)
		return err;
	err = lvm_group_parse(text, len, &group);
	free(text);
	return err ? err : keep(scan, group);
}

/* One copy that is sound will do: it is an error only if there is none. */
static int read_copies(struct lvm_scan *scan, const struct lvm_disk *disk,
		       const struct lvm_label *label)
{
	int bad = 0, err;

	for (unsigned int i = 0; i < label->n_metadata; i++) {
		err = read_copy(scan, disk, &label->metadata[i]);
		if (!err)
			return 0;
		if (err != -ENODATA)
			bad = err;
	}
	return bad;
}

static int read_pv(struct lvm_scan *scan, const struct disk_part *part)
{
	long fd = LKL_CALL4(SYS_openat, AT_FDCWD, part->node, O_RDONLY | O_CLOEXEC, 0);
	struct lvm_disk disk = { .read = read_node, .ctx = &fd, .size = part->size };
	struct lvm_label label;
	int err;

	if (fd < 0)
		return fd;
	err = lvm_label_read(&disk, &label);
	if (!err) {
		strcpy(scan->pvs[scan->n_pvs].id, label.id);
		scan->pvs[scan->n_pvs++].part = part;
		err = read_copies(scan, &disk, &label);
	}
	LKL_CALL1(SYS_close, fd);
	return err;
}

/* Known to be one, since others say so, a physical volume needs no copy of its own. */
static bool is_known(const struct lvm_scan *scan, const struct disk_part *part)
{
	for (unsigned int i = 0; i < scan->n_groups; i++)
		if (lvm_scan_has(scan, scan->groups[i], part))
			return true;
	return false;
}

int lvm_scan(struct lvm_scan *scan, const struct disk *disk,
	     const struct disk_part *const *inner, unsigned int n_inner)
{
	const struct disk_part *bad = NULL;
	int err, why = 0;

	memset(scan, 0, sizeof(*scan));
	for (unsigned int i = 0; i < disk->n_parts + n_inner; i++) {
		const struct disk_part *part = i < disk->n_parts ? &disk->parts[i] :
								   inner[i - disk->n_parts];

		if (!disk_is_lvm(part))
			continue;
		err = read_pv(scan, part);
		if (err && !bad) {
			bad = part;
			why = err;
		}
	}
	if (!bad || is_known(scan, bad))
		return 0;
	return report(REPORT_MOUNT, "lvm-damaged", "%s: LVM's metadata are damaged (%s)",
		      disk_part_name(bad), strerror(-why));
}

void lvm_scan_free(struct lvm_scan *scan)
{
	for (unsigned int i = 0; i < scan->n_groups; i++)
		lvm_group_free(scan->groups[i]);
	scan->n_groups = 0;
}

int lvm_scan_present(const struct lvm_scan *scan, const struct lvm_group *group,
		     struct lvm_present pvs[static LVM_MAX_PVS])
{
	memset(pvs, 0, LVM_MAX_PVS * sizeof(*pvs));
	for (unsigned int i = 0; i < scan->n_pvs; i++)
		for (uint32_t k = 0; k < group->n_pvs; k++) {
			if (strcmp(scan->pvs[i].id, group->pvs[k].id))
				continue;
			if (pvs[k].node)
				return report(REPORT_MOUNT, "lvm-damaged",
					      "two physical volumes say to be %s of group %s",
					      group->pvs[k].id, group->name);
			pvs[k] = (struct lvm_present) { scan->pvs[i].part->node,
							scan->pvs[i].part->size / 512 };
		}
	return 0;
}

bool lvm_scan_has(const struct lvm_scan *scan, const struct lvm_group *group,
		  const struct disk_part *part)
{
	for (unsigned int i = 0; i < scan->n_pvs; i++)
		for (uint32_t k = 0; k < group->n_pvs; k++)
			if (scan->pvs[i].part == part &&
			    !strcmp(scan->pvs[i].id, group->pvs[k].id))
				return true;
	return false;
}
