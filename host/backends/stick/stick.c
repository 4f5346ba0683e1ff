// SPDX-License-Identifier: GPL-2.0-only
/* The stick as a USB backend: queues, the runner, cancel, reset, life. */
#include <stdlib.h>
#include <linux/usb/ch9.h>

#include "log.h"
#include "stick_i.h"

#define STICK_DEFAULT_SERIAL "4C4B4C555342"
#define STICK_SERIAL_MIN 12u	/* Bulk-Only Transport 4.1.1 */

struct stick_reset {
	struct stick_reset *next;
	void (*done)(void *ctx, int status);
	void *ctx;
};

static struct stick *stick(struct usb_backend *b)
{
	return (struct stick *)b;
}

uint32_t stick_max_packet(const struct stick *s)
{
	return s->backend.speed == USB_SPEED_SUPER_ ? 1024 : 512;
}

/* ---- URBs that end ---- */

static void stick_end(struct stick *s, struct usb_urb *urb, int status,
		      uint32_t actual)
{
	urb->status = status;
	urb->actual = actual;
	urb_queue_put(&s->ended, urb);
}

void stick_end_head(struct stick *s, struct urb_queue *q, int status, uint32_t actual)
{
	stick_end(s, urb_queue_take(q), status, actual);
}

void stick_end_queue(struct stick *s, struct urb_queue *q, int status)
{
	while (q->first)
		stick_end_head(s, q, status, 0);
}

/* What the image works on stays the head of its queue, and ends with its I/O. */
static void stick_end_all(struct stick *s, int status)
{
	struct usb_urb *active = s->bot.active;
	struct urb_queue *q = active && active == s->in.first ? &s->in : &s->out;

	if (active)
		urb_queue_take(q);
	stick_end_queue(s, &s->control, status);
	stick_end_queue(s, &s->in, status);
	stick_end_queue(s, &s->out, status);
	if (active) {
		urb_queue_put(q, active);
		active->status = status;
	}
	s->abort = true;
}

void stick_submit_io(struct stick *s)
{
	int ret;

	s->io_busy = true;
	pthread_mutex_unlock(&s->lock);
	ret = image_submit(s->disk.image, &s->bot.cmd.io);
	pthread_mutex_lock(&s->lock);
	if (ret == IMAGE_PENDING)	/* perhaps stick_io_done has been here already */
		return;
	s->io_busy = false;
	scsi_io_done(&s->bot.cmd, ret);
}

/* ---- control requests ---- */

static void stick_end_control(struct stick *s, struct usb_urb *urb, bool in,
			      uint32_t len, int ret, uint8_t *reply)
{
	if (ret >= 0 && in) {
		if ((uint32_t)ret < len)
			len = ret;
		scsi_copy(urb->iov, urb->n_iov, 0, reply, len, true);
	}
	if (ret < 0)
		stick_end_head(s, &s->control, ret, 0);
	else if (len < urb->length && (urb->flags & USB_URB_SHORT_NOT_OK))
		stick_end_head(s, &s->control, -EREMOTEIO, len);
	else
		stick_end_head(s, &s->control, 0, len);
}

/* Data to the device (SET_SEL) is swallowed. */
static bool stick_control_step(struct stick *s)
{
	struct usb_urb *urb = s->control.first;
	uint8_t reply[STICK_REPLY_MAX];
	struct usb_ctrlrequest req;
	uint32_t len;

	if (!urb)
		return false;
	_Static_assert(sizeof(req) == sizeof(urb->setup), "USB 2.0 table 9-2");
	memcpy(&req, urb->setup, sizeof(req));
	if (s->io_busy && stick_control_needs_quiet(&req)) {
		s->abort = true;
		return false;
	}
	len = le16toh(req.wLength);
	if (len > urb->length)
		len = urb->length;
	stick_end_control(s, urb, req.bRequestType & USB_DIR_IN, len,
			  stick_control(s, &req, reply), reply);
	return true;
}

/* ---- the runner; all with the lock held ---- */

static bool stick_step(struct stick *s)
{
	if (s->abort) {
		if (s->io_busy)
			return false;
		s->abort = false;
		bot_forget(s);
		return true;
	}
	if (stick_control_step(s))
		return true;
	if (s->io_busy)
		return false;
	if (!s->configuration) {
		stick_end_queue(s, &s->in, -ENOENT);
		stick_end_queue(s, &s->out, -ENOENT);
		return s->ended.first;
	}
	return bot_step(s);
}

static void stick_complete_one(struct stick *s)
{
	struct usb_urb *urb = urb_queue_take(&s->ended);

	pthread_mutex_unlock(&s->lock);
	urb->complete(urb);
	pthread_mutex_lock(&s->lock);
}

/* Nothing of what a reset ended is left: not ended, not at the image. */
static bool stick_finish_reset(struct stick *s)
{
	struct stick_reset *r = s->resets;
	int status = s->closing ? -ENODEV : 0;

	if (!r || s->abort)
		return false;
	s->resets = r->next;
	pthread_mutex_unlock(&s->lock);
	r->done(r->ctx, status);
	free(r);
	pthread_mutex_lock(&s->lock);
	return true;
}

static void stick_run(struct stick *s)
{
	if (s->running)
		return;
	s->running = true;
	for (;;) {
		if (s->ended.first)
			stick_complete_one(s);
		else if (!stick_finish_reset(s) && !stick_step(s))
			break;
	}
	s->running = false;
	if (s->closing)
		pthread_cond_signal(&s->idle);
}

