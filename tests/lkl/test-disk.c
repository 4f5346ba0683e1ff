// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks of the library kernel: the emulated stick through the whole USB stack, and
 * virtio-blk beside it. One test a process: test-disk NAME.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>
#include <scsi/sg.h>
#include <lkl.h>

#include "image.h"
#include "stick.h"
#include "virtio_blk.h"
#include "virtio_mmio.h"
#include "virtio_usbip_dev.h"

#define CHECK(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "%s:%d: %s\n%s", __FILE__, __LINE__, #cond, log_text); \
		exit(1);						\
	}								\
} while (0)

#define MIB (1L << 20)
#define SIZE (32 * MIB + 5 * 4096)	/* not a multiple of what anybody reads ahead */

static char log_text[1 << 17];
static size_t log_len;

static struct usbip_dev *usb;
static struct virtio_blk *blk;
static struct virtio_mmio *usb_mmio, *blk_mmio;
static unsigned int port;

static void log_piece(void *ctx, const char *text, size_t len)
{
	if (len > sizeof(log_text) - 1 - log_len)
		len = sizeof(log_text) - 1 - log_len;
	memcpy(log_text + log_len, text, len);
	log_len += len;
}

/* Every 8 bytes hold their own offset. */
static void make_image(const char *path)
{
	static uint64_t block[512];
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0);
	for (long off = 0; off < SIZE; off += sizeof(block)) {
		for (size_t i = 0; i < 512; i++)
			block[i] = off + i * 8;
		CHECK(write(fd, block, sizeof(block)) == sizeof(block));
	}
	close(fd);
}

static void check_content(const void *buf, long off, size_t len)
{
	const uint64_t *words = buf;

	for (size_t i = 0; i < len / 8; i++)
		CHECK(words[i] == off + i * 8);
}

static bool uas;	/* sticks offer it */

static void plug(enum usb_speed speed, unsigned int sector_size)
{
	struct stick_config config = { .speed = speed, .sector_size = sector_size,
				       .uas = uas };
	struct usb_backend *stick;

	CHECK(image_open("usb.img", 0, &config.image) == 0);
	CHECK(stick_new(&config, &stick) == 0);
	CHECK(usbip_dev_plug(usb, stick, &port) == 0);
}

static void start(enum usb_speed speed, unsigned int sector_size)
{
	struct lkl_config config = {
		.ram_bytes = 64 << 20,
		.log = log_piece,
		.cmdline = "usb_storage.delay_use=0",
	};
	struct usbip_dev_config ports = { .usb2_ports = 1, .usb3_ports = 1,
					  .max_streams = 32 };

	make_image("usb.img");
	make_image("blk.img");
	CHECK(lkl_init(&config) == 0);
	CHECK(usbip_dev_new(&ports, &usb) == 0);
	CHECK(virtio_mmio_add(&usbip_dev_ops, usb, &usb_mmio) == 0);
	CHECK(virtio_blk_open("blk.img", 0, 512, &blk) == 0);
	CHECK(virtio_mmio_add(&virtio_blk_ops, blk, &blk_mmio) == 0);
	if (speed)
		plug(speed, sector_size);
	CHECK(lkl_start_kernel() == 0);
	CHECK(lkl_mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) == 0);
	CHECK(lkl_mount("sysfs", "/sys", "sysfs", 0, NULL) == 0);
}

static void stop(void)
{
	CHECK(lkl_halt() == 0);
	virtio_mmio_free(blk_mmio);
	virtio_mmio_free(usb_mmio);
	usbip_dev_free(usb);
	virtio_blk_close(blk);
	CHECK(!strstr(log_text, "WARNING") && !strstr(log_text, "BUG:"));
	CHECK(access("/proc/self/fd/3", F_OK) != 0);
}

static long wait_for(const char *node, int flags)
{
	long fd;

	for (int i = 0; i < 10000; i++) {
		fd = LKL_CALL4(SYS_openat, AT_FDCWD, node, flags, 0);
		if (fd >= 0)
			return fd;
		usleep(1000);
	}
	CHECK(!"the disk appears");
	return -1;
}

static long read_at(long fd, void *buf, size_t len, long off)
{
	return LKL_CALL4(SYS_pread64, fd, buf, len, off);
}

/* ---- tests ---- */

static __thread char *buffer;

static void read_all(long fd)
{
	if (!buffer)
		buffer = aligned_alloc(4096, MIB);
	for (long off = 0; off < SIZE; off += MIB) {
		size_t len = off + MIB <= SIZE ? MIB : SIZE - off;

		CHECK(read_at(fd, buffer, len, off) == (long)len);
		check_content(buffer, off, len);
	}
	CHECK(read_at(fd, buffer, 4096, SIZE) == 0);
}

