// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>
#include <scsi/scsi.h>
#include <scsi/scsi_ioctl.h>
#include <scsi/sg.h>
#include <lkl.h>

#include "broker.h"
#include "guest_i.h"
#include "report.h"
#include "unlock.h"
#include "usbip_source.h"
#include "watch.h"

#define EJECT_TIMEOUT_MS	30000
#define DISK_TIMEOUT_MS	10000
#define REAL_DISK_TIMEOUT_MS	30000	/* it may have to spin up */
#define NEWS_MS		500	/* from the first transfer that fails to the news */
#define MAX_RETURNS	3u
#define SKIP_NS		1000000000ULL	/* below every time-out of the USB and SCSI drivers */
#define READ_AHEAD_KB	"2048"
#define START_LIMIT_S	120	/* four of Linux's time-outs */

struct guest guest;

static int start_broker(void)
{
	const struct broker_config config = {
		.guest = &guest.config, .unlock = guest.config.unlock,
	};
	int err = broker_start(&config);

	if (guest.config.unlock)
		unlock_close_files(guest.config.unlock);
	return err ? report(REPORT_SYSTEM, "fork", "fork: %s", strerror(-err)) : 0;
}

int guest_open(const struct guest_config *config)
{
	int status;

	guest.config = *config;
	status = start_broker();
	if (!status)
		status = guest_plug();
	if (!status && config->kernel_log)
		status = guest_log_to(config->kernel_log);
	if (status)
		broker_end();
	return status;
}

int guest_confine(bool ring)
{
	const struct sandbox sandbox = {
		.beneath = guest.config.beneath,
		.readable = guest.config.beneath_readable,
		.terminal = guest.config.terminal,
		.ring = ring,
		.usb = guest.real && !usbip_source_named_by(guest.config.source),
	};

	if (guest.confined)
		return 0;
	tzset();		/* of the host's clock, from a file */
	guest.confined = true;
	return confine(guest.config.sandbox, &sandbox, guest.config.input);
}

/* ---- boot ---- */

/* Whichever thread drives: it is news for all. */
static void kernel_panicked(void *ctx, const char *message)
{
	const struct report_sink *sink = report_divert(NULL);

	report(REPORT_MOUNT, "kernel-panic", "the library kernel failed: %s", message);
	report_divert(sink);
	if (guest.config.on_panic)
		guest.config.on_panic();
}

/* No second of grace for a device that cannot be slow; "u" ignores UAS. */
static void make_cmdline(char *ret, size_t size)
{
	static const char always[] = "usb_storage.delay_use=0";

	if (guest.real && guest.config.no_uas)
		snprintf(ret, size, "%s usb_storage.quirks=%04x:%04x:u", always,
			 guest.device.vendor, guest.device.product);
	else
		snprintf(ret, size, "%s", always);
}

static int boot_kernel(void)
{
	char cmdline[80];
	struct lkl_config config = {
		.ram_bytes = guest.config.ram_bytes,
		.cmdline = cmdline,
		.log = guest_log_piece,
		.panic = kernel_panicked,
	};
	int err;

	make_cmdline(cmdline, sizeof(cmdline));
	err = lkl_init(&config);
	if (!err)
		err = guest.blk ? virtio_mmio_add(&virtio_blk_ops, guest.blk, &guest.mmio)
				: virtio_mmio_add(&usbip_dev_ops, guest.usb, &guest.mmio);
	if (!err)
		err = lkl_start_kernel();
	if (err)
		return report(REPORT_SYSTEM, "kernel-boot",
			      "the library kernel does not start: %s", strerror(-err));
	guest.booted = true;
	return 0;
}

/*
 * It may have run ahead. Times of FAT and the like are local time. Given together with the time, the
 * zone does not move the clock as it would alone.
 */
static void set_clock(void)
{
	struct timespec now;
	struct tm tm;
	struct {
		long sec, usec;
	} tv;
	struct {
		int minuteswest, dsttime;
	} tz = { 0 };

	clock_gettime(CLOCK_REALTIME, &now);
	if (!localtime_r(&now.tv_sec, &tm))
		return;
	tv.sec = now.tv_sec;
	tv.usec = now.tv_nsec / 1000;
	tz.minuteswest = -tm.tm_gmtoff / 60;
	LKL_CALL2(SYS_settimeofday, &tv, &tz);
}

