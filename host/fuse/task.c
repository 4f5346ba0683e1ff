// SPDX-License-Identifier: GPL-2.0-only
/* The task that a serving thread is inside the library kernel: rights, ids, umask. */
#include "fuse_i.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>

#include "log.h"

/*
 * Root with every capability, whoever owns what it makes; but without the right to
 * the blocks that a filesystem reserves for root.
 */
static void task_privileges(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	LKL_CALL5(SYS_prctl, PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0);
	if (LKL_CALL2(SYS_capget, &header, data) < 0)
		return;
	data[0].effective &= ~(1u << CAP_SYS_RESOURCE);
	LKL_CALL2(SYS_capset, &header, data);
}

static void task_ids(struct server *s, uid_t uid, gid_t gid)
{
	if (s->fsgid != gid)
		LKL_CALL1(SYS_setfsgid, gid);
	if (s->fsuid != uid)
		LKL_CALL1(SYS_setfsuid, uid);
	s->fsgid = gid;
	s->fsuid = uid;
}

static void task_umask(struct server *s, mode_t mask)
{
	if (s->umask != mask)
		LKL_CALL1(SYS_umask, mask);
	s->umask = mask;
}

/* A umask of its own, like the rest of this. */
void server_task_begin(struct server *s)
{
	long err = LKL_CALL1(SYS_unshare, CLONE_FS);

	if (err)
		log_warn("fuse: unshare inside: %s", lkl_strerror(err));
	task_privileges();
	s->fsuid = s->fsgid = 0;
	s->umask = (mode_t)-1;
	task_umask(s, 0);
	if (!s->fs->owners.keep)
		task_ids(s, s->fs->owners.uid, s->fs->owners.gid);
}

void server_task_end(struct server *s)
{
	task_ids(s, 0, 0);
	task_umask(s, 022);
}

static int identity(struct server *s, const struct fuse_ctx *ctx)
{
	uid_t uid;
	gid_t gid;
	int err = owner_of(s->fs, ctx, &uid, &gid);

	if (!err)
		task_ids(s, uid, gid);
	return err;
}

/* Requests that the host makes for nobody have no identity. */
void server_identity(struct server *s, const struct fuse_ctx *ctx)
{
	identity(s, ctx);
}

int server_creates(struct server *s, const struct fuse_ctx *ctx)
{
	task_umask(s, ctx->umask);
	return identity(s, ctx);
}
