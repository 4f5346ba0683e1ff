// SPDX-License-Identifier: GPL-2.0-only
/* What start_kernel() asks of an architecture. */
#include <linux/console.h>
#include <asm/archrandom.h>
#include <linux/init.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/start_kernel.h>
#include <linux/utsname.h>
#include <generated/utsrelease.h>
#include <asm/sections.h>
#include <asm/setup.h>
#include "lkl_i.h"

const struct lkl_host_ops *lkl_ops;
const struct lkl_boot_info *lkl_boot;

static void lkl_console_write(struct console *con, const char *text,
			      unsigned int len)
{
	lkl_ops->print(text, len);
}

static struct console lkl_console = {
	.name	= "lkl",
	.write	= lkl_console_write,
	.flags	= CON_PRINTBUFFER | CON_ENABLED | CON_ANYTIME,
	.index	= -1,
};

void __init setup_arch(char **cmdline_p)
{
	lkl_panic_init();
	register_console(&lkl_console);
	setup_initial_init_mm(_stext, _etext, _edata, _end);
	strscpy(boot_command_line, lkl_boot->cmdline, COMMAND_LINE_SIZE);
	*cmdline_p = boot_command_line;
	parse_early_param();
	lkl_memory_init();
}

static void lkl_boot_fiber(void *unused)
{
	start_kernel();
}

/* Called with the CPU owned, on the host's stack. */
void lkl_kernel_boot(const struct lkl_boot_info *info)
{
	lkl_boot = info;
	lkl_ops = info->ops;
	lkl_ram_base = info->ram_base;
	lkl_fiber_prepare(&init_task, lkl_boot_fiber, NULL);
	lkl_kernel_resume();
}

const char *lkl_kernel_release(void)
{
	return UTS_RELEASE;
}

size_t lkl_random_longs(unsigned long *v, size_t max_longs)
{
	lkl_ops->random(v, max_longs * sizeof(*v));
	return max_longs;
}

#ifdef CONFIG_PROC_FS
static void *cpuinfo_start(struct seq_file *m, loff_t *pos)
{
	return *pos < 1 ? pos : NULL;
}

static void *cpuinfo_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return NULL;
}

static void cpuinfo_stop(struct seq_file *m, void *v)
{
}

static int cpuinfo_show(struct seq_file *m, void *v)
{
	seq_puts(m, "processor\t: 0\nmodel name\t: lkl virtual CPU\n");
	return 0;
}

const struct seq_operations cpuinfo_op = {
	.start	= cpuinfo_start,
	.next	= cpuinfo_next,
	.stop	= cpuinfo_stop,
	.show	= cpuinfo_show,
};
#endif
