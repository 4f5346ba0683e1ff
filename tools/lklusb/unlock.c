// SPDX-License-Identifier: GPL-2.0-only
#include "unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <lkl.h>

#include "dm.h"
#include "guest.h"
#include "key.h"
#include "key_process.h"
#include "report.h"

#define CRYPT		"lklusb-crypt"
#define INTEGRITY	"lklusb-integrity"
#define FIRST_COPY	(4ull << 20)	/* the usual key slots lie in there */

static struct {
	int key_file, header;		/* descriptors, or -1 */
	bool crypt, integrity;		/* these devices are there */
	const char *kind;
} unlocked = { .key_file = -1, .header = -1 };

/* ---- files of the user ---- */

static int open_key(const struct unlock_config *config)
{
	const char *name = config->key_file ? config->key_file : config->key_fd;
	char *end;
	long n;

	if (config->key_file) {
		unlocked.key_file = open(config->key_file, O_RDONLY | O_CLOEXEC);
	} else {
		n = strtol(config->key_fd, &end, 10);
		errno = EBADF;
		if (!*end && n >= 0 && n < 1 << 20)
			unlocked.key_file = fcntl(n, F_DUPFD_CLOEXEC, 3);
	}
	if (unlocked.key_file < 0)
		return report(REPORT_USAGE, "key-file", "%s: %s", name, strerror(errno));
	return 0;
}

int unlock_prepare(const struct unlock_config *config)
{
	int status = 0;

	if (config->key_file || config->key_fd)
		status = open_key(config);
	if (status || !config->header)
		return status;
	unlocked.header = open(config->header, O_RDONLY | O_CLOEXEC);
	if (unlocked.header < 0)
		return report(REPORT_USAGE, "luks-header", "%s: %s", config->header,
			      strerror(errno));
	return 0;
}

/* ---- the copy of the header ---- */

struct header {
	long guest;		/* descriptor inside, or -1: unlocked.header */
	uint64_t size;
	int copy;		/* memfd as long as the original; holes are not copied yet */
	uint64_t copied;
};

static ssize_t read_header(const struct header *h, void *buf, size_t len)
{
	ssize_t n;

	if (h->guest >= 0)
		return LKL_CALL4(SYS_pread64, h->guest, buf, len, h->copied);
	n = pread(unlocked.header, buf, len, h->copied);
	return n < 0 ? -errno : n;
}

static int header_copy(struct header *h, uint64_t upto)
{
	static char buf[256 << 10];

	while (h->copied < upto && h->copied < h->size) {
		uint64_t left = upto - h->copied;
		ssize_t n = read_header(h, buf, left < sizeof(buf) ? left : sizeof(buf));

		if (n < 0)
			return n;
		if (!n)
			break;
		if (pwrite(h->copy, buf, n, h->copied) != n)
			return -errno;
		h->copied += n;
	}
	return h->copied >= upto ? 0 : -ENODATA;
}

static int header_open(const struct disk_part *part, struct header *h)
{
	struct stat st;

	*h = (struct header) { .guest = -1, .copy = -1, .size = part->size };
	if (unlocked.header >= 0) {
		if (fstat(unlocked.header, &st))
			return -errno;
		h->size = st.st_size;
	} else {
		h->guest = LKL_CALL4(SYS_openat, AT_FDCWD, part->node, O_RDONLY | O_CLOEXEC, 0);
		if (h->guest < 0)
			return h->guest;
	}
	h->copy = memfd_create("lklusb-header", MFD_CLOEXEC);
	if (h->copy < 0 || ftruncate(h->copy, h->size))
		return -errno;
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
}