/* The driver that the test is about has the stick, not the one that is there, too. */
static void check_driver(void)
{
	CHECK(!strstr(log_text, "scsi host0: uas") == !uas);
	CHECK(!strstr(log_text, "scsi host0: usb-storage") == uas);
}

static void whole(enum usb_speed speed, unsigned int sector_size, const char *mbits)
{
	char text[64];
	uint64_t size = 0;
	int sector = 0;
	long fd;

	start(speed, sector_size);
	fd = wait_for("/dev/sda", O_RDONLY);
	CHECK(LKL_CALL3(SYS_ioctl, fd, BLKGETSIZE64, &size) == 0 && size == SIZE);
	CHECK(LKL_CALL3(SYS_ioctl, fd, BLKSSZGET, &sector) == 0);
	CHECK(sector == (int)sector_size);
	CHECK(lkl_read_file(speed == USB_SPEED_HIGH_ ? "/sys/bus/usb/devices/1-1/speed"
						     : "/sys/bus/usb/devices/2-1/speed",
			    text, sizeof(text)) > 0);
	CHECK(!strncmp(text, mbits, strlen(mbits)));
	check_driver();
	read_all(fd);
	LKL_CALL1(SYS_close, fd);
	stop();
}

static void test_super(void)
{
	whole(USB_SPEED_SUPER_, 512, "5000");
}

static void test_high(void)
{
	whole(USB_SPEED_HIGH_, 512, "480");
}

static void test_super_4k_sectors(void)
{
	whole(USB_SPEED_SUPER_, 4096, "5000");
}

static void test_high_4k_sectors(void)
{
	whole(USB_SPEED_HIGH_, 4096, "480");
}

static void test_uas_super(void)
{
	uas = true;
	test_super();
}

static void test_uas_high(void)
{
	uas = true;
	test_high();
}

static void test_uas_super_4k_sectors(void)
{
	uas = true;
	test_super_4k_sectors();
}

/*
 * Near the end of a disk usb-storage reads single sectors with a scatter-gather list
 * that is longer than the transfer.
 */
static void test_last_sectors(void)
{
	long fd, off;

	start(USB_SPEED_SUPER_, 512);
	fd = wait_for("/dev/sda", O_RDWR);
	for (off = SIZE - 16 * 512; off < SIZE; off += 512) {
		CHECK(read_at(fd, buffer, 512, off) == 512);
		check_content(buffer, off, 512);
		LKL_CALL3(SYS_ioctl, fd, BLKFLSBUF, 0);
	}
	memset(buffer, 'e', 4096);
	CHECK(LKL_CALL4(SYS_pwrite64, fd, buffer, 4096, SIZE - 4096) == 4096);
	CHECK(LKL_CALL1(SYS_fsync, fd) == 0);
	LKL_CALL3(SYS_ioctl, fd, BLKFLSBUF, 0);
	memset(buffer, 0, 4096);
	CHECK(read_at(fd, buffer, 4096, SIZE - 4096) == 4096);
	CHECK(buffer[0] == 'e' && buffer[4095] == 'e');
	LKL_CALL1(SYS_close, fd);
	stop();
}

static void test_write(void)
{
	int host;
	long fd;

	start(USB_SPEED_SUPER_, 512);
	fd = wait_for("/dev/sda", O_RDWR);
	for (long off = 0; off + MIB <= SIZE; off += MIB) {
		memset(buffer, off / MIB, MIB);
		CHECK(LKL_CALL4(SYS_pwrite64, fd, buffer, MIB, off) == MIB);
	}
	CHECK(LKL_CALL1(SYS_fsync, fd) == 0);
	LKL_CALL1(SYS_close, fd);
	stop();
	host = open("usb.img", O_RDONLY);
	for (long off = 0; off + MIB <= SIZE; off += MIB) {
		CHECK(pread(host, buffer, MIB, off) == MIB);
		for (long i = 0; i < MIB; i++)
			CHECK(buffer[i] == (char)(off / MIB));
	}
	close(host);
}

#define READS 500

/*
 * Counts per cold 4 KiB read, free of noise but for the tick, which may come between
 * two reads and switch to the idle task and back.
 */
