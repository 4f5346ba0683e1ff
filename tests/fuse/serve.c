// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mounts a filesystem of the library kernel, for tests of host/fuse without USB:
 *
 *   serve [OPTION]... DIR
 *     -i IMAGE  over virtio-blk; without it a tmpfs
 *     -t TYPE   of the filesystem    -d DATA   its mount options
 *     -r        read-only            -k        keep owners
 *     -u UID -g GID  of everything; default: the caller's
 *     -o OPTS   FUSE options         -n N      threads
 *     -U        over io_uring
 *     -l FILE   the kernel's log     -m MIB    of guest memory
 *     -p SECS   panic after as many seconds
 *
 * Prints "ready" when requests are answered; ends when it is unmounted, or on
 * SIGTERM. Exit status 0: unmounted cleanly inside as well.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>
#include <lkl.h>

#include "fusefs.h"
#include "log.h"
#include "virtio_blk.h"
#include "virtio_mmio.h"

static struct fusefs *fs;
static struct virtio_blk *blk;
static struct virtio_mmio *mmio;
static FILE *klog;

static struct {
	const char *image, *type, *data;
	bool readonly;
	long ram_mib;
	int panic_after;
} opt = { .type = "tmpfs", .ram_mib = 128 };

/* Leaves no mount behind: a script that did not notice would work elsewhere. */
static void die(const char *what, long err)
{
	fprintf(stderr, "serve: %s: %s\n", what, lkl_strerror(err));
	fusefs_free(fs);
	exit(1);
}

static void log_piece(void *ctx, const char *text, size_t len)
{
	if (klog)
		fwrite(text, 1, len, klog);
}

static void on_panic(void *ctx, const char *message)
{
	fusefs_stop(fs);
}

static void on_signal(int sig)
{
	fusefs_stop(fs);
}

static void print_ready(void *ctx)
{
	puts("ready");
	fflush(stdout);
}

static void boot(void)
{
	struct lkl_config config = {
		.ram_bytes = (size_t)opt.ram_mib << 20,
		.cmdline = "loglevel=7",
		.log = log_piece,
		.panic = on_panic,
	};
	int err = lkl_init(&config);

	if (!err && opt.image) {
		err = virtio_blk_open(opt.image, opt.readonly ? IMAGE_READONLY : 0, 512,
				      &blk);
		if (!err)
			err = virtio_mmio_add(&virtio_blk_ops, blk, &mmio);
	}
	if (err)
		die("set-up", err);
	err = lkl_start_kernel();
	if (err)
		die("boot", err);
	lkl_mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	lkl_mount("proc", "/proc", "proc", 0, NULL);
	lkl_mount("sysfs", "/sys", "sysfs", 0, NULL);
}

/* As a broken driver would: a bad pointer inside the kernel. */
static void *panic_later(void *unused)
{
	int fds[2];

	sleep(opt.panic_after);
	if (!LKL_CALL2(SYS_pipe2, fds, 0))
		LKL_CALL3(SYS_write, fds[1], (void *)8, 4);
	return NULL;
}

static void parse(int argc, char **argv, struct fusefs_config *config)
{
	int c;

	while ((c = getopt(argc, argv, "i:t:d:rku:g:o:n:l:m:p:vU")) != -1) {
		switch (c) {
		case 'i': opt.image = optarg; break;
		case 't': opt.type = optarg; break;
		case 'd': opt.data = optarg; break;
		case 'r': opt.readonly = config->readonly = true; break;
		case 'k': config->owners.keep = true; break;
		case 'u': config->owners.uid = atoi(optarg); break;
		case 'g': config->owners.gid = atoi(optarg); break;
		case 'o': config->options = optarg; break;
		case 'n': config->threads = atoi(optarg); break;
		case 'U': config->io_uring = true; break;
		case 'l': klog = fopen(optarg, "w"); break;
		case 'm': opt.ram_mib = atol(optarg); break;
		case 'p': opt.panic_after = atoi(optarg); break;
		case 'v': log_set_level(LOG_LEVEL_DEBUG); break;
		default: exit(2);
		}
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: serve [OPTION]... DIR\n");
		exit(2);
	}
}

/* The folder that tests as an ordinary user need is theirs. */
static void mount_inside(const struct fusefs_config *config)
{
	int err = lkl_mount(opt.image ? "/dev/vda" : "none", "/mnt", opt.type,
			    opt.readonly ? MS_RDONLY : 0, opt.data);

	if (err)
		die("mount inside", err);
	if (!config->owners.keep && !opt.readonly)
		LKL_CALL3(SYS_chown, "/mnt", config->owners.uid,
			  config->owners.gid);
}

int main(int argc, char **argv)
{
	struct fusefs_config config = {
		.fsname = "a,b\\c d", .subtype = "lklusb",
		.owners = { .uid = getuid(), .gid = getgid(), .umask = -1 },
	};
	struct sigaction sa = { .sa_handler = on_signal };
	pthread_t thread;
	int err, served;

	parse(argc, argv, &config);
	err = fusefs_mount(&config, argv[optind], &fs);
	if (err)
		die("mount", err);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	boot();
	mount_inside(&config);
	if (opt.panic_after)
		pthread_create(&thread, NULL, panic_later, NULL);
	served = fusefs_serve(fs, "/mnt", print_ready, NULL);
	fusefs_free(fs);
	if (served)
		fprintf(stderr, "serve: %s\n", lkl_strerror(served));
	if (opt.panic_after)
		pthread_join(thread, NULL);
	err = lkl_umount("/mnt", 0);
	if (err && !served)
		fprintf(stderr, "serve: unmounting inside: %s\n", lkl_strerror(err));
	lkl_halt();
	virtio_mmio_free(mmio);
	virtio_blk_close(blk);
	if (klog)
		fclose(klog);
	return served || err ? 1 : 0;
}
