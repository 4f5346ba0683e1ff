// SPDX-License-Identifier: GPL-2.0-only
/*
 * AES-NI. One instruction is a round of one block and takes several cycles, but the next
 * can start in between: eight blocks go side by side wherever the mode allows it.
 */
#include <crypto/aes.h>
#include <lkl_machine.h>
#include "cpuid.h"

#define AES	__attribute__((target("aes")))
#define LANES	8

typedef long long block __attribute__((vector_size(16), may_alias));
typedef int words __attribute__((vector_size(16), may_alias));
typedef long long unaligned __attribute__((vector_size(16), may_alias, aligned(1)));

/* op(0) ... op(7), so that each lane is a register and no element of an array. */
#define EACH(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)

bool lkl_aes_usable(void)
{
	return cpuid_1_ecx() & (1u << 25);
}

static inline unsigned int rounds_of(const struct crypto_aes_ctx *key)
{
	return 6 + key->key_length / 4;
}

static inline const unaligned *encryption(const struct crypto_aes_ctx *key)
{
	return (const unaligned *)key->key_enc;
}

static inline const unaligned *decryption(const struct crypto_aes_ctx *key)
{
	return (const unaligned *)key->key_dec;
}

static inline AES block encrypt_one(const unaligned *k, unsigned int rounds, block b)
{
	unsigned int r;

	b ^= k[0];
	for (r = 1; r < rounds; r++)
		b = __builtin_ia32_aesenc128(b, k[r]);
	return __builtin_ia32_aesenclast128(b, k[rounds]);
}

static inline AES block decrypt_one(const unaligned *k, unsigned int rounds, block b)
{
	unsigned int r;

	b ^= k[0];
	for (r = 1; r < rounds; r++)
		b = __builtin_ia32_aesdec128(b, k[r]);
	return __builtin_ia32_aesdeclast128(b, k[rounds]);
}

/* All lanes b0 ... b7 through all rounds. */
#define FIRST(i)	b##i ^= rk;
#define ENCRYPT(i)	b##i = __builtin_ia32_aesenc128(b##i, rk);
#define ENCRYPT_END(i)	b##i = __builtin_ia32_aesenclast128(b##i, rk);
#define DECRYPT(i)	b##i = __builtin_ia32_aesdec128(b##i, rk);
#define DECRYPT_END(i)	b##i = __builtin_ia32_aesdeclast128(b##i, rk);
#define ROUNDS(k, rounds, op, op_end) do {			\
	block rk = (k)[0];					\
	unsigned int r;						\
								\
	EACH(FIRST)						\
	for (r = 1; r < (rounds); r++) {			\
		rk = (k)[r];					\
		EACH(op)					\
	}							\
	rk = (k)[rounds];					\
	EACH(op_end)						\
} while (0)

AES void lkl_aes_encrypt(const struct crypto_aes_ctx *key, u8 *dst, const u8 *src)
{
	*(unaligned *)dst = encrypt_one(encryption(key), rounds_of(key),
					*(const unaligned *)src);
}

/* ---- XTS ---- */

/* Times x in GF(2^128): the sign bits of words 1 and 3 move to words 2 and 0. */
static inline AES block next_tweak(block t)
{
	const words carries = { 0x87, 0, 1, 0 };
	words w = __builtin_shuffle((words)t, (words){ 3, 0, 1, 0 });

	return (t + t) ^ (block)((w >> 31) & carries);
}

#define LOAD_TWEAKED(i)	block t##i = t, b##i = in[i] ^ t; t = next_tweak(t);
#define STORE_TWEAKED(i) out[i] = b##i ^ t##i;

AES void lkl_aes_xts_encrypt(const struct crypto_aes_ctx *key, u8 *dst, const u8 *src,
			     unsigned int n, u8 tweak[LKL_AES_BLOCK])
{
	const unaligned *k = encryption(key), *in = (const unaligned *)src;
	unaligned *out = (unaligned *)dst;
	unsigned int rounds = rounds_of(key);
	block t = *(unaligned *)tweak;

	for (; n >= LANES; n -= LANES, in += LANES, out += LANES) {
		EACH(LOAD_TWEAKED)
		ROUNDS(k, rounds, ENCRYPT, ENCRYPT_END);
		EACH(STORE_TWEAKED)
	}
	for (; n; n--, in++, out++, t = next_tweak(t))
		*out = encrypt_one(k, rounds, *in ^ t) ^ t;
	*(unaligned *)tweak = t;
}

AES void lkl_aes_xts_decrypt(const struct crypto_aes_ctx *key, u8 *dst, const u8 *src,
			     unsigned int n, u8 tweak[LKL_AES_BLOCK])
{
	const unaligned *k = decryption(key), *in = (const unaligned *)src;
	unaligned *out = (unaligned *)dst;
	unsigned int rounds = rounds_of(key);
	block t = *(unaligned *)tweak;

	for (; n >= LANES; n -= LANES, in += LANES, out += LANES) {
		EACH(LOAD_TWEAKED)
		ROUNDS(k, rounds, DECRYPT, DECRYPT_END);
		EACH(STORE_TWEAKED)
	}
	for (; n; n--, in++, out++, t = next_tweak(t))
		*out = decrypt_one(k, rounds, *in ^ t) ^ t;
	*(unaligned *)tweak = t;
}

/* ---- CBC ---- */

/* Each block waits for the one before. */
AES void lkl_aes_cbc_encrypt(const struct crypto_aes_ctx *key, u8 *dst, const u8 *src,
			     unsigned int n, u8 iv[LKL_AES_BLOCK])
{
	const unaligned *k = encryption(key), *in = (const unaligned *)src;
	unaligned *out = (unaligned *)dst;
	unsigned int rounds = rounds_of(key);
	block last = *(unaligned *)iv;

	for (; n; n--)
		*out++ = last = encrypt_one(k, rounds, *in++ ^ last);
	*(unaligned *)iv = last;
}

#define LOAD(i)		block c##i = in[i], b##i = c##i;

AES void lkl_aes_cbc_decrypt(const struct crypto_aes_ctx *key, u8 *dst, const u8 *src,
			     unsigned int n, u8 iv[LKL_AES_BLOCK])
{
	const unaligned *k = decryption(key), *in = (const unaligned *)src;
	unaligned *out = (unaligned *)dst;
	unsigned int rounds = rounds_of(key);
	block c, last = *(unaligned *)iv;

	for (; n >= LANES; n -= LANES, in += LANES, out += LANES) {
		EACH(LOAD)
		ROUNDS(k, rounds, DECRYPT, DECRYPT_END);
		out[0] = b0 ^ last;
		out[1] = b1 ^ c0;
		out[2] = b2 ^ c1;
		out[3] = b3 ^ c2;
		out[4] = b4 ^ c3;
		out[5] = b5 ^ c4;
		out[6] = b6 ^ c5;
		out[7] = b7 ^ c6;
		last = c7;
	}
	for (; n; n--) {
		c = *in++;
		*out++ = decrypt_one(k, rounds, c) ^ last;
		last = c;
	}
	*(unaligned *)iv = last;
}
