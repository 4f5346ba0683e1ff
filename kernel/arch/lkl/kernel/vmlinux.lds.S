/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Script for ld -r: gathers the kernel's many sections in a few whose boundary
 * symbols are inside them, so that they survive the host program's final link.
 * Names that a host linker would sort into its own read-only segment are
 * changed: they hold pointers, which a position-independent program relocates.
 */
#define LOAD_OFFSET 0
#include <asm/cache.h>
#include <asm/page.h>
#include <asm/thread_info.h>
#include <asm-generic/vmlinux.lds.h>

SECTIONS
{
	.text 0 : {
		. = ALIGN(16);
		_text = .;
		_stext = .;
		TEXT_TEXT
		SCHED_TEXT
		LOCK_TEXT
		KPROBES_TEXT
		ENTRY_TEXT
		IRQENTRY_TEXT
		SOFTIRQENTRY_TEXT
		STATIC_CALL_TEXT
		*(.fixup)
		_etext = .;
		_sinittext = .;
		INIT_TEXT
		_einittext = .;
		EXIT_TEXT
	}

	.lkl.rodata 0 : {
		. = ALIGN(4096);
		__start_rodata = .;
		*(.rodata) *(.rodata.*) *(.data.rel.ro*)
		SCHED_DATA
		RO_AFTER_INIT_DATA
		. = ALIGN(8);
		BOUNDED_SECTION_BY(__tracepoints_ptrs, ___tracepoints_ptrs)
		*(__tracepoints_strings)
		*(.rodata1)
		*(.ref.rodata)
		. = ALIGN(8);
		BOUNDED_SECTION_BY(__param, ___param)
		. = ALIGN(8);
		BOUNDED_SECTION_BY(__modver, ___modver)
		. = ALIGN(8);
		BOUNDED_SECTION_BY(__ex_table, ___ex_table)
		. = ALIGN(4);
		BOUNDED_SECTION_BY(.note.Linux, _notes)
		. = ALIGN(4096);
		__end_rodata = .;
	}

	.lkl.init 0 : {
		. = ALIGN(4096);
		__init_begin = .;
		INIT_DATA
		INIT_SETUP(16)
		. = ALIGN(8);
		INIT_CALLS
		CON_INITCALL
		. = ALIGN(8);
		INIT_RAM_FS
		EXIT_DATA
		. = ALIGN(4096);
		__init_end = .;
	}

	.lkl.percpu 0 : {
		. = ALIGN(4096);
		__per_cpu_load = .;
		PERCPU_INPUT(L1_CACHE_BYTES)
		. = ALIGN(4096);
	}

	.lkl.data 0 : {
		. = ALIGN(4096);
		_sdata = .;
		INIT_TASK_DATA(THREAD_SIZE)
		NOSAVE_DATA
		PAGE_ALIGNED_DATA(4096)
		CACHELINE_ALIGNED_DATA(64)
		READ_MOSTLY_DATA(64)
		DATA_DATA
		*(.data.*)
		. = ALIGN(8);
		BOUNDED_SECTION_BY(__bug_table, ___bug_table)
		_edata = .;
	}

	.lkl.bss 0 (NOLOAD) : {
		. = ALIGN(4096);
		__bss_start = .;
		*(.bss..page_aligned)
		*(.dynbss)
		*(.bss .bss.*)
		*(COMMON)
		. = ALIGN(4096);
		__bss_stop = .;
		_end = .;
	}

	.note.GNU-stack 0 : { *(.note.GNU-stack) }

	/DISCARD/ : {
		*(.modinfo) *(.export_symbol) *(.eh_frame) *(.comment)
		*(.discard) *(.discard.*) *(.exitcall.exit)
		*(.gnu.version*) *(.llvm_addrsig)
	}
}

jiffies = jiffies_64;
