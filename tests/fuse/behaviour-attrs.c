// SPDX-License-Identifier: GPL-2.0-only
/* Attributes: modes, owners, times, locks, extended attributes. */
#include "behaviour.h"

#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

static mode_t mode_of(const char *path)
{
	return stat_of(path).st_mode & 07777;
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static void need_modes(void)
{
	if (opt.no_owners)
		skip("neither owners nor modes");
}

static void modes(void)
{
	int fd;

	need_modes();
	fd = make("f");
	CHECK(mode_of("f") == 0644);
	CHECK(chmod("f", 0751) == 0 && mode_of("f") == 0751);
	CHECK(fchmod(fd, 04755) == 0 && mode_of("f") == 04755);
	CHECK(chmod("f", 0) == 0 && mode_of("f") == 0);
	CHECK(chmod("f", 0600) == 0);
	CHECK(mkdir("d", 0700) == 0 && mode_of("d") == 0700);
	CHECK(chmod("d", 01777) == 0 && mode_of("d") == 01777);
	close(fd);
}

static void run_bits(void)
{
	need_modes();
	close(make("f"));
	CHECK_ERR(access("f", X_OK), EACCES);
	CHECK(access("f", R_OK | W_OK) == 0);
	CHECK(chmod("f", 0755) == 0);
	CHECK(access("f", X_OK) == 0);
	CHECK(access(".", R_OK | W_OK | X_OK) == 0);
}

static void umask_applies(void)
{
	need_modes();
	umask(027);
	close(open("a", O_CREAT | O_WRONLY, 0666));
	CHECK(mode_of("a") == 0640);
	CHECK(mkdir("d", 0777) == 0 && mode_of("d") == 0750);
	umask(0);
	close(open("b", O_CREAT | O_WRONLY, 0666));
	CHECK(mode_of("b") == 0666);
	if (!opt.no_special)
		CHECK(mkfifo("p", 0666) == 0 && mode_of("p") == 0666);
	umask(077);
	close(open("c", O_CREAT | O_WRONLY, 0777));
	CHECK(mode_of("c") == 0700);
}

static void owners(void)
{
	struct stat st;

	close(make("f"));
	CHECK(mkdir("d", 0755) == 0);
	st = stat_of("f");
	CHECK(st.st_uid == geteuid() && st.st_gid == getegid());
	CHECK(stat_of("d").st_uid == geteuid());
	CHECK(chown("f", geteuid(), -1) == 0 && chown("f", -1, getegid()) == 0);
	CHECK(lchown("f", -1, -1) == 0);
	if (geteuid())
		CHECK_ERR(chown("f", 54321, -1), EPERM);
	st = stat_of("f");
	CHECK(st.st_uid == geteuid() && st.st_gid == getegid());
}

static void setgid_folder(void)
{
	need_modes();
	CHECK(mkdir("d", 0755) == 0 && chmod("d", 02775) == 0);
	CHECK(mode_of("d") == 02775);
	CHECK(mkdir("d/sub", 0755) == 0 && mode_of("d/sub") == 02755);
	close(make("d/f"));
	CHECK(mode_of("d/f") == 0644);
	CHECK(stat_of("d/f").st_gid == stat_of("d").st_gid);
}

/* Who writes to a set-user-ID program gets a plain one, unless root. */
static void write_clears_setuid(void)
{
	mode_t want = geteuid() ? 0755 : 06755;
	int fd;

	need_modes();
	make_text("f", "program");
	fd = open("f", O_RDWR);
	CHECK(chmod("f", 06755) == 0 && mode_of("f") == 06755);
	CHECK(pwrite(fd, "x", 1, 0) == 1);
	CHECK(mode_of("f") == want);
	CHECK(chmod("f", 06755) == 0 && ftruncate(fd, 1) == 0);
	CHECK(mode_of("f") == want);
	CHECK(chmod("f", 06755) == 0 && truncate("f", 0) == 0);
	CHECK(mode_of("f") == want);
	CHECK(chmod("f", 06755) == 0 && chown("f", geteuid(), getegid()) == 0);
	CHECK(mode_of("f") == 0755);
	CHECK(chmod("f", 06755) == 0);
	close(open("f", O_WRONLY | O_TRUNC));
	CHECK(mode_of("f") == want);
	close(fd);
}

/* ---- times ---- */

static void set_times(void)
{
	struct timespec ts[2] = { { 1000000000, 123456789 }, { 1234567890, 987654321 } };
	struct stat st, before;
	int fd = make("f");

	if (opt.coarse_times)
		ts[0].tv_nsec = ts[1].tv_nsec = 0;
	CHECK(utimensat(AT_FDCWD, "f", ts, 0) == 0);
	st = stat_of("f");
	CHECK(st.st_mtim.tv_sec == ts[1].tv_sec && st.st_mtim.tv_nsec == ts[1].tv_nsec);
	/* FAT has only the day of an access */
	CHECK(opt.coarse_times ? st.st_atim.tv_sec / 86400 >= ts[0].tv_sec / 86400 - 1 :
	      st.st_atim.tv_sec == ts[0].tv_sec && st.st_atim.tv_nsec == ts[0].tv_nsec);
	before = st;
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	CHECK(futimens(fd, ts) == 0);
	st = stat_of("f");
	CHECK(st.st_atim.tv_sec == before.st_atim.tv_sec);
	CHECK(labs(st.st_mtim.tv_sec - time(NULL)) <= 3);
	if (!opt.no_symlinks) {
		ts[0] = ts[1] = (struct timespec){ 1000000000, 0 };
		CHECK(symlink("f", "l") == 0);
		CHECK(utimensat(AT_FDCWD, "l", ts, AT_SYMLINK_NOFOLLOW) == 0);
		CHECK(stat_of("l").st_mtime == 1000000000);
		CHECK(stat_of("f").st_mtime != 1000000000);
	}
	close(fd);
}

/* The new time differs from the old, seen through the host's caches. */
static void expect_change(const char *path, struct stat *st, bool mtime, const char *why)
{
	struct stat now = stat_of(path);

	if (!later(mtime ? now.st_mtim : now.st_ctim, mtime ? st->st_mtim : st->st_ctim))
		fail(__FILE__, __LINE__, why);
	*st = now;
	nap_ms(30);
}

static void times_follow_changes(void)
{
	struct stat f, d;
	int fd;

	if (opt.coarse_times)
		skip("times are too coarse");
	fd = make("f");
	f = stat_of("f");
	nap_ms(30);
	CHECK(write(fd, "x", 1) == 1);
	expect_change("f", &f, true, "write");
	CHECK(pwrite(fd, "y", 1, 0) == 1);
	expect_change("f", &f, true, "write within the file");
	CHECK(ftruncate(fd, 100) == 0);
	expect_change("f", &f, true, "truncate");
	if (!opt.no_owners) {
		CHECK(fchmod(fd, 0600) == 0);
		expect_change("f", &f, false, "chmod");
	}
	d = stat_of(".");
	close(make("g"));
	expect_change(".", &d, true, "create");
	CHECK(rename("g", "h") == 0);
	expect_change(".", &d, true, "rename");
	CHECK(unlink("h") == 0);
	expect_change(".", &d, true, "unlink");
	CHECK(mkdir("s", 0755) == 0);
	expect_change(".", &d, true, "mkdir");
	CHECK(rmdir("s") == 0);
	expect_change(".", &d, true, "rmdir");
	close(fd);
}

static void clock_is_ours(void)
{
	struct timespec now;
	struct stat st;
	double diff;
	int i;

	for (i = 0; i < 3; i++) {
		close(open("f", O_CREAT | O_TRUNC | O_WRONLY, 0644));
		clock_gettime(CLOCK_REALTIME, &now);
		CHECK(unlink("f") == 0);
		close(make("f"));
		st = stat_of("f");
		diff = difftime(now.tv_sec, st.st_mtim.tv_sec) +
		       (now.tv_nsec - st.st_mtim.tv_nsec) / 1e9;
		CHECK(diff > (opt.coarse_times ? -2.5 : -0.5));
		CHECK(diff < (opt.coarse_times ? 2.5 : 0.1));
		nap_ms(500);
	}
}

static void folder_links(void)
{
	nlink_t before;
	bool counts;

	CHECK(mkdir("a", 0755) == 0);
	before = stat_of("a").st_nlink;
	CHECK(mkdir("a/b", 0755) == 0 && mkdir("a/c", 0755) == 0);
	counts = stat_of("a").st_nlink != before;	/* btrfs does not */
	CHECK(!counts || stat_of("a").st_nlink == before + 2);
	CHECK(rmdir("a/b") == 0);
	CHECK(!counts || stat_of("a").st_nlink == before + 1);
	CHECK(mkdir("d", 0755) == 0 && rename("a/c", "d/c") == 0);
	CHECK(stat_of("a").st_nlink == before);
	CHECK(!counts || stat_of("d").st_nlink == before + 1);
}

static void filesystem_size(void)
{
	char *buf = calloc(1, 4 << 20);
	struct statvfs a, b;
	int fd, i;

	CHECK(statvfs(".", &a) == 0);
	CHECK(a.f_bsize > 0 && a.f_frsize > 0 && a.f_blocks > 0);
	CHECK(a.f_bfree <= a.f_blocks && a.f_bavail <= a.f_bfree);
	CHECK(a.f_namemax >= 255);
	fd = make("f");
	fill_random(buf, 4 << 20, 1);
	/* what earlier tests removed may become free meanwhile, but not each time */
	for (i = 0, b = a; i < 5 && b.f_bfree >= a.f_bfree; i++) {
		CHECK(statvfs(".", &a) == 0);
		CHECK(write(fd, buf, 4 << 20) == 4 << 20 && fsync(fd) == 0);
		CHECK(fstatvfs(fd, &b) == 0);
	}
	/* btrfs, which counts no inodes, counts blocks when it commits */
	CHECK(b.f_bfree < a.f_bfree || !a.f_files);
	CHECK(stat_of("f").st_blksize > 0);
	close(fd);
}

/* ---- locks ---- */

static void flock_between_processes(void)
{
	int fd = make("f"), status;
	pid_t pid;

	CHECK(flock(fd, LOCK_EX) == 0);
	pid = fork();
	if (!pid) {
		int other = open("f", O_RDWR);

		CHECK_ERR(flock(other, LOCK_EX | LOCK_NB), EWOULDBLOCK);
		CHECK_ERR(flock(other, LOCK_SH | LOCK_NB), EWOULDBLOCK);
		_exit(0);
	}
	await_child(pid);
	pid = fork();
	if (!pid)
		_exit(flock(open("f", O_RDWR), LOCK_EX));	/* waits */
	nap_ms(100);
	CHECK(waitpid(pid, &status, WNOHANG) == 0);
	CHECK(flock(fd, LOCK_UN) == 0);
	await_child(pid);
	close(fd);
}

static void posix_locks(void)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };
	struct flock query;
	int fd = make("f"), status;
	pid_t pid;

	CHECK(fcntl(fd, F_SETLK, &all) == 0);
	pid = fork();
	if (!pid) {
		query = all;
		CHECK(fcntl(fd, F_GETLK, &query) == 0);
		CHECK(query.l_type == F_WRLCK && query.l_pid == getppid());
		CHECK(fcntl(fd, F_SETLK, &all) < 0);
		CHECK(errno == EAGAIN || errno == EACCES);
		query = (struct flock){ .l_type = F_WRLCK, .l_start = 10, .l_len = 5 };
		CHECK(fcntl(fd, F_SETLK, &query) == 0);
		_exit(0);
	}
	await_child(pid);
	pid = fork();
	if (!pid)
		_exit(fcntl(fd, F_SETLKW, &all));
	nap_ms(100);
	CHECK(waitpid(pid, &status, WNOHANG) == 0);
	query = all;
	query.l_type = F_UNLCK;
	CHECK(fcntl(fd, F_SETLK, &query) == 0);
	await_child(pid);
	close(fd);
}

