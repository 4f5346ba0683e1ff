/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's two-way contract with its host, included by both sides: the table
 * of host operations (kernel -> host) and the lkl_kernel_* entry points
 * (host -> kernel). Plain C types only. Nothing else crosses the border.
 */
#ifndef _ASM_LKL_HOST_OPS_H
#define _ASM_LKL_HOST_OPS_H

typedef unsigned long long lkl_u64;

/*
 * State of a call, also the futex word that its host thread sleeps on. The kernel
 * knows only DONE and the rest; completion is an exchange with DONE.
 */
enum lkl_call_state {
	LKL_CALL_DONE = 0,
	LKL_CALL_PENDING = 1,	/* handed over, perhaps running */
	LKL_CALL_SLEEPING = 2,	/* pending, and its thread sleeps */
	LKL_CALL_DRIVE = 3,	/* pending, and its thread was woken to drive */
};

/* nr of calls that are not system calls */
#define LKL_NR_EXIT_THREAD	(-1L)

/*
 * A host thread's record, shared by its two halves. The host fills nr and args
 * and sets state to PENDING; the kernel stores ret and sets DONE, after which
 * it does not touch the record again until the next PENDING. The first call of
 * a record (task is NULL) makes its task.
 *
 * A task runs a call when it is ready, not when it is pending: a record that its
 * task took before it was taken off the list could be put there twice.
 */
struct lkl_thread {
	int state;			/* enum lkl_call_state, atomic */
	int ready;			/* accepted; written by the CPU's owner only */
	long nr;
	unsigned long args[6];
	long ret;
	void *task;			/* kernel's: struct task_struct */
	struct lkl_thread *next_call;	/* on lkl_cpu.calls while handed over */
	struct lkl_thread *next_sleeper, *prev_sleeper;	/* host's */
};

/* Bits of lkl_kernel_pending; 1..62 are device interrupts. */
#define LKL_PENDING_TIMER	(1ULL << 0)
#define LKL_PENDING_CALLS	(1ULL << 63)

/*
 * The virtual CPU. owner is taken by compare-exchange 0 -> 1 by the host thread
 * that drives it, and given back by exchange. pending is set by anybody, who then
 * kicks if owner is 0; the driver looks at it again after giving the CPU up.
 */
struct lkl_cpu {
	int owner;			/* atomic */
	int dead;			/* halted or panicked; never driven again */
	struct lkl_thread *calls;	/* atomic stack of handed-over calls */
	struct lkl_thread *driver;	/* whose thread drives; NULL = background */
	int more;			/* parked with runnable tasks left over */
	/* counters; written by the driver only, but kicks */
	lkl_u64 switches, irqs, timer_irqs, calls_done, foreign_calls, mmio_writes;
	lkl_u64 kicks;			/* atomic */
};

struct lkl_host_ops {
	/* Kernel log; may be a piece of a line. */
	void (*print)(const char *text, unsigned int len);
	/* The kernel is beyond help; message is NUL-terminated. Returns. */
	void (*panic)(const char *message);

	lkl_u64 (*monotonic_ns)(void);
	lkl_u64 (*wall_ns)(void);
	/* Sets LKL_PENDING_TIMER at this monotonic time; ~0 = never. */
	void (*timer_set)(lkl_u64 deadline_ns);
	void (*random)(void *buf, unsigned long len);

	/* This piece of RAM will be written soon; may be ignored. */
	void (*populate)(unsigned long ram_offset, unsigned long size);
	/* Maps RAM offset at va (in the reserved range); 0 or -errno. */
	int (*map)(void *va, unsigned long ram_offset, unsigned long size);
	/* Back to inaccessible. */
	void (*unmap)(void *va, unsigned long size);

	/*
	 * Wakes the thread that sleeps on this word. Its record may be gone by now:
	 * only the address is used.
	 */
	void (*wake)(int *state);

	unsigned int (*mmio_read)(lkl_u64 addr, unsigned int size);
	void (*mmio_write)(lkl_u64 addr, unsigned int value, unsigned int size);
};

/* What the host gives at boot; constant afterwards. */
struct lkl_boot_info {
	const struct lkl_host_ops *ops;
	unsigned long ram_base;		/* address of RAM offset 0 = linear map */
	unsigned long ram_size;
	unsigned long vmalloc_base;	/* reserved, inaccessible range */
	unsigned long vmalloc_size;
	char cmdline[2048];
	struct lkl_thread *boot_thread;	/* record of pid 1, for the booting thread */
};

/*
 * Entry points. The caller owns the CPU (lkl_cpu.owner). Each returns when the
 * current fiber parks: idle, at the end of a call, or dead.
 */
extern struct lkl_cpu lkl_cpu;
/* Outside the struct, because every file of the kernel looks at it. */
extern unsigned long long lkl_kernel_pending;
void lkl_kernel_boot(const struct lkl_boot_info *info);
void lkl_kernel_resume(void);
/* Whether t's task is the one that would run at resume (fast path). */
int lkl_kernel_is_current(const struct lkl_thread *t);
/* A fault at address, in kernel code, on the current fiber: never returns. */
void lkl_kernel_fault(unsigned long address, unsigned long ip, int signal);
const char *lkl_kernel_release(void);

#endif
