// SPDX-License-Identifier: GPL-2.0-only
#include "unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <lkl.h>

#include "dm.h"
#include "guest.h"
#include "key.h"
#include "key_session.h"
#include "report.h"

#define FIRST_COPY	(4ull << 20)	/* the usual key slots lie in there */
#define PIECE		(256u << 10)

static unsigned int n_devices;	/* atomic: their names have numbers */

/* ---- the copy of the header ---- */

struct header {
	long guest;		/* descriptor inside */
	uint64_t size;
	int copy;		/* memfd as long as the original, which nobody changes any more */
	uint64_t copied;
};

static int copy_pieces(const struct header *h, char *buf, int to, uint64_t upto)
{
	for (uint64_t at = 0; at < upto;) {
		ssize_t n = LKL_CALL4(SYS_pread64, h->guest, buf,
				      upto - at < PIECE ? upto - at : PIECE, at);

		if (n <= 0)
			return n ? n : -ENODATA;
		if (pwrite(to, buf, n, at) != n)
			return -errno;
		at += n;
	}
	return 0;
}

/* The rest is a hole. Who gets it may be another process, and a copy cannot change there. */
static int header_copy(struct header *h, uint64_t upto)
{
	int fd = memfd_create("lklusb-header", MFD_CLOEXEC | MFD_ALLOW_SEALING), err = 0;
	char *buf = malloc(PIECE);

	if (fd < 0 || !buf || ftruncate(fd, h->size))
		err = buf ? -errno : -ENOMEM;
	if (!err)
		err = copy_pieces(h, buf, fd, upto);
	if (!err && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		err = -errno;
	free(buf);
	if (h->copy >= 0)
		close(h->copy);
	h->copy = fd;
	h->copied = upto;
	return err;
}

/* One that is detached is the helper's already. */
static int header_open(const struct unlock_config *c, const struct disk_part *part,
		       struct header *h)
{
	*h = (struct header) { .guest = -1, .copy = -1, .size = part->size };
	if (c->header)
		return 0;
	h->guest = LKL_CALL4(SYS_openat, AT_FDCWD, part->node, O_RDONLY | O_CLOEXEC, 0);
	if (h->guest < 0)
		return h->guest;
	return header_copy(h, h->size < FIRST_COPY ? h->size : FIRST_COPY);
}

static void header_close(struct header *h)
{
	if (h->guest >= 0)
		LKL_CALL1(SYS_close, h->guest);
	if (h->copy >= 0)
		close(h->copy);
}

/* ---- the question ---- */

static void describe(const struct disk_part *part, char *text, size_t size)
{
	snprintf(text, size, "%s%s%.36s%s", disk_part_name(part), part->uuid ? " (LUKS " : "",
		 part->uuid ? part->uuid : "", part->uuid ? ")" : "");
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
			*p = '?';
}

int unlock_helper_failed(int err)
{
	if (err)
		report(REPORT_SYSTEM, "key-helper", "lklusb-key does not run: %s",
		       strerror(-err));
	else
		report(REPORT_SYSTEM, "key-helper", "lklusb-key ended without an answer");
	return REPORT_SYSTEM;
}

static int explain(const struct key_answer *a, const char *what)
{
	switch (a->status) {
	case KEY_OK:
		return 0;
	case KEY_WRONG:
		return report(REPORT_MOUNT, "luks-key", "%s: no key slot matches", what);
	case KEY_BAD_HEADER:
		return report(REPORT_MOUNT, "luks-header", "%s: the LUKS header is damaged, or none: %s",
			      what, a->text);
	case KEY_NOBODY:
		report(REPORT_MOUNT, "luks-passphrase",
		       "%s is encrypted, and there is no terminal to ask for the passphrase", what);
		report_hint("--key-file, --key-fd, --keyring or --askpass");
		return REPORT_MOUNT;
	case KEY_CANCELLED:
		return report(REPORT_MOUNT, "luks-cancelled", "%s: no passphrase was given", what);
	case KEY_MEMORY:
		return report(REPORT_SYSTEM, "luks-memory",
			      "%s: a key slot wants %llu MiB of memory, which is not free", what,
			      (unsigned long long)a->need >> 20);
	case KEY_UNSUPPORTED:
		return report(REPORT_MOUNT, "luks-unsupported", "%s: %s", what,
			      *a->text ? a->text : "no such cipher, hash or key size");
	case KEY_UNREADABLE:
		return report(REPORT_USAGE, "key-file",
			      "%s: the key cannot be read, or is too long: %s", what, a->text);
	default:
		return report(REPORT_SYSTEM, "key-helper", "%s: lklusb-key failed: %s", what,
			      a->text);
	}
}

/* At most twice: the first copy of a header may be too short. */
static int ask(const struct unlock_config *config, const struct key_session *session,
	       const struct disk_part *part, struct key_answer *a)
{
	struct key_question q = { .magic = KEY_MAGIC };
	struct header h;
	int n = 0, status = 0, err = header_open(config, part, &h);

	describe(part, q.what, sizeof(q.what));
	for (int i = 0; !err && i < 2; i++) {
		q.copied = h.copied;
		n = key_session_ask(session, &q, h.copy, a);
		if (n == -ECANCELED)
			a->status = KEY_CANCELLED;
		else if (n <= 0 || !key_answer_valid(a, n, part->size))
			status = unlock_helper_failed(n < 0 ? n : 0);
		if (status || a->status != KEY_MORE || h.guest < 0 || a->need > h.size)
			break;
		err = header_copy(&h, a->need);
	}
	header_close(&h);
	if (err || (!status && a->status == KEY_MORE))
		return report(REPORT_MOUNT, "luks-header", "%s: the LUKS header cannot be read: %s",
			      q.what, err ? strerror(-err) : "it is longer than it says");
	return status ? status : explain(a, q.what);
}

/* ---- the devices ---- */

/* A first table of one sector of the volume: the kernel reads from its superblock how long it is. */
static int create_integrity(struct unlocked *u, const struct key_answer *a,
			    const char *node, bool readonly, char *ret_node, size_t size,
			    uint64_t *ret_sectors)
{
	char table[KEY_TABLE_SIZE], status[128];
	struct dm_target target = { 0, a->sector_size / 512, "integrity", table };
	unsigned long long mismatches, sectors;
	int n;

	key_table_integrity(a, node, table);
	snprintf(u->integrity, sizeof(u->integrity), "lklusb-integrity-%u", u->number);
	n = dm_create(u->integrity, &target, 1, readonly);
	if (n < 0) {
		*u->integrity = 0;
		return n;
	}
	snprintf(ret_node, size, "/dev/dm-%d", n);
	n = dm_status(u->integrity, status, sizeof(status));
	if (n)
		return n;
	if (sscanf(status, "%llu %llu", &mismatches, &sectors) != 2 || !sectors)
		return -EINVAL;
	target.sectors = *ret_sectors = sectors - sectors % (a->sector_size / 512);
	return dm_reload(u->integrity, &target, 1, readonly);
}

static int create(struct unlocked *u, const struct key_answer *a, const struct disk_part *part, bool readonly,
		  struct disk_part *inner)
{
	char table[KEY_TABLE_SIZE], node[64];
	struct dm_target target = {
		0, key_data_sectors(a, part->size), "crypt", table,
	};
	int err = 0;

	snprintf(node, sizeof(node), "%s", part->node);
	if (a->tag_bytes)
		err = create_integrity(u, a, part->node, readonly, node, sizeof(node),
				       &target.sectors);
	if (!err)
		err = key_table_crypt(a, node, table);
	snprintf(u->crypt, sizeof(u->crypt), "lklusb-crypt-%u", u->number);
	if (!err)
		err = dm_create(u->crypt, &target, 1, readonly);
	explicit_bzero(table, sizeof(table));
	if (err < 0) {
		*u->crypt = 0;
		return err;
	}
	inner->number = part->number;
	inner->size = target.sectors * 512;
	snprintf(inner->node, sizeof(inner->node), "/dev/dm-%d", err);
	return 0;
}

static int open_device(struct unlocked *u, const struct key_answer *a,
		       const struct disk_part *part, bool readonly, struct disk_part *inner)
{
	static const char *const kinds[] = { "plain", "luks1", "luks2" };
	int err = create(u, a, part, readonly, inner);

	if (!err) {
		u->kind = kinds[a->version];
		return disk_probe(inner);
	}
	report(REPORT_MOUNT, "crypt-device", "%s: the library kernel cannot use %s%s%s: %s",
	       disk_part_name(part), a->cipher, a->tag_bytes ? " with " : "", a->integrity, strerror(-err));
	guest_report_log("device-mapper");
	unlock_close(u);
	return REPORT_MOUNT;
}

int unlock_open(struct unlocked *u, const struct unlock_config *config,
		const struct key_session *session, const struct disk_part *part, bool readonly,
		struct disk_part *ret_inner)
{
	struct key_answer *answer = mmap(NULL, sizeof(*answer), PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status;

	memset(ret_inner, 0, sizeof(*ret_inner));
	*u = (struct unlocked) { .number = __atomic_fetch_add(&n_devices, 1, __ATOMIC_RELAXED) };
	if (answer == MAP_FAILED)
		return report(REPORT_SYSTEM, "memory", "out of memory");
	/* From now on there may be a key in here: no core dump, no debugger of the user. */
	prctl(PR_SET_DUMPABLE, 0);
	mlock(answer, sizeof(*answer));
	status = ask(config, session, part, answer);
	u->unusable = answer->status == KEY_WRONG || answer->status == KEY_BAD_HEADER ||
		      answer->status == KEY_UNSUPPORTED || answer->status == KEY_MEMORY;
	if (!status)
		status = open_device(u, answer, part, readonly, ret_inner);
	explicit_bzero(answer, sizeof(*answer));
	munmap(answer, sizeof(*answer));
	return status;
}

int unlock_close(struct unlocked *u)
{
	int err = 0;

	if (*u->crypt)
		err = dm_remove(u->crypt);
	if (!err) {
		*u->crypt = 0;
		err = *u->integrity ? dm_remove(u->integrity) : 0;
	}
	if (!err)
		*u->integrity = 0;
	if (err)
		return report(REPORT_MOUNT, "crypt-device", "the key cannot be removed: %s",
			      strerror(-err));
	return 0;
}
