// SPDX-License-Identifier: GPL-2.0-only
/*
 * AES of the machine, in the modes that disk encryption uses: xts(aes) and cbc(aes). The
 * generic ones stay for CPUs that have no such instructions.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <crypto/aes.h>
#include <crypto/internal/skcipher.h>
#include <crypto/xts.h>
#include <lkl_machine.h>

#define PRIORITY 400	/* above xts(ecb(aes-generic)) */

typedef void (*blocks_fn)(const struct crypto_aes_ctx *key, u8 *dst, const u8 *src,
			  unsigned int n, u8 iv[AES_BLOCK_SIZE]);

/* Whole blocks of req; walk.iv is left as the next block's. */
static int walk_blocks(struct skcipher_request *req, const struct crypto_aes_ctx *key,
		       blocks_fn blocks)
{
	struct skcipher_walk walk;
	unsigned int n;
	int err = skcipher_walk_virt(&walk, req, false);

	while (!err && (n = walk.nbytes / AES_BLOCK_SIZE)) {
		blocks(key, walk.dst.virt.addr, walk.src.virt.addr, n, walk.iv);
		err = skcipher_walk_done(&walk, walk.nbytes % AES_BLOCK_SIZE);
	}
	return err;
}

/* ---- CBC ---- */

static int cbc_set_key(struct crypto_skcipher *tfm, const u8 *key, unsigned int len)
{
	return aes_expandkey(crypto_skcipher_ctx(tfm), key, len);
}

static int cbc_encrypt(struct skcipher_request *req)
{
	return walk_blocks(req, crypto_skcipher_ctx(crypto_skcipher_reqtfm(req)),
			   lkl_aes_cbc_encrypt);
}

static int cbc_decrypt(struct skcipher_request *req)
{
	return walk_blocks(req, crypto_skcipher_ctx(crypto_skcipher_reqtfm(req)),
			   lkl_aes_cbc_decrypt);
}

/* ---- XTS ---- */

struct xts_key {
	struct crypto_aes_ctx data, tweak;
};

static int xts_set_key(struct crypto_skcipher *tfm, const u8 *key, unsigned int len)
{
	struct xts_key *ctx = crypto_skcipher_ctx(tfm);
	int err = xts_verify_key(tfm, key, len);

	if (!err)
		err = aes_expandkey(&ctx->data, key, len / 2);
	if (!err)
		err = aes_expandkey(&ctx->tweak, key + len / 2, len / 2);
	return err;
}

/* Sectors are whole blocks; nobody here has a message that is not, so nothing is stolen. */
static int xts_crypt(struct skcipher_request *req, blocks_fn blocks)
{
	struct xts_key *ctx = crypto_skcipher_ctx(crypto_skcipher_reqtfm(req));

	if (!req->cryptlen || req->cryptlen % AES_BLOCK_SIZE)
		return -EINVAL;
	lkl_aes_encrypt(&ctx->tweak, req->iv, req->iv);
	return walk_blocks(req, &ctx->data, blocks);
}

static int xts_encrypt(struct skcipher_request *req)
{
	return xts_crypt(req, lkl_aes_xts_encrypt);
}

static int xts_decrypt(struct skcipher_request *req)
{
	return xts_crypt(req, lkl_aes_xts_decrypt);
}

static struct skcipher_alg algorithms[] = {
	{
		.base.cra_name = "xts(aes)",
		.base.cra_driver_name = "xts-aes-lkl",
		.base.cra_priority = PRIORITY,
		.base.cra_blocksize = AES_BLOCK_SIZE,
		.base.cra_ctxsize = sizeof(struct xts_key),
		.base.cra_module = THIS_MODULE,
		.min_keysize = 2 * AES_MIN_KEY_SIZE,
		.max_keysize = 2 * AES_MAX_KEY_SIZE,
		.ivsize = AES_BLOCK_SIZE,
		.setkey = xts_set_key,
		.encrypt = xts_encrypt,
		.decrypt = xts_decrypt,
	}, {
		.base.cra_name = "cbc(aes)",
		.base.cra_driver_name = "cbc-aes-lkl",
		.base.cra_priority = PRIORITY,
		.base.cra_blocksize = AES_BLOCK_SIZE,
		.base.cra_ctxsize = sizeof(struct crypto_aes_ctx),
		.base.cra_module = THIS_MODULE,
		.min_keysize = AES_MIN_KEY_SIZE,
		.max_keysize = AES_MAX_KEY_SIZE,
		.ivsize = AES_BLOCK_SIZE,
		.setkey = cbc_set_key,
		.encrypt = cbc_encrypt,
		.decrypt = cbc_decrypt,
	},
};

static int __init lkl_aes_init(void)
{
	if (!lkl_aes_usable())
		return 0;
	return crypto_register_skciphers(algorithms, ARRAY_SIZE(algorithms));
}
arch_initcall(lkl_aes_init);
