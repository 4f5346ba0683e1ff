// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile host and the test device: URBs of any kind with cancels and resets among them,
 * and in fuzz-fault.c with a fault filter before it. Every URB that was taken completes
 * exactly once.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "fault_filter.h"
#include "log.h"
#include "zero_backend.h"

#ifndef FAULTS
#define FAULTS		0
#endif
#define MAX_URBS	48u
#define MAX_BYTES	8192u	/* of one URB */
#define MAX_PACKETS	8u

#define CHECK(ok) ((ok) ? (void)0 : abort())

struct fuzz_urb {
	struct usb_urb urb;	/* first */
	struct iovec iov[2];
	struct usb_iso_packet iso[MAX_PACKETS];
	uint8_t *data;		/* exactly as long as the URB: ASan guards it */
	unsigned int n_done;
};

static struct {
	const uint8_t *p;
	size_t left;
} input;

static struct usb_backend *b;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* protects n_done, n_resets_done */
static unsigned int n_urbs, n_resets, n_resets_done;
static struct fuzz_urb urbs[MAX_URBS];

static void no_log(void *ctx, enum log_level level, const char *line)
{
}

static unsigned int next_byte(void)
{
	if (!input.left)
		return 0;
	input.left--;
	return *input.p++;
}

static unsigned int next_word(void)
{
	unsigned int low = next_byte();

	return low | next_byte() << 8;
}

static void complete(struct usb_urb *urb)
{
	struct fuzz_urb *u = (struct fuzz_urb *)urb;

	CHECK(urb->actual <= urb->length && urb->status <= 0);
	for (unsigned int i = 0; i < urb->n_iso; i++)
		CHECK(urb->iso[i].actual <= urb->iso[i].length);
	pthread_mutex_lock(&lock);
	CHECK(!u->n_done++);
	pthread_mutex_unlock(&lock);
}

static void reset_done(void *ctx, int status)
{
	pthread_mutex_lock(&lock);
	n_resets_done++;
	pthread_mutex_unlock(&lock);
}

/* Offsets and lengths are checked by whoever makes an URB (usb_backend.h). */
static void add_packets(struct fuzz_urb *u)
{
	u->urb.n_iso = 1 + next_byte() % MAX_PACKETS;
	for (unsigned int i = 0; i < u->urb.n_iso; i++) {
		u->iso[i].offset = next_word() % (u->urb.length + 1);
		u->iso[i].length = next_word() % (u->urb.length - u->iso[i].offset + 1);
	}
}

static bool is_done(const struct fuzz_urb *u)
{
	unsigned int n_done;

	pthread_mutex_lock(&lock);
	n_done = u->n_done;
	pthread_mutex_unlock(&lock);
	return n_done;
}

/* For the bus thread to get to it; what waits for something else goes on waiting. */
static void give_time(const struct fuzz_urb *u)
{
	for (unsigned int i = 0; i < 100 && !is_done(u); i++)
		sched_yield();
}

/* It ends then, or the fuzzer's time-out ends this. */
static void cancel(struct fuzz_urb *u)
{
	b->ops->cancel(b, &u->urb);
	while (!is_done(u))
		sched_yield();
}

static void submit(uint8_t ep, const uint8_t setup[8], uint32_t length, uint8_t what)
{
	struct fuzz_urb *u = &urbs[n_urbs++];
	uint32_t cut = length / 3;

	memset(u, 0, sizeof(*u));
	u->data = calloc(1, length ? length : 1);
	u->iov[0] = (struct iovec){ u->data, cut };
	u->iov[1] = (struct iovec){ u->data + cut, length - cut };
	u->urb = (struct usb_urb){
		.ep = ep & 0x0f, .in = ep & 0x80, .length = length, .iov = u->iov, .n_iov = 2,
		.iso = u->iso, .flags = what, .interval = what & 0x10 ? what : 1,
		.complete = complete,
	};
	memcpy(u->urb.setup, setup, 8);
	if (what & 0x20)
		add_packets(u);
	for (uint32_t i = 0; !u->urb.in && i < length && input.left; i++)
		u->data[i] = next_byte();
	if (b->ops->submit(b, &u->urb))
		CHECK(!u->n_done++);	/* refused ones do not complete */
	give_time(u);
}

static void request(uint8_t type, uint8_t what, uint8_t value)
{
	const uint8_t setup[8] = { type, what, value };

	submit(0, setup, 0, 0);
}

static void control(void)
{
	uint8_t setup[8];

	for (unsigned int i = 0; i < 8; i++)
		setup[i] = next_byte();
	setup[7] %= MAX_BYTES >> 8;
	submit(setup[0] & 0x80, setup, setup[6] | setup[7] << 8, next_byte() & 1);
}

static void step(void)
{
	static const uint8_t none[8];
	uint8_t ep;

	switch (next_byte() % 8) {
	case 0:
	case 1:
		control();
		break;
	case 2:
		if (n_urbs)
			cancel(&urbs[next_byte() % n_urbs]);
		break;
	case 3:
		n_resets++;
		b->ops->reset(b, reset_done, NULL);
		break;
	case 4:
		request(0, 9, 2 + next_byte() % 2);
		break;
	case 5:
		request(1, 11, next_byte() % 2);
		break;
	default:
		ep = next_byte();
		submit(ep, none, next_word() % MAX_BYTES, next_byte());
	}
}

/* Which, and when; of a number behind the last name none. */
static void add_fault(unsigned int i)
{
	static const char *const when[] = { "", "@1", "@2+", "@3" };
	const char *name = fault_name(i / 4);
	char text[64] = "";
	struct fault fault;

	if (!name)
		return;
	strncat(text, name, 50);
	strcat(text, when[i % 4]);
	CHECK(!fault_parse(text, &fault));
	CHECK(!fault_filter_new(&fault, b, &b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum usb_speed speeds[] = {
		USB_SPEED_LOW_, USB_SPEED_FULL_, USB_SPEED_HIGH_, USB_SPEED_SUPER_,
	};
	struct zero_config config;

	log_set_callback(no_log, NULL);
	input.p = data;
	input.left = size;
	n_urbs = n_resets = n_resets_done = 0;
	config = (struct zero_config){ .speed = speeds[next_byte() % 4] };
	config.pattern = next_byte() & 1;
	CHECK(!zero_backend_new(&config, &b));
	if (FAULTS)
		add_fault(next_byte());
	while (input.left && n_urbs < MAX_URBS)
		step();
	b->ops->close(b);
	for (unsigned int i = 0; i < n_urbs; i++) {
		CHECK(urbs[i].n_done == 1);
		free(urbs[i].data);
	}
	CHECK(n_resets == n_resets_done);
	return 0;
}
