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

void stick_end_urb(struct stick *s, struct stick_pipe *pipe, struct usb_urb *urb,
		   int status, uint32_t actual)
{
	if (stick_unlink(&pipe->q, urb))
		stick_end(s, urb, status, actual);
}

int stick_short_status(const struct usb_urb *urb)
{
	return urb->flags & USB_URB_SHORT_NOT_OK ? -EREMOTEIO : 0;
}

/* ---- pipes ---- */

struct usb_urb *stick_find(const struct stick_pipe *pipe, uint32_t stream)
{
	struct usb_urb *urb = pipe->q.first;

	while (pipe->n_streams && urb && urb->stream_id != stream)
		urb = urb->backend_next;
	return urb;
}

bool stick_stall(struct stick *s)
{
	for (unsigned int i = 0; i < N_PIPES; i++) {
		struct stick_pipe *pipe = &s->pipes[i];

		if (!pipe->halted || !pipe->q.first)
			continue;
		stick_end_head(s, &pipe->q, -EPIPE, 0);
		return true;
	}
	return false;
}

void stick_renew_pipes(struct stick *s)
{
	for (unsigned int i = 0; i < N_PIPES; i++) {
		s->pipes[i].halted = false;
		s->pipes[i].n_streams = 0;
	}
}

/* Those that the interface has not. */
static void stick_refuse(struct stick *s)
{
	unsigned int first = 0;

	if (s->ep0.configuration)
		first = s->ep0.setting ? N_PIPES : PIPE_STATUS;
	for (unsigned int i = first; i < N_PIPES; i++)
		stick_end_queue(s, &s->pipes[i].q, -ENOENT);
}

/* ---- tasks ---- */

void stick_task_take(struct stick_task *task, struct stick_pipe *pipe,
		     struct usb_urb *urb)
{
	struct stick *s = task->stick;

	stick_unlink(&pipe->q, urb);
	task->urb = urb;
	task->piece = (struct scsi_piece){
		.iov = urb->iov, .n_iov = urb->n_iov, .len = urb->length,
	};
	task->next_active = s->active;
	s->active = task;
}

void stick_task_end(struct stick_task *task, int status, uint32_t actual)
{
	struct stick *s = task->stick;
	struct stick_task **p = &s->active;

	while (*p != task)
		p = &(*p)->next_active;
	*p = task->next_active;
	stick_end(s, task->urb, status, actual);
	task->urb = NULL;
}

void stick_task_drop(struct stick_task *task)
{
	uint32_t moved = task->piece.pos;
	int status;

	if (!task->urb)
		return;
	status = task->urb->status ? task->urb->status : -ECONNRESET;
	/* data beats a cancel */
	stick_task_end(task, moved == task->urb->length ? 0 : status, moved);
}

static void stick_task_io_done(struct stick_task *task, int status)
{
	task->io_busy = false;
	task->stick->n_io--;
	scsi_io_done(&task->cmd, status);
}

void stick_task_submit(struct stick_task *task)
{
	struct stick *s = task->stick;
	int ret;

	task->io_busy = true;
	s->n_io++;
	pthread_mutex_unlock(&s->lock);
	ret = image_submit(s->disk.image, &task->cmd.io);
	pthread_mutex_lock(&s->lock);
	if (ret != IMAGE_PENDING)	/* else stick_io_done has perhaps been here */
		stick_task_io_done(task, ret);
}

/* What the image works on ends with its I/O. */
static void stick_end_all(struct stick *s, int status)
{
	stick_end_queue(s, &s->control, status);
	for (unsigned int i = 0; i < N_PIPES; i++)
		stick_end_queue(s, &s->pipes[i].q, status);
	for (struct stick_task *task = s->active; task; task = task->next_active)
		task->urb->status = status;
	s->abort = true;
}

