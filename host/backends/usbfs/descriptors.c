// SPDX-License-Identifier: GPL-2.0-only
/*
 * As much of the descriptors as claiming needs. The host's kernel has looked at them
 * before, but passes on what the device said.
 */
#include <errno.h>
#include <string.h>
#include <linux/usb/ch9.h>

#include "usbfs_i.h"

#define INTERFACE_MAX	31u		/* usbfs has one bit for each */

struct walk {
	struct usbfs_configuration *config;
	uint8_t class;			/* of interfaces; 0 = all */
	bool ours;			/* the interface that was read last is of that class */
	uint8_t interface, setting, ep;
};

static void walk_interface(struct walk *w, const struct usb_interface_descriptor *d)
{
	w->ours = d->bInterfaceNumber <= INTERFACE_MAX &&
		  (!w->class || d->bInterfaceClass == w->class);
	w->interface = d->bInterfaceNumber;
	w->setting = d->bAlternateSetting;
	w->ep = 0;
	if (w->ours)
		w->config->interfaces |= 1u << d->bInterfaceNumber;
}

/* Streams of the first setting that has any. */
static void walk_companion(struct walk *w, const struct usb_ss_ep_comp_descriptor *d)
{
	struct usbfs_stream_setting *s = &w->config->streams;

	if (!w->ours || !w->ep || !(d->bmAttributes & 0x1f) || s->n_eps == USBFS_STREAM_EPS)
		return;
	if (!s->n_eps) {
		s->interface = w->interface;
		s->setting = w->setting;
	}
	if (s->interface == w->interface && s->setting == w->setting)
		s->eps[s->n_eps++] = w->ep;
}

static void walk_descriptor(struct walk *w, const uint8_t *d)
{
	const struct usb_endpoint_descriptor *ep = (const void *)d;

	switch (d[1]) {
	case USB_DT_INTERFACE:
		if (d[0] >= USB_DT_INTERFACE_SIZE)
			walk_interface(w, (const void *)d);
		break;
	case USB_DT_ENDPOINT:
		w->ep = 0;
		if (d[0] >= USB_DT_ENDPOINT_SIZE && usb_endpoint_xfer_bulk(ep))
			w->ep = ep->bEndpointAddress;
		break;
	case USB_DT_SS_ENDPOINT_COMP:
		if (d[0] >= USB_DT_SS_EP_COMP_SIZE)
			walk_companion(w, (const void *)d);
		w->ep = 0;
		break;
	}
}

static void parse_configuration(const uint8_t *d, size_t len, uint8_t class,
				struct usbfs_configuration *config)
{
	struct walk w = { .config = config, .class = class };

	while (len >= 2 && d[0] >= 2 && d[0] <= len) {
		walk_descriptor(&w, d);
		len -= d[0];
		d += d[0];
	}
}

int usbfs_parse(const uint8_t *desc, size_t len, uint8_t interface_class,
		struct usbfs_configuration configs[USBFS_MAX_CONFIGS],
		unsigned int *ret_n)
{
	unsigned int n = 0;
	size_t pos = USB_DT_DEVICE_SIZE;

	if (len < USB_DT_DEVICE_SIZE || desc[0] < USB_DT_DEVICE_SIZE ||
	    desc[1] != USB_DT_DEVICE)
		return -EINVAL;
	while (n < USBFS_MAX_CONFIGS && len - pos >= USB_DT_CONFIG_SIZE) {
		const uint8_t *d = desc + pos;
		size_t total = d[2] | d[3] << 8;

		if (d[0] < USB_DT_CONFIG_SIZE || d[1] != USB_DT_CONFIG || total < d[0])
			return -EINVAL;
		if (total > len - pos)
			total = len - pos;	/* usbfs cuts as the device did */
		if (d[0] > total)
			return -EINVAL;
		configs[n] = (struct usbfs_configuration) { .value = d[5] };
		parse_configuration(d + d[0], total - d[0], interface_class, &configs[n]);
		n++;
		pos += total;
	}
	if (!n)
		return -EINVAL;
	*ret_n = n;
	return 0;
}
