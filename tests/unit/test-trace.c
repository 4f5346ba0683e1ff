// SPDX-License-Identifier: GPL-2.0-only
/* What the trace writes, block by block; tests/whole/trace.sh asks tshark. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "log.h"
#include "null_backend.h"
#include "trace.h"

#define PACKET		6u
#define STATISTICS	5u

static char path[64];
static struct trace *trace;
static struct usb_backend *device;
static unsigned int n_complete;

/* What walk() found. */
static struct found {
	unsigned int sections, packets, statistics;
	uint64_t received, dropped;
	uint8_t first[256], last[256];	/* beginnings of packets */
	uint32_t last_cap, last_orig;
} found;

static void complete(struct usb_urb *urb)
{
	n_complete++;
}

static void open_trace(enum trace_form form, uint64_t size, uint32_t snaplen)
{
	struct trace_config config = {
		.path = path, .form = form, .max_size = size, .snaplen = snaplen,
	};
	struct usb_backend *next;

	assert_int_equal(trace_open(&config, &trace), 0);
	assert_int_equal(null_backend_new(USB_SPEED_HIGH_, &next), 0);
	assert_int_equal(trace_filter_new(trace, next, &device), 0);
}

static void close_trace(void)
{
	device->ops->close(device);
	trace_close(trace);
}

static void submit(struct usb_urb *urb)
{
	unsigned int before = n_complete;

	urb->complete = complete;
	urb->submitter = &n_complete;
	assert_int_equal(device->ops->submit(device, urb), 0);
	assert_int_equal(n_complete, before + 1);
	/* as it was */
	assert_ptr_equal(urb->complete, complete);
	assert_ptr_equal(urb->submitter, &n_complete);
}

static void bulk(uint8_t *data, uint32_t len, bool in)
{
	struct iovec iov[2] = { { data, len / 2 }, { data + len / 2, len - len / 2 } };
	struct usb_urb urb = { .ep = 1, .in = in, .length = len, .iov = iov, .n_iov = 2 };

	submit(&urb);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return n;
}

static void walk_packet(const uint8_t *block, uint32_t len)
{
	uint32_t cap = get32(block + 20);
	uint32_t part = cap < sizeof(found.first) ? cap : sizeof(found.first);

	assert_true(32 + ((cap + 3) & ~3u) == len);
	assert_true(get32(block + 24) >= cap);
	memcpy(found.last, block + 28, part);
	if (!found.packets++)
		memcpy(found.first, block + 28, part);
	found.last_cap = cap;
	found.last_orig = get32(block + 24);
}

/* Every byte of the file belongs to a block whose two lengths agree. */
static off_t walk(void)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	uint8_t *file;
	off_t pos = 0;

	assert_int_equal(fstat(fd, &st), 0);
	file = malloc(st.st_size);
	assert_int_equal(read(fd, file, st.st_size), st.st_size);
	close(fd);
	memset(&found, 0, sizeof(found));
	while (pos < st.st_size) {
		const uint8_t *block = file + pos;
		uint32_t len = get32(block + 4);

		assert_true(len >= 12 && !(len & 3) && len <= st.st_size - pos);
		assert_int_equal(get32(block + len - 4), len);
		if (get32(block) == 0x0a0d0d0a) {
			assert_int_equal(pos, 0);
			found.sections++;
		} else if (get32(block) == PACKET) {
			walk_packet(block, len);
		} else if (get32(block) == STATISTICS) {
			found.statistics++;
			memcpy(&found.received, block + 24, 8);
			memcpy(&found.dropped, block + 36, 8);
		}
		pos += len;
	}
	free(file);
	assert_int_equal(found.sections, 1);
	return st.st_size;
}

static void a_record_at_each_end(void **state)
{
	uint8_t data[1000];

	memset(data, 'x', sizeof(data));
	open_trace(TRACE_USBMON, 0, 100);
	bulk(data, sizeof(data), false);
	close_trace();
	walk();
	assert_int_equal(found.packets, 2);
	assert_int_equal(found.first[8], 'S');
	assert_int_equal(found.first[10], 1);
	assert_int_equal(get32(found.first + 32), 1000);
	assert_int_equal(get32(found.first + 36), 100);	/* cut */
	assert_int_equal(found.first[64], 'x');
	assert_int_equal(found.last[8], 'C');
	assert_int_equal(found.last_cap, 64);		/* OUT: its data was there before */
	assert_memory_equal(found.first, found.last, 8);	/* id */
	assert_int_equal(found.statistics, 1);
	assert_int_equal(found.received, 2);
	assert_int_equal(found.dropped, 0);
}

