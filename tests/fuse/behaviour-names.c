// SPDX-License-Identifier: GPL-2.0-only
/* Names: making, linking, moving and removing them. */
#include "behaviour.h"

#include <limits.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static void create_exclusive(void)
{
	int fd = make("f");

	CHECK_ERR(open("f", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_ERR(mkdir("f", 0755), EEXIST);
	CHECK_ERR(open("f/x", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("nothing", O_RDONLY), ENOENT);
	CHECK_ERR(open("nothing", O_RDONLY), ENOENT);	/* now from the cache */
	close(make("nothing"));
	CHECK(exists("nothing"));
	CHECK_ERR(open(".", O_WRONLY), EISDIR);
	CHECK(unlink("f") == 0);
	CHECK_ERR(unlink("f"), ENOENT);
	CHECK(close(make("f")) == 0);
	close(fd);
}

static void open_truncates(void)
{
	int fd, other;

	make_text("f", "some text");
	other = open("f", O_RDONLY);
	fd = open("f", O_WRONLY | O_TRUNC);
	CHECK(fd >= 0 && other >= 0);
	CHECK(stat_of("f").st_size == 0);
	CHECK(has_text("f", ""));
	CHECK(write(fd, "new", 3) == 3);
	CHECK(has_text("f", "new"));
	close(fd);
	fd = creat("f", 0644);
	CHECK(fd >= 0 && stat_of("f").st_size == 0);
	close(fd);
	close(other);
}

static void hard_links(void)
{
	struct stat a, b;
	int fd;

	if (opt.no_hardlinks) {
		close(make("a"));
		CHECK(link("a", "b") < 0 && (errno == EPERM || errno == EOPNOTSUPP));
		return;
	}
	make_text("a", "one");
	CHECK(link("a", "b") == 0);
	a = stat_of("a");
	b = stat_of("b");
	CHECK(a.st_ino == b.st_ino && a.st_nlink == 2 && b.st_nlink == 2);
	CHECK_ERR(link("a", "b"), EEXIST);
	fd = open("b", O_WRONLY | O_TRUNC);
	CHECK(fd >= 0 && write(fd, "changed", 7) == 7 && close(fd) == 0);
	CHECK(has_text("a", "changed"));
	CHECK(stat_of("a").st_size == 7);
	nap_ms(30);
	CHECK(unlink("a") == 0);
	b = stat_of("b");
	CHECK(b.st_nlink == 1);
	CHECK(b.st_ctim.tv_sec > a.st_ctim.tv_sec ||
	      (b.st_ctim.tv_sec == a.st_ctim.tv_sec &&
	       b.st_ctim.tv_nsec > a.st_ctim.tv_nsec));
	CHECK(has_text("b", "changed"));
	CHECK(mkdir("d", 0755) == 0 && link("b", "d/c") == 0);
	CHECK(rename("b", "d/c") == 0);		/* one file: nothing happens */
	CHECK(exists("b") && stat_of("d/c").st_nlink == 2);
	CHECK_ERR(link("d", "e"), EPERM);
}

static void hard_link_of_open_file(void)
{
	char proc[64];
	int fd;

	if (opt.no_hardlinks)
		skip("no hard links");
	fd = make("f");
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	CHECK(linkat(AT_FDCWD, proc, AT_FDCWD, "g", AT_SYMLINK_FOLLOW) == 0);
	CHECK(unlink("f") == 0 && unlink("g") == 0);
	CHECK_ERR(linkat(AT_FDCWD, proc, AT_FDCWD, "h", AT_SYMLINK_FOLLOW), ENOENT);
	close(fd);
}

static void symbolic_links(void)
{
	char buf[PATH_MAX], target[1024];
	struct stat st;

	if (opt.no_symlinks) {
		CHECK(symlink("x", "l") < 0 && (errno == EPERM || errno == EOPNOTSUPP));
		return;
	}
	CHECK(symlink("f", "l") == 0);
	CHECK(readlink("l", buf, sizeof(buf)) == 1 && buf[0] == 'f');
	CHECK_ERR(open("l", O_RDONLY), ENOENT);
	make_text("f", "via");
	CHECK(has_text("l", "via"));
	st = stat_of("l");
	CHECK(S_ISLNK(st.st_mode) && st.st_size == 1);
	CHECK_ERR(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERR(readlink("f", buf, sizeof(buf)), EINVAL);
	CHECK(symlink("loop", "loop") == 0);
	CHECK_ERR(open("loop", O_RDONLY), ELOOP);
	memset(target, 'x', sizeof(target) - 1);
	target[sizeof(target) - 1] = 0;
	CHECK(symlink(target, "long") == 0);
	CHECK(readlink("long", buf, sizeof(buf)) == sizeof(target) - 1);
	CHECK(!memcmp(buf, target, sizeof(target) - 1));
	CHECK(unlink("l") == 0 && exists("f"));
	CHECK(rename("long", "short") == 0 && S_ISLNK(stat_of("short").st_mode));
	CHECK_ERR(symlink("a", "f"), EEXIST);
}

static void special_files(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "s" };
	int fd, reader;
	char c;

	if (opt.no_special) {
		CHECK(mkfifo("p", 0644) < 0 && (errno == EPERM || errno == EOPNOTSUPP));
		return;
	}
	CHECK(mkfifo("p", 0644) == 0);
	CHECK(S_ISFIFO(stat_of("p").st_mode));
	reader = open("p", O_RDONLY | O_NONBLOCK);
	fd = open("p", O_WRONLY);
	CHECK(reader >= 0 && fd >= 0);
	CHECK(write(fd, "x", 1) == 1 && read(reader, &c, 1) == 1 && c == 'x');
	close(fd);
	close(reader);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	CHECK(S_ISSOCK(stat_of("s").st_mode));
	close(fd);
	if (geteuid())
		CHECK_ERR(mknod("dev", S_IFCHR | 0644, makedev(1, 3)), EPERM);
	CHECK(chmod("p", 0600) == 0);
	CHECK((stat_of("p").st_mode & 07777) == (opt.no_owners ?
	      stat_of("p").st_mode & 07777 : 0600));
}

/* ---- rename ---- */

static void rename_replaces(void)
{
	make_text("a", "a");
	make_text("b", "b");
	CHECK(rename("a", "b") == 0);
	CHECK(!exists("a") && has_text("b", "a"));
	CHECK(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0);
	CHECK(rename("d", "e") == 0);		/* an empty folder is replaced */
	CHECK(!exists("d") && exists("e"));
	close(make("e/f"));
	CHECK(mkdir("d", 0755) == 0);
	CHECK(rename("d", "e") < 0 && (errno == ENOTEMPTY || errno == EEXIST));
	CHECK_ERR(rename("b", "e"), EISDIR);
	CHECK_ERR(rename("d", "b"), ENOTDIR);
	CHECK_ERR(rename("nothing", "x"), ENOENT);
	CHECK(rename("b", "b") == 0 && exists("b"));
	CHECK(rename("e/f", "d/g") == 0);
	CHECK(rmdir("e") == 0 && exists("d/g"));
}

static void rename_flags(void)
{
	make_text("a", "a");
	make_text("b", "b");
	CHECK_ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
	CHECK(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE) == 0);
	CHECK(!exists("a") && has_text("c", "a"));
	if (opt.no_exchange) {
		CHECK(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE) < 0);
		CHECK(errno == EINVAL);
		return;
	}
	CHECK(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE) == 0);
	CHECK(has_text("b", "a") && has_text("c", "b"));
	CHECK(mkdir("d", 0755) == 0);
	close(make("d/inner"));
	CHECK(renameat2(AT_FDCWD, "b", AT_FDCWD, "d", RENAME_EXCHANGE) == 0);
	CHECK(exists("b/inner") && has_text("d", "a"));
	CHECK_ERR(renameat2(AT_FDCWD, "b", AT_FDCWD, "no", RENAME_EXCHANGE), ENOENT);
}

