// SPDX-License-Identifier: GPL-2.0-only
/*
 * CRC32C of the machine: checksums of the metadata of ext4, XFS and the journal, and of
 * all that is in btrfs. The generic one stays for CPUs that have no such instruction.
 *
 * The state is the CRC as it is, for there are users who put theirs there.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/unaligned.h>
#include <crypto/internal/hash.h>
#include <lkl_machine.h>

#define PRIORITY 200	/* above crc32c-generic */

static int crc_set_key(struct crypto_shash *tfm, const u8 *key, unsigned int len)
{
	u32 *seed = crypto_shash_ctx(tfm);

	if (len != sizeof(*seed))
		return -EINVAL;
	*seed = get_unaligned_le32(key);
	return 0;
}

static int crc_init_tfm(struct crypto_shash *tfm)
{
	u32 *seed = crypto_shash_ctx(tfm);

	*seed = ~0u;
	return 0;
}

static int crc_init(struct shash_desc *desc)
{
	u32 *crc = shash_desc_ctx(desc), *seed = crypto_shash_ctx(desc->tfm);

	*crc = *seed;
	return 0;
}

static int crc_update(struct shash_desc *desc, const u8 *data, unsigned int len)
{
	u32 *crc = shash_desc_ctx(desc);

	*crc = lkl_crc32c(*crc, data, len);
	return 0;
}

static int crc_final(struct shash_desc *desc, u8 *out)
{
	u32 *crc = shash_desc_ctx(desc);

	put_unaligned_le32(~*crc, out);
	return 0;
}

static struct shash_alg algorithm = {
	.digestsize = sizeof(u32),
	.descsize = sizeof(u32),
	.init_tfm = crc_init_tfm,
	.setkey = crc_set_key,
	.init = crc_init,
	.update = crc_update,
	.final = crc_final,
	.base.cra_name = "crc32c",
	.base.cra_driver_name = "crc32c-lkl",
	.base.cra_priority = PRIORITY,
	.base.cra_flags = CRYPTO_ALG_OPTIONAL_KEY,
	.base.cra_blocksize = 1,
	.base.cra_ctxsize = sizeof(u32),
	.base.cra_module = THIS_MODULE,
};

static int __init lkl_crc32c_init(void)
{
	return lkl_crc32c_usable() ? crypto_register_shash(&algorithm) : 0;
}
arch_initcall(lkl_crc32c_init);