/*
 * sync(2) and syncfs(2) do not reach the FUSE server of an ordinary user, so what
 * is dirty goes out by itself within about two seconds.
 */
static int set_up(void)
{
	int err = lkl_mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);

	if (!err)
		err = lkl_mount("sysfs", "/sys", "sysfs", 0, NULL);
	if (!err)
		err = lkl_mount("proc", "/proc", "proc", 0, NULL);
	if (!err)
		err = lkl_write_file("/proc/sys/vm/dirty_expire_centisecs", "100");
	if (!err)
		err = lkl_write_file("/proc/sys/vm/dirty_writeback_centisecs", "50");
	if (err)
		return report(REPORT_BUG, "kernel-setup", "library kernel: %s",
			      strerror(-err));
	return 0;
}

bool guest_urbs(struct usbip_dev_stats *ret_stats)
{
	if (guest.usb)
		usbip_dev_stats(guest.usb, ret_stats);
	return guest.usb;
}

int guest_left(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	for (int i = 0; guest.real && !guest.left && i < NEWS_MS; i++)
		nanosleep(&ms, NULL);
	return guest.left ? report(REPORT_MOUNT, "device-gone",
				   "%s was unplugged before it was ready",
				   guest.config.source) : REPORT_OK;
}

static int no_disk(long err, int ms)
{
	const char *source = guest.config.source;

	if (guest.left)
		return guest_left();
	if (err == -ENOMEDIUM)
		return report(REPORT_MOUNT, "no-medium", "%s: there is no medium in it", source);
	report(REPORT_MOUNT, "device-timeout", "%s: no disk within %d s (%s)", source,
	       ms / 1000, strerror(-err));
	guest_report_log("usb");
	return REPORT_MOUNT;
}

/*
 * An emulated stick's image is read-only itself, a real one is behind a filter. Here the
 * library kernel is told, so that it does not try.
 */
static void protect_disk(const char *disk, int fd)
{
	char path[64], text[16];
	int one = 1;

	if (!guest.real)
		return;
	if (guest.config.readonly)
		LKL_CALL3(SYS_ioctl, fd, BLKROSET, &one);
	snprintf(path, sizeof(path), "/sys/block/%s/ro", disk);
	guest.readonly |= lkl_read_file(path, text, sizeof(text)) > 0 && *text == '1';
}

/*
 * The first open after the disk was added waits for its partition table. Hubs give
 * devices time to settle (some 150 ms), which an emulated one does not need.
 */
static int wait_for_disk(const char *disk)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	int limit = guest.real ? REAL_DISK_TIMEOUT_MS : DISK_TIMEOUT_MS;
	char node[32];
	long fd = -ENOENT;

	snprintf(node, sizeof(node), "/dev/%s", disk);
	guest.n_returns = MAX_RETURNS;
	for (int i = 0; i < limit && (!guest.left || guest_came_back()); ) {
		fd = LKL_CALL4(SYS_openat, AT_FDCWD, node, O_RDONLY | O_CLOEXEC, 0);
		if (fd >= 0 || fd == -EIO || fd == -ENOMEDIUM)
			break;
		if (guest.real || !lkl_clock_skip(SKIP_NS)) {
			nanosleep(&ms, NULL);
			i++;
		}
	}
	set_clock();
	if (fd < 0)
		return no_disk(fd, limit);
	protect_disk(disk, fd);
	LKL_CALL1(SYS_close, fd);
	return 0;
}

static int set_cache_type(void *dir, const char *name)
{
	char path[512];
	int err;

	snprintf(path, sizeof(path), "%s/%s/cache_type", (const char *)dir, name);
	err = lkl_write_file(path, "temporary write back");
	return err ? err : 1;
}

/*
 * usb-storage keeps sd from asking for the cache's mode, so sd would never flush.
 * "temporary" keeps it from telling the stick.
 */
static int set_write_back(const char *disk)
{
	char dir[64];
	int set;

	if (guest.blk || guest.readonly)
		return 0;
	snprintf(dir, sizeof(dir), "/sys/block/%s/device/scsi_disk", disk);
	set = guest_names_of(dir, set_cache_type, dir);
	if (guest.left)
		return no_disk(-ENODEV, 0);
	if (set <= 0)
		return report(REPORT_BUG, "cache-type", "the disk's cache cannot be set: %s",
			      set ? strerror(-set) : "no SCSI disk");
	return 0;
}