static void rename_into_own_child(void)
{
	CHECK(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0);
	CHECK_ERR(rename("a", "a/b/c"), EINVAL);
	CHECK_ERR(rename("a", "a/c"), EINVAL);
	CHECK(rename("a/b", "a") < 0 && (errno == ENOTEMPTY || errno == EEXIST));
	CHECK_ERR(rmdir("a/."), EINVAL);
	CHECK(rmdir("a") < 0 && (errno == ENOTEMPTY || errno == EEXIST));
}

/* What is open stays usable without a name. */
static void use_nameless(int fd, const char *text)
{
	char buf[64] = "";
	struct stat st;
	ssize_t len = strlen(text);

	CHECK(fstat(fd, &st) == 0);
	CHECK(st.st_nlink == 0);
	CHECK(st.st_size == len);
	CHECK(pread(fd, buf, sizeof(buf), 0) == len && !memcmp(buf, text, len));
	CHECK(pwrite(fd, "more", 4, len) == 4);
	CHECK(pread(fd, buf, sizeof(buf), 0) == len + 4);
	CHECK(!memcmp(buf + len, "more", 4));
	CHECK(ftruncate(fd, 2) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 2);
	CHECK(pread(fd, buf, sizeof(buf), 0) == 2);
	CHECK(fsync(fd) == 0);
	if (!opt.no_owners)
		CHECK(fchmod(fd, 0600) == 0);
}

