// SPDX-License-Identifier: GPL-2.0-only
/*
 * How pid 1 gets to "user mode" without a program: kernel_init() executes /init,
 * an empty file that we make, with a binary format that we register, whose
 * load_binary gives pid 1 an address space and is done. kernel_init() returns,
 * and pid 1 goes on in lkl_calls_spawner().
 */
#include <linux/binfmts.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/sched.h>

static int load_nothing(struct linux_binprm *bprm)
{
	int err;

	if (current->pid != 1)
		return -ENOEXEC;
	err = begin_new_exec(bprm);
	if (err)
		return err;
	setup_new_exec(bprm);
	finalize_exec(bprm);
	return 0;
}

static struct linux_binfmt nothing_format = {
	.load_binary = load_nothing,
};

static int __init lkl_init_file(void)
{
	/* Opened for reading: a file open for writing cannot be executed. */
	struct file *file = filp_open("/init", O_RDONLY | O_CREAT, 0700);

	if (IS_ERR(file))
		return PTR_ERR(file);
	fput(file);
	register_binfmt(&nothing_format);
	return 0;
}
late_initcall(lkl_init_file);
