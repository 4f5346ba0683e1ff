// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every case of the kernel's usbtest driver on the library kernel, against the emulated
 * test device: test-usbtest SPEED [COUNT]. Prints "NUMBER passed|absent|errno N". Without
 * arguments it prints the speeds. For bench/usbip: test-usbtest SPEED rate CASE BYTES
 * IN-FLIGHT COUNT prints microseconds of as many transfers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>
#include <linux/usbdevice_fs.h>
#include <lkl.h>

#include "virtio_mmio.h"
#include "virtio_usbip_dev.h"
#include "zero_backend.h"

#define CHECK(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "%s:%d: %s\n%s", __FILE__, __LINE__, #cond, log_text); \
		exit(1);						\
	}								\
} while (0)

#define CASES		30
#define PATTERN		"/sys/module/usbtest/parameters/pattern"

/* Of the driver's ioctl, which has no header: drivers/usb/misc/usbtest.c. */
struct usbtest_param {
	unsigned int test_num, iterations, length, vary, sglen;
	struct timeval duration;
};
#define USBTEST_REQUEST	_IOWR('U', 100, struct usbtest_param)

static const struct speed {
	const char *name;
	enum usb_speed speed;
	unsigned int bus;
} speeds[] = {
	{ "low", USB_SPEED_LOW_, 1 }, { "full", USB_SPEED_FULL_, 1 },
	{ "high", USB_SPEED_HIGH_, 1 }, { "super", USB_SPEED_SUPER_, 2 },
	{ "super-plus", USB_SPEED_SUPER_PLUS_, 2 },
};
#define N_SPEEDS (sizeof(speeds) / sizeof(speeds[0]))

static char log_text[1 << 17];
static size_t log_len;
static struct usbip_dev *usb;
static struct virtio_mmio *mmio;

static void log_piece(void *ctx, const char *text, size_t len)
{
	if (len > sizeof(log_text) - 1 - log_len)
		len = sizeof(log_text) - 1 - log_len;
	memcpy(log_text + log_len, text, len);
	log_len += len;
}

static void plug(enum usb_speed speed, unsigned int pattern)
{
	struct zero_config config = { .speed = speed, .pattern = pattern };
	struct usb_backend *zero;
	unsigned int port;

	CHECK(zero_backend_new(&config, &zero) == 0);
	CHECK(usbip_dev_plug(usb, zero, &port) == 0);
}

/* The first device checks what it gets, the second takes zeros (cases 27 and 28). */
static void start(enum usb_speed speed)
{
	struct lkl_config config = {
		.log = log_piece,
		.cmdline = "usbtest.alt=1 usbtest.pattern=1",
	};
	struct usbip_dev_config ports = { .usb2_ports = 2, .usb3_ports = 2 };

	CHECK(lkl_init(&config) == 0);
	CHECK(usbip_dev_new(&ports, &usb) == 0);
	CHECK(virtio_mmio_add(&usbip_dev_ops, usb, &mmio) == 0);
	plug(speed, 1);
	plug(speed, 0);
	CHECK(lkl_start_kernel() == 0);
	CHECK(lkl_mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) == 0);
	CHECK(lkl_mount("sysfs", "/sys", "sysfs", 0, NULL) == 0);
}

static void stop(void)
{
	CHECK(lkl_halt() == 0);
	virtio_mmio_free(mmio);
	usbip_dev_free(usb);
	CHECK(!strstr(log_text, "WARNING") && !strstr(log_text, "BUG:"));
}

/* 0 or -errno; cases 14 and 21 return a length. */
static long run_case(long fd, struct usbtest_param *param)
{
	struct usbdevfs_ioctl wrapper = {
		.ioctl_code = USBTEST_REQUEST, .data = param,
	};

	long ret = LKL_CALL3(SYS_ioctl, fd, USBDEVFS_IOCTL, &wrapper);

	return ret < 0 ? ret : 0;
}

