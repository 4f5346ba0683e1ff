/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_LKL_MACHINE_H
#define _ASM_LKL_MACHINE_H

#include <linux/types.h>

void lkl_stack_switch(unsigned long *save_sp, unsigned long sp);
void lkl_stack_start(void);

/* A stack on which lkl_stack_switch() enters fn(arg); top is 16-byte aligned. */
static inline unsigned long lkl_stack_prepare(unsigned long top,
					      void (*fn)(void *), void *arg)
{
	unsigned long *sp = (unsigned long *)top;

	*--sp = 0;				/* end of backtraces, and */
	*--sp = 0;				/* aligned at the call of fn */
	*--sp = (unsigned long)lkl_stack_start;
	*--sp = 0;				/* rbp */
	*--sp = (unsigned long)fn;		/* rbx */
	*--sp = (unsigned long)arg;		/* r12 */
	*--sp = 0;				/* r13 */
	*--sp = 0;				/* r14 */
	*--sp = 0;				/* r15 */
	return (unsigned long)sp;
}

/*
 * AES by the CPU's own instructions. Vector registers belong to whoever runs: these
 * functions use them freely and never sleep, since a stack switch does not save them.
 */
#define LKL_AES_BLOCK	16
struct crypto_aes_ctx;

/* Whether the CPU has them; the others are not to be called without. */
bool lkl_aes_usable(void);

void lkl_aes_encrypt(const struct crypto_aes_ctx *key, u8 *dst, const u8 *src);

/* n blocks; dst may be src. tweak is encrypted already, and is left as the next block's. */
void lkl_aes_xts_encrypt(const struct crypto_aes_ctx *key, u8 *dst, const u8 *src,
			 unsigned int n, u8 tweak[LKL_AES_BLOCK]);
void lkl_aes_xts_decrypt(const struct crypto_aes_ctx *key, u8 *dst, const u8 *src,
			 unsigned int n, u8 tweak[LKL_AES_BLOCK]);

/* n blocks; dst may be src. iv is left as the next block's. */
void lkl_aes_cbc_encrypt(const struct crypto_aes_ctx *key, u8 *dst, const u8 *src,
			 unsigned int n, u8 iv[LKL_AES_BLOCK]);
void lkl_aes_cbc_decrypt(const struct crypto_aes_ctx *key, u8 *dst, const u8 *src,
			 unsigned int n, u8 iv[LKL_AES_BLOCK]);

/* CRC32C by the CPU's instruction, likewise; neither begins nor ends with an inversion. */
bool lkl_crc32c_usable(void);
u32 lkl_crc32c(u32 crc, const u8 *data, size_t n);

#endif