static void rename_over_open_file(void)
{
	int fd;

	make_text("old", "old text");
	make_text("new", "new text");
	fd = open("old", O_RDWR);
	CHECK(fd >= 0);
	CHECK(rename("new", "old") == 0);
	CHECK(has_text("old", "new text"));
	use_nameless(fd, "old text");
	CHECK(has_text("old", "new text"));
	close(fd);
}

/* Nobody had read or written it inside before: only its name was looked up. */
static void unlink_open_file(void)
{
	char name[16];
	int fds[300], i;

	make_text("f", "hidden");
	fds[0] = open("f", O_RDWR);
	CHECK(fds[0] >= 0);
	CHECK(unlink("f") == 0 && !exists("f"));
	make_text("f", "another");
	use_nameless(fds[0], "hidden");
	CHECK(has_text("f", "another"));
	close(fds[0]);
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		make_text(name, name);
		fds[i] = open(name, O_RDWR);
		CHECK(fds[i] >= 0);
	}
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		CHECK(unlink(name) == 0);
	}
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		use_nameless(fds[i], name);
		close(fds[i]);
	}
}

static void remove_working_directory(void)
{
	struct stat st;
	char buf[PATH_MAX];
	int fd;

	CHECK(mkdir("d", 0755) == 0 && chdir("d") == 0);
	fd = open(".", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	CHECK(rmdir("../d") == 0);
	CHECK(fstat(fd, &st) == 0 && S_ISDIR(st.st_mode));
	CHECK_ERR(open("f", O_WRONLY | O_CREAT, 0644), ENOENT);
	CHECK(getcwd(buf, sizeof(buf)) == NULL && errno == ENOENT);
	CHECK(chdir("..") == 0 && !exists("d"));
	close(fd);
}

/* ---- names themselves ---- */

static void long_names(void)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	name[255] = 0;
	close(make(name));
	CHECK(exists(name));
	CHECK(rename(name, "short") == 0 && rename("short", name) == 0);
	CHECK(unlink(name) == 0);
	name[255] = 'n';
	name[256] = 0;
	CHECK_ERR(open(name, O_WRONLY | O_CREAT, 0644), ENAMETOOLONG);
	CHECK_ERR(mkdir(name, 0755), ENAMETOOLONG);
	CHECK(unlink(name) < 0 && (errno == ENAMETOOLONG ||
				   (opt.whole_names && errno == ENOENT)));
	close(make("f"));
	CHECK_ERR(rename("f", name), ENAMETOOLONG);
}