/* ---- extended attributes ---- */

static void need_xattr(void)
{
	if (!opt.no_xattr)
		return;
	close(make("f"));
	CHECK_ERR(setxattr("f", "user.a", "x", 1, 0), EOPNOTSUPP);
	CHECK(getxattr("f", "user.a", NULL, 0) < 0);
	skip("no extended attributes");
}

static bool listed(const char *path, const char *name)
{
	char list[65536], *p;
	ssize_t n = llistxattr(path, list, sizeof(list));

	CHECK(n >= 0);
	for (p = list; p < list + n; p += strlen(p) + 1)
		if (!strcmp(p, name))
			return true;
	return false;
}

static void xattrs_of(const char *path)
{
	char buf[64];
	ssize_t n;

	CHECK(setxattr(path, "user.color", "blue", 4, XATTR_CREATE) == 0);
	CHECK_ERR(setxattr(path, "user.color", "x", 1, XATTR_CREATE), EEXIST);
	CHECK_ERR(setxattr(path, "user.none", "x", 1, XATTR_REPLACE), ENODATA);
	CHECK(getxattr(path, "user.color", NULL, 0) == 4);
	CHECK(getxattr(path, "user.color", buf, sizeof(buf)) == 4);
	CHECK(!memcmp(buf, "blue", 4));
	CHECK_ERR(getxattr(path, "user.color", buf, 2), ERANGE);
	CHECK(setxattr(path, "user.color", "", 0, 0) == 0);
	CHECK(getxattr(path, "user.color", buf, sizeof(buf)) == 0);
	CHECK(setxattr(path, "user.other", "1", 1, 0) == 0);
	CHECK(listed(path, "user.color") && listed(path, "user.other"));
	n = listxattr(path, NULL, 0);
	CHECK(n >= (ssize_t)sizeof("user.color") + (ssize_t)sizeof("user.other"));
	CHECK_ERR(listxattr(path, buf, 3), ERANGE);
	CHECK(removexattr(path, "user.color") == 0 && !listed(path, "user.color"));
	CHECK_ERR(removexattr(path, "user.color"), ENODATA);
	CHECK_ERR(getxattr(path, "user.color", buf, sizeof(buf)), ENODATA);
}

