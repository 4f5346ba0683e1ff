/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_PGTABLE_H
#define _ASM_LKL_PGTABLE_H

#include <asm-generic/pgtable-nopud.h>
#include <asm/page.h>
#include <linux/mm_types.h>

/*
 * Page tables that no hardware reads: the vmalloc area's are walked by
 * lkl_vmap_sync(), those of pid 1 by the core's fault handling at exec only.
 * Three levels cover 512 GiB; addresses above wrap, which is harmless as long as
 * one mm spans less.
 */
#define PMD_SHIFT	21
#define PMD_SIZE	(1UL << PMD_SHIFT)
#define PMD_MASK	(~(PMD_SIZE - 1))
#define PGDIR_SHIFT	30
#define PGDIR_SIZE	(1UL << PGDIR_SHIFT)
#define PGDIR_MASK	(~(PGDIR_SIZE - 1))
#define PTRS_PER_PTE	512
#define PTRS_PER_PMD	512
#define PTRS_PER_PGD	512

#define _PAGE_PRESENT	0x001
#define _PAGE_RW	0x002
#define _PAGE_USER	0x004
#define _PAGE_PROTNONE	0x008
#define _PAGE_ACCESSED	0x020
#define _PAGE_DIRTY	0x040
#define _PAGE_SPECIAL	0x080
#define _PAGE_SWP_EXCLUSIVE 0x100

#define _PAGE_TABLE	(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | \
			 _PAGE_ACCESSED | _PAGE_DIRTY)
#define _PAGE_CHG_MASK	(PAGE_MASK | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_SPECIAL)

#define PAGE_NONE	__pgprot(_PAGE_PROTNONE | _PAGE_ACCESSED)
#define PAGE_SHARED	__pgprot(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED)
#define PAGE_COPY	__pgprot(_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED)
#define PAGE_READONLY	PAGE_COPY
#define PAGE_KERNEL	__pgprot(_PAGE_PRESENT | _PAGE_RW | _PAGE_DIRTY | _PAGE_ACCESSED)
#define PAGE_KERNEL_EXEC PAGE_KERNEL

extern pgd_t swapper_pg_dir[PTRS_PER_PGD];
extern unsigned long lkl_zero_page;
#define ZERO_PAGE(vaddr)	virt_to_page(lkl_zero_page)

extern unsigned long lkl_vmalloc_start, lkl_vmalloc_end;
#define VMALLOC_START	lkl_vmalloc_start
#define VMALLOC_END	lkl_vmalloc_end

#define pte_ERROR(e)	pr_err("bad pte %016lx\n", pte_val(e))
#define pmd_ERROR(e)	pr_err("bad pmd %016lx\n", pmd_val(e))
#define pgd_ERROR(e)	pr_err("bad pgd %016lx\n", pgd_val(e))

#define pte_none(x)	(!pte_val(x))
#define pte_present(x)	(pte_val(x) & (_PAGE_PRESENT | _PAGE_PROTNONE))
#define pmd_none(x)	(!pmd_val(x))
#define pmd_present(x)	(pmd_val(x) & _PAGE_PRESENT)
#define pmd_bad(x)	((pmd_val(x) & ~PAGE_MASK) != _PAGE_TABLE)
#define pud_none(x)	(!pud_val(x))
#define pud_present(x)	(pud_val(x) & _PAGE_PRESENT)
#define pud_bad(x)	((pud_val(x) & ~PAGE_MASK) != _PAGE_TABLE)

static inline void set_pte(pte_t *p, pte_t v) { *p = v; }
static inline void set_pmd(pmd_t *p, pmd_t v) { *p = v; }
static inline void set_pud(pud_t *p, pud_t v) { *p = v; }

static inline void pte_clear(struct mm_struct *mm, unsigned long addr, pte_t *p)
{
	set_pte(p, __pte(0));
}

static inline void pmd_clear(pmd_t *p) { set_pmd(p, __pmd(0)); }
static inline void pud_clear(pud_t *p) { set_pud(p, __pud(0)); }

#define PFN_PTE_SHIFT	PAGE_SHIFT
#define pte_pfn(x)	(pte_val(x) >> PAGE_SHIFT)
#define pte_page(x)	pfn_to_page(pte_pfn(x))
#define pfn_pte(pfn, prot) __pte(((unsigned long)(pfn) << PAGE_SHIFT) | pgprot_val(prot))
#define mk_pte(page, prot) pfn_pte(page_to_pfn(page), prot)
#define pmd_pfn(x)	(pmd_val(x) >> PAGE_SHIFT)
#define pmd_page(x)	pfn_to_page(pmd_pfn(x))
#define pud_page(x)	pfn_to_page(pud_val(x) >> PAGE_SHIFT)
#define pmd_page_vaddr(x) ((unsigned long)__va(pmd_val(x) & PAGE_MASK))
#define pud_pgtable(x)	((pmd_t *)__va(pud_val(x) & PAGE_MASK))

static inline int pte_write(pte_t pte) { return pte_val(pte) & _PAGE_RW; }
static inline int pte_dirty(pte_t pte) { return pte_val(pte) & _PAGE_DIRTY; }
static inline int pte_young(pte_t pte) { return pte_val(pte) & _PAGE_ACCESSED; }
static inline int pte_special(pte_t pte) { return pte_val(pte) & _PAGE_SPECIAL; }

#define LKL_PTE_SET(name, bits) \
static inline pte_t name(pte_t pte) { return __pte(pte_val(pte) | (bits)); }
#define LKL_PTE_CLEAR(name, bits) \
static inline pte_t name(pte_t pte) { return __pte(pte_val(pte) & ~(bits)); }
LKL_PTE_SET(pte_mkdirty, _PAGE_DIRTY)
LKL_PTE_SET(pte_mkyoung, _PAGE_ACCESSED)
LKL_PTE_SET(pte_mkwrite_novma, _PAGE_RW)
LKL_PTE_SET(pte_mkspecial, _PAGE_SPECIAL)
LKL_PTE_SET(pte_swp_mkexclusive, _PAGE_SWP_EXCLUSIVE)
LKL_PTE_CLEAR(pte_mkclean, _PAGE_DIRTY)
LKL_PTE_CLEAR(pte_mkold, _PAGE_ACCESSED)
LKL_PTE_CLEAR(pte_wrprotect, _PAGE_RW)
LKL_PTE_CLEAR(pte_swp_clear_exclusive, _PAGE_SWP_EXCLUSIVE)
#undef LKL_PTE_SET
#undef LKL_PTE_CLEAR

static inline int pte_swp_exclusive(pte_t pte)
{
	return pte_val(pte) & _PAGE_SWP_EXCLUSIVE;
}

static inline pte_t pte_modify(pte_t pte, pgprot_t prot)
{
	return __pte((pte_val(pte) & _PAGE_CHG_MASK) | pgprot_val(prot));
}

#define update_mmu_cache_range(vmf, vma, addr, ptep, nr)	do { } while (0)
#define update_mmu_cache(vma, addr, ptep)			do { } while (0)

/* Swap entries: bits 0-3 clear (not present), 9-13 type, 14.. offset. */
#define __swp_type(x)		(((x).val >> 9) & 0x1f)
#define __swp_offset(x)		((x).val >> 14)
#define __swp_entry(type, off)	((swp_entry_t) { (((type) & 0x1f) << 9) | ((off) << 14) })
#define __pte_to_swp_entry(pte)	((swp_entry_t) { pte_val(pte) })
#define __swp_entry_to_pte(x)	((pte_t) { (x).val })

#endif
