/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lkl.h - Linux as a library: the only way in for a host program.
 *
 * One kernel per process. Order of calls:
 *
 *   lkl_init -> lkl_add_mmio* -> lkl_start_kernel -> lkl_syscall* -> lkl_halt
 *
 * After lkl_start_kernel every host thread may call lkl_syscall; the first call
 * of a thread gives it a task of the library kernel (all are threads of its
 * pid 1 and share files, cwd, umask), which is freed when the thread exits.
 * A call on an idle virtual CPU runs on the caller's own thread.
 *
 * Errors are negative errno values of Linux everywhere.
 */
#ifndef LKL_H
#define LKL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lkl_config {
	size_t ram_bytes;	/* guest memory; 0 = 64 MiB; at least 32 MiB */
	const char *cmdline;	/* appended to the kernel's command line, or NULL */
	/*
	 * One piece of kernel log (not always a whole line, not NUL-terminated).
	 * Called on whichever thread drives the virtual CPU: must not block for
	 * long and must not call into lkl. NULL = discard.
	 */
	void (*log)(void *ctx, const char *text, size_t len);
	/*
	 * The library kernel panicked or oopsed. Called once; from then on every
	 * call, and every call that was waiting, returns -EIO. Same rules as log.
	 */
	void (*panic)(void *ctx, const char *message);
	void *ctx;
};

/* Registers of a device; called with the virtual CPU held: must not block. */
struct lkl_mmio_ops {
	uint32_t (*read)(void *dev, uint32_t offset, unsigned int size);
	void (*write)(void *dev, uint32_t offset, uint32_t value,
		      unsigned int size);
};

/* Guest memory, one shared mapping of a memfd. */
struct lkl_ram {
	uint64_t gpa;		/* guest physical address of its first byte */
	size_t size;		/* bytes */
	void *hva;		/* where it is mapped in this process */
	int fd;			/* the memfd, offset 0; stays lkl's */
};

/* Counters since boot, free of noise; tests assert them. */
struct lkl_counters {
	uint64_t switches;	/* task switches */
	uint64_t irqs;		/* device interrupts delivered */
	uint64_t timer_irqs;
	uint64_t kicks;		/* host threads woken to drive the CPU */
	uint64_t calls;		/* system calls executed */
	uint64_t foreign_calls;	/* of these, not on the caller's thread */
	uint64_t mmio_writes;	/* 0x50 QueueNotify writes are most of these */
};

/* Reserves memory. -EBUSY: this process already had its kernel. -EINVAL, -ENOMEM. */
int lkl_init(const struct lkl_config *config);

/*
 * Adds a virtio-mmio device (before lkl_start_kernel). size: bytes of register
 * space, at most 4096. Returns its interrupt number, 1..62, or -ENOSPC.
 */
int lkl_add_mmio(const struct lkl_mmio_ops *ops, void *dev, uint32_t size);

/* Raises a device's interrupt; any host thread, at any time, never blocks. */
void lkl_irq_raise(int irq);

/*
 * For a device's thread, around what it completes: an interrupt that it raises in
 * between wakes nobody; lkl_drive_end() drives the virtual CPU itself if nobody does,
 * for about a tick at most. So what follows a completion costs no thread hop. The
 * thread must leave the signals of a fault unblocked, and hold no lock in
 * lkl_drive_end() that a device's registers or queues take.
 */
void lkl_drive_begin(void);
void lkl_drive_end(void);

/*
 * For a caller that polls for what only the library kernel's own timers hold up, as the
 * enumeration of an emulated device: if the virtual CPU has nothing to do, its clock
 * jumps to the next timer and the caller drives what follows. False: it had, or the
 * clock would be more than limit_ns ahead of the host's. It never goes back; the wall
 * clock jumps along, so set it afterwards. Keep the limit below the timeouts of what may
 * be in flight. One thread at a time.
 */
bool lkl_clock_skip(uint64_t limit_ns);

/* Valid between lkl_init and lkl_halt. */
const struct lkl_ram *lkl_ram(void);

/* Boots; returns when system calls work. -EIO: it panicked while booting. */
int lkl_start_kernel(void);

/*
 * Powers the kernel off and frees everything (memory, threads). Filesystems
 * should be unmounted before. No other thread may be in a call.
 */
int lkl_halt(void);

/*
 * A system call: nr as in the host's <sys/syscall.h> (SYS_openat, ...); pointers
 * are host pointers (a bad one is a SIGSEGV, not -EFAULT). Structures are
 * those of the host's architecture; prefer statx to stat.
 * Returns the result or -errno. -EIO after a panic; -ENOSYS: not built in.
 */
long lkl_syscall(long nr, long a0, long a1, long a2, long a3, long a4, long a5);

/*
 * For servers: on this thread, hook is called each time before it goes to sleep
 * because its system call waits (for a device, a lock, another thread's turn), so
 * that another thread can take over what it would have done next. Must not call
 * into lkl. NULL = none.
 */
void lkl_on_sleep(void (*hook)(void *ctx), void *ctx);

#define LKL_ARG_(x) ((long)(x))
#define LKL_CALL0(nr) lkl_syscall(nr, 0, 0, 0, 0, 0, 0)
#define LKL_CALL1(nr, a) lkl_syscall(nr, LKL_ARG_(a), 0, 0, 0, 0, 0)
#define LKL_CALL2(nr, a, b) \
	lkl_syscall(nr, LKL_ARG_(a), LKL_ARG_(b), 0, 0, 0, 0)
#define LKL_CALL3(nr, a, b, c) \
	lkl_syscall(nr, LKL_ARG_(a), LKL_ARG_(b), LKL_ARG_(c), 0, 0, 0)
#define LKL_CALL4(nr, a, b, c, d) \
	lkl_syscall(nr, LKL_ARG_(a), LKL_ARG_(b), LKL_ARG_(c), LKL_ARG_(d), 0, 0)
#define LKL_CALL5(nr, a, b, c, d, e) \
	lkl_syscall(nr, LKL_ARG_(a), LKL_ARG_(b), LKL_ARG_(c), LKL_ARG_(d), \
		    LKL_ARG_(e), 0)
#define LKL_CALL6(nr, a, b, c, d, e, f) \
	lkl_syscall(nr, LKL_ARG_(a), LKL_ARG_(b), LKL_ARG_(c), LKL_ARG_(d), \
		    LKL_ARG_(e), LKL_ARG_(f))

/* "No such file or directory" for ENOENT or -ENOENT; never NULL. */
const char *lkl_strerror(int err);

/* "6.12.117", the version of the kernel that is linked in. */
const char *lkl_kernel_version(void);

void lkl_counters(struct lkl_counters *ret_counters);

/* Whether it panicked: the reason, else NULL. */
const char *lkl_panic_message(void);

/* ---- mount helpers: library-kernel paths ---- */

/* mkdir -p, then mount; data is copied (mount(2) reads a whole page of it). */
int lkl_mount(const char *source, const char *target, const char *type,
	      unsigned long flags, const char *data);

/* umount(2) with flags (MNT_DETACH ...). -EBUSY while files are open. */
int lkl_umount(const char *target, int flags);

/* Reads a small file (sysfs) as a NUL-terminated string. Returns its length. */
long lkl_read_file(const char *path, char *buf, size_t size);

/* Writes a string to an existing file (sysfs, sysctl). 0 or -errno. */
int lkl_write_file(const char *path, const char *text);

#ifdef __cplusplus
}
#endif
#endif