static void xattrs(void)
{
	need_xattr();
	close(make("f"));
	CHECK(mkdir("d", 0755) == 0);
	xattrs_of("f");
	xattrs_of("d");
	CHECK(setxattr("f", "bogus.x", "1", 1, 0) < 0 && errno == EOPNOTSUPP);
	if (geteuid()) {
		CHECK_ERR(setxattr("f", "trusted.x", "1", 1, 0), EPERM);
	} else {
		CHECK(setxattr("f", "trusted.x", "1", 1, 0) == 0);
		CHECK(listed("f", "trusted.x") && removexattr("f", "trusted.x") == 0);
	}
	if (!opt.no_symlinks) {
		CHECK(symlink("f", "l") == 0);
		CHECK_ERR(lsetxattr("l", "user.x", "1", 1, 0), EPERM);
		CHECK(llistxattr("l", NULL, 0) >= 0);
		if (!geteuid()) {
			CHECK(lsetxattr("l", "trusted.y", "1", 1, 0) == 0);
			CHECK(listed("l", "trusted.y") && !listed("f", "trusted.y"));
		}
	}
}

static void xattr_of_open_file(void)
{
	char buf[8];
	int fd;

	need_xattr();
	fd = make("f");
	CHECK(fsetxattr(fd, "user.a", "1", 1, 0) == 0);
	CHECK(unlink("f") == 0);
	CHECK(fgetxattr(fd, "user.a", buf, sizeof(buf)) == 1);
	CHECK(fsetxattr(fd, "user.b", "2", 1, 0) == 0);
	CHECK(fremovexattr(fd, "user.a") == 0);
	close(fd);
}

