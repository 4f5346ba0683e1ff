// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inside the library kernel, without FUSE: what a call costs, and what a disk on
 * USB costs beside a virtio-blk disk over the same kind of image, in one kernel, in
 * turns. Prints one "name value unit" line a figure; bench/run makes tables of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>
#include <lkl.h>
#include "image.h"
#include "stick.h"
#include "virtio_blk.h"
#include "virtio_mmio.h"
#include "virtio_usbip_dev.h"

#define MIB (1L << 20)
#define IMAGE_MIB 96
#define RANDOM_READS 2000
#define ROUNDS 7

static void die(const char *what, long err)
{
	fprintf(stderr, "bench-kernel: %s: %s\n", what, lkl_strerror(err));
	exit(1);
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

/* ---- calls ---- */

static long lib(long nr, long a, long b, long c)
{
	return LKL_CALL3(nr, a, b, c);
}

static long host(long nr, long a, long b, long c)
{
	return syscall(nr, a, b, c);
}

typedef long (*call_fn)(long nr, long a, long b, long c);

static double null_call(call_fn call)
{
	int i, n = 200000;
	double t = now_ns();

	for (i = 0; i < n; i++)
		call(SYS_getppid, 0, 0, 0);
	return (now_ns() - t) / n;
}

static double pipe_round(call_fn call)
{
	int fds[2], i, n = 50000;
	char c = 0;
	double t;

	call(SYS_pipe2, (long)fds, 0, 0);
	t = now_ns();
	for (i = 0; i < n; i++) {
		call(SYS_write, fds[1], (long)&c, 1);
		call(SYS_read, fds[0], (long)&c, 1);
	}
	t = (now_ns() - t) / n;
	call(SYS_close, fds[0], 0, 0);
	call(SYS_close, fds[1], 0, 0);
	return t;
}

#define PINGS 5000
struct ping {
	call_fn call;
	int there[2], back[2];
};

static void *pong(void *arg)
{
	struct ping *p = arg;
	char c;
	int i;

	for (i = 0; i < PINGS; i++) {
		p->call(SYS_read, p->there[0], (long)&c, 1);
		p->call(SYS_write, p->back[1], (long)&c, 1);
	}
	return NULL;
}

/* Two host threads, two pipes: every round trip is two sleeps and wake-ups. */
static double ping_pong(call_fn call)
{
	struct ping p = { .call = call };
	pthread_t thread;
	char c = 0;
	double t;
	int i;

	call(SYS_pipe2, (long)p.there, 0, 0);
	call(SYS_pipe2, (long)p.back, 0, 0);
	if (pthread_create(&thread, NULL, pong, &p))
		die("thread", EAGAIN);
	t = now_ns();
	for (i = 0; i < PINGS; i++) {
		call(SYS_write, p.there[1], (long)&c, 1);
		call(SYS_read, p.back[0], (long)&c, 1);
	}
	t = (now_ns() - t) / PINGS;
	pthread_join(thread, NULL);
	return t;
}

static void bench_calls(void)
{
	static const struct {
		const char *name;
		double (*run)(call_fn call);
	} rows[] = {
		{ "null-call", null_call },
		{ "pipe-write-read", pipe_round },
		{ "ping-pong-2-threads", ping_pong },
	};
	double ours[5], theirs[5];
	size_t i;
	int r;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (r = 0; r < 5; r++) {
			ours[r] = rows[i].run(lib);
			theirs[r] = rows[i].run(host);
		}
		printf("call.%s.library %.1f ns\n", rows[i].name, median(ours, 5));
		printf("call.%s.host %.1f ns\n", rows[i].name, median(theirs, 5));
	}
}

/* ---- disks ---- */

struct disk {
	const char *name, *node;
	long fd;
	double random_us[ROUNDS], read_mbs[ROUNDS], write_mbs[ROUNDS];
	struct lkl_counters per_read;	/* of one round of random reads */
};

static char *buffer;

static void drop_cache(struct disk *d)
{
	LKL_CALL1(SYS_fsync, d->fd);
	LKL_CALL3(SYS_ioctl, d->fd, BLKFLSBUF, 0);
}

