// SPDX-License-Identifier: GPL-2.0-only
#include "copy_i.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <lkl.h>

#include "guest.h"
#include "report.h"
#include "stop.h"

#define MAX_DEPTH	256u	/* two descriptors each */

/* One thing that is copied; its path is only for messages. */
struct item {
	struct copy *copy;
	long from_dir;		/* inside */
	const char *from_name;	/* in it; "" is itself */
	int to_dir;
	const char *to_name;	/* in it; "." is itself */
	const char *path;
	unsigned int depth;	/* below what was asked for */
};

static void copy_item(const struct item *item);

static void failed(const struct item *item, const char *what, int err)
{
	item->copy->failed++;
	report(REPORT_MOUNT, "copy", "%s: %s%s", item->path, what, err ? strerror(-err) : "");
}

/* Nothing more can come from a device that left or a kernel that failed. */
static bool is_over(void)
{
	return guest_gone() || lkl_panic_message() || stop_wanted();
}

/* ---- folders ---- */

struct folder {
	const struct item *item;
	long from;
	int to;
};

static int copy_entry(void *ctx, const char *name)
{
	const struct folder *folder = ctx;
	const char *above = folder->item->path;
	char path[PATH_MAX];
	struct item item = {
		.copy = folder->item->copy, .from_dir = folder->from, .from_name = name,
		.to_dir = folder->to, .to_name = name, .path = path,
		.depth = folder->item->depth + 1,
	};
	size_t len = strlen(above);

	snprintf(path, sizeof(path), "%s%s%s", above, len && above[len - 1] == '/' ? "" : "/",
		 name);
	if (look_is_name(name))
		copy_item(&item);
	else
		failed(&item, "no name of a file", 0);
	return is_over();
}

static void copy_entries(const struct item *item, long from, int to)
{
	struct folder folder = { item, from, to };
	int err = is_over() ? 0 : guest_names(from, copy_entry, &folder);

	if (err == -EUCLEAN)
		failed(item, "the folder's entries make no sense", 0);
	else if (err < 0)
		failed(item, "", err);
}

