/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fuse_i.h - what the parts of the FUSE server share.
 *
 * Locks: fs->lock guards nodes, descriptors, directory streams and the queue of the
 * helper thread; fs->role_lock guards who fetches requests. Neither is held over a
 * call of the library kernel, and they are never held together.
 */
#ifndef FUSE_I_H
#define FUSE_I_H

#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <lkl.h>

#include "fusefs.h"

#define MAX_THREADS	64
#define CHANNELS_MAX	9	/* /dev/fuse and rings */
#define IO_MAX		(1u << 20)	/* of one read or write */
#define FOR_EVER	(86400.0 * 365)

/* Of filesystems, where the headers of the C library lack them. */
#ifndef EXFAT_SUPER_MAGIC
#define EXFAT_SUPER_MAGIC	0x2011bab0
#endif
#ifndef F2FS_SUPER_MAGIC
#define F2FS_SUPER_MAGIC	0xf2f52010
#endif
#define NTFS3_SUPER_MAGIC	0x7366746e
#define UDF_SUPER_MAGIC_	0x15013346

/* What a descriptor can do; a later one can do all that an earlier one can. */
enum desc_mode {
	DESC_PATH,	/* O_PATH: attributes */
	DESC_READ,	/* all a directory ever needs */
	DESC_WRITE,	/* reads and writes */
};

/* A descriptor inside; all under fs->lock. */
struct desc {
	TAILQ_ENTRY(desc) lru;	/* while it is its node's */
	struct node *node;
	int fd;
	enum desc_mode mode;
	bool written;		/* by the request that has it */
	unsigned int refs;	/* requests, and the node */
	long used;		/* seconds, monotonic */
	off_t stream_begin, stream_end;	/* of what was written in order; atomic */
};

/*
 * A file, directory, ... that the host knows. Its address is the host's number for
 * it, except the root's.
 */
struct node {
	struct node *next;	/* in its bucket */
	uint64_t dev, ino;	/* as inside */
	mode_t type;		/* S_IFMT bits */
	uint64_t nlookup;	/* what the host will forget */
	unsigned int refs;	/* requests; freed when both are 0 */
	unsigned int version;	/* of a directory: counts changes of names */
	int pin;		/* O_PATH descriptor that keeps it, or -1 */
	unsigned int pin_users;	/* requests that open through the pin */
	unsigned int removing;	/* requests that are removing a name of it */
	unsigned int removals;	/* how many ever did */
	struct desc *desc;	/* the cached one, or NULL */
	bool privileged;	/* set-user-ID or the like, when last seen; atomic */
	TAILQ_ENTRY(node) pinned;	/* only without file handles */
	/* The name that the host keeps; only if fs->keep_names, else NULL. */
	fuse_ino_t parent;	/* a number to compare and send, never followed */
	char *name;
	struct file_handle handle;	/* handle_bytes 0: none; must be last */
};

/* An open directory; its position is where its last reader stopped. */
struct stream {
	TAILQ_ENTRY(stream) link;
	struct node *node;
	int fd;
	bool busy;
	unsigned int version;	/* the node's, when buf was filled */
	off_t pos;		/* of the next entry */
	size_t off, len;	/* what is left of buf */
	char buf[32768];
};

struct inval {
	STAILQ_ENTRY(inval) link;
	fuse_ino_t parent;
	char name[];
};

/* Where requests come from: /dev/fuse, or the ring of some CPUs. */
struct channel {
	struct fusefs *fs;
	struct uring *uring;	/* NULL: /dev/fuse */
	cpu_set_t cpus;		/* where its threads run; of rings only */
	/* under role_lock */
	struct server *leader;	/* who fetches, or NULL */
	struct server *idle;
	unsigned int n_servers;
	int hits;		/* the leader's: requests that came at once, in a row */
	bool closed;		/* nobody leads: not open yet, or broken */
	uint64_t empty_at;	/* while draining, atomic: fs->served when nothing came */
};

/* A serving thread. */
struct server {
	struct fusefs *fs;
	struct channel *channel;
	pthread_t thread;
	struct fuse_buf buf;	/* the request, from /dev/fuse */
	struct fuse_buf request;	/* from a ring: in the memory of its entry */
	struct entry *entry;	/* which is to be given back with the answer, or NULL */
	uint64_t unique, commit_id;
	char *io;		/* IO_MAX bytes, page-aligned: the reply's data */
	bool leads;		/* changed by itself, or under role_lock while idle */
	bool reading;		/* atomic: a signal gets it out of its wait */
	bool draining;		/* atomic: its reads do not wait any more */
	bool idle;
	pthread_cond_t wake;
	struct server *next_idle;
	/* of its task inside */
	mode_t umask;
	uid_t fsuid;
	gid_t fsgid;
};

struct fusefs {
	struct fuse_session *se;
	bool mounted, readonly;
	void (*unmount)(void *ctx);	/* of the configuration */
	void *unmount_ctx;
	char *adopted_dir;	/* another process has mounted there, or NULL */
	bool others;		/* users but the one who mounted may come */
	struct fusefs_owners owners;