static void random_reads(struct disk *d, int round)
{
	unsigned int pages = IMAGE_MIB * 256 - 64, page = round * 977;
	struct lkl_counters a, b;
	double t;
	int i;

	drop_cache(d);
	LKL_CALL4(SYS_fadvise64, d->fd, 0, 0, POSIX_FADV_RANDOM);
	lkl_counters(&a);
	t = now_ns();
	for (i = 0; i < RANDOM_READS; i++) {
		page = (page + 7919) % pages;	/* a prime: no page twice */
		if (LKL_CALL4(SYS_pread64, d->fd, buffer, 4096,
			      (long)page << 12) != 4096)
			die("read", EIO);
	}
	d->random_us[round] = (now_ns() - t) / RANDOM_READS / 1000;
	lkl_counters(&b);
	d->per_read = (struct lkl_counters) {
		.switches = b.switches - a.switches,
		.irqs = b.irqs - a.irqs,
		.kicks = b.kicks - a.kicks,
		.mmio_writes = b.mmio_writes - a.mmio_writes,
	};
	LKL_CALL4(SYS_fadvise64, d->fd, 0, 0, POSIX_FADV_NORMAL);
}

static double sequential(struct disk *d, long nr)
{
	long off, size = 64 * MIB;
	double t;

	drop_cache(d);
	t = now_ns();
	for (off = 0; off < size; off += MIB)
		if (LKL_CALL4(nr, d->fd, buffer, MIB, off) != MIB)
			die("transfer", EIO);
	if (nr == SYS_pwrite64 && LKL_CALL1(SYS_fsync, d->fd))
		die("fsync", EIO);
	return size / ((now_ns() - t) / 1e9) / 1e6;
}

static void wait_for(struct disk *d)
{
	int i;

	for (i = 0; i < 5000; i++) {
		d->fd = LKL_CALL4(SYS_openat, AT_FDCWD, d->node, O_RDWR, 0);
		if (d->fd >= 0)
			return;
		usleep(1000);
	}
	die(d->node, d->fd);
}

static void report_disk(struct disk *d)
{
	double n = RANDOM_READS;

	printf("disk.random-read-4k.%s %.2f us\n", d->name,
	       median(d->random_us, ROUNDS));
	printf("disk.sequential-read.%s %.0f MB/s\n", d->name,
	       median(d->read_mbs, ROUNDS));
	printf("disk.sequential-write.%s %.0f MB/s\n", d->name,
	       median(d->write_mbs, ROUNDS));
	printf("disk.switches-per-read.%s %.2f count\n", d->name,
	       d->per_read.switches / n);
	printf("disk.interrupts-per-read.%s %.2f count\n", d->name,
	       d->per_read.irqs / n);
	printf("disk.kicks-per-read.%s %.2f count\n", d->name,
	       d->per_read.kicks / n);
	printf("disk.register-writes-per-read.%s %.2f count\n", d->name,
	       d->per_read.mmio_writes / n);
}

static void bench_disks(struct disk *disks, int n)
{
	int i, r;

	for (i = 0; i < n; i++) {
		wait_for(&disks[i]);
		sequential(&disks[i], SYS_pwrite64);	/* image and RAM touched */
	}
	for (r = 0; r < ROUNDS; r++)
		for (i = 0; i < n; i++) {
			disks[i].write_mbs[r] = sequential(&disks[i], SYS_pwrite64);
			disks[i].read_mbs[r] = sequential(&disks[i], SYS_pread64);
			random_reads(&disks[i], r);
		}
	for (i = 0; i < n; i++) {
		report_disk(&disks[i]);
		LKL_CALL1(SYS_close, disks[i].fd);
	}
}

/* ---- set-up ---- */

