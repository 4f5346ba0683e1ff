// SPDX-License-Identifier: GPL-2.0-only
/* What the serving process answers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <json-c/json.h>
#include <lkl.h>

#include "guest.h"
#include "serve_i.h"
#include "source.h"
#include "stats.h"
#include "stick_lock.h"
#include "thread.h"

/* ---- status ---- */

static void add(struct json_object *o, const char *name, const char *text)
{
	json_object_object_add(o, name, text ? json_object_new_string(text) : NULL);
}

static void add_number(struct json_object *o, const char *name, long long n)
{
	json_object_object_add(o, name, json_object_new_int64(n));
}

static char *text_of(struct json_object *o)
{
	char *text = NULL;

	if (asprintf(&text, "%s\n", json_object_to_json_string(o)) < 0)
		text = NULL;
	json_object_put(o);
	return text;
}

static char *status_text(struct one_mount *m)
{
	struct json_object *o = json_object_new_object();

	add(o, "source", m->source);
	add(o, "dir", m->dir);
	add_number(o, "partition", m->part->number);
	add(o, "volume", m->part->volume);
	add(o, "type", m->kernel_type);
	add(o, "encryption", m->volume.encryption);
	json_object_object_add(o, "readonly",
			       json_object_new_boolean(m->args.options.readonly));
	add(o, "transport", stick.config.virtio_blk ? "virtio-blk" : "usb");
	add_number(o, "pid", getpid());
	add(o, "kernel", lkl_kernel_version());
	add(o, "sandbox", confine_state());
	add_number(o, "dirty", serve_dirty_bytes());
	stats_add(o);
	return text_of(o);
}

static char *others_text(struct one_mount *m)
{
	struct json_object *list = json_object_new_array();
	char **dirs = mount_list_dirs(m, true);

	for (unsigned int i = 0; dirs && dirs[i]; i++)
		json_object_array_add(list, json_object_new_string(dirs[i]));
	mount_list_free_dirs(dirs);
	return text_of(list);
}

unsigned long long serve_dirty_bytes(void)
{
	static const char *const names[] = { "\nDirty:", "\nWriteback:" };
	unsigned long long kib = 0;
	char text[4096], *p;

	if (lkl_read_file("/proc/meminfo", text, sizeof(text)) < 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		p = strstr(text, names[i]);
		if (p)
			kib += strtoull(p + strlen(names[i]), NULL, 10);
	}
	return kib << 10;
}

/* ---- one more mount ---- */