static void count_reads(const char *node, unsigned int switches, unsigned int irqs,
			unsigned int notifies)
{
	struct lkl_counters a, b;
	unsigned long long ticks;
	long fd = wait_for(node, O_RDONLY);

	/* What the host has to read or fault in at first would be counted. */
	read_all(fd);
	LKL_CALL3(SYS_ioctl, fd, BLKFLSBUF, 0);
	LKL_CALL4(SYS_fadvise64, fd, 0, 0, POSIX_FADV_RANDOM);
	usleep(300000);
	lkl_counters(&a);
	for (long i = 1; i <= READS; i++) {
		CHECK(read_at(fd, buffer, 4096, i * 15 * 4096) == 4096);
		check_content(buffer, i * 15 * 4096, 4096);
	}
	lkl_counters(&b);
	LKL_CALL1(SYS_close, fd);
	ticks = b.timer_irqs - a.timer_irqs;
	fprintf(stderr, "%s: %g switches, %g interrupts, %g register writes, %g kicks, "
		"%llu ticks\n", node, (double)(b.switches - a.switches) / READS,
		(double)(b.irqs - a.irqs) / READS,
		(double)(b.mmio_writes - a.mmio_writes) / READS,
		(double)(b.kicks - a.kicks) / READS, ticks);
	CHECK(b.switches - a.switches <= switches * READS + 4 * ticks + 4);
	CHECK(b.irqs - a.irqs <= irqs * READS + 2);
	/* notifications, and an acknowledgement an interrupt */
	CHECK(b.mmio_writes - a.mmio_writes <= (notifies + irqs) * READS + 4);
	CHECK(b.kicks - a.kicks <= ticks + 2);
}

static void test_read_counts(void)
{
	start(USB_SPEED_SUPER_, 512);
	count_reads("/dev/sda", 2, 3, 3);
	count_reads("/dev/vda", 0, 1, 1);
	stop();
}

/* With streams: status, data, command. Without, data comes after a Read Ready IU. */
static void test_uas_read_counts(void)
{
	uas = true;
	start(USB_SPEED_SUPER_, 512);
	count_reads("/dev/sda", 0, 1, 3);
	stop();
}

static void test_uas_high_read_counts(void)
{
	uas = true;
	start(USB_SPEED_HIGH_, 512);
	count_reads("/dev/sda", 0, 1, 4);
	stop();
}

static void *reader(void *arg)
{
	long fd = (long)arg, ret = 1;
	char *buffer = aligned_alloc(4096, 65536);

	for (long i = 0; ret > 0; i++) {
		ret = read_at(fd, buffer, 65536, i * 65536 % (16 * MIB));
		LKL_CALL3(SYS_ioctl, fd, BLKFLSBUF, 0);
	}
	free(buffer);
	return (void *)ret;
}

/* Pulled while it is read: an error, soon; put back: another disk. */
static void test_unplug(void)
{
	struct timespec a, b;
	pthread_t thread;
	void *ret;
	long fd;

	start(USB_SPEED_SUPER_, 512);
	for (int round = 0; round < 5; round++) {
		char node[16];

		/* the name is free again when its host is gone */
		snprintf(node, sizeof(node), "/dev/sda");
		fd = wait_for(node, O_RDONLY);
		CHECK(!pthread_create(&thread, NULL, reader, (void *)fd));
		usleep(20000 + round * 7000);
		CHECK(usbip_dev_unplug(usb, port) == 0);
		clock_gettime(CLOCK_MONOTONIC, &a);
		CHECK(!pthread_join(thread, &ret));
		clock_gettime(CLOCK_MONOTONIC, &b);
		CHECK((long)ret <= 0);	/* or the end of a disk without sectors */
		CHECK(b.tv_sec - a.tv_sec < 10);
		LKL_CALL1(SYS_close, fd);
		for (int i = 0; i < 5000; i++) {
			fd = LKL_CALL4(SYS_openat, AT_FDCWD,
				       "/sys/class/scsi_host/host0", O_RDONLY, 0);
			if (fd < 0)
				break;
			LKL_CALL1(SYS_close, fd);
			usleep(1000);
		}
		CHECK(fd == -ENOENT);
		CHECK(usbip_dev_unplug(usb, port) == -ENODEV);
		plug(round % 2 ? USB_SPEED_SUPER_ : USB_SPEED_HIGH_, 512);
	}
	fd = wait_for("/dev/sda", O_RDONLY);
	read_all(fd);
	LKL_CALL1(SYS_close, fd);
	stop();
}

/* SCSI error handling goes down to a reset of the port, and the disk works on. */
static void test_port_reset(void)
{
	int how = uas ? SG_SCSI_RESET_DEVICE : SG_SCSI_RESET_BUS;
	long fd;

	for (int i = 0; i < 2; i++) {
		if (!i)
			start(USB_SPEED_SUPER_, 512);
		fd = wait_for("/dev/sda", O_RDONLY);
		CHECK(LKL_CALL3(SYS_ioctl, fd, SG_SCSI_RESET, &how) == 0);
		read_all(fd);
		LKL_CALL1(SYS_close, fd);
	}
	CHECK(strstr(log_text, "reset SuperSpeed USB device"));
	stop();
}

static void test_uas_write(void)
{
	uas = true;
	test_write();
	CHECK(strstr(log_text, "Write cache: enabled"));
}

