// SPDX-License-Identifier: GPL-2.0-only
/* request.h: what is sent arrives, and nothing else is believed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <cmocka.h>

#include "answer.h"
#include "request.h"

static char buf[REQUEST_SIZE];
static int ends[2], pipe_end;

static int open_ends(void **state)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) || pipe(fds))
		return -1;
	close(fds[0]);
	pipe_end = fds[1];
	return 0;
}

static int close_ends(void **state)
{
	close(ends[0]);
	close(ends[1]);
	close(pipe_end);
	return 0;
}

static bool decode(const char *bytes, size_t len, bool has_fd, struct request *r)
{
	memcpy(buf, bytes, len);
	return request_decode(buf, len, has_fd, r);
}
#define DECODE(text, has_fd, r) decode(text, sizeof(text), has_fd, r)

static void short_requests_arrive(void **state)
{
	struct request r = { .kind = REQUEST_EJECT, .dev = makedev(0, 1048575) }, got;
	int fd = 5;
	ssize_t n;

	assert_int_equal(request_send(ends[0], &r, -1), 0);
	n = request_receive(ends[1], buf, &fd);
	assert_int_equal(fd, -1);
	assert_true(request_decode(buf, n, false, &got));
	assert_int_equal(got.kind, REQUEST_EJECT);
	assert_int_equal(got.dev, r.dev);
}

static void a_mount_arrives_with_its_descriptor(void **state)
{
	struct request r = {
		.kind = REQUEST_MOUNT, .version = "1", .stick = "file 8:1 7", .cwd = "/",
		.source = "usb:1-1", .dir = "/mnt", .argc = 3,
		.argv = { "mount", "", "-p1" },
	}, got;
	int fd = -1;
	ssize_t n;

	assert_int_equal(request_send(ends[0], &r, pipe_end), 0);
	n = request_receive(ends[1], buf, &fd);
	assert_true(fd >= 0 && fd != pipe_end);
	assert_true(request_decode(buf, n, true, &got));
	assert_string_equal(got.stick, r.stick);
	assert_string_equal(got.source, r.source);
	assert_string_equal(got.dir, r.dir);
	assert_int_equal(got.argc, 3);
	assert_string_equal(got.argv[1], "");
	assert_string_equal(got.argv[2], "-p1");
	assert_null(got.argv[3]);
	close(fd);
}

static void the_peer_closes(void **state)
{
	int fd = -1;

	shutdown(ends[0], SHUT_RDWR);
	assert_int_equal(request_receive(ends[1], buf, &fd), 0);
}

static void nonsense_is_refused(void **state)
{
	struct request r;

	assert_true(DECODE("status\0" "0:45", false, &r));
	assert_false(decode("status\0" "0:45", 11, false, &r));	/* no 0 at the end */
	assert_false(decode("", 0, false, &r));
	assert_false(DECODE("", false, &r));
	assert_false(DECODE("status", false, &r));
	assert_false(DECODE("statu\0" "0:45", false, &r));
	assert_false(DECODE("status\0" "0:45\0more", false, &r));
	assert_false(DECODE("status\0" "0:45", true, &r));
	assert_false(DECODE("status\0" "0", false, &r));
	assert_false(DECODE("status\0" "-1:0", false, &r));
	assert_false(DECODE("status\0" " 1:0", false, &r));
	assert_false(DECODE("status\0" "0:45:1", false, &r));
	assert_false(DECODE("status\0" "99999999999:1", false, &r));
}

static void a_mount_has_all_its_words(void **state)
{
	struct request r;

	assert_true(DECODE("mount\0v\0s\0/\0src\0/dir\0mount", true, &r));
	assert_false(DECODE("mount\0v\0s\0/\0src\0/dir\0mount", false, &r));
	assert_false(DECODE("mount\0v\0s\0/\0src\0/dir", true, &r));
	assert_false(DECODE("mount\0v", true, &r));
	assert_false(DECODE("mount\0v\0s\0cwd\0src\0/dir\0mount", true, &r));
	assert_false(DECODE("mount\0v\0s\0/\0src\0dir\0mount", true, &r));
	assert_false(DECODE("mount\0v\0s\0/\0\0/dir\0mount", true, &r));
}

