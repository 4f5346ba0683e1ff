// SPDX-License-Identifier: GPL-2.0-only
/*
 * lklusb doctor: what this machine lets this user do, and the line that mends what it
 * does not. Looks only; changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <json-c/json.h>

#include "commands.h"
#include "devices.h"
#include "output.h"
#include "plain_args.h"
#include "report.h"
#include "sandbox.h"

static int n_wrong;
static struct json_object *findings;	/* NULL: printed at once */

/* What mends it is a line for a shell, or NULL. */
static void add_object(const char *what, const char *state, const char *text, const char *mend)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "check", json_object_new_string(what));
	json_object_object_add(o, "state", json_object_new_string(state));
	json_object_object_add(o, "text", json_object_new_string(text));
	json_object_object_add(o, "mend", mend ? json_object_new_string(mend) : NULL);
	json_object_array_add(findings, o);
}

static void line(const char *what, const char *state, const char *mend, const char *fmt,
		 va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, args);
	if (findings) {
		add_object(what, state, text, mend);
		return;
	}
	output_row("%-5s %-12s %s", strcmp(state, "wrong") ? state : "WRONG", what, text);
	if (mend)
		output_row("                   %s", mend);
}

__attribute__((format(printf, 2, 3)))
static void good(const char *what, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	line(what, "ok", NULL, fmt, args);
	va_end(args);
}

__attribute__((format(printf, 3, 4)))
static void wrong(const char *what, const char *mend, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	line(what, "wrong", mend, fmt, args);
	va_end(args);
	n_wrong++;
}

/* Works without, but less well. */
__attribute__((format(printf, 3, 4)))
static void note(const char *what, const char *mend, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	line(what, "note", mend, fmt, args);
	va_end(args);
}

static void check_fuse(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		good("fuse", "/dev/fuse opens");
		close(fd);
	} else if (errno == ENOENT || errno == ENODEV || errno == ENXIO) {
		wrong("fuse", "sudo modprobe fuse", "/dev/fuse: %s", strerror(errno));
	} else {
		wrong("fuse", "sudo chmod 0666 /dev/fuse", "/dev/fuse: %s", strerror(errno));
	}
}

static const char *find_program(const char *name, char *path, size_t size)
{
	const char *dirs[] = { "/usr/bin", "/bin", "/usr/local/bin" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, size, "%s/%s", dirs[i], name);
		if (!access(path, X_OK))
			return path;
	}
	return NULL;
}

static void check_fusermount(void)
{
	char path[64];
	struct stat st;

	if (geteuid() == 0)
		return;			/* mounts by itself */
	if (!find_program("fusermount3", path, sizeof(path)) || stat(path, &st))
		wrong("fusermount3", "sudo apt install fuse3", "not found");
	else if (st.st_uid || !(st.st_mode & S_ISUID))
		wrong("fusermount3", "sudo chmod u+s /usr/bin/fusermount3", "%s is not setuid root",
		      path);
	else
		good("fusermount3", "%s", path);
}

static void check_memfd(void)
{
	int fd = memfd_create("lklusb", MFD_CLOEXEC);

	if (fd >= 0 && !ftruncate(fd, 1 << 20))
		good("memory", "memfd for the library kernel's memory");
	else
		wrong("memory", "run it outside of this sandbox", "memfd: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void check_sandbox(void)
{
	struct sandbox_state host;

	sandbox_offered(&host);
	if (host.landlock)
		good("landlock", "version %d: no paths%s%s", host.landlock,
		     host.landlock >= 4 ? ", no TCP" : "",
		     host.landlock >= 6 ? ", no other processes" : "");
	else
		note("landlock", "boot with lsm=landlock in front of the others, Linux 5.13 or later",
		     "none: the sandbox is weaker");
	if (host.seccomp)
		good("seccomp", "system calls by a list");
	else
		note("seccomp", NULL, "this kernel was built without: the sandbox is weaker");
}

static bool rule_in(const char *dir)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/70-lklusb.rules", dir);
	return !access(path, F_OK);
}

static void check_rule(void)
{
	if (rule_in("/etc/udev/rules.d") || rule_in("/usr/lib/udev/rules.d") ||
	    rule_in("/lib/udev/rules.d"))
		good("udev rule", "70-lklusb.rules: sticks are the user's at the machine");
	else
		note("udev rule", "sudo cp " LKLUSB_SHARE "/70-lklusb.rules /etc/udev/rules.d/ && "
		     "sudo udevadm control --reload", "70-lklusb.rules is not installed");
}

/* Built into the kernel or loaded. */
static bool has_driver(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/bus/usb/drivers/%s", name);
	return !access(path, F_OK);
}

static void check_quarantine(void)
{
	if (has_driver("usb-storage") || has_driver("uas"))
		note("quarantine", "see " LKLUSB_SHARE "/lklusb-quarantine.conf",
		     "the host's own driver binds to sticks first and reads their partition table");
	else
		good("quarantine", "the host has no driver of its own for sticks loaded");
}

static int check_device(void *ctx, const struct device *d)
{
	int *n = ctx;
	char mend[160];

	++*n;
	if (d->access) {
		snprintf(mend, sizeof(mend), "sudo setfacl -m u:%u:rw %s", geteuid(), d->node);
		wrong(d->id, mend, "%s: %s", d->node, strerror(-d->access));
	} else if (*d->used) {
		note(d->id, "unmount it on the host, then add --detach-driver", "%s", d->used);
	} else if (*d->driver) {
		note(d->id, "add --detach-driver", "bound to %s", d->driver);
	} else {
		good(d->id, "%04x:%04x can be used", d->vendor, d->product);
	}
	return 0;
}

static void check_devices(void)
{
	int n = 0;

	if (access("/dev/bus/usb", X_OK)) {
		note("usbfs", NULL, "/dev/bus/usb: %s: no USB devices here, images work",
		     strerror(errno));
		return;
	}
	devices_each(check_device, &n);
	if (!n)
		note("usbfs", NULL, "no USB mass-storage device is plugged in");
}

static const char help[] =
	"usage: lklusb doctor [-J]\n"
	"\n"
	"Says what works here for this user, and what mends the rest.\n"
	"\n"
	"  -J, --json\n";

int cmd_doctor(int argc, char **argv)
{
	bool json = false;
	int status = plain_args(argc, argv, help, 0, 0, &json);

	if (status >= 0)
		return status;
	if (json)
		findings = json_object_new_array();
	check_fuse();
	check_fusermount();
	check_memfd();
	check_sandbox();
	check_rule();
	check_quarantine();
	check_devices();
	if (json)
		output_json(findings);
	json_object_put(findings);
	return n_wrong ? REPORT_USAGE : REPORT_OK;
}