static void odd_names(void)
{
	static const char *const names[] = {
		" leading", "in the middle", ".hidden", "..a", "-r", "äöü€", "日本語",
		"a,b;c=d", "back`tick", "it's", "~", "#x#", "%41", "emoji 😀",
	};
	size_t i, n = sizeof(names) / sizeof(names[0]);

	for (i = 0; i < n; i++)
		make_text(names[i], names[i]);
	for (i = 0; i < n; i++)
		CHECK(has_text(names[i], names[i]));
	if (opt.whole_names)
		return;
	make_text("new\nline", "x");
	make_text("...", "dots");
	make_text("bad \xff\xfe utf-8", "y");
	make_text("back\\slash:*?\"<>|", "z");
	CHECK(has_text("new\nline", "x") && has_text("bad \xff\xfe utf-8", "y"));
	CHECK(has_text("back\\slash:*?\"<>|", "z"));
}

static void deep_directories(void)
{
	struct stat st;
	int i, depth = 120;

	for (i = 0; i < depth; i++) {
		CHECK(mkdir("down", 0755) == 0);
		CHECK(chdir("down") == 0);
	}
	make_text("bottom", "deep");
	CHECK(has_text("bottom", "deep"));
	for (i = 0; i < depth; i++) {
		CHECK(stat(".", &st) == 0);
		CHECK(chdir("..") == 0);
		CHECK(stat_of("down").st_ino == st.st_ino);
	}
	CHECK(rename("down", "moved") == 0);
	CHECK(chdir("moved/down/down/down/down") == 0 && exists("down"));
}

/* Whatever its spelling, one file: no stale name is left behind. */
static void spellings(void)
{
	if (!opt.ignores_case)
		skip("case matters");
	make_text("foo", "1");
	CHECK(has_text("FOO", "1") && has_text("foo", "1"));
	CHECK(stat_of("Foo").st_ino == stat_of("foo").st_ino);
	CHECK(unlink("FOO") == 0);
	nap_ms(20);
	CHECK(!exists("foo") && !exists("FOO") && !exists("Foo"));
	make_text("Foo", "2");
	CHECK(has_text("foo", "2") && has_text("FOO", "2"));
	CHECK(rename("foo", "bar") == 0);
	nap_ms(20);
	CHECK(!exists("Foo") && !exists("FOO") && has_text("BAR", "2"));
	CHECK(mkdir("Dir", 0755) == 0);
	make_text("dir/f", "3");
	CHECK(has_text("DIR/F", "3"));
	CHECK(rename("bar", "dir/F") == 0);
	nap_ms(20);
	CHECK(has_text("Dir/f", "2"));
	CHECK(unlink("DIR/f") == 0 && rmdir("dIR") == 0);
	nap_ms(20);
	CHECK(!exists("Dir") && !exists("dir/f"));
}

static void readonly_refuses(void)
{
	CHECK_ERR(open("f", O_WRONLY | O_CREAT, 0644), EROFS);
	CHECK_ERR(mkdir("d", 0755), EROFS);
	CHECK_ERR(rmdir("."), EINVAL);
	CHECK_ERR(symlink("a", "l"), EROFS);
	CHECK_ERR(access(".", W_OK), EROFS);
	CHECK_ERR(utimensat(AT_FDCWD, ".", NULL, 0), EROFS);
	CHECK_ERR(chmod(".", 0700), EROFS);
	CHECK(access(".", R_OK | X_OK) == 0);
}

const struct behaviour names_tests[] = {
	{ "create-exclusive", create_exclusive },
	{ "open-truncates", open_truncates },
	{ "hard-links", hard_links },
	{ "hard-link-of-open-file", hard_link_of_open_file },
	{ "symbolic-links", symbolic_links },
	{ "special-files", special_files },
	{ "rename-replaces", rename_replaces },
	{ "rename-flags", rename_flags },
	{ "rename-into-own-child", rename_into_own_child },
	{ "rename-over-open-file", rename_over_open_file },
	{ "unlink-open-file", unlink_open_file },
	{ "remove-working-directory", remove_working_directory },
	{ "long-names", long_names },
	{ "odd-names", odd_names },
	{ "deep-directories", deep_directories },
	{ "spellings", spellings },
	{ "readonly-refuses", readonly_refuses },
	{ 0 },
};