void stick_forget(struct stick *s)
{
	bot_forget(s);
	if (s->uas)
		uas_forget(s);
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
	struct ep0_request r;
	uint32_t len;

	if (!urb)
		return false;
	r = ep0_decode(urb->setup);
	if (s->n_io && stick_control_needs_quiet(s, &r)) {
		s->abort = true;
		return false;
	}
	len = r.length;
	if (len > urb->length)
		len = urb->length;
	stick_end_control(s, urb, urb->setup[0] & USB_DIR_IN, len,
			  stick_control(s, &r, reply), reply);
	return true;
}

/* ---- the runner; all with the lock held ---- */

static bool stick_step(struct stick *s)
{
	if (s->abort) {
		if (s->n_io)
			return false;
		s->abort = false;
		stick_forget(s);
		return true;
	}
	if (stick_control_step(s))
		return true;
	stick_refuse(s);
	if (!s->ep0.configuration)
		return false;
	if (s->ep0.setting)
		return uas_step(s);
	return !s->n_io && bot_step(s);
}

static void stick_complete(struct stick *s)
{
	struct usb_urb *urb = s->ended.first, *next;

	urb_queue_init(&s->ended);
	pthread_mutex_unlock(&s->lock);
	for (; urb; urb = next) {
		next = urb->backend_next;
		urb->complete(urb);
	}
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
			stick_complete(s);
		else if (!stick_finish_reset(s) && !stick_step(s) && !s->ended.first)
			break;
	}
	s->running = false;
	if (s->closing)
		pthread_cond_signal(&s->idle);
}

/* On a worker, which becomes the runner if there is none. */
static void stick_io_done(struct image_io *io, int status)
{
	struct stick_task *task = io->owner;
	struct stick *s = task->stick;

	pthread_mutex_lock(&s->lock);
	stick_task_io_done(task, status);
	stick_run(s);
	pthread_mutex_unlock(&s->lock);
}

void stick_task_init(struct stick *s, struct stick_task *task)
{
	task->stick = s;
	task->cmd.io.done = stick_io_done;
	task->cmd.io.owner = task;
}

/* ---- operations ---- */

/* NULL: there is no such endpoint in any setting. */
static struct stick_pipe *stick_pipe(struct stick *s, uint8_t ep, bool in)
{
	switch (ep) {
	case STICK_EP_IN:
		return in ? &s->pipes[PIPE_IN] : NULL;
	case STICK_EP_OUT:
		return in ? NULL : &s->pipes[PIPE_OUT];
	case STICK_EP_STATUS:
		return s->uas && in ? &s->pipes[PIPE_STATUS] : NULL;
	case STICK_EP_COMMAND:
		return s->uas && !in ? &s->pipes[PIPE_COMMAND] : NULL;
	}
	return NULL;
}

/* Every URB has a stream if the host uses them, and none has one if not. */
static bool stick_stream_is_ok(const struct stick_pipe *pipe, uint32_t stream)
{
	unsigned int n = pipe ? pipe->n_streams : 0;

	return stream <= n && (stream || !n);
}

/* Whether the device is configured is seen when it is the URB's turn. */
static int stick_submit(struct usb_backend *b, struct usb_urb *urb)
{
	struct stick *s = stick(b);
	struct stick_pipe *pipe = stick_pipe(s, urb->ep, urb->in);
	int err = 0;

	if (urb->ep && !pipe)
		return -ENOENT;
	pthread_mutex_lock(&s->lock);
	if (s->closing)
		err = -ESHUTDOWN;
	else if (urb->n_iso || !stick_stream_is_ok(pipe, urb->stream_id))
		err = -EINVAL;
	if (!err) {
		urb->status = 0;
		urb_queue_put(pipe ? &pipe->q : &s->control, urb);
		stick_run(s);
	}
	pthread_mutex_unlock(&s->lock);
	return err;
}

static bool stick_cancel_active(struct stick *s, const struct usb_urb *urb)
{
	struct stick_task *task = s->active;

	while (task && task->urb != urb)
		task = task->next_active;
	if (task)
		task->urb->status = -ECONNRESET;
	return task;
}

