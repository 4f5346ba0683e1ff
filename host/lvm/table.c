// SPDX-License-Identifier: GPL-2.0-only
/* Formats: Documentation/admin-guide/device-mapper/linear.rst, striped.rst */
#include "lvm.h"

#include <errno.h>
#include <stdio.h>

static int check_area(const struct lvm_group *g, uint32_t pv, const struct lvm_present *here)
{
	const struct lvm_pv *p = &g->pvs[pv];

	if (!here->node || p->missing)
		return -ENODEV;
	return p->start + (uint64_t)p->n_extents * g->extent_size > here->sectors ? -EUCLEAN : 0;
}

int lvm_check_present(const struct lvm_group *g, const struct lvm_lv *lv,
		      const struct lvm_present *pvs, uint32_t *ret_pv)
{
	for (uint32_t i = 0; i < lv->n_segments; i++) {
		const struct lvm_segment *s = &g->segments[lv->first_segment + i];

		for (uint32_t k = 0; k < s->n_stripes; k++) {
			uint32_t pv = g->areas[s->first_area + k].pv;
			int err = check_area(g, pv, &pvs[pv]);

			if (err) {
				*ret_pv = pv;
				return err;
			}
		}
	}
	return 0;
}

const char *lvm_kind(const struct lvm_group *g, const struct lvm_lv *lv)
{
	if (*lv->type)
		return lv->type;
	for (uint32_t i = 0; i < lv->n_segments; i++)
		if (g->segments[lv->first_segment + i].n_stripes > 1)
			return "striped";
	return "linear";
}

const char *lvm_target(const struct lvm_group *g, const struct lvm_segment *s,
		       const struct lvm_present *pvs, char ret_params[static LVM_PARAMS_SIZE])
{
	int n = 0;

	if (s->n_stripes > 1)
		n = snprintf(ret_params, LVM_PARAMS_SIZE, "%u %u ", s->n_stripes, s->stripe_size);
	for (uint32_t i = 0; i < s->n_stripes && n < LVM_PARAMS_SIZE; i++) {
		const struct lvm_area *a = &g->areas[s->first_area + i];

		n += snprintf(ret_params + n, LVM_PARAMS_SIZE - n, "%s%.40s %llu", i ? " " : "",
			      pvs[a->pv].node, (unsigned long long)
			      (g->pvs[a->pv].start + (uint64_t)a->extent * g->extent_size));
	}
	return s->n_stripes > 1 ? "striped" : "linear";
}
