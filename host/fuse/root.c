// SPDX-License-Identifier: GPL-2.0-only
/* The filesystem inside: what kind it is, and what follows for the host. */
#include "fuse_i.h"

#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>

#include "log.h"

/* Pins of nodes may take about a quarter of the memory inside. */
#define BYTES_PER_PIN		4096
#define MIN_PINS		1024

/*
 * Whose file handles find a file that is not cached. FAT's find only what is, and
 * what is not listed here may do the same.
 */
static bool handles_last(const struct fusefs *fs, unsigned long type)
{
	static const unsigned long good[] = {
		EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
		TMPFS_MAGIC, NTFS3_SUPER_MAGIC, ISOFS_SUPER_MAGIC, UDF_SUPER_MAGIC_,
		SQUASHFS_MAGIC, EROFS_SUPER_MAGIC_V1,
	};
	char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	struct file_handle *handle = (struct file_handle *)space;
	int mount_id;
	size_t i;
	long fd;

	for (i = 0; i < sizeof(good) / sizeof(good[0]) && good[i] != type; i++)
		;
	if (i == sizeof(good) / sizeof(good[0]))
		return false;
	handle->handle_bytes = MAX_HANDLE_SZ;
	if (LKL_CALL5(SYS_name_to_handle_at, fs->root_fd, "", handle, &mount_id,
		      AT_EMPTY_PATH) < 0)
		return false;
	fd = LKL_CALL3(SYS_open_by_handle_at, fs->root_fd, handle, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return false;
	inside_close(fd);
	return true;
}

/* struct xfs_fsop_geom_v1 as far as it matters. */
struct xfs_geometry {
	uint64_t before[11];
	uint32_t version, flags;
	uint64_t after[2];
};

#define XFS_GEOMETRY		_IOR('X', 100, struct xfs_geometry)
#define XFS_IGNORES_CASE	(1u << 12)	/* mkfs.xfs -n version=ci */

_Static_assert(sizeof(struct xfs_geometry) == 112, "uapi");

static bool xfs_ignores_case(int fd)
{
	struct xfs_geometry geometry;

	return !LKL_CALL3(SYS_ioctl, fd, XFS_GEOMETRY, &geometry) &&
	       geometry.flags & XFS_IGNORES_CASE;
}

static bool ignores_case(unsigned long type, int fd)
{
	return (type == XFS_SUPER_MAGIC && xfs_ignores_case(fd)) ||
	       type == MSDOS_SUPER_MAGIC || type == EXFAT_SUPER_MAGIC ||
	       type == NTFS3_SUPER_MAGIC;
}

/*
 * Without any attributes the host need not ask; else it asks before each write
 * whether the file has capabilities that the write would take away.
 */
static bool lacks_xattrs(int fd)
{
	static const char *const names[] = {
		"user.lklusb", "security.capability", "trusted.lklusb",
		"system.posix_acl_access",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (LKL_CALL4(SYS_fgetxattr, fd, names[i], NULL, 0) != -EOPNOTSUPP)
			return false;
	return true;
}

/* Reopening and attributes of symbolic links go through /proc/self/fd. */
static int need_proc(void)
{
	if (!LKL_CALL3(SYS_faccessat, AT_FDCWD, "/proc/self/fd", F_OK))
		return 0;
	return lkl_mount("proc", "/proc", "proc", 0, NULL);
}

static void limits(struct fusefs *fs)
{
	struct rlimit files = { 1 << 20, 1 << 20 };
	struct sysinfo info;

	LKL_CALL4(SYS_prlimit64, 0, RLIMIT_NOFILE, &files, NULL);
	fs->max_pins = MIN_PINS;
	if (!LKL_CALL1(SYS_sysinfo, &info) &&
	    info.totalram * info.mem_unit / BYTES_PER_PIN > MIN_PINS)
		fs->max_pins = info.totalram * info.mem_unit / BYTES_PER_PIN;
}

int root_open(struct fusefs *fs, const char *path)
{
	struct statfs sfs;
	struct statx st;
	long err = need_proc();

	if (err)
		return err;
	err = LKL_CALL4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC,
			0);
	if (err < 0)
		return err;
	fs->root_fd = err;
	err = LKL_CALL2(SYS_fstatfs, fs->root_fd, &sfs);
	if (!err)
		err = LKL_CALL5(SYS_statx, fs->root_fd, "", AT_EMPTY_PATH,
				STATX_BASIC_STATS, &st);
	if (err)
		return err;
	limits(fs);
	fs->root_minor = st.stx_dev_minor;
	fs->handles = handles_last(fs, sfs.f_type);
	fs->aliasing = ignores_case(sfs.f_type, fs->root_fd);
	fs->keep_names = fs->aliasing || !fs->handles;
	owner_filesystem(fs, sfs.f_type);
	fs->no_xattr = lacks_xattrs(fs->root_fd);
	log_debug("fuse: type %lx, handles %d, aliasing %d, xattrs %d",
		  (unsigned long)sfs.f_type, fs->handles, fs->aliasing, !fs->no_xattr);
	return node_make_root(fs, &st);
}

void root_close(struct fusefs *fs)
{
	if (fs->root_fd >= 0)
		inside_close(fs->root_fd);
	fs->root_fd = -1;
}

static void want(struct fuse_conn_info *conn, unsigned int caps, bool on)
{
	if (on)
		conn->want |= conn->capable & caps;
	else
		conn->want &= ~caps;
}

void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct fusefs *fs = userdata;

	fs->no_open = conn->capable & FUSE_CAP_NO_OPEN_SUPPORT;
	fs->no_opendir = conn->capable & FUSE_CAP_NO_OPENDIR_SUPPORT;
	want(conn, FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS |
	     FUSE_CAP_DONT_MASK | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_IOCTL_DIR |
	     FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO, true);
	/* Pages stay valid whatever times and sizes say: nobody else writes. */
	want(conn, FUSE_CAP_EXPLICIT_INVAL_DATA, true);
	want(conn, FUSE_CAP_AUTO_INVAL_DATA, false);
	/* Without open requests the host truncates with a request of its own. */
	want(conn, FUSE_CAP_ATOMIC_O_TRUNC, false);
	want(conn, FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
	     FUSE_CAP_SPLICE_MOVE | FUSE_CAP_WRITEBACK_CACHE, false);
	/* Its own checks of permissions then follow the lists. */
	want(conn, FUSE_CAP_POSIX_ACL, fs->owners.keep);
	conn->max_write = IO_MAX;
	conn->max_read = IO_MAX;
	conn->max_background = 32;
	conn->congestion_threshold = 24;
	fs->announce = true;
}

void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fusefs *fs = fs_of(req);
	struct statfs s;
	long err = LKL_CALL2(SYS_fstatfs, fs->root_fd, &s);
	struct statvfs out;

	if (err) {
		reply_err(req, err);
		return;
	}
	out = (struct statvfs) {
		.f_bsize = s.f_bsize,
		.f_frsize = s.f_frsize ? s.f_frsize : s.f_bsize,
		.f_blocks = s.f_blocks,
		.f_bfree = s.f_bfree,
		.f_bavail = s.f_bavail,
		.f_files = s.f_files,
		.f_ffree = s.f_ffree,
		.f_favail = s.f_ffree,
		.f_namemax = s.f_namelen,
	};
	fuse_reply_statfs(req, &out);
}
