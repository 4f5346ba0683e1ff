// SPDX-License-Identifier: GPL-2.0-only
#include "stick_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "devices.h"
#include "runtime.h"
#include "usbip.h"
#include "usbip_source.h"

#define BACKLOG	16

#define NAME_SIZE	512

struct stick {
	char name[NAME_SIZE], socket[32];
	char lock_path[RUNTIME_PATH_SIZE], socket_path[RUNTIME_PATH_SIZE];
	int lock;			/* of lock_path, for as long as it is ours; or -1 */
};

static struct {
	struct stick sticks[STICK_LOCK_MAX];	/* ordered, each once */
	unsigned int n;
	const struct stick *taken;		/* by somebody else, when we tried */
} ours;

/* ---- names ---- */

static bool file_name(const char *source, char *ret)
{
	struct stat st;

	if (stat(source, &st))
		return false;
	if (S_ISBLK(st.st_mode))
		snprintf(ret, NAME_SIZE, "block %u:%u", major(st.st_rdev),
			 minor(st.st_rdev));
	else
		snprintf(ret, NAME_SIZE, "file %u:%u %llu", major(st.st_dev),
			 minor(st.st_dev), (unsigned long long)st.st_ino);
	return true;
}

static void name_of(const char *source, char *ret)
{
	uint64_t number = getpid();
	bool named = usbip_source_named_by(source) ? usbip_identity(source, ret, NAME_SIZE) :
		     devices_named_by(source) ? devices_identity(source, ret, NAME_SIZE) :
		     file_name(source, ret);

	if (named)
		return;
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		number = getpid();
	snprintf(ret, NAME_SIZE, "private %llx", (unsigned long long)number);
}

/* FNV-1a. Who is asked compares the name itself, so an accident harms nobody. */
static void file_of(const char *name, char *ret, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3;
	snprintf(ret, size, "stick-%016llx", (unsigned long long)hash);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct stick *)a)->name, ((const struct stick *)b)->name);
}

/* All processes take them in this order: of two that want the same ones one gets them. */
void stick_lock_add(const char *source)
{
	struct stick *s = &ours.sticks[ours.n];

	*s = (struct stick) { .lock = -1 };
	name_of(source, s->name);
	for (unsigned int i = 0; i < ours.n; i++)
		if (!compare(s, &ours.sticks[i]))
			return;
	file_of(s->name, s->socket, sizeof(s->socket));
	qsort(ours.sticks, ++ours.n, sizeof(*s), compare);
}

const char *stick_lock_names(void)
{
	static char names[STICK_LOCK_MAX * NAME_SIZE];
	size_t len = 0;

	for (unsigned int i = 0; i < ours.n; i++)
		len += snprintf(names + len, sizeof(names) - len, "%s%s", i ? "\n" : "",
				ours.sticks[i].name);
	return names;
}

static bool is_ours(const char *name, size_t len)
{
	for (unsigned int i = 0; i < ours.n; i++)
		if (strlen(ours.sticks[i].name) == len && !strncmp(ours.sticks[i].name, name, len))
			return true;
	return false;
}

/* Who names one of several only wants what is there. */
enum stick_match stick_lock_match(const char *names)
{
	unsigned int n = 0, found = 0;

	for (size_t len; *names; names += len + (names[len] == '\n'), n++) {
		len = strcspn(names, "\n");
		found += is_ours(names, len);
	}
	if (!found)
		return STICK_NONE;
	return found == n && (n == 1 || n == ours.n) ? STICK_SAME : STICK_SOME;
}

/* ---- having them ---- */

/* Whoever ends removes the file: then the lock is one of a file that nobody finds. */
static int lock(const char *path)
{
	struct stat st, now;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB))
		err = -errno;
	else if (fstat(fd, &st) || stat(path, &now) || st.st_ino != now.st_ino)
		err = -EWOULDBLOCK;
	if (err)
		close(fd);
	return err ? err : fd;
}

static int take(struct stick *s)
{
	char file[40];
	int err;

	snprintf(file, sizeof(file), "%.32s.lock", s->socket);
	err = runtime_path(s->socket, getuid(), true, s->socket_path);
	if (!err)
		err = runtime_path(file, getuid(), true, s->lock_path);
	if (err)
		return err;
	s->lock = lock(s->lock_path);
	return s->lock < 0 ? s->lock : 0;
}

/* What is there is of a process that was killed. */
static int listen_there(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int err = 0;

	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, ours.sticks[0].socket_path, sizeof(address.sun_path));
	for (unsigned int i = 0; i < ours.n; i++)
		unlink(ours.sticks[i].socket_path);
	if (bind(fd, (void *)&address, sizeof(address)) || listen(fd, BACKLOG))
		err = -errno;
	for (unsigned int i = 1; !err && i < ours.n; i++)
		if (symlink(ours.sticks[0].socket, ours.sticks[i].socket_path))
			err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

int stick_lock_take(int *ret_listener)
{
	int fd, err = 0;

	ours.taken = NULL;
	for (unsigned int i = 0; !err && i < ours.n; i++) {
		err = take(&ours.sticks[i]);
		if (err == -EWOULDBLOCK)
			ours.taken = &ours.sticks[i];
	}
	fd = err ? err : listen_there();
	if (fd < 0) {
		stick_lock_end();
		return ours.taken ? 0 : fd;
	}
	*ret_listener = fd;
	return 1;
}

void stick_lock_end(void)
{
	for (struct stick *s = ours.sticks; s < ours.sticks + ours.n; s++) {
		if (s->lock < 0)
			continue;
		if (!ours.taken)
			unlink(s->socket_path);
		unlink(s->lock_path);
		close(s->lock);
		s->lock = -1;
	}
}

unsigned int stick_lock_fds(int *ret_fds)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < ours.n; i++)
		if (ours.sticks[i].lock >= 0)
			ret_fds[n++] = ours.sticks[i].lock;
	return n;
}

bool stick_lock_covers(const char *source)
{
	char name[NAME_SIZE];

	name_of(source, name);
	return is_ours(name, strlen(name));
}

const char *stick_lock_socket(void)
{
	return ours.sticks[0].socket;
}

/* ---- asking who has it ---- */

int stick_lock_connect(void)
{
	return runtime_connect(ours.taken->socket, getuid());
}
