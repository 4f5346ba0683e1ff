// SPDX-License-Identifier: GPL-2.0-only
/*
 * Landlock, by its system calls: Debian 12's headers end with an older ABI than hosts have.
 * All rights that the host's version knows are taken away.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox_i.h"

#define FS_WRITE_FILE	(1ull << 1)
#define FS_READ_FILE	(1ull << 2)
#define FS_READ_DIR	(1ull << 3)
#define FS_REMOVE_FILE	(1ull << 5)
#define FS_MAKE_DIR	(1ull << 7)
#define FS_MAKE_REG	(1ull << 8)
#define FS_MAKE_SYM	(1ull << 12)
#define FS_TRUNCATE	(1ull << 14)

#define VERSION_FLAG	1u
#define PATH_BENEATH	1

struct ruleset {
	uint64_t fs;		/* 13 rights, from version 2 on 14, 3: 15, 5: 16 */
	uint64_t net;		/* version 4: bind and connect of TCP */
	uint64_t scoped;	/* version 6: abstract sockets, signals */
};

struct beneath {
	uint64_t rights;
	int32_t folder;
} __attribute__((packed));

int landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_FLAG);

	return version < 0 ? 0 : version;
}

static uint64_t fs_rights(int version)
{
	unsigned int n = version >= 5 ? 16 : version >= 3 ? 15 : version >= 2 ? 14 : 13;

	return (1ull << n) - 1;
}

/* Files and folders are made, and removed if they are not complete. */
static int allow_files(int rules, int version, const struct sandbox *s)
{
	const uint64_t rights = FS_WRITE_FILE | FS_READ_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |
				FS_MAKE_REG | FS_MAKE_SYM | FS_TRUNCATE |
				(s->readable ? FS_READ_FILE : 0);
	const struct beneath rule = { rights & fs_rights(version), s->beneath };

	return syscall(SYS_landlock_add_rule, rules, PATH_BENEATH, &rule, 0) ? -errno : 0;
}

int landlock_enter(int version, const struct sandbox *sandbox)
{
	const struct ruleset all = {
		.fs = fs_rights(version), .net = 3, .scoped = 3,
	};
	size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
	int err, rules = syscall(SYS_landlock_create_ruleset, &all, size, 0);

	if (rules < 0)
		return -errno;
	err = sandbox->beneath < 0 ? 0 : allow_files(rules, version, sandbox);
	if (!err && syscall(SYS_landlock_restrict_self, rules, 0))
		err = -errno;
	close(rules);
	return err;
}
