// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile USB/IP clients: a server with a fake device.
 *
 * Input: kind, then what the client says. Odd: after it has imported the device.
 *
 * The invariant: the connection ends after the input, no transfer is left in flight,
 * and the next client can import the device.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../tests/unit/usbip_fake.h"
#include "log.h"
#include "usbip_server.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void no_log(void *ctx, enum log_level level, const char *line)
{
}

static void ask_import(int fd)
{
	uint8_t raw[USBIP_OP_SIZE + USBIP_BUSID_SIZE] = { 0 };

	usbip_op_encode(raw, USBIP_OP_REQ_IMPORT, 0);
	strcpy((char *)raw + USBIP_OP_SIZE, "1-1");
	send(fd, raw, sizeof(raw), MSG_NOSIGNAL);
}

/* A client that says all it has to say, on the server's own thread, then hears it. */
static void client(struct usbip_server *s, bool import, const uint8_t *data, size_t len,
		   char *answer, size_t size)
{
	int fds[2];
	size_t pos = 0;
	ssize_t n;

	check(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	if (import)
		ask_import(fds[0]);
	send(fds[0], data, len, MSG_NOSIGNAL);
	shutdown(fds[0], SHUT_WR);
	check(!usbip_server_serve(s, fds[1]));
	while (pos < size && (n = read(fds[0], answer + pos, size - pos)) > 0)
		pos += n;
	close(fds[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct usbip_server_config config = { 0 };
	struct usbip_server *s;
	static struct fake fake;
	char answer[USBIP_OP_SIZE] = { 0 };

	if (!len || len > 65536)
		return 0;
	log_set_callback(no_log, NULL);
	fake_init(&fake);
	check(!usbip_server_new(&config, &s));
	check(!usbip_server_export(s, &fake.base, "1-1"));
	client(s, *data & 1, data + 1, len - 1, NULL, 0);
	check(!fake.n_waiting);
	client(s, true, NULL, 0, answer, sizeof(answer));
	check(!memcmp(answer, "\x01\x11\0\x03\0\0\0\0", sizeof(answer)));
	usbip_server_free(s);
	check(fake.n_closed == 1);
	return 0;
}