static void xattr_sizes(void)
{
	static const size_t sizes[] = { 1, 100, 1000, 3000, 16000, 65536 };
	static char value[65537], back[65536];
	size_t i;

	need_xattr();
	close(make("f"));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fill_random(value, sizes[i], i);
		if (setxattr("f", "user.big", value, sizes[i], 0)) {
			/* ext4 has a block for them, btrfs a leaf */
			CHECK(errno == ENOSPC || errno == E2BIG);
			CHECK(sizes[i] > 1000);
			break;
		}
		CHECK(getxattr("f", "user.big", back, sizeof(back)) == (ssize_t)sizes[i]);
		CHECK(!memcmp(value, back, sizes[i]));
	}
	CHECK_ERR(setxattr("f", "user.big", value, 65537, 0), E2BIG);
}

/* As libacl writes them: version 2, then tag, permissions, id. */
struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};
struct acl {
	uint32_t version;
	struct acl_entry e[5];
};

static void make_acl(struct acl *acl, int user_perm, int mask)
{
	*acl = (struct acl) { 2, {
		{ 0x01, 7, -1 }, { 0x02, user_perm, 12345 }, { 0x04, 5, -1 },
		{ 0x10, mask, -1 }, { 0x20, 0, -1 },
	} };
}

static void access_control_lists(void)
{
	struct acl acl, back;

	need_xattr();
	close(make("f"));
	make_acl(&acl, 6, 6);
	if (setxattr("f", "system.posix_acl_access", &acl, sizeof(acl), 0)) {
		CHECK(errno == EOPNOTSUPP);
		skip("no access control lists");
	}
	CHECK(getxattr("f", "system.posix_acl_access", &back, sizeof(back)) ==
	      sizeof(acl));
	CHECK(!memcmp(&acl, &back, sizeof(acl)));
	CHECK(mode_of("f") == 0760);		/* the group's bits are the mask */
	CHECK(chmod("f", 0740) == 0);
	CHECK(getxattr("f", "system.posix_acl_access", &back, sizeof(back)) ==
	      sizeof(acl));
	CHECK(back.e[3].perm == 4);
	CHECK(removexattr("f", "system.posix_acl_access") == 0);
	CHECK_ERR(getxattr("f", "system.posix_acl_access", &back, sizeof(back)), ENODATA);

	/* a folder's default counts for what is made in it, instead of the umask */
	CHECK(mkdir("d", 0755) == 0);
	make_acl(&acl, 7, 7);
	CHECK(setxattr("d", "system.posix_acl_default", &acl, sizeof(acl), 0) == 0);
	umask(077);
	close(open("d/f", O_CREAT | O_WRONLY, 0666));
	CHECK(mode_of("d/f") == 0660);
	CHECK(getxattr("d/f", "system.posix_acl_access", &back, sizeof(back)) ==
	      sizeof(acl));
	CHECK(mkdir("d/sub", 0777) == 0 && mode_of("d/sub") == 0770);
	CHECK(getxattr("d/sub", "system.posix_acl_default", &back, sizeof(back)) ==
	      sizeof(acl));
}

