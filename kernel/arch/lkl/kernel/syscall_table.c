// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cache.h>
#include <linux/linkage.h>
#include <linux/types.h>
#include <asm/syscall.h>
#include <asm/unistd.h>

/* Of x86 alone, or for processes, of which there is one; threads end on the host. */
#define sys_arch_prctl		sys_ni_syscall
#define sys_clone		sys_ni_syscall
#define sys_clone3		sys_ni_syscall
#define sys_execve		sys_ni_syscall
#define sys_execveat		sys_ni_syscall
#define sys_exit		sys_ni_syscall
#define sys_exit_group		sys_ni_syscall
#define sys_fork		sys_ni_syscall
#define sys_ioperm		sys_ni_syscall
#define sys_iopl		sys_ni_syscall
#define sys_mmap		sys_ni_syscall
#define sys_modify_ldt		sys_ni_syscall
#define sys_rt_sigreturn	sys_ni_syscall
#define sys_uretprobe		sys_ni_syscall
#define sys_vfork		sys_ni_syscall

asmlinkage long sys_ni_syscall(unsigned long, unsigned long, unsigned long,
			       unsigned long, unsigned long, unsigned long);

#define __SYSCALL_NORETURN __SYSCALL
#define __SYSCALL(nr, sym)						\
	extern asmlinkage long sym(unsigned long, unsigned long,	\
				   unsigned long, unsigned long,	\
				   unsigned long, unsigned long);
#include <asm/syscall_table_64.h>
#undef __SYSCALL

#define __SYSCALL(nr, sym) [nr] = sym,
const sys_call_ptr_t sys_call_table[NR_syscalls] = {
	[0 ... NR_syscalls - 1] = sys_ni_syscall,
#include <asm/syscall_table_64.h>
};
