/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * serve_i.h - what the parts of the serving process share: the stick and the list of its
 * mounts. stick.lock protects what says so; it is not held over a call of the library
 * kernel, nor over one that may wait.
 */
#ifndef SERVE_I_H
#define SERVE_I_H

#include <pthread.h>
#include <stdbool.h>

#include "control.h"
#include "one_mount.h"

struct served_stick {
	struct guest_config config;
	struct disk disk;		/* constant once it was read */

	pthread_mutex_t lock;		/* protects what follows, and parts of the mounts */
	pthread_cond_t changed;
	struct one_mount *mounts;
	unsigned int n_mounts;		/* that have not ended */
	unsigned int n_ever;
	bool stopping;			/* all are to end; no more are taken */
	bool over;			/* all have ended */
	struct one_mount *last;		/* the one that ended last */
	int status;			/* the first that was not 0, of a mount that started */
};

extern struct served_stick stick;

/* ---- mount_list.c ---- */

/* Adds m, as starting. False: it is too late. */
bool mount_list_add(struct one_mount *m);

/* Before the end: takes those out that have ended, and frees them. */
void mount_list_reap(void);

/* Waits until all have ended, and for their threads, which call the library kernel. */
void mount_list_join(void);
void mount_list_free(void);

/* m->chosen is m's alone from now on. Reports whose it is; 0 or an exit status. */
int mount_list_claim(struct one_mount *m);

/* Of volume_config: the encrypted parts of a volume. */
int mount_list_claim_part(void *m, const struct disk_part *part, bool say);
void mount_list_release(void *m, const struct disk_part *part);

/* Ready, and found by this number; until it is forgotten: then whether no other has it. */
void mount_list_ready(struct one_mount *m, dev_t dev);
bool mount_list_forget(struct one_mount *m, dev_t *ret_dev);

/* m serves with fs, or, NULL, not any more; then fs is the caller's to free. */
void mount_list_serves(struct one_mount *m, struct fusefs *fs);

/* Nobody can get it any more; when this returns nobody has it. */
void mount_list_hide(struct one_mount *m);

/*
 * It has ended. Returns whether it was the last one. started: its status is not only for
 * who has asked.
 */
bool mount_list_end(struct one_mount *m, bool started);

/* Its thread is about to return. */
void mount_list_leave(struct one_mount *m);

/* All are to end. Any thread, in any state; does not wait. */
void mount_list_stop(void);

/* m is to end; likewise. */
void mount_list_stop_one(struct one_mount *m);

/*
 * The folders of all but one, or of all; malloc'ed, each and the list, which ends in NULL.
 * starting: with those that nobody can open yet.
 */
char **mount_list_dirs(const struct one_mount *but, bool starting);
void mount_list_free_dirs(char **dirs);

/* The numbers of those that are ready; malloc'ed, ends in 0. */
dev_t *mount_list_devs(void);

/* Of control_ops. */
struct one_mount *mount_list_get(dev_t dev);
void mount_list_put(struct one_mount *m);
bool mount_list_want_eject(struct one_mount *m);

/* ---- serve_control.c ---- */

extern const struct control_ops serve_control_ops;

unsigned long long serve_dirty_bytes(void);

/* Of volume_config, for a joined mount: the key helper of the process that has asked. */
int serve_connect_keys(void *m, struct key_session *ret_session);

/* Whether what another process says about the stick is so. Reports; an exit status. */
int serve_check_options(const struct one_mount *m);

/*
 * Tells the process that has asked for m how its start ends, once; what is reported is
 * not for it any more. False: nobody is there. True also if nobody has asked.
 */
bool serve_answer(struct one_mount *m, int status);

/* ---- serve.c ---- */

/* From start to end; m was added, m->status is 0 if all is well. Sets it. */
void serve_mount(struct one_mount *m);

#endif
