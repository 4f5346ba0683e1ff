// SPDX-License-Identifier: GPL-2.0-only
/* lklusb watch: sticks that come and go. */
#include "hotplug_i.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <libudev.h>

#include "commands.h"
#include "mounts.h"
#include "report.h"

static const char help[] =
	"usage: lklusb watch [options] [-- OPTIONS-OF-MOUNT]\n"
	"\n"
	"Says which USB sticks come and go, a line each, until it gets SIGTERM or SIGINT.\n"
	"\n"
	"  -J, --json          each line is an object\n"
	"  --exec PROGRAM      runs PROGRAM EVENT usb:ID [FOLDER] at each\n"
	"  --mount DIR         mounts what is on them on folders in DIR, which are named after\n"
	"                      the label or the port, and removed afterwards\n";

/* ---- sticks ---- */

static struct hotplug_stick *find(const struct hotplug *h, const char *id)
{
	struct hotplug_stick *s = h->sticks;

	while (s && strcmp(s->device.id, id))
		s = s->next;
	return s;
}

static bool is_in_use(const struct hotplug *h, const char *id)
{
	const struct hotplug_folder *f = h->folders;

	while (f && strcmp(f->device.id, id))
		f = f->next;
	return f;
}

static void start(const struct hotplug *h, struct hotplug_stick *s)
{
	if (!h->mount_on || is_in_use(h, s->device.id))
		return;
	s->mounting = hotplug_fork(h);
	if (!s->mounting) {
		hotplug_mount(h, &s->device);
		_exit(REPORT_OK);
	}
}

static int came(void *ctx, const struct device *device)
{
	struct hotplug *h = ctx;
	struct hotplug_stick *s = find(h, device->id);

	if (s && !s->gone)
		return 0;		/* another interface of it */
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		s->next = h->sticks;
		h->sticks = s;
	}
	s->device = *device;
	s->gone = false;
	s->again = s->mounting > 0;
	hotplug_tell(h, "add", device, NULL);
	if (!s->again)
		start(h, s);
	return 0;
}

static void forget(struct hotplug *h, struct hotplug_stick *stick)
{
	struct hotplug_stick **p = &h->sticks;

	while (*p != stick)
		p = &(*p)->next;
	*p = stick->next;
	free(stick);
}

static void went(struct hotplug *h, const char *id)
{
	struct hotplug_stick *s = find(h, id);

	if (!s || s->gone)
		return;
	hotplug_tell(h, "remove", &s->device, NULL);
	s->gone = true;
	if (s->mounting <= 0)
		forget(h, s);
}

/* ---- what is mounted ---- */

static void remember(struct hotplug *h, const struct hotplug_news *news)
{
	struct hotplug_stick *s = find(h, news->id);
	struct hotplug_folder *f = s && *news->name ? calloc(1, sizeof(*f)) : NULL;

	if (!s)
		return;
	if (!f)
		return hotplug_tell(h, "failed", &s->device, NULL);
	f->device = s->device;
	snprintf(f->path, sizeof(f->path), "%s/%s", h->mount_on, news->name);
	f->next = h->folders;
	h->folders = f;
	hotplug_tell(h, "mount", &f->device, f->path);
}

static void read_news(struct hotplug *h)
{
	struct hotplug_news news;

	while (read(h->from_sticks, &news, sizeof(news)) == sizeof(news)) {
		news.id[sizeof(news.id) - 1] = 0;
		news.name[sizeof(news.name) - 1] = 0;
		remember(h, &news);
	}
}

/* Whoever unmounted them: we, the user, or the stick that was pulled. */
static void remove_folders(struct hotplug *h)
{
	static struct mounts_entry entry;
	struct hotplug_folder **p = &h->folders, *f;

	while ((f = *p)) {
		if (mounts_find(f->path, &entry) != -ENOENT) {
			p = &f->next;
			continue;
		}
		rmdir(f->path);
		hotplug_tell(h, "unmount", &f->device, f->path);
		*p = f->next;
		free(f);
	}
}

/* ---- processes ---- */

static void ended(struct hotplug *h, pid_t pid)
{
	struct hotplug_stick *s = h->sticks;

	while (s && s->mounting != pid)
		s = s->next;
	if (!s)
		return;			/* a program */
	s->mounting = 0;
	read_news(h);
	if (s->gone)
		forget(h, s);
	else if (s->again)
		start(h, s);
}

/* They have limits of their own. */
static void wait_for_sticks(struct hotplug *h)
{
	for (struct hotplug_stick *s = h->sticks; s; s = s->next)
		if (s->mounting > 0)
			waitpid(s->mounting, NULL, 0);
	read_news(h);
}

static void unmount_all(struct hotplug *h)
{
	wait_for_sticks(h);
	remove_folders(h);
	for (struct hotplug_folder *f = h->folders; f; f = f->next)
		hotplug_umount(h, f->path);
	remove_folders(h);
}

