// SPDX-License-Identifier: GPL-2.0-only
#include "runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* $XDG_RUNTIME_DIR is there and the user's alone; /tmp needs a look. */
static int folder(uid_t uid, bool create, char *path, size_t size)
{
	const char *runtime = uid == getuid() ? getenv("XDG_RUNTIME_DIR") : NULL;
	char standard[64];
	struct stat st;

	snprintf(standard, sizeof(standard), "/run/user/%u", (unsigned int)uid);
	if (!runtime || lstat(runtime, &st) || !S_ISDIR(st.st_mode) || st.st_uid != uid)
		runtime = standard;
	if (!lstat(runtime, &st) && S_ISDIR(st.st_mode) && st.st_uid == uid)
		snprintf(path, size, "%s/lklusb", runtime);
	else
		snprintf(path, size, "/tmp/lklusb-%u", (unsigned int)uid);
	if (create && mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	if (lstat(path, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode) || st.st_uid != uid || (st.st_mode & 077))
		return -EPERM;		/* somebody else's trap */
	return 0;
}

int runtime_path(const char *name, uid_t uid, bool create, char *ret_path)
{
	char dir[80];
	int err = folder(uid, create, dir, sizeof(dir));

	if (!err && snprintf(ret_path, RUNTIME_PATH_SIZE, "%s/%s", dir, name) >=
		    RUNTIME_PATH_SIZE)
		err = -ENAMETOOLONG;
	return err;
}

int runtime_connect(const char *name, uid_t uid)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, err = runtime_path(name, uid, false, to.sun_path);

	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (void *)&to, sizeof(to)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}
