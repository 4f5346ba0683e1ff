// SPDX-License-Identifier: GPL-2.0-only
/* The public calls of lkl.h: start, system call, halt. */
#include <errno.h>
#include <linux/reboot.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include "lkl_host_i.h"

#define DEFAULT_RAM	(64UL << 20)
#define MIN_RAM		(32UL << 20)

static enum { NEW, READY, RUNNING, OVER } state;
static struct lkl_config config;
static struct lkl_boot_info boot_info;
static struct lkl_thread boot_thread;
static char panic_message[256];
static int panicked;

static pthread_key_t exit_key;
static __thread struct lkl_thread self;

static void host_print(const char *text, unsigned int len)
{
	if (config.log)
		config.log(config.ctx, text, len);
}

static void host_panic(const char *message)
{
	snprintf(panic_message, sizeof(panic_message), "%s", message);
	__atomic_store_n(&panicked, 1, __ATOMIC_RELEASE);
	if (config.panic)
		config.panic(config.ctx, panic_message);
}

static lkl_u64 host_wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void host_random(void *buf, unsigned long len)
{
	ssize_t n;

	while (len) {
		n = getrandom(buf, len, 0);
		if (n <= 0)
			continue;
		buf = (char *)buf + n;
		len -= n;
	}
}

static const struct lkl_host_ops host_ops = {
	.print		= host_print,
	.panic		= host_panic,
	.monotonic_ns	= timer_guest_ns,
	.wall_ns	= host_wall_ns,
	.timer_set	= timer_set,
	.random		= host_random,
	.populate	= memory_populate,
	.map		= memory_map,
	.unmap		= memory_unmap,
	.wake		= cpu_wake,
	.mmio_read	= mmio_read,
	.mmio_write	= mmio_write,
};

bool lkl_clock_skip(uint64_t limit_ns)
{
	bool skipped;

	if (!cpu_is_idle())
		return false;
	lkl_drive_begin();
	skipped = timer_skip(limit_ns);
	lkl_drive_end();
	return skipped;
}

/* A host thread ends: so does its task. */
static void thread_exit(void *record)
{
	struct lkl_thread *t = record;

	if (!t->task || cpu_is_dead())
		return;
	t->nr = LKL_NR_EXIT_THREAD;
	cpu_call(t);
	t->task = NULL;
}

int lkl_init(const struct lkl_config *c)
{
	size_t ram = c->ram_bytes ? c->ram_bytes : DEFAULT_RAM;
	int err;

	if (state != NEW)
		return -EBUSY;
	if (ram < MIN_RAM)
		return -EINVAL;
	if (pthread_key_create(&exit_key, thread_exit))
		return -EAGAIN;
	config = *c;
	err = memory_create(ram & ~0x1fffffUL, &boot_info);
	if (err)
		return err;
	if (c->cmdline &&
	    strlen(c->cmdline) + 64 >= sizeof(boot_info.cmdline))
		err = -EINVAL;
	snprintf(boot_info.cmdline, sizeof(boot_info.cmdline), "%s",
		 c->cmdline ? c->cmdline : "");
	boot_info.ops = &host_ops;
	boot_info.boot_thread = &boot_thread;
	if (err)
		memory_destroy();
	else
		state = READY;
	return err;
}

static void release(void)
{
	timer_stop();
	cpu_stop();
	fault_release();
	mmio_forget();
	memory_destroy();
	pthread_key_delete(exit_key);
	self.task = NULL;
	state = OVER;
}

int lkl_start_kernel(void)
{
	size_t len = strlen(boot_info.cmdline);
	int err;

	if (state != READY)
		return -EBUSY;
	config.cmdline = NULL;		/* the caller's, not ours to keep */
	err = mmio_cmdline(boot_info.cmdline + len,
			   sizeof(boot_info.cmdline) - len);
	if (!err)
		err = fault_catch();
	if (!err)
		err = timer_start();
	if (!err)
		err = cpu_start(&boot_info);
	if (!err)
		state = RUNNING;
	else
		release();
	return err;
}

long lkl_syscall(long nr, long a0, long a1, long a2, long a3, long a4, long a5)
{
	struct lkl_thread *t = &self;

	if (cpu_is_dead() || state != RUNNING)
		return panicked ? -EIO : -ENODEV;
	if (!t->task)
		pthread_setspecific(exit_key, t);
	t->nr = nr;
	t->args[0] = a0;
	t->args[1] = a1;
	t->args[2] = a2;
	t->args[3] = a3;
	t->args[4] = a4;
	t->args[5] = a5;
	cpu_call(t);
	return t->ret;
}

int lkl_halt(void)
{
	if (state == READY) {
		release();
		return 0;
	}
	if (state != RUNNING)
		return -ENODEV;
	if (!cpu_is_dead())
		LKL_CALL3(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			  LINUX_REBOOT_CMD_POWER_OFF);
	release();
	return panicked ? -EIO : 0;
}

const char *lkl_panic_message(void)
{
	return __atomic_load_n(&panicked, __ATOMIC_ACQUIRE) ? panic_message
							    : NULL;
}

const char *lkl_strerror(int err)
{
	const char *s = strerrordesc_np(err < 0 ? -err : err);

	return s ? s : "Unknown error";
}

const char *lkl_kernel_version(void)
{
	return lkl_kernel_release();
}

void lkl_counters(struct lkl_counters *ret)
{
	ret->switches = lkl_cpu.switches;
	ret->irqs = lkl_cpu.irqs;
	ret->timer_irqs = lkl_cpu.timer_irqs;
	ret->kicks = __atomic_load_n(&lkl_cpu.kicks, __ATOMIC_RELAXED);
	ret->calls = lkl_cpu.calls_done;
	ret->foreign_calls = lkl_cpu.foreign_calls;
	ret->mmio_writes = lkl_cpu.mmio_writes;
}
