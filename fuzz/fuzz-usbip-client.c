// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile USB/IP servers: what the client takes for an answer.
 *
 * Input: kind, then what the server says. 0: to an import, 1: to a question for the
 * list, else: while a control, two bulk and an isochronous transfer are in flight, of
 * which those are cancelled whose bits are set. Their numbers on the wire are 1 to 4.
 *
 * The invariant: the connection ends with the input, and each transfer has ended once.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "usbip_backend.h"

#define N_URBS		4u
#define DATA_SIZE	256u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool gone;
static unsigned int n_ended;

struct fuzz_urb {
	struct usb_urb urb;		/* first */
	bool ended;
	struct usb_iso_packet iso[3];
	struct iovec iov[2];
	uint8_t data[DATA_SIZE];
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void no_log(void *ctx, enum log_level level, const char *line)
{
}

static void on_complete(struct usb_urb *urb)
{
	struct fuzz_urb *u = (struct fuzz_urb *)urb;

	pthread_mutex_lock(&lock);
	check(!u->ended && urb->actual <= urb->length && urb->status <= 0);
	for (unsigned int i = 0; i < urb->n_iso; i++)
		check(urb->iso[i].actual <= urb->iso[i].length);
	u->ended = true;
	n_ended++;
	pthread_mutex_unlock(&lock);
}

static void on_gone(void *ctx)
{
	pthread_mutex_lock(&lock);
	gone = true;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

static void make_urb(struct fuzz_urb *u, unsigned int i)
{
	memset(u, 0, sizeof(*u));
	u->iov[0] = (struct iovec) { u->data, 100 };
	u->iov[1] = (struct iovec) { u->data + 100, DATA_SIZE - 100 };
	u->urb = (struct usb_urb) {
		.ep = i, .in = i != 2, .length = i ? DATA_SIZE : 18, .iov = u->iov,
		.n_iov = 2, .iso = u->iso, .n_iso = i == 3 ? 3 : 0,
		.setup = { 0x80, 6, 0, 1, 0, 0, 18, 0 }, .complete = on_complete,
	};
	for (unsigned int k = 0; k < 3; k++)
		u->iso[k] = (struct usb_iso_packet) { k * 80, 60, 0, 0 };
}

/* The client's commands are dropped until it closes. */
static void *swallow(void *arg)
{
	char buf[4096];

	while (read(*(int *)arg, buf, sizeof(buf)) > 0)
		;
	return NULL;
}

static void fuzz_urbs(int peer, int fd, uint8_t cancelled, const uint8_t *data, size_t len)
{
	static struct fuzz_urb urbs[N_URBS];
	struct usbip_device device = { .busnum = 1, .devnum = 2, .speed = USB_SPEED_HIGH_ };
	struct usbip_backend_config config = { .fd = fd, .device = &device, .gone = on_gone };
	struct usb_backend *b;
	pthread_t thread;

	gone = false;
	n_ended = 0;
	check(!usbip_backend_new(&config, &b));
	for (unsigned int i = 0; i < N_URBS; i++) {
		make_urb(&urbs[i], i);
		check(!b->ops->submit(b, &urbs[i].urb));
	}
	for (unsigned int i = 0; i < N_URBS; i++)
		if (cancelled >> i & 1)
			b->ops->cancel(b, &urbs[i].urb);
	check(!pthread_create(&thread, NULL, swallow, &peer));
	/* It may have hung up in between. */
	send(peer, data, len, MSG_NOSIGNAL);
	shutdown(peer, SHUT_WR);
	pthread_mutex_lock(&lock);
	while (!gone)
		pthread_cond_wait(&changed, &lock);
	check(n_ended == N_URBS);
	pthread_mutex_unlock(&lock);
	b->ops->close(b);
	pthread_join(thread, NULL);
}

static int on_device(void *ctx, const struct usbip_device *device,
		     const struct usbip_interface *interfaces, unsigned int n)
{
	check(strlen(device->busid) < USBIP_BUSID_SIZE && n <= USBIP_MAX_INTERFACES);
	return 0;
}

static void fuzz_question(int peer, int fd, bool list, const uint8_t *data, size_t len)
{
	struct usbip_device device;

	send(peer, data, len, MSG_NOSIGNAL);
	shutdown(peer, SHUT_WR);
	if (list)
		usbip_list(fd, 10000, on_device, NULL);
	else if (!usbip_import(fd, "1-1", 10000, &device))
		check(!strcmp(device.busid, "1-1"));
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	int fds[2];

	if (!len || len > 65536)
		return 0;
	log_set_callback(no_log, NULL);
	check(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	if (*data < 2)
		fuzz_question(fds[0], fds[1], *data, data + 1, len - 1);
	else
		fuzz_urbs(fds[0], fds[1], *data >> 4, data + 1, len - 1);
	close(fds[0]);
	return 0;
}
