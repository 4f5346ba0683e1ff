// SPDX-License-Identifier: GPL-2.0-only
/*
 * lklusb export: images and USB devices for USB/IP clients. Without the library
 * kernel: the client's kernel is the one that reads what is on them.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "broker.h"
#include "commands.h"
#include "devices.h"
#include "image.h"
#include "listen.h"
#include "log.h"
#include "report.h"
#include "source.h"
#include "stick.h"
#include "stdio_socket.h"
#include "usbip_server.h"

static struct {
	struct guest_config config;	/* of all sources */
	bool readonly;
	const char *listen, *unix_path;
	bool over_stdio, all_addresses;

	struct usbip_server *server;
	struct listener listener;
	struct stdio_socket stdio;	/* until the process ends */
	int stdio_end;			/* the server's end of that */
	unsigned int n_devices;		/* of the host, among the sources */
	int signals, empty;		/* signalfd; eventfd: the last device left */
} ex = { .signals = -1, .empty = -1 };

/* ---- sources ---- */

static int image_failed(const char *source, int err)
{
	switch (-err) {
	case ENOENT:
		return report(REPORT_MOUNT, "source-missing", "%s: no such file", source);
	case EACCES:
	case EPERM:
		return report(REPORT_MOUNT, "source-access", "%s: permission denied", source);
	case EBUSY:
		return report(REPORT_MOUNT, "source-busy", "%s is in use", source);
	case EISDIR:
	case EINVAL:
		return report(REPORT_MOUNT, "source-type", "%s is no image", source);
	default:
		return report(REPORT_MOUNT, "source-open", "%s: %s", source, strerror(-err));
	}
}

static int open_image(const char *source, struct usb_backend **ret_backend)
{
	struct stick_config config = {
		.speed = ex.config.speed,
		.sector_size = ex.config.sector_size,
		.uas = ex.config.uas,
	};
	int err = image_open(source, ex.readonly ? IMAGE_READONLY : 0, &config.image);

	if (err)
		return image_failed(source, err);
	err = stick_new(&config, ret_backend);
	if (!err)
		return 0;
	image_close(config.image);
	return image_failed(source, err);
}

/* The server is told by the backend itself. */
static void device_gone(void *ctx)
{
}

static int open_device(const char *source, struct usb_backend **ret_backend)
{
	struct device device;

	if (ex.readonly)
		return report(REPORT_USAGE, "usage", "%s: --ro is for images", source);
	if (ex.n_devices++ && ex.config.detach_driver)
		return report(REPORT_USAGE, "usage",
			      "--detach-driver is for one device; start another lklusb export");
	return devices_open(source, ex.config.detach_driver, device_gone, &device,
			    ret_backend);
}

static int export_source(const char *source, unsigned int number)
{
	struct usb_backend *backend;
	char busid[USBIP_BUSID_SIZE];
	int err, status = devices_named_by(source) ? open_device(source, &backend) :
						     open_image(source, &backend);

	if (status)
		return status;
	snprintf(busid, sizeof(busid), "1-%u", number);
	err = usbip_server_export(ex.server, backend, busid);
	if (err) {
		backend->ops->close(backend);
		return report(REPORT_MOUNT, "export", "%s: %s", source,
			      err == -ENOSPC ? "too many devices" : strerror(-err));
	}
	if (!ex.over_stdio)
		report_note("%s: %s", busid, source);
	return 0;
}

/* ---- serving ---- */

static void on_empty(void *ctx)
{
	eventfd_write(ex.empty, 1);
}

static void accept_one(int fd)
{
	int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int err;

	if (conn < 0)
		return;			/* it has gone again, or there are too many */
	err = usbip_server_connect(ex.server, conn);
	if (err)
		log_warn("usbip: a connection was refused: %s", strerror(-err));
}

static int serve_listener(void)
{
	struct pollfd fds[LISTEN_MAX + 2] = {
		{ .fd = ex.signals, .events = POLLIN },
		{ .fd = ex.empty, .events = POLLIN },
	};

	for (unsigned int i = 0; i < ex.listener.n; i++)
		fds[i + 2] = (struct pollfd) { .fd = ex.listener.fds[i], .events = POLLIN };
	for (;;) {
		if (poll(fds, ex.listener.n + 2, -1) < 0 && errno != EINTR)
			return report(REPORT_SYSTEM, "listen", "poll: %s", strerror(errno));
		if (fds[0].revents)
			return REPORT_OK;
		if (fds[1].revents)
			return report(REPORT_MOUNT, "device-gone", "no device is left");
		for (unsigned int i = 0; i < ex.listener.n; i++)
			if (fds[i + 2].revents)
				accept_one(fds[i + 2].fd);
	}
}

static int stdio_failed(int err)
{
	return report(REPORT_SYSTEM, "listen", "standard input: %s", strerror(-err));
}

static int serve_stdio(void)
{
	int err = stdio_socket_start(&ex.stdio);

	if (err)
		return stdio_failed(err);
	usbip_server_serve(ex.server, ex.stdio_end);
	stdio_socket_close(&ex.stdio);
	return REPORT_OK;
}

