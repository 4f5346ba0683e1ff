// SPDX-License-Identifier: GPL-2.0-only
/*
 * memory-fuse IMAGE FOLDER: a FUSE server that has nothing to do, the lower limit of any.
 *
 * Files are in the image, which is mapped, in no format that anybody else knows: a table
 * of nodes, then their contents, each in one piece that moves when it grows. It trusts the
 * host, keeps nobody out and forgets nothing; flags, times and requests are those of lklusb.
 */
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NODES		8192u
#define BUCKETS		16384u
#define FOR_EVER	(86400.0 * 365)
#define MAX_IO		(1u << 20)

struct node {
	char name[64];		/* "": free */
	uint32_t parent, mode;
	uint64_t size, room, at;
};

/* All 0: empty. */
struct store {
	uint64_t magic, end;
	struct node nodes[NODES];
};

static const uint64_t MAGIC = 0x79726f6d656d;
static struct store *store;
static uint64_t store_size;
static uint32_t buckets[BUCKETS], next[NODES];	/* by parent and name; 0 ends a chain */
static uint32_t free_from = FUSE_ROOT_ID + 1;
static struct fuse_session *session;

static uint32_t bucket(uint32_t parent, const char *name)
{
	uint32_t hash = parent;

	while (*name)
		hash = hash * 31 + (unsigned char)*name++;
	return hash % BUCKETS;
}

static void hash_in(uint32_t i)
{
	uint32_t b = bucket(store->nodes[i].parent, store->nodes[i].name);

	next[i] = buckets[b];
	buckets[b] = i;
}

static uint32_t find(uint32_t parent, const char *name)
{
	uint32_t i = buckets[bucket(parent, name)];

	while (i && (store->nodes[i].parent != parent || strcmp(store->nodes[i].name, name)))
		i = next[i];
	return i;
}

static uint32_t add(uint32_t parent, const char *name, mode_t mode)
{
	uint32_t i = free_from;

	while (i < NODES && store->nodes[i].name[0])
		i++;
	if (i == NODES || strlen(name) >= sizeof(store->nodes[i].name))
		return 0;
	free_from = i + 1;
	store->nodes[i] = (struct node) { .parent = parent, .mode = mode };
	strcpy(store->nodes[i].name, name);
	hash_in(i);
	return i;
}

static void take_away(uint32_t i)
{
	uint32_t *p = &buckets[bucket(store->nodes[i].parent, store->nodes[i].name)];

	while (*p != i)
		p = &next[*p];
	*p = next[i];
	store->nodes[i].name[0] = 0;
	if (i < free_from)
		free_from = i;
}

static int grow(struct node *n, uint64_t size)
{
	uint64_t room = n->room ? n->room : 4096;

	while (room < size)
		room *= 2;
	if (room > n->room) {
		if (room > store_size - store->end)
			return -ENOSPC;
		memcpy((char *)store + store->end, (char *)store + n->at, n->size);
		n->at = store->end;
		n->room = room;
		store->end += room;
	}
	if (size > n->size)
		n->size = size;
	return 0;
}

static void fill(uint32_t i, struct stat *st)
{
	const struct node *n = &store->nodes[i];

	*st = (struct stat) { .st_ino = i, .st_mode = n->mode, .st_nlink = 1,
			      .st_size = n->size, .st_blksize = 4096 };
}

static void reply_entry(fuse_req_t req, uint32_t i)
{
	struct fuse_entry_param e = { .ino = i, .attr_timeout = FOR_EVER,
				      .entry_timeout = FOR_EVER };

	if (i)
		fill(i, &e.attr);
	fuse_reply_entry(req, &e);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	conn->want = conn->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS |
				      FUSE_CAP_EXPLICIT_INVAL_DATA);
	conn->max_write = conn->max_read = MAX_IO;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_entry(req, find(parent, name));
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	fill(ino, &st);
	fuse_reply_attr(req, &st, FOR_EVER);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set,
		       struct fuse_file_info *fi)
{
	if (set & FUSE_SET_ATTR_SIZE)
		store->nodes[ino].size = 0;	/* nobody here wants another one */
	if (set & FUSE_SET_ATTR_MODE)
		store->nodes[ino].mode = attr->st_mode;
	op_getattr(req, ino, fi);
}

static void make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	uint32_t i = add(parent, name, mode);

	if (i)
		reply_entry(req, i);
	else
		fuse_reply_err(req, ENOSPC);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		     dev_t rdev)
{
	make(req, parent, name, mode);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	make(req, parent, name, mode | S_IFDIR);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	take_away(find(parent, name));
	fuse_reply_err(req, 0);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fuse_reply_err(req, ENOSYS);	/* needs none, do not ask again */
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	const struct node *n = &store->nodes[ino];
	size_t left = (uint64_t)off < n->size ? n->size - off : 0;

	fuse_reply_buf(req, (char *)store + n->at + off, left < size ? left : size);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
		     off_t off, struct fuse_file_info *fi)
{
	struct node *n = &store->nodes[ino];
	int err = grow(n, off + size);

	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	memcpy((char *)store + n->at + off, buf, size);
	fuse_reply_write(req, size);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	fuse_reply_err(req, 0);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	char buf[MAX_IO / 8];
	size_t used = 0, need;
	struct stat st;

	if (size > sizeof(buf))
		size = sizeof(buf);
	for (uint32_t i = off > FUSE_ROOT_ID ? off : FUSE_ROOT_ID + 1; i < NODES; i++) {
		if (!store->nodes[i].name[0] || store->nodes[i].parent != ino)
			continue;
		fill(i, &st);
		need = fuse_add_direntry(req, buf + used, size - used, store->nodes[i].name,
					 &st, i + 1);
		if (need > size - used)
			break;
		used += need;
	}
	fuse_reply_buf(req, buf, used);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	fuse_reply_err(req, ENODATA);	/* as where it could be */
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init, .lookup = op_lookup, .getattr = op_getattr, .setattr = op_setattr,
	.mknod = op_mknod, .mkdir = op_mkdir, .unlink = op_unlink, .rmdir = op_unlink,
	.open = op_open, .opendir = op_open, .read = op_read, .write = op_write,
	.fsync = op_fsync, .readdir = op_readdir, .getxattr = op_getxattr,
};

static int store_open(const char *image)
{
	int fd = open(image, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || (uint64_t)st.st_size < sizeof(*store))
		return -1;
	store_size = st.st_size;
	store = mmap(NULL, store_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	close(fd);
	if (store == MAP_FAILED)
		return -1;
	if (store->magic != MAGIC) {
		memset(store, 0, sizeof(*store));
		store->magic = MAGIC;
		store->end = (sizeof(*store) + 4095) / 4096 * 4096;
	}
	store->nodes[FUSE_ROOT_ID].mode = S_IFDIR | 0755;
	for (uint32_t i = FUSE_ROOT_ID + 1; i < NODES; i++)
		if (store->nodes[i].name[0])
			hash_in(i);
	return 0;
}

int main(int argc, char **argv)
{
	char *options[] = { argv[0], "-o", "max_read=1048576", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, options);
	int err;

	if (argc != 3 || store_open(argv[1])) {
		fprintf(stderr, "usage: memory-fuse IMAGE FOLDER\n");
		return 2;
	}
	session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!session || fuse_set_signal_handlers(session) ||
	    fuse_session_mount(session, argv[2]))
		return 1;
	err = fuse_session_loop(session);
	fuse_session_unmount(session);
	fuse_session_destroy(session);
	return err != 0;
}