static void a_key_helper_is_a_descriptor(void **state)
{
	struct request r = { .kind = REQUEST_KEY }, got;
	int fd = -1;
	ssize_t n;

	assert_int_equal(request_send(ends[0], &r, pipe_end), 0);
	n = request_receive(ends[1], buf, &fd);
	assert_true(request_decode(buf, n, fd >= 0, &got));
	assert_int_equal(got.kind, REQUEST_KEY);
	close(fd);
	assert_false(DECODE("key", false, &got));
	assert_false(DECODE("key\0more", true, &got));
	assert_false(DECODE("key\0", true, &got));
}

static bool answer(const char *bytes, size_t len, struct answer *a)
{
	memcpy(buf, bytes, len);
	return answer_decode(buf, len, a);
}
#define ANSWER(text, a) answer(text, sizeof(text) - 1, a)

static void answers_are_what_they_say(void **state)
{
	struct answer a;

	assert_true(ANSWER("taken", &a) && a.kind == ANSWER_TAKEN);
	assert_true(ANSWER("key", &a) && a.kind == ANSWER_KEY);
	assert_true(ANSWER("done 32", &a) && a.kind == ANSWER_DONE && a.status == 32);
	assert_true(ANSWER("Edone 1", &a) && a.kind == ANSWER_ERROR);
	assert_string_equal(a.text, "done 1");
	assert_true(ANSWER("N", &a) && a.kind == ANSWER_NOTE && !*a.text);
	assert_false(ANSWER("", &a));
	assert_false(ANSWER("taken ", &a));
	assert_false(ANSWER("keys", &a));
	assert_false(ANSWER("E\0x", &a));
	assert_true(ANSWER("done 32 fs-damaged a text\n", &a) && a.kind == ANSWER_DONE);
	assert_int_equal(a.status, 32);
	assert_false(ANSWER("done  1", &a));
	assert_false(ANSWER("done ", &a));
	assert_false(ANSWER("done -1", &a));
	assert_false(ANSWER("done 128", &a));
	assert_false(ANSWER("done 0x1", &a));
	assert_false(ANSWER("done 4294967296", &a));
}

static void there_is_a_limit_to_words(void **state)
{
	static const char head[] = "mount\0v\0s\0/\0src\0/dir";
	char message[sizeof(head) + 2 * (REQUEST_WORDS + 1)];
	struct request r;

	memcpy(message, head, sizeof(head));
	for (unsigned int i = 0; i <= REQUEST_WORDS; i++)
		memcpy(message + sizeof(head) + 2 * i, "w", 2);
	assert_true(decode(message, sizeof(message) - 2, true, &r));
	assert_int_equal(r.argc, REQUEST_WORDS);
	assert_false(decode(message, sizeof(message), true, &r));
}

static void there_is_a_limit_to_bytes(void **state)
{
	static char word[REQUEST_SIZE + 1];
	struct request r = {
		.kind = REQUEST_MOUNT, .version = "1", .stick = "s", .cwd = "/",
		.source = "s", .dir = "/", .argc = 1, .argv = { word },
	};
	size_t fits = REQUEST_SIZE - sizeof("mount\0" "1\0s\0/\0s\0/");
	int fd = -1;

	memset(word, 'w', fits);
	assert_int_equal(request_send(ends[0], &r, pipe_end), -E2BIG);
	word[fits - 1] = 0;
	assert_int_equal(request_send(ends[0], &r, pipe_end), 0);
	assert_int_equal(request_receive(ends[1], buf, &fd), REQUEST_SIZE);
	close(fd);
	memset(word, 'w', sizeof(word));
	assert_int_equal(send(ends[0], word, sizeof(word), 0), sizeof(word));
	assert_int_equal(request_receive(ends[1], buf, &fd), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(short_requests_arrive, open_ends, close_ends),
		cmocka_unit_test_setup_teardown(a_mount_arrives_with_its_descriptor, open_ends,
						close_ends),
		cmocka_unit_test_setup_teardown(the_peer_closes, open_ends, close_ends),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(a_mount_has_all_its_words),
		cmocka_unit_test_setup_teardown(a_key_helper_is_a_descriptor, open_ends, close_ends),
		cmocka_unit_test(answers_are_what_they_say),
		cmocka_unit_test(there_is_a_limit_to_words),
		cmocka_unit_test_setup_teardown(there_is_a_limit_to_bytes, open_ends, close_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
