// SPDX-License-Identifier: GPL-2.0-only
#include <time.h>

#include "device_i.h"

#define SAMPLED_MASK	15u	/* two clock readings of every 16th transfer cost nothing */

static uint64_t stats_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* What waits for ever (interrupt, isochronous) has no latency. */
static bool stats_is_sampled(const struct usbip_req *req)
{
	return !(req->dev->stats.urbs & SAMPLED_MASK) &&
	       req->queue->index != VIRTIO_USBIP_VQ_REQUEST + 1;
}

void stats_submit(struct usbip_req *req)
{
	struct usbip_dev_stats *stats = &req->dev->stats;

	req->counted = true;
	req->started = stats_is_sampled(req) ? stats_now() : 0;
	stats->urbs++;
	if (++stats->in_flight > stats->most_in_flight)
		stats->most_in_flight = stats->in_flight;
}

static unsigned int stats_slot(uint64_t ns)
{
	uint64_t us = ns / 1000;
	unsigned int slot = us ? 64 - __builtin_clzll(us) : 0;

	return slot < USBIP_DEV_LATENCIES ? slot : USBIP_DEV_LATENCIES - 1;
}

void stats_return(struct usbip_req *req)
{
	struct usbip_dev_stats *stats = &req->dev->stats;
	const struct usb_urb *urb = &req->urb;

	if (!req->counted)
		return;
	stats->in_flight--;
	stats->failed += urb->status < 0;
	if (urb->in)
		stats->bytes_in += urb->actual;
	else
		stats->bytes_out += urb->actual;
	if (req->started)
		stats->latency[stats_slot(stats_now() - req->started)]++;
}

void usbip_dev_stats(struct usbip_dev *dev, struct usbip_dev_stats *ret_stats)
{
	pthread_mutex_lock(&dev->lock);
	*ret_stats = dev->stats;
	pthread_mutex_unlock(&dev->lock);
}