/* False: the end. */
static bool take_signal(struct hotplug *h, int fd)
{
	struct signalfd_siginfo info;
	pid_t pid;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return true;
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		ended(h, pid);
	return info.ssi_signo == SIGCHLD;
}

/* ---- events ---- */

/* Without udevd, whose rules set a node's rights before we hear of it, the kernel's own. */
static struct udev_monitor *make_monitor(struct udev *udev)
{
	const char *source = access("/run/udev/control", F_OK) ? "kernel" : "udev";
	struct udev_monitor *m = udev_monitor_new_from_netlink(udev, source);

	if (m && (udev_monitor_filter_add_match_subsystem_devtype(m, "usb", NULL) < 0 ||
		  udev_monitor_enable_receiving(m) < 0)) {
		udev_monitor_unref(m);
		m = NULL;
	}
	return m;
}

/* An interface comes, 1-1:1.0, a device goes, 1-1; what it was is not asked any more. */
static void take_event(struct hotplug *h, struct udev_device *u)
{
	const char *action = udev_device_get_action(u), *type = udev_device_get_devtype(u);
	const char *name = udev_device_get_sysname(u);
	struct device device;
	char id[64];

	if (!action || !type || !name)
		return;
	snprintf(id, sizeof(id), "%.*s", (int)strcspn(name, ":"), name);
	if (!strcmp(action, "add") && !strcmp(type, "usb_interface")) {
		if (devices_by_id(id, &device))
			came(h, &device);
	} else if (!strcmp(action, "remove") && !strcmp(type, "usb_device")) {
		went(h, id);
	}
}

static void take_events(struct hotplug *h, struct udev_monitor *m)
{
	struct udev_device *u;

	while ((u = udev_monitor_receive_device(m))) {
		take_event(h, u);
		udev_device_unref(u);
	}
}

static int watch(struct hotplug *h, struct udev_monitor *m, int signals, int mounts)
{
	struct pollfd fds[] = {
		{ .fd = udev_monitor_get_fd(m), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = h->from_sticks, .events = POLLIN },
		{ .fd = mounts, .events = POLLPRI },
	};
	int err = devices_each(came, h);
	bool on = true;

	while (!err && on) {
		if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0 && errno != EINTR)
			err = -errno;
		if (fds[0].revents)
			take_events(h, m);
		read_news(h);
		if (fds[1].revents)
			on = take_signal(h, signals);
		remove_folders(h);
	}
	unmount_all(h);
	return err ? report(REPORT_SYSTEM, "watch", "%s", strerror(-err)) : REPORT_OK;
}

/* ---- the command ---- */

static int open_folder(struct hotplug *h, const char *dir)
{
	static char path[PATH_MAX];

	mkdir(dir, 0700);
	h->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->dir < 0 || !realpath(dir, path))
		return report(REPORT_USAGE, "watch-folder", "%s: %s", dir, strerror(errno));
	if (flock(h->dir, LOCK_EX | LOCK_NB))
		return report(REPORT_USAGE, "watch-folder", "%s: another lklusb watch has it", dir);
	h->mount_on = path;
	return hotplug_check_options(h);
}

static int start_watching(struct hotplug *h)
{
	struct udev *udev = udev_new();
	struct udev_monitor *m = udev ? make_monitor(udev) : NULL;
	int fds[2], signals, mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC), status;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &h->signals);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (!m || mounts < 0 || signals < 0 || pipe2(fds, O_CLOEXEC | O_NONBLOCK)) {
		status = report(REPORT_SYSTEM, "watch", "the devices cannot be watched: %s",
				strerror(errno));
	} else {
		h->from_sticks = fds[0];
		h->to_watcher = fds[1];
		status = watch(h, m, signals, mounts);
	}
	udev_monitor_unref(m);
	udev_unref(udev);
	return status;
}

int cmd_hotplug(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'J' },
		{ "exec", required_argument, NULL, 391 },
		{ "mount", required_argument, NULL, 392 },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct hotplug h = { .dir = -1 };
	const char *dir = NULL;
	int c, status = 0;

	while ((c = getopt_long(argc, argv, "+Jh", options, NULL)) != -1) {
		if (c == 'J')
			h.json = true;
		else if (c == 391)
			h.program = optarg;
		else if (c == 392)
			dir = optarg;
		else
			return fputs(help, c == 'h' ? stdout : stderr), c != 'h';
	}
	h.options = argv + optind;
	h.n_options = argc - optind;
	if (h.n_options && (!dir || strcmp(argv[optind - 1], "--")))
		return fputs(help, stderr), REPORT_USAGE;
	if (dir)
		status = open_folder(&h, dir);
	return status ? status : start_watching(&h);
}