/* On a worker, which becomes the runner if there is none. */
static void stick_io_done(struct image_io *io, int status)
{
	struct stick *s = io->owner;

	pthread_mutex_lock(&s->lock);
	s->io_busy = false;
	scsi_io_done(&s->bot.cmd, status);
	stick_run(s);
	pthread_mutex_unlock(&s->lock);
}

/* ---- operations ---- */

static struct urb_queue *stick_queue(struct stick *s, const struct usb_urb *urb)
{
	if (urb->ep == 0)
		return &s->control;
	if (urb->ep == STICK_EP_IN && urb->in)
		return &s->in;
	if (urb->ep == STICK_EP_OUT && !urb->in)
		return &s->out;
	return NULL;
}

/* Whether the device is configured is seen when it is the URB's turn. */
static int stick_submit(struct usb_backend *b, struct usb_urb *urb)
{
	struct stick *s = stick(b);
	struct urb_queue *q = stick_queue(s, urb);

	if (!q)
		return -ENOENT;
	if (urb->n_iso || urb->stream_id)
		return -EINVAL;
	pthread_mutex_lock(&s->lock);
	if (s->closing) {
		pthread_mutex_unlock(&s->lock);
		return -ESHUTDOWN;
	}
	urb->status = 0;
	urb_queue_put(q, urb);
	stick_run(s);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* urb is looked at only if it is found, so it may have completed before. */
static bool stick_unlink(struct urb_queue *q, struct usb_urb *urb)
{
	struct usb_urb **p = &q->first;

	while (*p && *p != urb)
		p = &(*p)->backend_next;
	if (!*p)
		return false;
	*p = urb->backend_next;
	if (!*p)
		q->last = p;
	return true;
}

/*
 *   queued                 ends now
 *   at the image           ends when that is done: its memory is being used
 *   ended, not completed   keeps its status
 *   completed              not found
 */
static void stick_cancel(struct usb_backend *b, struct usb_urb *urb)
{
	struct stick *s = stick(b);

	pthread_mutex_lock(&s->lock);
	if (urb == s->bot.active)
		urb->status = -ECONNRESET;
	else if (stick_unlink(&s->control, urb) || stick_unlink(&s->in, urb) ||
		 stick_unlink(&s->out, urb))
		stick_end(s, urb, -ECONNRESET, 0);
	stick_run(s);
	pthread_mutex_unlock(&s->lock);
}

static void stick_reset(struct usb_backend *b,
			void (*done)(void *ctx, int status), void *ctx)
{
	struct stick_reset *r = malloc(sizeof(*r)), **last;
	struct stick *s = stick(b);

	if (!r) {
		done(ctx, -ENOMEM);
		return;
	}
	*r = (struct stick_reset){ .done = done, .ctx = ctx };
	pthread_mutex_lock(&s->lock);
	stick_end_all(s, -ECONNRESET);
	s->configuration = 0;
	s->u1_enabled = s->u2_enabled = false;
	bot_clear_halts(s);
	scsi_disk_reset(&s->disk);
	for (last = &s->resets; *last; last = &(*last)->next)
		;
	*last = r;
	stick_run(s);
	pthread_mutex_unlock(&s->lock);
}

static bool stick_is_idle(const struct stick *s)
{
	return !s->running && !s->io_busy && !s->abort && !s->ended.first && !s->resets;
}

static void stick_close(struct usb_backend *b)
{
	struct stick *s = stick(b);

	pthread_mutex_lock(&s->lock);
	s->closing = true;
	stick_end_all(s, -ESHUTDOWN);
	stick_run(s);
	while (!stick_is_idle(s))
		pthread_cond_wait(&s->idle, &s->lock);
	pthread_mutex_unlock(&s->lock);
	image_close(s->disk.image);
	pthread_cond_destroy(&s->idle);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static const struct usb_backend_ops stick_ops = {
	.name = "stick",
	.submit = stick_submit,
	.cancel = stick_cancel,
	.reset = stick_reset,
	.close = stick_close,
};

/* ---- life ---- */

static bool stick_serial_is_valid(const char *serial)
{
	size_t n = strlen(serial);

	return n >= STICK_SERIAL_MIN && n <= SCSI_SERIAL_MAX &&
	       strspn(serial, "0123456789ABCDEF") == n;
}

int stick_new(const struct stick_config *config, struct usb_backend **ret_backend)
{
	const char *serial = config->serial ? config->serial : STICK_DEFAULT_SERIAL;
	uint32_t block = config->sector_size ? config->sector_size : 512;
	struct stick *s;

	if ((config->speed != USB_SPEED_HIGH_ && config->speed != USB_SPEED_SUPER_) ||
	    (block != 512 && block != 4096) || !stick_serial_is_valid(serial) ||
	    image_size(config->image) < block)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->backend.ops = &stick_ops;
	s->backend.speed = config->speed;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->idle, NULL);
	urb_queue_init(&s->control);
	urb_queue_init(&s->in);
	urb_queue_init(&s->out);
	urb_queue_init(&s->ended);
	s->bot.cmd.io.done = stick_io_done;
	s->bot.cmd.io.owner = s;
	scsi_disk_init(&s->disk, config->image, block, serial);
	*ret_backend = &s->backend;
	return 0;
}