static void file_flags(void)
{
	int fd = make("f"), flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags)) {
		CHECK(errno == ENOTTY || errno == EOPNOTSUPP || errno == EINVAL);
		skip("no flags");
	}
	flags |= FS_NOATIME_FL;
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags)) {
		CHECK(errno == EOPNOTSUPP || errno == EPERM || errno == EACCES ||
		      errno == EINVAL || errno == ENOTTY);
		skip("flags are read-only");
	}
	flags = 0;
	CHECK(ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && flags & FS_NOATIME_FL);
	CHECK_ERR(ioctl(fd, TIOCGWINSZ, &flags), ENOTTY);
	close(fd);
}

const struct behaviour attr_tests[] = {
	{ "modes", modes },
	{ "run-bits", run_bits },
	{ "umask-applies", umask_applies },
	{ "owners", owners },
	{ "setgid-folder", setgid_folder },
	{ "write-clears-setuid", write_clears_setuid },
	{ "set-times", set_times },
	{ "times-follow-changes", times_follow_changes },
	{ "clock-is-ours", clock_is_ours },
	{ "folder-links", folder_links },
	{ "filesystem-size", filesystem_size },
	{ "flock-between-processes", flock_between_processes },
	{ "posix-locks", posix_locks },
	{ "xattrs", xattrs },
	{ "xattr-of-open-file", xattr_of_open_file },
	{ "xattr-sizes", xattr_sizes },
	{ "access-control-lists", access_control_lists },
	{ "file-flags", file_flags },
	{ 0 },
};