static bool stick_unlink_queued(struct stick *s, struct usb_urb *urb)
{
	if (stick_unlink(&s->control, urb))
		return true;
	for (unsigned int i = 0; i < N_PIPES; i++)
		if (stick_unlink(&s->pipes[i].q, urb))
			return true;
	return false;
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
	if (!stick_cancel_active(s, urb) && stick_unlink_queued(s, urb))
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
	s->ep0 = (struct ep0){ 0 };
	stick_renew_pipes(s);
	scsi_disk_reset(&s->disk);
	for (last = &s->resets; *last; last = &(*last)->next)
		;
	*last = r;
	stick_run(s);
	pthread_mutex_unlock(&s->lock);
}

/* The pipes of a list of endpoint addresses, all of which can have streams. */
static int stick_stream_pipes(struct stick *s, const uint8_t *eps, unsigned int n_eps,
			      struct stick_pipe *pipes[N_PIPES])
{
	if (s->closing)
		return -ESHUTDOWN;
	if (s->backend.speed != USB_SPEED_SUPER_ || !s->ep0.setting || n_eps > N_PIPES)
		return -EINVAL;
	for (unsigned int i = 0; i < n_eps; i++) {
		pipes[i] = stick_pipe(s, eps[i] & 0x0f, eps[i] & 0x80);
		if (!pipes[i] || pipes[i] == &s->pipes[PIPE_COMMAND])
			return -EINVAL;
	}
	return 0;
}

/* Streams are the host's business: the device only hears of them from URBs. */
static int stick_alloc_streams(struct usb_backend *b, const uint8_t *eps,
			       unsigned int n_eps, unsigned int n_streams)
{
	struct stick_pipe *pipes[N_PIPES];
	struct stick *s = stick(b);
	int ret;

	if (n_streams > 1u << STICK_LOG2_STREAMS)
		n_streams = 1u << STICK_LOG2_STREAMS;
	pthread_mutex_lock(&s->lock);
	ret = stick_stream_pipes(s, eps, n_eps, pipes);
	if (!ret && !uas_is_idle(s))
		ret = -EBUSY;
	for (unsigned int i = 0; !ret && i < n_eps; i++)
		if (pipes[i]->n_streams || pipes[i]->q.first)
			ret = -EBUSY;
	for (unsigned int i = 0; !ret && i < n_eps; i++)
		pipes[i]->n_streams = n_streams;
	pthread_mutex_unlock(&s->lock);
	return ret ? ret : (int)n_streams;
}

static int stick_free_streams(struct usb_backend *b, const uint8_t *eps,
			      unsigned int n_eps)
{
	struct stick_pipe *pipes[N_PIPES];
	struct stick *s = stick(b);
	int ret;

	pthread_mutex_lock(&s->lock);
	ret = stick_stream_pipes(s, eps, n_eps, pipes);
	for (unsigned int i = 0; !ret && i < n_eps; i++) {
		pipes[i]->n_streams = 0;
		stick_end_queue(s, &pipes[i]->q, -ECONNRESET);
	}
	stick_run(s);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

static bool stick_is_idle(const struct stick *s)
{
	return !s->running && !s->n_io && !s->abort && !s->ended.first && !s->resets;
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
	free(s->uas);
	free(s);
}

static const struct usb_backend_ops stick_ops = {
	.name = "stick",
	.submit = stick_submit,
	.cancel = stick_cancel,
	.reset = stick_reset,
	.alloc_streams = stick_alloc_streams,
	.free_streams = stick_free_streams,
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
	if (config->uas && !(s->uas = uas_new(s))) {
		free(s);
		return -ENOMEM;
	}
	s->backend.ops = &stick_ops;
	s->backend.speed = config->speed;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->idle, NULL);
	urb_queue_init(&s->control);
	for (unsigned int i = 0; i < N_PIPES; i++)
		urb_queue_init(&s->pipes[i].q);
	urb_queue_init(&s->ended);
	stick_task_init(s, &s->bot.task);
	scsi_disk_init(&s->disk, config->image, block, serial);
	*ret_backend = &s->backend;
	return 0;
}
