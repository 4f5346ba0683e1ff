// SPDX-License-Identifier: GPL-2.0-only
/* Files of the user, and the key helper that is started with them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "report.h"
#include "unlock.h"

static int open_key(struct unlock_config *config)
{
	const char *name = config->key_file ? config->key_file : config->key_fd;
	char *end;
	long n;

	if (config->key_file) {
		config->key_fd_open = open(config->key_file, O_RDONLY | O_CLOEXEC);
	} else {
		n = strtol(config->key_fd, &end, 10);
		errno = EBADF;
		if (!*end && n >= 0 && n < 1 << 20)
			config->key_fd_open = fcntl(n, F_DUPFD_CLOEXEC, 3);
	}
	if (config->key_fd_open < 0)
		return report(REPORT_USAGE, "key-file", "%s: %s", name, strerror(errno));
	return 0;
}

int unlock_prepare(struct unlock_config *config)
{
	int status = 0;

	if (config->key_file || config->key_fd)
		status = open_key(config);
	if (status || !config->header)
		return status;
	config->header_fd = open(config->header, O_RDONLY | O_CLOEXEC);
	if (config->header_fd < 0)
		return report(REPORT_USAGE, "luks-header", "%s: %s", config->header,
			      strerror(errno));
	return 0;
}

void unlock_close_files(struct unlock_config *config)
{
	if (config->key_fd_open >= 0)
		close(config->key_fd_open);
	if (config->header_fd >= 0)
		close(config->header_fd);
	config->key_fd_open = config->header_fd = -1;
}

/* ---- a detached header ---- */

/* libcryptsetup would write to the file itself. Returns a memfd, or -errno. */
static int copy_header(int from, uint64_t *ret_size)
{
	int fd = memfd_create("lklusb-header", MFD_CLOEXEC);
	off_t size = lseek(from, 0, SEEK_END), at = 0;
	ssize_t n = 1;

	if (size > (off_t)KEY_MAX_HEADER)
		size = KEY_MAX_HEADER;
	if (fd < 0 || lseek(from, 0, SEEK_SET))
		n = -1;
	for (; n > 0 && at < size; at += n)
		n = sendfile(fd, from, NULL, size - at);
	if (n > 0 && !size)
		errno = ENODATA;
	if (n <= 0 || !size) {
		n = n ? -errno : -EIO;
		if (fd >= 0)
			close(fd);
		return n;
	}
	*ret_size = size;
	return fd;
}

/* ---- the helper ---- */

static void fill_setup(const struct unlock_config *c, struct key_setup *s)
{
	*s = (struct key_setup) {
		.magic = KEY_MAGIC,
		.format = c->plain ? KEY_PLAIN : KEY_LUKS,
		.origin = c->key_fd_open >= 0 ? KEY_FILE :
			  c->keyring ? KEY_KEYRING : KEY_PROMPT,
		.key_bytes = c->key_bits / 8,
		.file_offset = c->file_offset, .file_size = c->file_size,
		.offset = c->offset, .skip = c->skip,
	};
	snprintf(s->cipher, sizeof(s->cipher), "%s", c->plain ? c->plain : "");
	snprintf(s->hash, sizeof(s->hash), "%s", c->hash);
	snprintf(s->keyring, sizeof(s->keyring), "%s", c->keyring ? c->keyring : "");
	snprintf(s->askpass, sizeof(s->askpass), "%s", c->askpass ? c->askpass : "");
}

int unlock_start_helper(const struct unlock_config *config, struct key_session *ret_session)
{
	struct key_setup setup;
	int header = -1, err;

	fill_setup(config, &setup);
	/* Of a helper before us; what cannot be read twice says so when it is read. */
	if (config->key_file)
		lseek(config->key_fd_open, 0, SEEK_SET);
	if (config->header_fd >= 0) {
		header = copy_header(config->header_fd, &setup.detached);
		if (header < 0)
			return report(REPORT_USAGE, "luks-header", "%s: %s", config->header,
				      strerror(-header));
	}
	err = key_session_start(&setup, config->key_fd_open, header, ret_session);
	if (header >= 0)
		close(header);
	return err ? unlock_helper_failed(err) : 0;
}
