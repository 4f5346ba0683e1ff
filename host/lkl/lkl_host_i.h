/* SPDX-License-Identifier: GPL-2.0-only */
/* The POSIX side of arch/lkl, private. */
#ifndef LKL_HOST_I_H
#define LKL_HOST_I_H

#include <lkl.h>
#include <asm/host_ops.h>

#define LKL_MMIO_BASE	0x10000ULL
#define LKL_MMIO_STRIDE	0x1000ULL
#define LKL_MMIO_MAX	62

/* cpu.c: who drives the virtual CPU */
int cpu_start(const struct lkl_boot_info *info);	/* 0, -EIO: panicked */
void cpu_stop(void);			/* after its death: ends its threads */
void cpu_call(struct lkl_thread *t);	/* returns when the call is done */
void cpu_raise(lkl_u64 bits);		/* any thread: sets pending bits */
bool cpu_is_dead(void);
bool cpu_is_idle(void);			/* at this moment */
bool cpu_in_guest(void);		/* this thread drives, on a fiber */
void cpu_wake(int *state);

/* timer.c */
int timer_start(void);
void timer_stop(void);
void timer_set(lkl_u64 deadline_ns);
lkl_u64 timer_guest_ns(void);		/* only who owns the CPU */
bool timer_skip(lkl_u64 limit);		/* one thread at a time */

/* memory.c */
int memory_create(size_t ram_bytes, struct lkl_boot_info *ret_info);
void memory_destroy(void);
void memory_populate(unsigned long ram_offset, unsigned long size);
int memory_map(void *va, unsigned long ram_offset, unsigned long size);
void memory_unmap(void *va, unsigned long size);

/* mmio.c */
unsigned int mmio_read(lkl_u64 addr, unsigned int size);
void mmio_write(lkl_u64 addr, unsigned int value, unsigned int size);
int mmio_cmdline(char *buf, size_t size);	/* 0 or -ENOSPC */
void mmio_forget(void);

/* fault.c: a crash inside the library kernel becomes its panic */
int fault_catch(void);
void fault_release(void);

/* futex.c */
void futex_wait(int *word, int expected, const lkl_u64 *deadline_ns);
void futex_wake(int *word, int n);

#endif
