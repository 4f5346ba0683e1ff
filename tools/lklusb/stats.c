// SPDX-License-Identifier: GPL-2.0-only
#include "stats.h"

#include <stdint.h>
#include <string.h>
#include <lkl.h>

#include "guest.h"
#include "output.h"
#include "virtio_usbip_dev.h"

#define BAR	40

/* ---- serving ---- */

static void add_number(struct json_object *o, const char *name, uint64_t n)
{
	json_object_object_add(o, name, json_object_new_int64(n));
}

/* From the first slot that has something to the last one. */
static struct json_object *latency(const uint64_t *slots)
{
	struct json_object *list = json_object_new_array(), *o;
	unsigned int last = USBIP_DEV_LATENCIES;

	while (last && !slots[last - 1])
		last--;
	for (unsigned int i = 0; i < last; i++) {
		if (!slots[i] && !json_object_array_length(list))
			continue;
		o = json_object_new_object();
		add_number(o, "below_us", 1ull << i);
		add_number(o, "count", slots[i]);
		json_object_array_add(list, o);
	}
	return list;
}

void stats_add(struct json_object *status)
{
	struct json_object *urbs;
	struct usbip_dev_stats s;
	struct lkl_counters c;

	lkl_counters(&c);
	add_number(status, "system_calls", c.calls);
	add_number(status, "interrupts", c.irqs);
	add_number(status, "switches", c.switches);
	add_number(status, "kicks", c.kicks);
	if (!guest_urbs(&s))
		return;
	urbs = json_object_new_object();
	add_number(urbs, "count", s.urbs);
	add_number(urbs, "failed", s.failed);
	add_number(urbs, "bytes_in", s.bytes_in);
	add_number(urbs, "bytes_out", s.bytes_out);
	add_number(urbs, "in_flight", s.in_flight);
	add_number(urbs, "most_in_flight", s.most_in_flight);
	json_object_object_add(urbs, "latency", latency(s.latency));
	json_object_object_add(status, "urbs", urbs);
}

/* ---- asking ---- */

/* Another user's process may have answered: root asks those, too. */
static int64_t number(struct json_object *o, const char *name)
{
	int64_t n = json_object_get_int64(json_object_object_get(o, name));

	return n < 0 ? 0 : n;
}

static void print_latency(struct json_object *list)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	double all = 0, count;
	struct json_object *o;
	char bar[BAR + 1];

	for (size_t i = 0; i < n; i++)
		all += number(json_object_array_get_idx(list, i), "count");
	for (size_t i = 0; all && i < n; i++) {
		o = json_object_array_get_idx(list, i);
		count = number(o, "count");
		memset(bar, '#', BAR);
		bar[(int)(count * BAR / all)] = 0;
		output_row("  %8lld us %5.1f%% %s", (long long)number(o, "below_us"),
			   100.0 * count / all, bar);
	}
}

void stats_print(struct json_object *status)
{
	struct json_object *urbs = json_object_object_get(status, "urbs");

	if (urbs) {
		output_row("  URBs: %lld, %lld failed; in flight %lld, at most %lld",
			   (long long)number(urbs, "count"), (long long)number(urbs, "failed"),
			   (long long)number(urbs, "in_flight"),
			   (long long)number(urbs, "most_in_flight"));
		output_row("  data: %.1f MiB from the stick, %.1f MiB to it",
			   number(urbs, "bytes_in") / 1048576.0,
			   number(urbs, "bytes_out") / 1048576.0);
		output_row("  latency of every 16th URB, less than:");
		print_latency(json_object_object_get(urbs, "latency"));
	}
	output_row("  library kernel: %lld system calls, %lld task switches, %lld interrupts, "
		   "%lld host threads woken", (long long)number(status, "system_calls"),
		   (long long)number(status, "switches"),
		   (long long)number(status, "interrupts"),
		   (long long)number(status, "kicks"));
}