	/* the filesystem inside; constant while serving */
	int root_fd;
	unsigned int root_minor;
	bool handles;		/* file handles outlive what is cached inside */
	bool aliasing;		/* several spellings of one name */
	bool keep_names;	/* either of these two makes it needed */
	bool no_xattr;
	bool no_open, no_opendir;
	bool kills_privileges;	/* FUSE_HANDLE_KILLPRIV_V2 is on */
	uint64_t init_unique;	/* of the INIT to be answered, or 0 */
	uint64_t init_offers;	/* flags of the host */

	pthread_mutex_t lock;
	struct node **buckets;
	size_t n_buckets, n_nodes;
	struct node *root;
	TAILQ_HEAD(desc_list, desc) descs;	/* most recently used first */
	unsigned int n_descs;
	TAILQ_HEAD(stream_list, stream) streams;	/* likewise */
	unsigned int n_streams;
	TAILQ_HEAD(pin_list, node) pins;	/* likewise */
	size_t n_pins, max_pins;
	STAILQ_HEAD(, inval) invals;
	bool helper_sleeps;	/* for ever: wake it when there is something to expire */

	pthread_mutex_t role_lock;
	struct server *servers[MAX_THREADS];
	unsigned int n_servers, max_servers;
	struct channel channels[CHANNELS_MAX];	/* the first: /dev/fuse */
	unsigned int n_channels;
	uint64_t served;	/* while draining, atomic: requests begun and ended */
	bool ending;
	bool announce;		/* INIT was answered */

	pthread_t helper;
	int event;		/* eventfd: wakes the helper */
	int stopping;		/* atomic */
	int64_t drain_until;	/* ms of CLOCK_MONOTONIC, set before stopping */
};

/* ---- serve.c ---- */
struct server *server_self(void);
void helper_wake(struct fusefs *fs);
/* INIT is answered: the rings may be used. */
void channels_open(struct fusefs *fs);

/* ---- task.c: who a serving thread is inside ---- */
void server_task_begin(struct server *s);
void server_task_end(struct server *s);
/* The thread's task acts for this user of the host from now on, if owners are kept. */
void server_identity(struct server *s, const struct fuse_ctx *ctx);
/*
 * The same, and what it makes gets the user's umask. -EOVERFLOW: nobody inside is this
 * user, so nothing can be made.
 */
int server_creates(struct server *s, const struct fuse_ctx *ctx);

/* ---- dev.c: requests from /dev/fuse ---- */
/* As fuse_session_receive_buf, into the server's buffer. */
int dev_fetch(struct server *s);

/* ---- uring.c: requests over io_uring ---- */
/* Makes the rings' channels, closed, if this host has FUSE over io_uring. */
void urings_new(struct fusefs *fs);
void urings_free(struct fusefs *fs);
/* After channels_open: /dev/fuse after all, since one of the rings has nobody. */
void uring_refuse(struct channel *ch, int fd);
/*
 * Gives the last answer to the host and takes a request: 1; -EINTR, -EAGAIN: none; else
 * the ring is of no use any more.
 */
int uring_fetch(struct server *s, bool wait);
/* Gives the answer to the host, if there is one that was not given. */
void uring_flush(struct server *s);
/* Whether the thread's request is this one, and of a ring. */
bool uring_answers(const struct server *s, uint64_t unique);
ssize_t uring_reply(struct server *s, const struct iovec *iov, int count);
/* IO_MAX bytes for the answer to a request that has nothing but arguments. */
char *server_data(struct server *s);

/* ---- root.c: the filesystem inside ---- */
int root_open(struct fusefs *fs, const char *path);
void root_close(struct fusefs *fs);
void op_init(void *userdata, struct fuse_conn_info *conn);
void op_statfs(fuse_req_t req, fuse_ino_t ino);

/* ---- node.c ---- */
int nodes_init(struct fusefs *fs);
void nodes_free(struct fusefs *fs);
struct node *node_of(struct fusefs *fs, fuse_ino_t ino);
fuse_ino_t node_number(const struct fusefs *fs, const struct node *node);
int node_make_root(struct fusefs *fs, const struct statx *st);
/* Known: with one more reference, which node_put takes back; else NULL. */
struct node *node_find(struct fusefs *fs, const struct statx *st);
void node_put(struct fusefs *fs, struct node *node);
/*
 * One more lookup of the host for what name shows in dirfd. fd: a descriptor of it
 * that is open anyway, or -1; stays the caller's. ret_alias: the host keeps it
 * under another spelling.
 */
int node_lookup(struct fusefs *fs, struct node *dir, int dirfd, const char *name,
		int fd, struct node **ret_node, struct statx *ret_st,
		bool *ret_alias);