/*
 * A command over usbfs costs the host a dozen system calls, whatever its length, so it
 * should be as long as the disk takes. What is read ahead waits in the library kernel
 * while FUSE copies what came before.
 */
static int set_read_ahead(const char *disk)
{
	char path[64];
	int err;

	if (!guest.real)
		return 0;
	snprintf(path, sizeof(path), "/sys/block/%s/queue/read_ahead_kb", disk);
	err = lkl_write_file(path, READ_AHEAD_KB);
	if (err && !guest.left)
		return report(REPORT_BUG, "kernel-setup", "%s: %s", path, strerror(-err));
	return err ? no_disk(-ENODEV, 0) : 0;
}

static int wait_for_disks(void)
{
	const char *disk;
	int status = 0;

	for (unsigned int i = 0; i <= guest.config.n_more; i++)
		snprintf(guest.disks[i], sizeof(guest.disks[i]), "%s%c",
			 guest.blk ? "vd" : "sd", 'a' + i);
	for (unsigned int i = 0; !status && (disk = guest_disk(i)); i++)
		status = wait_for_disk(disk);
	if (status)
		return status;
	guest_disk_is_there();
	for (unsigned int i = 0; !status && (disk = guest_disk(i)); i++) {
		status = set_write_back(disk);
		if (!status)
			status = set_read_ahead(disk);
	}
	return status;
}

/* Nothing is mounted yet, so nothing is lost. */
static void stuck(void)
{
	report(REPORT_MOUNT, "device-timeout", "%s: the disk cannot be read within %d s",
	       guest.config.source, START_LIMIT_S);
	if (guest.config.on_stuck)
		guest.config.on_stuck();
	broker_leave();
	_exit(REPORT_MOUNT);
}

void guest_disk_was_read(void)
{
	watch_end();
}

int guest_boot(void)
{
	int status = guest_confine(false);

	if (status)
		return status;
	watch_begin(START_LIMIT_S, stuck);
	status = boot_kernel();
	if (!status)
		status = set_up();
	if (!status)
		status = wait_for_disks();
	return status;
}

static int eject(const char *disk)
{
	unsigned char cdb[6] = { START_STOP, [4] = 0x02 /* LOEJ, not START */ };
	unsigned char sense[32];
	struct sg_io_hdr io = {
		.interface_id = 'S',
		.dxfer_direction = SG_DXFER_NONE,
		.cmd_len = sizeof(cdb),
		.cmdp = cdb,
		.mx_sb_len = sizeof(sense),
		.sbp = sense,
		.timeout = EJECT_TIMEOUT_MS,
	};
	char node[32];
	long fd, err;

	snprintf(node, sizeof(node), "/dev/%s", disk);
	fd = LKL_CALL4(SYS_openat, AT_FDCWD, node, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	/* Opening a disk with a removable medium has locked its door. */
	err = LKL_CALL3(SYS_ioctl, fd, SCSI_IOCTL_DOORUNLOCK, 0);
	if (!err)
		err = LKL_CALL3(SYS_ioctl, fd, SG_IO, &io);
	LKL_CALL1(SYS_close, fd);
	if (!err && (io.info & SG_INFO_OK_MASK) != SG_INFO_OK)
		err = -EIO;
	return err;
}

int guest_eject(void)
{
	int err = 0;

	for (unsigned int i = 0; !guest.blk && !err && guest_disk(i); i++)
		err = eject(guest_disk(i));
	return err;
}

/* A kernel that panicked does not stop its devices by itself. */
int guest_close(void)
{
	int err;

	if (lkl_panic_message() && guest.mmio)
		virtio_mmio_reset(guest.mmio);
	err = guest.booted ? lkl_halt() : 0;
	watch_end();
	if (guest.mmio)
		virtio_mmio_free(guest.mmio);
	if (guest.usb)
		usbip_dev_free(guest.usb);
	chain_close(&guest.config.chain);
	devices_close();
	virtio_blk_close(guest.blk);
	guest.mmio = NULL;
	guest.usb = NULL;
	guest.blk = NULL;
	broker_end();
	return err ? REPORT_MOUNT : REPORT_OK;
}

const char *guest_disk(unsigned int number)
{
	return number <= guest.config.n_more ? guest.disks[number] : NULL;
}

bool guest_readonly(void)
{
	return guest.readonly;
}

bool guest_gone(void)
{
	return guest.gone;
}