static void isochronous_packets(void **state)
{
	uint8_t data[3000];
	struct iovec iov = { data, sizeof(data) };
	struct usb_iso_packet iso[3] = {
		{ .length = 1000 }, { .offset = 1000, .length = 1000 },
		{ .offset = 2000, .length = 1000 },
	};
	struct usb_urb urb = {
		.ep = 2, .in = true, .length = sizeof(data), .iov = &iov, .n_iov = 1,
		.iso = iso, .n_iso = 3, .interval = 1,
	};

	open_trace(TRACE_USBMON, 0, 65536);
	submit(&urb);
	close_trace();
	walk();
	assert_int_equal(found.packets, 2);
	assert_int_equal(found.last[9], 0);		/* isochronous */
	assert_int_equal(found.last[10], 0x82);
	assert_int_equal(get32(found.last + 60), 3);
	assert_int_equal(get32(found.last + 64 + 16 + 4), 1000);	/* offset of the second */
	assert_int_equal(found.last_cap, 64 + 3 * 16 + 3000);

	open_trace(TRACE_USBIP, 0, 65536);
	submit(&urb);
	close_trace();
	walk();
	assert_int_equal(found.packets, 2);
	assert_int_equal(found.last_cap, 40 + 48 + 3000 + 3 * 16);
}

static void a_pdu_longer_than_a_segment(void **state)
{
	uint8_t *data = calloc(1, 200000);

	open_trace(TRACE_USBIP, 0, 0);
	bulk(data, 200000, false);
	close_trace();
	walk();
	assert_int_equal(found.packets, 4 + 1);
	assert_int_equal(found.received, 2);
	free(data);
}

static void the_file_stays_small_and_keeps_what_describes(void **state)
{
	uint8_t *data = calloc(1, 1 << 20);
	struct iovec iov = { data, 18 };
	struct usb_urb describe = {
		.length = 18, .iov = &iov, .n_iov = 1, .in = true,
		.setup = { 0x80, 6, 0, 1, 0, 0, 18, 0 },
	};
	struct timespec pause = { .tv_nsec = 1000000 };

	open_trace(TRACE_USBMON, TRACE_MIN_SIZE, 1 << 20);
	submit(&describe);
	for (unsigned int i = 0; i < 100; i++) {
		memset(data, i, 64);
		bulk(data, 1 << 20, false);
		nanosleep(&pause, NULL);
	}
	close_trace();
	assert_true(walk() <= (off_t)TRACE_MIN_SIZE);
	assert_int_equal(found.received, 202);
	assert_true(found.packets < 202);
	/* the first is still the device descriptor's request */
	assert_int_equal(found.first[11], 1);
	assert_memory_equal(found.first + 40, describe.setup, 8);
	free(data);
}

static void what_has_no_room_is_counted(void **state)
{
	uint8_t *data = calloc(1, 4 << 20);

	open_trace(TRACE_USBMON, 0, 4 << 20);
	/* faster than a thread that pauses; both buffers hold 16 MiB */
	for (unsigned int i = 0; i < 200; i++)
		bulk(data, 4 << 20, false);
	close_trace();
	walk();
	assert_int_equal(found.received, 400);
	assert_true(found.dropped > 0);
	free(data);
}

static void refused_files(void **state)
{
	struct trace_config config = { .path = "/dev/null" };
	struct trace *t;
	int fd;

	assert_int_equal(trace_open(&config, &t), -EINVAL);
	config.path = "/nonexistent/x";
	assert_int_equal(trace_open(&config, &t), -ENOENT);
	config.path = path;
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	assert_int_equal(write(fd, "image", 5), 5);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_int_equal(trace_open(&config, &t), -EBUSY);
	assert_int_equal(lseek(fd, 0, SEEK_END), 5);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_at_each_end),
		cmocka_unit_test(isochronous_packets),
		cmocka_unit_test(a_pdu_longer_than_a_segment),
		cmocka_unit_test(the_file_stays_small_and_keeps_what_describes),
		cmocka_unit_test(what_has_no_room_is_counted),
		cmocka_unit_test(refused_files),
	};
	int failed;

	log_set_level(LOG_LEVEL_ERR);
	snprintf(path, sizeof(path), "/tmp/test-trace.%d", getpid());
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
