// SPDX-License-Identifier: GPL-2.0-only
#include "stick_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
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

static struct {
	int lock;			/* of lock_path, for as long as it is ours */
	char lock_path[RUNTIME_PATH_SIZE];
	struct sockaddr_un address;
	char name[STICK_LOCK_NAME_SIZE], socket[32];
} ours = { .lock = -1 };

/* ---- names ---- */

static bool file_name(const char *source, char *ret)
{
	struct stat st;

	if (stat(source, &st))
		return false;
	if (S_ISBLK(st.st_mode))
		snprintf(ret, STICK_LOCK_NAME_SIZE, "block %u:%u", major(st.st_rdev),
			 minor(st.st_rdev));
	else
		snprintf(ret, STICK_LOCK_NAME_SIZE, "file %u:%u %llu", major(st.st_dev),
			 minor(st.st_dev), (unsigned long long)st.st_ino);
	return true;
}

void stick_lock_name(const char *source, char *ret)
{
	uint64_t number = getpid();
	bool named = usbip_source_named_by(source) ? usbip_identity(source, ret, STICK_LOCK_NAME_SIZE) :
		     devices_named_by(source) ? devices_identity(source, ret, STICK_LOCK_NAME_SIZE) :
		     file_name(source, ret);

	if (named)
		return;
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		number = getpid();
	snprintf(ret, STICK_LOCK_NAME_SIZE, "private %llx", (unsigned long long)number);
}

/* FNV-1a. Who is asked compares the name itself, so an accident harms nobody. */
static void file_of(const char *name, char *ret, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3;
	snprintf(ret, size, "stick-%016llx", (unsigned long long)hash);
}

/* ---- having it ---- */

/* Whoever ends removes the file: then the lock is one of a file that nobody finds. */
static int lock(void)
{
	struct stat st, now;
	int fd = open(ours.lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB))
		err = -errno;
	else if (fstat(fd, &st) || stat(ours.lock_path, &now) || st.st_ino != now.st_ino)
		err = -EWOULDBLOCK;
	if (err)
		close(fd);
	return err ? err : fd;
}

static int listen_there(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	unlink(ours.address.sun_path);	/* of a process that was killed */
	if (!bind(fd, (void *)&ours.address, sizeof(ours.address)) && !listen(fd, BACKLOG))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int stick_lock_take(const char *name, int *ret_listener)
{
	char file[40];
	int fd, err;

	snprintf(ours.name, sizeof(ours.name), "%s", name);
	file_of(name, ours.socket, sizeof(ours.socket));
	snprintf(file, sizeof(file), "%.32s.lock", ours.socket);
	ours.address.sun_family = AF_UNIX;
	err = runtime_path(ours.socket, getuid(), true, ours.address.sun_path);
	if (!err)
		err = runtime_path(file, getuid(), true, ours.lock_path);
	if (err)
		return err;
	ours.lock = lock();
	if (ours.lock < 0)
		return ours.lock == -EWOULDBLOCK ? 0 : ours.lock;
	fd = listen_there();
	if (fd < 0) {
		stick_lock_end();
		return fd;
	}
	*ret_listener = fd;
	return 1;
}

void stick_lock_end(void)
{
	if (ours.lock < 0)
		return;
	unlink(ours.address.sun_path);
	unlink(ours.lock_path);
	close(ours.lock);
	ours.lock = -1;
}

bool stick_lock_is_ours(const char *name)
{
	return !strcmp(name, ours.name);
}

const char *stick_lock_socket(void)
{
	return ours.socket;
}

/* ---- asking who has it ---- */

int stick_lock_connect(const char *name)
{
	char file[32];

	file_of(name, file, sizeof(file));
	return runtime_connect(file, getuid());
}
