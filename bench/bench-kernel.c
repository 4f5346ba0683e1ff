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
#include <linux/futex.h>
#include <lkl.h>
#include "delay_filter.h"
#include "image.h"
#include "stick.h"
#include "virtio_blk.h"
#include "virtio_mmio.h"
#include "virtio_usbip_dev.h"

#define MIB (1L << 20)
#define IMAGE_MIB 96
#define RANDOM_READS 2000
#define DEPTH 16
#define SYNCS 500
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

/*
 * What a call costs while another thread drives the virtual CPU most of the time; the
 * host's own figure is a futex round trip between two threads.
 */
static int stop_driving;

static void *drive_always(void *unused)
{
	char block[4096] = { 0 };
	long fd = LKL_CALL4(SYS_openat, AT_FDCWD, "/busy", O_RDWR | O_CREAT, 0600);

	while (!__atomic_load_n(&stop_driving, __ATOMIC_RELAXED))
		LKL_CALL4(SYS_pwrite64, fd, block, sizeof(block), 0);
	LKL_CALL1(SYS_close, fd);
	return NULL;
}

struct turn {
	int word;		/* futex: whose turn */
};

static void turn_take(struct turn *t, int mine)
{
	int seen;

	while ((seen = __atomic_load_n(&t->word, __ATOMIC_SEQ_CST)) != mine)
		syscall(SYS_futex, &t->word, FUTEX_WAIT_PRIVATE, seen, NULL);
}

static void turn_give(struct turn *t, int other)
{
	__atomic_store_n(&t->word, other, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &t->word, FUTEX_WAKE_PRIVATE, 1);
}

static void *turn_back(void *arg)
{
	for (int i = 0; i < PINGS; i++) {
		turn_take(arg, 1);
		turn_give(arg, 0);
	}
	return NULL;
}