/* Until case 0, which does nothing, says that the driver is there. */
static long open_device(unsigned int bus, unsigned int dev)
{
	struct usbtest_param nop = { .iterations = 1 };
	char node[32];
	long fd;

	snprintf(node, sizeof(node), "/dev/bus/usb/%03u/%03u", bus, dev);
	for (int i = 0; i < 10000; i++) {
		fd = LKL_CALL4(SYS_openat, AT_FDCWD, node, O_RDWR, 0);
		if (fd >= 0 && run_case(fd, &nop) == 0)
			return fd;
		if (fd >= 0)
			LKL_CALL1(SYS_close, fd);
		usleep(1000);
	}
	CHECK(!"usbtest has the device");
	return -1;
}

static struct usbtest_param parameters(const struct speed *s, unsigned int number,
				       unsigned int count)
{
	bool control = number == 14 || number == 21;
	bool low = s->speed == USB_SPEED_LOW_;

	return (struct usbtest_param){
		.test_num = number,
		.iterations = count,
		.length = low ? 24 : control ? 1000 : 2048,
		.vary = low ? 16 : control ? 131 : 1024,
		.sglen = low ? 16 : 32,
	};
}

/* usbtest looks for no more endpoints at low speed; 24 gives no interval there. */
static long expected(const struct speed *s, unsigned int number)
{
	if (s->speed != USB_SPEED_LOW_)
		return 0;
	switch (number) {
	case 15: case 16: case 22: case 23: case 25: case 26:
		return -EOPNOTSUPP;
	case 24:
		return -EINVAL;
	}
	return 0;
}

static unsigned int run_all(const struct speed *s, unsigned int count)
{
	long checked = open_device(s->bus, 2), zeros = open_device(s->bus, 3), ret;
	unsigned int n_wrong = 0;

	for (unsigned int i = 0; i < CASES; i++) {
		struct usbtest_param param = parameters(s, i, count);
		bool with_zeros = i == 27 || i == 28;

		CHECK(lkl_write_file(PATTERN, with_zeros ? "0" : "1") == 0);
		ret = run_case(with_zeros ? zeros : checked, &param);
		if (ret == -EOPNOTSUPP)
			printf("%u absent\n", i);
		else if (ret < 0)
			printf("%u errno %ld\n", i, -ret);
		else
			printf("%u passed\n", i);
		n_wrong += ret != expected(s, i);
	}
	LKL_CALL1(SYS_close, checked);
	LKL_CALL1(SYS_close, zeros);
	return n_wrong;
}

/* Microseconds of COUNT transfers by case 27 (OUT) or 28 (IN). */
static long measure(const struct speed *s, char **argv)
{
	unsigned int depth = atoi(argv[2]);
	struct usbtest_param param = {
		.test_num = atoi(argv[0]), .length = atoi(argv[1]), .sglen = depth,
		.iterations = atoi(argv[3]) / depth,
	};
	long fd = open_device(s->bus, 3);

	CHECK(lkl_write_file(PATTERN, "0") == 0);
	CHECK(run_case(fd, &param) == 0);
	LKL_CALL1(SYS_close, fd);
	return param.duration.tv_sec * 1000000 + param.duration.tv_usec;
}

int main(int argc, char **argv)
{
	unsigned int count = argc > 2 ? atoi(argv[2]) : 5, n_wrong;

	for (unsigned int i = 0; i < N_SPEEDS; i++) {
		if (argc < 2) {
			puts(speeds[i].name);
		} else if (!strcmp(argv[1], speeds[i].name)) {
			start(speeds[i].speed);
			if (argc == 7) {
				printf("%ld\n", measure(&speeds[i], argv + 3));
				stop();
				return 0;
			}
			n_wrong = run_all(&speeds[i], count);
			if (n_wrong)
				fputs(log_text, stderr);
			stop();
			return n_wrong ? 1 : 0;
		}
	}
	return argc < 2 ? 0 : 2;
}
