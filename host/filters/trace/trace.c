// SPDX-License-Identifier: GPL-2.0-only
/* The filter: a record when a transfer is submitted, one when it is complete. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "trace_i.h"

#define MAX_ADDRESS	127u		/* of a USB device */
#define BUS_USB2	1u
#define BUS_USB3	2u

struct trace_urb {
	struct filter_hook hook;	/* first */
	uint64_t id;
};

uint64_t trace_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* Isochronous packets keep their places: the end of the last byte that came. */
static uint32_t trace_iso_end(const struct usb_urb *urb)
{
	uint32_t end = 0;

	for (unsigned int i = 0; i < urb->n_iso; i++) {
		const struct usb_iso_packet *p = &urb->iso[i];

		if (p->actual && p->offset + p->actual > end)
			end = p->offset + p->actual;
	}
	return end;
}

uint32_t trace_data_len(const struct trace_record *r)
{
	const struct usb_urb *urb = r->urb;
	uint32_t len = 0;

	if (r->type == 'S' && !urb->in)
		len = urb->length;
	else if (r->type == 'C' && urb->in)
		len = urb->n_iso ? trace_iso_end(urb) : urb->actual;
	return len < urb->length ? len : urb->length;
}

/*
 * What a reader must have seen to know what the other transfers are: descriptors,
 * SET_CONFIGURATION, SET_INTERFACE.
 */
static bool trace_describes(const struct usb_urb *urb)
{
	static const uint8_t requests[][2] = { { 0x80, 6 }, { 0x00, 9 }, { 0x01, 11 } };

	if (urb->ep || urb->length > 1024)
		return false;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (!memcmp(urb->setup, requests[i], sizeof(requests[i])))
			return true;
	return false;
}

/* Copies what was just added to the buffer. What is too much is not kept. */
static void trace_keep(struct trace *t, size_t from)
{
	size_t len = t->active->len - from;

	if (len > TRACE_KEPT - t->kept_len)
		return;
	memcpy(t->kept + t->kept_len, t->active->data + from, len);
	t->kept_len += len;
}

static void trace_write(const struct trace_record *r)
{
	struct trace *t = r->filter->trace;
	size_t from = t->active->len;
	bool room = t->form == TRACE_USBIP ? usbip_record(t, r) : usbmon_record(t, r);

	if (room && trace_describes(r->urb))
		trace_keep(t, from);
}

static void trace_event(struct filter *f, const struct usb_urb *urb, uint64_t *id,
			char type, int status)
{
	struct trace_record r = {
		.filter = (struct trace_filter *)f, .urb = urb, .type = type,
		.status = status,
	};
	struct trace *t = r.filter->trace;

	pthread_mutex_lock(&t->lock);
	if (type == 'S')
		*id = ++t->next_id;
	r.id = *id;
	r.ns = trace_now();		/* so that times do not go back */
	trace_write(&r);
	pthread_mutex_unlock(&t->lock);
}

static void trace_complete(struct usb_urb *urb)
{
	struct trace_urb *record = urb->submitter;

	trace_event(record->hook.filter, urb, &record->id, 'C', 0);
	filter_unhook(&record->hook, urb);
	free(record);
	urb->complete(urb);
}

static int trace_submit(struct usb_backend *b, struct usb_urb *urb)
{
	struct filter *f = filter_of(b);
	struct trace_urb *record = malloc(sizeof(*record));
	uint64_t id;
	int err;

	if (!record)
		return -ENOMEM;
	trace_event(f, urb, &id, 'S', 0);
	record->id = id;
	filter_hook(f, &record->hook, urb, trace_complete);
	err = f->next->ops->submit(f->next, urb);
	if (err) {
		filter_unhook(&record->hook, urb);
		trace_event(f, urb, &id, 'E', err);
		free(record);
	}
	return err;
}

static void trace_filter_close(struct usb_backend *b)
{
	struct filter *f = filter_of(b);

	f->next->ops->close(f->next);
	free(f);
}

static const struct usb_backend_ops trace_ops = {
	.name = "trace",
	.submit = trace_submit,
	.cancel = filter_cancel,
	.reset = filter_reset,
	.suspend = filter_suspend,
	.alloc_streams = filter_alloc_streams,
	.free_streams = filter_free_streams,
	.close = trace_filter_close,
};

int trace_filter_new(struct trace *trace, struct usb_backend *next,
		     struct usb_backend **ret_backend)
{
	struct trace_filter *f;
	int err = trace->n_devices ? 0 : writer_first(trace);

	if (err)
		return err;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->trace = trace;
	f->bus = next->speed >= USB_SPEED_SUPER_ ? BUS_USB3 : BUS_USB2;
	f->tcp_seq[0] = f->tcp_seq[1] = 1;
	pthread_mutex_lock(&trace->lock);
	f->device = trace->n_devices++ % MAX_ADDRESS + 1;
	pthread_mutex_unlock(&trace->lock);
	filter_init(&f->filter, &trace_ops, next);
	*ret_backend = &f->filter.base;
	return 0;
}