static void fill_request(const struct unlock_config *c, const struct disk_part *part,
			 struct key_request *r)
{
	*r = (struct key_request) {
		.magic = KEY_MAGIC,
		.format = c->plain ? KEY_PLAIN : KEY_LUKS,
		.origin = unlocked.key_file >= 0 ? KEY_FILE :
			  c->keyring ? KEY_KEYRING : KEY_PROMPT,
		.key_bytes = c->key_bits / 8,
		.file_offset = c->file_offset, .file_size = c->file_size,
		.offset = c->offset, .skip = c->skip,
	};
	snprintf(r->cipher, sizeof(r->cipher), "%s", c->plain ? c->plain : "");
	snprintf(r->hash, sizeof(r->hash), "%s", c->hash);
	snprintf(r->keyring, sizeof(r->keyring), "%s", c->keyring ? c->keyring : "");
	snprintf(r->askpass, sizeof(r->askpass), "%s", c->askpass ? c->askpass : "");
	describe(part, r->what, sizeof(r->what));
	for (char *p = r->what; *p; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
			*p = '?';
}

static int helper_failed(int n)
{
	if (n < 0)
		report(REPORT_SYSTEM, "key-helper", "lklusb-key does not run: %s",
		       strerror(-n));
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
static int ask_helper(const struct unlock_config *config, const struct disk_part *part,
		      struct key_answer *a)
{
	struct key_request r;
	struct header h;
	int i, n = 0, status = 0, err = header_open(part, &h);

	fill_request(config, part, &r);
	for (i = 0; !err && i < 2; i++) {
		r.copied = h.copied;
		n = key_process_ask(&r, h.copy, unlocked.key_file, a);
		if (n == -ECANCELED)
			a->status = KEY_CANCELLED;
		else if (n < 0 || !key_answer_valid(a, n, part->size))
			status = helper_failed(n);
		if (status || a->status != KEY_MORE)
			break;
		err = header_copy(&h, a->need);
	}
	header_close(&h);
	if (err || (!status && a->status == KEY_MORE))
		return report(REPORT_MOUNT, "luks-header", "%s: the LUKS header cannot be read: %s",
			      r.what, err ? strerror(-err) : "it is longer than it says");
	return status ? status : explain(a, r.what);
}

/* ---- the devices ---- */

/* A first table of one sector of the volume: the kernel reads from its superblock how long it is. */
static int create_integrity(const struct key_answer *a, const char *node, bool readonly,
			    char *ret_node, size_t size, uint64_t *ret_sectors)
{
	char table[KEY_TABLE_SIZE], status[128];
	struct dm_target target = { 0, a->sector_size / 512, "integrity", table };
	unsigned long long mismatches, sectors;
	int n;

	key_table_integrity(a, node, table);
	n = dm_create(INTEGRITY, &target, 1, readonly);
	if (n < 0)
		return n;
	unlocked.integrity = true;
	snprintf(ret_node, size, "/dev/dm-%d", n);
	n = dm_status(INTEGRITY, status, sizeof(status));
	if (n)
		return n;
	if (sscanf(status, "%llu %llu", &mismatches, &sectors) != 2 || !sectors)
		return -EINVAL;
	target.sectors = *ret_sectors = sectors - sectors % (a->sector_size / 512);
	return dm_reload(INTEGRITY, &target, 1, readonly);
}

static int create(const struct key_answer *a, const struct disk_part *part, bool readonly,
		  struct disk_part *inner)
{
	char table[KEY_TABLE_SIZE], node[64];
	struct dm_target target = {
		0, key_data_sectors(a, part->size), "crypt", table,
	};
	int err = 0;

	snprintf(node, sizeof(node), "%s", part->node);
	if (a->tag_bytes)
		err = create_integrity(a, part->node, readonly, node, sizeof(node),
				       &target.sectors);
	if (!err)
		err = key_table_crypt(a, node, table);
	if (!err)
		err = dm_create(CRYPT, &target, 1, readonly);
	explicit_bzero(table, sizeof(table));
	if (err < 0)
		return err;
	unlocked.crypt = true;
	inner->number = part->number;
	inner->size = target.sectors * 512;
	snprintf(inner->node, sizeof(inner->node), "/dev/dm-%d", err);
	return 0;
}

static int open_device(const struct key_answer *a, const struct disk_part *part,
		       bool readonly, struct disk_part *inner)
{
	static const char *const kinds[] = { "plain", "luks1", "luks2" };
	int err = create(a, part, readonly, inner);

	if (!err) {
		unlocked.kind = kinds[a->version];
		return disk_probe(inner);
	}
	report(REPORT_MOUNT, "crypt-device", "%s: the library kernel cannot use %s%s%s: %s",
	       disk_part_name(part), a->cipher, a->tag_bytes ? " with " : "", a->integrity, strerror(-err));
	guest_report_log("device-mapper");
	unlock_close();
	return REPORT_MOUNT;
}

int unlock_open(const struct unlock_config *config, const struct disk_part *part,
		bool readonly, struct disk_part *ret_inner)
{
	static struct key_answer answer;
	int status;

	memset(ret_inner, 0, sizeof(*ret_inner));
	/* From now on there may be a key in here: no core dump, no debugger of the user. */
	prctl(PR_SET_DUMPABLE, 0);
	mlock(&answer, sizeof(answer));
	status = ask_helper(config, part, &answer);
	if (!status)
		status = open_device(&answer, part, readonly, ret_inner);
	explicit_bzero(&answer, sizeof(answer));
	munlock(&answer, sizeof(answer));
	return status;
}

void unlock_cancel(void)
{
	key_process_cancel();
}

const char *unlock_kind(void)
{
	return unlocked.kind;
}

int unlock_close(void)
{
	int err = 0;

	if (unlocked.crypt)
		err = dm_remove(CRYPT);
	unlocked.crypt = err;
	if (!err && unlocked.integrity)
		err = dm_remove(INTEGRITY);
	unlocked.integrity = err;
	if (err)
		return report(REPORT_MOUNT, "crypt-device", "the key cannot be removed: %s",
			      strerror(-err));
	return 0;
}