/* The sender may be dead or hang: nobody waits for it. Returns whether it lives. */
static bool tell(const struct one_mount *m, const char *text)
{
	return send(m->socket, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 ||
	       errno == EAGAIN;
}

static void tell_line(void *ctx, bool is_note, const char *line)
{
	char message[2304];

	snprintf(message, sizeof(message), "%c%s", is_note ? 'N' : 'E', line);
	tell(ctx, message);
}

bool serve_answer(struct one_mount *m, int status)
{
	char text[32];
	bool lives;

	if (m->socket < 0)
		return true;
	report_divert(NULL);
	snprintf(text, sizeof(text), "done %d", status);
	lives = tell(m, text);
	close(m->socket);
	m->socket = -1;
	return lives;
}

/* What comes instead is dropped with the mount: that process is not what it says. */
static int receive_keys(struct one_mount *m, int *ret_fd)
{
	char *message = malloc(REQUEST_SIZE);
	struct request r;
	ssize_t n = message ? request_receive(m->socket, message, ret_fd) : -ENOMEM;

	if (n > 0 && (!request_decode(message, n, *ret_fd >= 0, &r) || r.kind != REQUEST_KEY))
		n = 0;
	free(message);
	return n > 0 ? 0 : n ? n : -ECANCELED;
}

int serve_connect_keys(void *ctx, struct key_session *ret_session)
{
	struct one_mount *m = ctx;
	int fd = -1, err = 0;

	if (send(m->socket, "key", 3, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		err = -errno;
	if (!err)
		err = key_session_wait(m->socket, -1);
	if (!err)
		err = receive_keys(m, &fd);
	if (!err) {
		*ret_session = (struct key_session) { .socket = fd, .watch = m->socket };
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return report(REPORT_MOUNT, "luks-cancelled", "%s: the process that has asked for it gave no key helper: %s",
		      m->dir, strerror(-err));
}

/* getopt has one state for all. */
static int parse(struct one_mount *m)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	int status;

	pthread_mutex_lock(&lock);
	opterr = 0;
	status = mount_args_parse(&m->args, m->request.argc, m->request.argv);
	pthread_mutex_unlock(&lock);
	return status || !m->args.help ? status : REPORT_USAGE;
}

static int check_stick(const struct one_mount *m)
{
	enum stick_match match = stick_lock_match(m->request.stick);

	if (strcmp(m->request.version, LKLUSB_VERSION) || match == STICK_NONE) {
		report(REPORT_MOUNT, "stick-version",
		       "%s is served by lklusb %s, which this one cannot ask", m->source,
		       LKLUSB_VERSION);
		report_hint("unmount what is mounted of it first");
		return REPORT_MOUNT;
	}
	if (match == STICK_SOME) {
		report(REPORT_USAGE, "stick-options",
		       "%s, or another SRC, is mounted already, and not together with the same ones",
		       m->source);
		report_hint("lklusb status shows the mounts");
		return REPORT_USAGE;
	}
	return 0;
}

int serve_check_options(const struct one_mount *m)
{
	const char *option =
		source_difference(&stick.config, &m->args.guest, m->request.cwd);

	if (!option)
		return 0;
	report(REPORT_USAGE, "stick-options",
	       "%s is mounted already, and %s differs: it is for all mounts of a stick",
	       m->source, option);
	report_hint("lklusb status shows its mounts");
	return REPORT_USAGE;
}

static int take_request(struct one_mount *m)
{
	int status = parse(m);

	if (!status)
		status = check_stick(m);
	return status;
}

static void *joined_main(void *arg)
{
	struct one_mount *m = arg;

	tell(m, "taken");
	report_divert(&m->sink);
	m->status = take_request(m);
	serve_mount(m);
	if (m->fuse >= 0)
		close(m->fuse);
	mount_list_leave(m);
	return NULL;
}

/* Whose text is too long cannot be mounted. */
static struct one_mount *new_mount(int socket, int fd, const struct request *r,
				   char *message)
{
	struct one_mount *m = calloc(1, sizeof(*m));

	if (!m || strlen(r->source) >= sizeof(m->source) || strlen(r->dir) >= sizeof(m->dir)) {
		free(m);
		return NULL;
	}
	strcpy(m->source, r->source);
	strcpy(m->dir, r->dir);
	m->request = *r;
	m->message = message;
	m->socket = socket;
	m->fuse = fd;
	m->joined = true;
	m->sink = (struct report_sink) { tell_line, m };
	return m;
}

/* Too late, or no memory: the sender finds out, and tries again. */
static void op_mount(int socket, int fd, const struct request *r, char *message)
{
	struct one_mount *m = new_mount(socket, fd, r, message);

	mount_list_reap();
	if (m && mount_list_add(m)) {
		if (!thread_start(&m->thread, joined_main, m))
			return;
		m->joined = false;	/* there is no thread to be joined */
		mount_list_end(m, false);
		mount_list_leave(m);
		m = NULL;
	}
	close(socket);
	close(fd);
	free(message);
	free(m);
}

/*
 * An error of this is told once, by the umount that asks first: the mount stays. The next
 * one ends it, though XFS that has shut down fails each time; what was lost is told then.
 */
static int op_sync(struct one_mount *m)
{
	bool told = __atomic_load_n(&m->lost, __ATOMIC_RELAXED);
	int err = one_mount_sync(m);

	return told ? 0 : err;
}

const struct control_ops serve_control_ops = {
	.get = mount_list_get,
	.put = mount_list_put,
	.status = status_text,
	.others = others_text,
	.log = guest_log,
	.dirty = serve_dirty_bytes,
	.sync = op_sync,
	.want_eject = mount_list_want_eject,
	.mount = op_mount,
};