static double second_thread(call_fn call)
{
	struct turn turn = { 0 };
	bool inside = call == lib;
	pthread_t thread;
	double t;

	__atomic_store_n(&stop_driving, 0, __ATOMIC_RELAXED);
	if (pthread_create(&thread, NULL, inside ? drive_always : turn_back, &turn))
		die("thread", EAGAIN);
	if (inside)
		usleep(1000);
	t = now_ns();
	for (int i = 0; i < PINGS; i++) {
		if (inside) {
			call(SYS_getppid, 0, 0, 0);
		} else {
			turn_give(&turn, 1);
			turn_take(&turn, 0);
		}
	}
	t = (now_ns() - t) / PINGS;
	__atomic_store_n(&stop_driving, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return t;
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
		{ "second-thread", second_thread },
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
	double random_us[ROUNDS], many_us[ROUNDS], fsyncs[ROUNDS];
	double read_mbs[ROUNDS], write_mbs[ROUNDS];
	struct lkl_counters per_read;	/* of one round of random reads */
};

static char *buffer;

static void drop_cache(struct disk *d)
{
	LKL_CALL1(SYS_fsync, d->fd);
	LKL_CALL3(SYS_ioctl, d->fd, BLKFLSBUF, 0);
}

static void advise(struct disk *d, int advice)
{
	long err = LKL_CALL4(SYS_fadvise64, d->fd, 0, 0, advice);

	if (err)
		die("fadvise", err);
}

/* A prime: no page twice. */
static void read_pages(int fd, char *to, unsigned int first, int count)
{
	unsigned int pages = IMAGE_MIB * 256 - 64, page;

	for (int i = 0; i < count; i++) {
		page = (first + i) * 7919u % pages;
		if (LKL_CALL4(SYS_pread64, fd, to, 4096, (long)page << 12) != 4096)
			die("read", EIO);
	}
}

static void random_reads(struct disk *d, int round)
{
	struct lkl_counters a, b;
	double t;

	drop_cache(d);
	advise(d, POSIX_FADV_RANDOM);
	lkl_counters(&a);
	t = now_ns();
	read_pages(d->fd, buffer, round * 977, RANDOM_READS);
	d->random_us[round] = (now_ns() - t) / RANDOM_READS / 1000;
	lkl_counters(&b);
	d->per_read = (struct lkl_counters) {
		.switches = b.switches - a.switches,
		.irqs = b.irqs - a.irqs,
		.kicks = b.kicks - a.kicks,
		.mmio_writes = b.mmio_writes - a.mmio_writes,
	};
	advise(d, POSIX_FADV_NORMAL);
}

struct reader {
	pthread_t thread;
	int fd;
	unsigned int first;
	char page[4096];
};

static void *reader_main(void *arg)
{
	struct reader *r = arg;

	read_pages(r->fd, r->page, r->first, RANDOM_READS / DEPTH);
	return NULL;
}

/* One read of each thread under way; the threads' start is in the time. */
static void random_reads_at_once(struct disk *d, int round)
{
	static struct reader readers[DEPTH];
	double t;

	drop_cache(d);
	advise(d, POSIX_FADV_RANDOM);
	t = now_ns();
	for (int i = 0; i < DEPTH; i++) {
		readers[i].fd = d->fd;
		readers[i].first = round * 977 + i * (RANDOM_READS / DEPTH);
		if (pthread_create(&readers[i].thread, NULL, reader_main, &readers[i]))
			die("thread", EAGAIN);
	}
	for (int i = 0; i < DEPTH; i++)
		pthread_join(readers[i].thread, NULL);
	d->many_us[round] = (now_ns() - t) / RANDOM_READS / 1000;
	advise(d, POSIX_FADV_NORMAL);
}

static double syncs(struct disk *d)
{
	double t = now_ns();

	for (int i = 0; i < SYNCS; i++) {
		if (LKL_CALL4(SYS_pwrite64, d->fd, buffer, 4096, (long)i << 12) != 4096 ||
		    LKL_CALL1(SYS_fsync, d->fd))
			die("fsync", EIO);
	}
	return SYNCS / ((now_ns() - t) / 1e9);
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
	printf("disk.random-read-4k-qd16.%s %.2f us\n", d->name,
	       median(d->many_us, ROUNDS));
	printf("disk.fsync.%s %.0f /s\n", d->name, median(d->fsyncs, ROUNDS));
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
			random_reads_at_once(&disks[i], r);
			disks[i].fsyncs[r] = syncs(&disks[i]);
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
	bool uas, thread;	/* thread: completes on one of its own */
};

static const struct stick_disk sticks[] = {
	{ "bot-super", "bot-super.img", USB_SPEED_SUPER_, false, false },
	{ "uas-super", "uas-super.img", USB_SPEED_SUPER_, true, false },
	{ "uas-high", "uas-high.img", USB_SPEED_HIGH_, true, false },
	{ "bot-thread", "bot-thread.img", USB_SPEED_SUPER_, false, true },
	{ "uas-thread", "uas-thread.img", USB_SPEED_SUPER_, true, true },
};

#define N_STICKS ((int)(sizeof(sticks) / sizeof(sticks[0])))
#define N_DISKS (1 + N_STICKS)

static void add_stick(struct usbip_dev *dev, const struct stick_disk *disk,
		      const char *path)
{
	struct stick_config config = { .speed = disk->speed, .sector_size = 512,
				       .uas = disk->uas };
	struct usb_backend *stick, *on_thread;
	unsigned int port;
	int err;

	err = image_open(path, 0, &config.image);
	if (!err)
		err = stick_new(&config, &stick);
	if (!err && disk->thread) {
		err = delay_filter_new(0, stick, &on_thread);
		stick = on_thread;
	}
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
	static const char *const nodes[] = {
		"/dev/sda", "/dev/sdb", "/dev/sdc", "/dev/sdd", "/dev/sde"
	};
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
		.ram_bytes = 512 * MIB,
		.cmdline = "quiet usb_storage.delay_use=0",
	};
	struct usbip_dev_config usb = { .usb2_ports = 1, .usb3_ports = 4,
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