static void test_uas_unplug(void)
{
	uas = true;
	test_unplug();
}

static void test_uas_port_reset(void)
{
	uas = true;
	test_port_reset();
}

/* A stick that comes when the system runs. */
static void test_plug_later(void)
{
	long fd;

	start(0, 0);
	usleep(200000);
	plug(USB_SPEED_HIGH_, 512);
	fd = wait_for("/dev/sda", O_RDONLY);
	read_all(fd);
	LKL_CALL1(SYS_close, fd);
	stop();
}

static void *read_all_thread(void *fd)
{
	read_all((long)fd);
	free(buffer);
	return NULL;
}

static void test_both_disks_at_once(void)
{
	pthread_t thread;
	long usb_fd, blk_fd;
	void *ret;

	start(USB_SPEED_SUPER_, 512);
	usb_fd = wait_for("/dev/sda", O_RDONLY);
	blk_fd = wait_for("/dev/vda", O_RDONLY);
	CHECK(!pthread_create(&thread, NULL, read_all_thread, (void *)blk_fd));
	read_all(usb_fd);
	CHECK(!pthread_join(thread, &ret));
	LKL_CALL1(SYS_close, usb_fd);
	LKL_CALL1(SYS_close, blk_fd);
	stop();
}

#define DEPTH_THREADS 8
#define DEPTH_READS 400

struct depth_thread {
	pthread_t thread;
	unsigned int seed;
	int host;			/* the image, to make the host forget it */
};

/* Random blocks that neither this kernel nor, as far as it obeys, the host's has. */
static void *depth_main(void *arg)
{
	struct depth_thread *t = arg;
	long fd = wait_for("/dev/sda", O_RDONLY);
	char *buf = aligned_alloc(4096, 65536);

	for (int i = 0; i < DEPTH_READS; i++) {
		size_t len = 4096 << rand_r(&t->seed) % 5;
		long off = rand_r(&t->seed) % (SIZE / 4096 - 16) * 4096;

		posix_fadvise(t->host, off, len, POSIX_FADV_DONTNEED);
		LKL_CALL4(SYS_fadvise64, fd, off, len, POSIX_FADV_DONTNEED);
		CHECK(read_at(fd, buf, len, off) == (long)len);
		check_content(buf, off, len);
	}
	LKL_CALL1(SYS_close, fd);
	free(buf);
	return NULL;
}

static void queue_depth(enum usb_speed speed)
{
	struct depth_thread threads[DEPTH_THREADS];
	int host;
	void *ret;

	uas = true;
	start(speed, 512);
	host = open("usb.img", O_RDONLY);
	CHECK(host >= 0 && fsync(host) == 0);
	for (unsigned int i = 0; i < DEPTH_THREADS; i++) {
		threads[i] = (struct depth_thread){ .seed = i + 1, .host = host };
		CHECK(!pthread_create(&threads[i].thread, NULL, depth_main, &threads[i]));
	}
	for (unsigned int i = 0; i < DEPTH_THREADS; i++)
		CHECK(!pthread_join(threads[i].thread, &ret));
	CHECK(!strstr(log_text, "uas_eh"));
	close(host);
	stop();
}

static void test_uas_queue_depth(void)
{
	queue_depth(USB_SPEED_SUPER_);
}

static void test_uas_high_queue_depth(void)
{
	queue_depth(USB_SPEED_HIGH_);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "super", test_super },
	{ "high", test_high },
	{ "super-4k-sectors", test_super_4k_sectors },
	{ "high-4k-sectors", test_high_4k_sectors },
	{ "last-sectors", test_last_sectors },
	{ "write", test_write },
	{ "read-counts", test_read_counts },
	{ "unplug", test_unplug },
	{ "port-reset", test_port_reset },
	{ "plug-later", test_plug_later },
	{ "both-disks-at-once", test_both_disks_at_once },
	{ "uas-super", test_uas_super },
	{ "uas-high", test_uas_high },
	{ "uas-super-4k-sectors", test_uas_super_4k_sectors },
	{ "uas-write", test_uas_write },
	{ "uas-read-counts", test_uas_read_counts },
	{ "uas-high-read-counts", test_uas_high_read_counts },
	{ "uas-unplug", test_uas_unplug },
	{ "uas-port-reset", test_uas_port_reset },
	{ "uas-queue-depth", test_uas_queue_depth },
	{ "uas-high-queue-depth", test_uas_high_queue_depth },
};

int main(int argc, char **argv)
{
	buffer = aligned_alloc(4096, MIB);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (argc < 2) {
			puts(tests[i].name);
		} else if (!strcmp(argv[1], tests[i].name)) {
			tests[i].run();
			free(buffer);
			return 0;
		}
	}
	free(buffer);
	return argc < 2 ? 0 : 2;
}