static int start_listening(void)
{
	int err;

	if (ex.over_stdio) {
		err = stdio_socket_open(&ex.stdio, &ex.stdio_end);
		return err ? stdio_failed(err) : 0;
	}
	if (ex.unix_path)
		return listen_unix(&ex.listener, ex.unix_path);
	return listen_tcp(&ex.listener, ex.listen ? ex.listen : "127.0.0.1",
			  ex.all_addresses);
}

/* With --stdio they end the process, as they would end any filter. */
static int catch_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	if (ex.over_stdio)
		return 0;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	ex.signals = signalfd(-1, &set, SFD_CLOEXEC);
	return ex.signals < 0 ? -errno : 0;
}

/* Before the devices, whose guardian it is; after the socket that it is to remove. */
static int start_broker(void)
{
	const struct broker_config config = {
		.guest = &ex.config, .unlink = ex.listener.unix_path,
	};
	int err = broker_start(&config);

	return err ? report(REPORT_SYSTEM, "fork", "fork: %s", strerror(-err)) : 0;
}

static int enter_sandbox(void)
{
	const struct sandbox sandbox = { .beneath = -1, .usb = ex.n_devices };

	return confine(ex.config.sandbox, &sandbox, ex.over_stdio);
}

static int export_all(char **sources, unsigned int n)
{
	struct usbip_server_config config = { .empty = on_empty };
	int status = 0, err = catch_signals();

	if (!err) {
		ex.empty = eventfd(0, EFD_CLOEXEC);
		err = ex.empty < 0 ? -errno : usbip_server_new(&config, &ex.server);
	}
	if (err)
		return report(REPORT_SYSTEM, "export", "%s", strerror(-err));
	status = start_listening();
	if (!status)
		status = start_broker();
	for (unsigned int i = 0; i < n && !status; i++)
		status = export_source(sources[i], i + 1);
	if (!status)
		status = enter_sandbox();
	if (!status)
		status = ex.over_stdio ? serve_stdio() : serve_listener();
	listen_close(&ex.listener);
	usbip_server_free(ex.server);
	devices_close();
	broker_end();
	return status;
}

/* ---- command line ---- */

static const char help[] =
	"usage: lklusb export [options] SRC...\n"
	"\n"
	"Serves image files, as USB sticks, and USB devices of the host to USB/IP clients,\n"
	"until SIGTERM or SIGINT. The first SRC is device 1-1, the second 1-2, and so on.\n"
	"\n"
	"  --listen ADDR[:PORT]  127.0.0.1:3240 by default\n"
	"  --all-addresses     allow --listen 0.0.0.0 and ::\n"
	"  --unix PATH         listen on a socket in the file system instead\n"
	"  --stdio             serve one connection on standard input and output\n"
	"  -r, --ro            the sticks are write-protected\n"
	"  --speed SPEED       of the sticks: super (default) or high\n"
	"  --sector-size N     512 (default) or 4096\n"
	"  --uas               they speak USB Attached SCSI; with --speed high\n"
	"  --detach-driver     take a USB device from the host's driver\n"
	"  -v, --verbose; -q, --quiet\n";

static const struct option options[] = {
	{ "listen", required_argument, NULL, 290 },
	{ "unix", required_argument, NULL, 291 },
	{ "stdio", no_argument, NULL, 292 },
	{ "all-addresses", no_argument, NULL, 293 },
	{ "ro", no_argument, NULL, 'r' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	SOURCE_OPTIONS,
	{ 0 },
};

static int take_option(int c)
{
	switch (c) {
	case 290:
		ex.listen = optarg;
		return 0;
	case 291:
		ex.unix_path = optarg;
		return 0;
	case 292:
		ex.over_stdio = true;
		return 0;
	case 293:
		ex.all_addresses = true;
		return 0;
	case 'r':
		ex.readonly = true;
		return 0;
	case 'v':
		log_set_level(LOG_LEVEL_INFO);
		return 0;
	case 'q':
		report_quiet();
		return 0;
	default:
		return source_option(&ex.config, c, optarg);
	}
}

static int check_options(void)
{
	if (!!ex.listen + !!ex.unix_path + ex.over_stdio > 1)
		return report(REPORT_USAGE, "usage", "one of --listen, --unix and --stdio");
	if (ex.config.virtio_blk || ex.config.powercut || ex.config.kernel_log)
		return report(REPORT_USAGE, "usage", "an option is not one of lklusb export");
	if (ex.config.uas && ex.config.speed != USB_SPEED_HIGH_)
		return report(REPORT_USAGE, "usage",
			      "USB/IP has no streams: --uas needs --speed high");
	return 0;
}

int cmd_export(int argc, char **argv)
{
	int c, status = 0;

	source_init(&ex.config);
	while (!status && (c = getopt_long(argc, argv, "rvqh", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout), REPORT_OK;
		status = take_option(c);
	}
	if (!status && argc == optind)
		status = (fputs(help, stderr), REPORT_USAGE);
	if (!status)
		status = check_options();
	return status ? status : export_all(argv + optind, argc - optind);
}