void node_forget(struct fusefs *fs, struct node *node, uint64_t nlookup);
/* Keeps it usable without a name; before name in dirfd is removed. */
void node_pin(struct fusefs *fs, struct node *node, int dirfd, const char *name);
/* After the removal: gives the pin up again if other names are left. */
void node_unpin(struct fusefs *fs, struct node *node);
/* Its name in the host was removed, or became name in dir (name != NULL). */
void node_renamed(struct fusefs *fs, struct node *node, fuse_ino_t old_dir,
		  const char *old_name, fuse_ino_t dir, const char *name);
void node_changed(struct node *dir);
/* Opens it anew: a descriptor or -errno; *mode may come back as less. */
int node_open(struct fusefs *fs, struct node *node, enum desc_mode *mode);
/* Asks the host to forget the least recently used above the limit. Helper only. */
void nodes_trim(struct fusefs *fs);

/* ---- desc.c ---- */
int desc_get(struct fusefs *fs, struct node *node, enum desc_mode mode,
	     struct desc **ret_desc);
void desc_put(struct fusefs *fs, struct desc *desc);
/* The node's from now on: a descriptor that a request has opened. */
void desc_adopt(struct fusefs *fs, struct node *node, int fd, enum desc_mode mode);
/* Caller holds fs->lock; returns what to close after unlocking, or -1. */
int desc_detach(struct fusefs *fs, struct node *node);
/* Closes what was not used for some seconds. Returns whether any is left. */
bool descs_expire(struct fusefs *fs);
void descs_free(struct fusefs *fs);
void inside_close(int fd);

/* ---- attr.c ---- */
void attr_fill(const struct fusefs *fs, const struct statx *st, struct stat *ret);
uint64_t attr_ino(const struct fusefs *fs, const struct statx *st, uint64_t ino);
int attr_get(struct fusefs *fs, struct node *node, struct statx *ret_st);
void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi);
void op_access(fuse_req_t req, fuse_ino_t ino, int mask);
void op_readlink(fuse_req_t req, fuse_ino_t ino);

/* ---- owner.c: of files, and who a request's user is inside ---- */
/* Fills in mode, owner and group. */
void owner_show(const struct fusefs *fs, const struct statx *st, struct stat *ret);
/* Ids of the host; -1 = stays. -EPERM, -EOVERFLOW: there can be no such owner. */
long owner_set(const struct fusefs *fs, int fd, uid_t uid, gid_t gid);
/* -EOVERFLOW: nobody. */
int owner_of(const struct fusefs *fs, const struct fuse_ctx *ctx, uid_t *ret_uid,
	     gid_t *ret_gid);
/* Whether access control lists are -EOPNOTSUPP. */
bool owner_refuses_xattr(const struct fusefs *fs, const char *name);
/* Before anything is shown. type: its magic number. */
void owner_filesystem(struct fusefs *fs, unsigned long type);

/* ---- lookup.c, names.c ---- */
void entry_fill(const struct fusefs *fs, struct node *node,
		const struct statx *st, bool alias, struct fuse_entry_param *ret);
void reply_entry(fuse_req_t req, struct fusefs *fs, struct node *dir, int dirfd,
		 const char *name, int fd);
void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup);
void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	      dev_t rdev);
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent,
		const char *name);
void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	       fuse_ino_t newparent, const char *newname, unsigned int flags);

/* ---- dirs.c ---- */
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		struct fuse_file_info *fi);
void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi);
void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
		 struct fuse_file_info *fi);
/* Closes the idle streams of node, or with NULL all. */
void streams_close(struct fusefs *fs, struct node *node);

/* ---- io.c ---- */
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	     struct fuse_file_info *fi);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
	      off_t off, struct fuse_file_info *fi);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
	      struct fuse_file_info *fi);
void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
		  struct fuse_file_info *fi);
void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
	      struct fuse_file_info *fi);
void op_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			struct fuse_file_info *fi_in, fuse_ino_t ino_out,
			off_t off_out, struct fuse_file_info *fi_out, size_t len,
			int flags);
void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
	      struct fuse_file_info *fi, unsigned int flags, const void *in,
	      size_t in_size, size_t out_size);

/* ---- session.c: what libfuse does not know of; before the first request ---- */
int session_extend(struct fusefs *fs);

/* ---- killpriv.c ---- */
/* Whenever the host is told of a node's attributes. */
void killpriv_seen(struct node *node, const struct statx *st);
/* Before this request's user changes the contents of a file. */
long killpriv(struct fusefs *fs, struct node *node, int fd, const struct fuse_ctx *ctx);

/* ---- drop.c: after a read or write, for its size ---- */
void drop_read(struct desc *desc, off_t off, size_t size);
void drop_written(struct desc *desc, off_t off, size_t size);

/* ---- xattr.c ---- */
void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		 const char *value, size_t size, int flags);
void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

static inline struct fusefs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* ret: 0 or -errno. */
static inline void reply_err(fuse_req_t req, long ret)
{
	fuse_reply_err(req, (int)-ret);
}

#endif
