/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to arch/lkl. */
#ifndef _LKL_I_H
#define _LKL_I_H

#include <asm/host_ops.h>

struct task_struct;

extern const struct lkl_host_ops *lkl_ops;
extern const struct lkl_boot_info *lkl_boot;

/* cpu.c */
void lkl_fiber_prepare(struct task_struct *p, void (*fn)(void *), void *arg);
/* Gives the CPU back to the host until somebody resumes it. */
void lkl_park(void);
/* The same for good: halted or panicked. */
void __noreturn lkl_die(void);
/* Runnable tasks besides the current one. */
bool lkl_others_runnable(void);

/* calls.c */
void lkl_calls_wake(void);
/* The driver's own call is done and it would like to return. */
bool lkl_driver_done(void);
void __noreturn lkl_calls_spawner(void);

/* panic.c */
void lkl_panic_init(void);

/* time.c */
void lkl_timer_irq(void);

/* mm/init.c */
void lkl_memory_init(void);

/* mm/populate.c */
void lkl_populate_init(void);

#endif