static void make_image(const char *dir, const char *name, char *ret_path)
{
	static char page[65536];
	int fd, i;

	sprintf(ret_path, "%s/%s", dir, name);
	fd = open(ret_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	memset(page, 'd', sizeof(page));
	for (i = 0; fd >= 0 && i < IMAGE_MIB * 16; i++)
		if (write(fd, page, sizeof(page)) != sizeof(page))
			die(ret_path, errno);
	if (fd < 0 || pwrite(fd, name, strlen(name) + 1, 0) < 0)
		die(ret_path, errno);
	close(fd);
}

struct stick_disk {
	const char *name, *file;
	enum usb_speed speed;
	bool uas;
};

static const struct stick_disk sticks[] = {
	{ "bot-super", "bot-super.img", USB_SPEED_SUPER_, false },
	{ "uas-super", "uas-super.img", USB_SPEED_SUPER_, true },
	{ "uas-high", "uas-high.img", USB_SPEED_HIGH_, true },
};

#define N_STICKS ((int)(sizeof(sticks) / sizeof(sticks[0])))
#define N_DISKS (1 + N_STICKS)

static void add_stick(struct usbip_dev *dev, const struct stick_disk *disk,
		      const char *path)
{
	struct stick_config config = { .speed = disk->speed, .sector_size = 512,
				       .uas = disk->uas };
	struct usb_backend *stick;
	unsigned int port;
	int err;

	err = image_open(path, 0, &config.image);
	if (!err)
		err = stick_new(&config, &stick);
	if (!err)
		err = usbip_dev_plug(dev, stick, &port);
	if (err)
		die(path, err);
}

/*
 * Which of sda, sdb, ... is which does not depend on the port: their probes race. The
 * first sector of an image is its name.
 */
static void find_sticks(struct disk *disks)
{
	static const char *const nodes[] = { "/dev/sda", "/dev/sdb", "/dev/sdc" };
	struct disk d = { 0 };

	_Static_assert(sizeof(nodes) / sizeof(nodes[0]) >= N_STICKS, "one each");
	for (int i = 0; i < N_STICKS; i++) {
		d.node = nodes[i];
		wait_for(&d);
		if (LKL_CALL4(SYS_pread64, d.fd, buffer, 512, 0) != 512)
			die(d.node, EIO);
		LKL_CALL1(SYS_close, d.fd);
		for (int k = 0; k < N_STICKS; k++)
			if (!strcmp(buffer, sticks[k].file))
				disks[1 + k] = (struct disk){ .name = sticks[k].name,
							      .node = nodes[i] };
	}
	for (int k = 1; k <= N_STICKS; k++)
		if (!disks[k].node)
			die("a stick's name", ENOENT);
}

int main(int argc, char **argv)
{
	struct disk disks[N_DISKS] = {
		{ .name = "virtio-blk", .node = "/dev/vda" },
	};
	struct lkl_config config = {
		.ram_bytes = 256 * MIB,
		.cmdline = "quiet usb_storage.delay_use=0",
	};
	struct usbip_dev_config usb = { .usb2_ports = 1, .usb3_ports = 2,
					.max_streams = 32 };
	struct virtio_mmio *mmio[2];
	struct usbip_dev *dev = NULL;
	struct virtio_blk *blk = NULL;
	char path[N_DISKS][4096];
	double t;
	int err;

	if (argc != 2) {
		fprintf(stderr, "usage: bench-kernel FOLDER\n");
		return 1;
	}
	buffer = aligned_alloc(4096, MIB);
	memset(buffer, 'w', MIB);
	make_image(argv[1], "blk.img", path[0]);
	for (int i = 0; i < N_STICKS; i++)
		make_image(argv[1], sticks[i].file, path[1 + i]);
	err = lkl_init(&config);
	if (!err)
		err = virtio_blk_open(path[0], 0, 512, &blk);
	if (!err)
		err = virtio_mmio_add(&virtio_blk_ops, blk, &mmio[0]);
	if (!err)
		err = usbip_dev_new(&usb, &dev);
	if (!err)
		err = virtio_mmio_add(&usbip_dev_ops, dev, &mmio[1]);
	if (err)
		die("set-up", err);
	for (int i = 0; i < N_STICKS; i++)
		add_stick(dev, &sticks[i], path[1 + i]);

	t = now_ns();
	err = lkl_start_kernel();
	if (err)
		die("boot", err);
	printf("boot.kernel %.1f ms\n", (now_ns() - t) / 1e6);
	lkl_mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	disks[1].node = "/dev/sda";
	wait_for(&disks[1]);
	printf("boot.stick-usable %.1f ms\n", (now_ns() - t) / 1e6);
	LKL_CALL1(SYS_close, disks[1].fd);
	find_sticks(disks);
	bench_calls();
	bench_disks(disks, N_DISKS);
	err = lkl_halt();
	virtio_mmio_free(mmio[1]);
	virtio_mmio_free(mmio[0]);
	usbip_dev_free(dev);
	virtio_blk_close(blk);
	for (int i = 0; i < N_DISKS; i++)
		unlink(path[i]);
	return err ? 1 : 0;
}