/* One that is there is filled; a link to one is not. */
static int make_folder(const struct item *item, bool *ret_made)
{
	int fd;

	*ret_made = !mkdirat(item->to_dir, item->to_name, 0700);
	if (!*ret_made && errno != EEXIST)
		return -errno;
	fd = openat(item->to_dir, item->to_name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void copy_folder(const struct item *item, const struct statx *st)
{
	long from;
	bool made;
	int to, err = 0;

	if (!item->copy->recursive)
		return failed(item, "is a folder, and there is no -r", 0);
	if (item->depth >= MAX_DEPTH)
		return failed(item, "too many folders within each other", 0);
	from = LKL_CALL4(SYS_openat, item->from_dir, *item->from_name ? item->from_name : ".",
			 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (from < 0)
		return failed(item, "", from);
	to = make_folder(item, &made);
	if (to >= 0) {
		copy_entries(item, from, to);
		err = made ? copy_attributes(item->copy, to, st) : 0;
		item->copy->folders++;
		close(to);
	} else {
		err = to;
	}
	LKL_CALL1(SYS_close, from);
	if (err)
		failed(item, "cannot be made here: ", err);
}

/* ---- what is in them ---- */

static void copy_opened(const struct item *item, long from, const struct statx *st)
{
	bool read;
	int err = copy_file(item->copy, from, st, item->to_dir, item->to_name, &read);

	if (err == -EEXIST)
		failed(item, "there is such a file already, and no -f", 0);
	else if (err)
		failed(item, read ? "cannot be read: " : "cannot be written: ", err);
	else
		item->copy->files++;
}

static void copy_regular(const struct item *item, const struct statx *st)
{
	long from = LKL_CALL4(SYS_openat, item->from_dir, item->from_name,
			      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);

	if (from < 0)
		return failed(item, "cannot be read: ", from);
	copy_opened(item, from, st);
	LKL_CALL1(SYS_close, from);
}

static void copy_link(const struct item *item, const struct statx *st)
{
	const struct timespec times[2] = {
		{ .tv_sec = st->stx_atime.tv_sec, .tv_nsec = st->stx_atime.tv_nsec },
		{ .tv_sec = st->stx_mtime.tv_sec, .tv_nsec = st->stx_mtime.tv_nsec },
	};
	char target[PATH_MAX];
	long n = LKL_CALL4(SYS_readlinkat, item->from_dir, item->from_name, target,
			   sizeof(target) - 1);

	if (n < 0 || n >= (long)sizeof(target))
		return failed(item, "", n < 0 ? n : -ENAMETOOLONG);
	target[n] = 0;
	/* Its folder is that many below the topmost one that is copied. */
	if (!item->copy->all_links &&
	    (!item->depth || !copy_link_stays(target, item->depth - 1)))
		return failed(item, "a symbolic link out of what is copied, not made", 0);
	if (item->copy->replace)
		unlinkat(item->to_dir, item->to_name, 0);
	if (symlinkat(target, item->to_dir, item->to_name))
		return failed(item, "cannot be made here: ", -errno);
	if (item->copy->keep)
		utimensat(item->to_dir, item->to_name, times, AT_SYMLINK_NOFOLLOW);
	item->copy->links++;
}

static void copy_item(const struct item *item)
{
	struct statx st;
	long err = LKL_CALL5(SYS_statx, item->from_dir, item->from_name,
			     AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, STATX_BASIC_STATS, &st);

	if (err)
		return failed(item, "", err);
	switch (st.stx_mode & S_IFMT) {
	case S_IFDIR:
		return copy_folder(item, &st);
	case S_IFREG:
		return copy_regular(item, &st);
	case S_IFLNK:
		return copy_link(item, &st);
	default:
		failed(item, "a device node, pipe or socket, not made", 0);
	}
}

/* ---- what was asked for ---- */

bool copy_option(struct copy *copy, int option)
{
	switch (option) {
	case 'a':
		copy->keep = copy->recursive = true;
		return true;
	case 'r':
		copy->recursive = true;
		return true;
	case 'f':
		copy->replace = true;
		return true;
	case 370:
		copy->all_links = true;
		return true;
	default:
		return false;
	}
}

/* Of the host. */
static int open_folder(const struct copy *copy, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = copy->beneath ? RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS : 0,
	};

	return syscall(SYS_openat2, copy->beneath ? copy->beneath_dir : AT_FDCWD, path, &how,
		       sizeof(how));
}

static const char *why_no_folder(int err)
{
	return err == EXDEV ? "not below the folder in which lklusb was started" : strerror(err);
}

/* Into dest if it is a folder, under the name that path ends with; all that is in "/". */
static int open_dest(const struct copy *copy, const char *dest, const char *path_name,
		     const char **ret_name, char *parent)
{
	int fd = open_folder(copy, dest);
	char *slash;

	if (fd >= 0) {
		*ret_name = look_is_name(path_name) ? path_name : ".";
		return fd;
	}
	if (errno == EXDEV)
		return -1;
	snprintf(parent, PATH_MAX, "%s", dest);
	for (size_t n = strlen(parent); n > 1 && parent[n - 1] == '/'; n--)
		parent[n - 1] = 0;
	slash = strrchr(parent, '/');
	*ret_name = slash ? slash + 1 : parent;
	if (!look_is_name(*ret_name))
		*ret_name = "";		/* has no file, says every call */
	if (!slash)
		return open_folder(copy, ".");
	*slash = 0;
	return open_folder(copy, slash == parent ? "/" : parent);
}

/* Of a file behind a link the file. */
static void copy_one(struct item *item, const struct look *look)
{
	long from = look_path(look, item->path, O_RDONLY | O_NONBLOCK);
	struct statx st;
	long err = from < 0 ? from : LKL_CALL5(SYS_statx, from, "", AT_EMPTY_PATH,
					       STATX_BASIC_STATS, &st);

	if (err)
		failed(item, "cannot be read: ", err);
	else if (S_ISDIR(st.stx_mode))
		failed(item, "is a folder, and there is no -r", 0);
	else if (!S_ISREG(st.stx_mode))
		failed(item, "a device node, pipe or socket", 0);
	else
		copy_opened(item, from, &st);
	if (from >= 0)
		LKL_CALL1(SYS_close, from);
}

static void copy_tree(struct item *item, const struct look *look)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", item->path);
	item->from_dir = look_parent(look, path, &item->from_name);
	if (item->from_dir < 0)
		return failed(item, "", item->from_dir);
	copy_item(item);
	LKL_CALL1(SYS_close, item->from_dir);
}

/* "b" of "/a/b/"; "" of "/". */
static void last_name(const char *path, char *name)
{
	size_t len = strlen(path), start;

	for (; len && path[len - 1] == '/'; len--)
		;
	for (start = len; start && path[start - 1] != '/'; start--)
		;
	snprintf(name, NAME_MAX + 1, "%.*s", (int)(len - start), path + start);
}

void copy_path(struct copy *copy, const struct look *look, const char *path,
	       const char *dest)
{
	char parent[PATH_MAX], name[NAME_MAX + 1];
	struct item item = { .copy = copy, .path = path };

	if (strlen(path) >= PATH_MAX || strlen(dest) >= PATH_MAX)
		return failed(&item, "", -ENAMETOOLONG);
	last_name(path, name);
	item.to_dir = open_dest(copy, dest, name, &item.to_name, parent);
	if (item.to_dir < 0) {
		copy->failed++;
		report(REPORT_MOUNT, "copy", "%s: %s", dest, why_no_folder(errno));
		return;
	}
	(copy->recursive ? copy_tree : copy_one)(&item, look);
	close(item.to_dir);
}

int copy_finish(const struct copy *c)
{
	if (guest_gone())
		report(REPORT_MOUNT, "device-gone", "unplugged; the rest is not copied");
	report_note("%llu files, %llu folders, %llu links, %llu bytes; %llu failed",
		    (unsigned long long)c->files, (unsigned long long)c->folders,
		    (unsigned long long)c->links, (unsigned long long)c->bytes,
		    (unsigned long long)c->failed);
	return c->failed || is_over() ? REPORT_MOUNT : REPORT_OK;
}
