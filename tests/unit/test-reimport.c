// SPDX-License-Identifier: GPL-2.0-only
/* A device that its server lost and exports again, against a scripted server. */
#include "usbip_peer.h"

#include <netinet/in.h>

#include "reimport.h"

#define BUSID "1-1.2"

static struct fixture {
	int listener, conn;
	struct reimport *r;
	struct usb_backend *first;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct usb_backend *plugged;
	unsigned int n_plugged, n_ended;
	int status;
} f;

static void on_plug(void *ctx, struct usb_backend *backend)
{
	pthread_mutex_lock(&f.lock);
	f.plugged = backend;
	f.n_plugged++;
	pthread_cond_broadcast(&f.changed);
	pthread_mutex_unlock(&f.lock);
}

static struct usbip_source source;

static int connect_source(void *ctx, int *ret_fd, const char **ret_why)
{
	return usbip_source_connect(&source, ret_fd, ret_why);
}

static void on_complete(struct usb_urb *urb)
{
	pthread_mutex_lock(&f.lock);
	f.status = urb->status;
	f.n_ended++;
	pthread_cond_broadcast(&f.changed);
	pthread_mutex_unlock(&f.lock);
}

static void wait_until(unsigned int *n, unsigned int value)
{
	pthread_mutex_lock(&f.lock);
	while (*n < value)
		pthread_cond_wait(&f.changed, &f.lock);
	pthread_mutex_unlock(&f.lock);
}

/* ---- the server ---- */

static int accept_import(void)
{
	uint8_t request[USBIP_OP_SIZE + USBIP_BUSID_SIZE];
	int conn = accept(f.listener, NULL, NULL);

	PEER_CHECK(conn >= 0);
	peer_read(conn, request, sizeof(request));
	return conn;
}

static void answer(int conn, uint32_t status)
{
	struct usbip_device d = {
		.busid = BUSID, .busnum = 1, .devnum = 2, .speed = USB_SPEED_HIGH_,
	};
	uint8_t raw[USBIP_OP_SIZE + USBIP_DEVICE_SIZE];

	usbip_op_encode(raw, USBIP_OP_REP_IMPORT, status);
	usbip_device_encode(raw + USBIP_OP_SIZE, &d);
	peer_write(conn, raw, status ? USBIP_OP_SIZE : sizeof(raw));
}

static int answer_import(uint32_t status)
{
	int conn = accept_import();

	answer(conn, status);
	return conn;
}

static void *first_answer(void *arg)
{
	f.conn = answer_import(USBIP_OP_OK);
	return NULL;
}

/* ---- */

static int setup(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct reimport_config config = { .connect = connect_source, .plug = on_plug };
	socklen_t len = sizeof(addr);
	char name[64];
	const char *why;
	pthread_t thread;

	log_set_callback(no_log, NULL);
	memset(&f, 0, sizeof(f));
	pthread_mutex_init(&f.lock, NULL);
	pthread_cond_init(&f.changed, NULL);
	f.listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(f.listener, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(f.listener, 4), 0);
	assert_int_equal(getsockname(f.listener, (struct sockaddr *)&addr, &len), 0);
	snprintf(name, sizeof(name), "usbip://127.0.0.1:%u/" BUSID, ntohs(addr.sin_port));
	assert_true(usbip_source_parse(name, &source));
	config.source = source;
	assert_int_equal(reimport_new(&config, &f.r), 0);
	assert_int_equal(pthread_create(&thread, NULL, first_answer, NULL), 0);
	assert_int_equal(reimport_now(f.r, &f.first, &why), 0);
	pthread_join(thread, NULL);
	return 0;
}

static int teardown(void **state)
{
	f.first->ops->close(f.first);
	if (f.plugged)
		f.plugged->ops->close(f.plugged);
	reimport_free(f.r);
	close(f.conn);
	close(f.listener);
	return 0;
}

static struct usb_urb *bulk_in(void)
{
	static uint8_t data[512];
	static struct iovec iov = { data, sizeof(data) };
	static struct usb_urb urb;

	urb = (struct usb_urb) { .ep = 1, .in = true, .length = sizeof(data), .iov = &iov,
				 .n_iov = 1, .complete = on_complete };
	return &urb;
}

/* The server closes while a transfer is in flight. */
static void lose_it(void)
{
	assert_int_equal(f.first->ops->submit(f.first, bulk_in()), 0);
	peer_read_cmd(f.conn);
	close(f.conn);
	wait_until(&f.n_ended, 1);
	assert_int_equal(f.status, -ESHUTDOWN);
}

static void what_comes_back_is_a_new_device(void **state)
{
	struct usbip_ret ret = { .command = VIRTIO_USBIP_RET_SUBMIT, .status = -EPIPE };

	lose_it();
	f.conn = answer_import(USBIP_OP_OK);
	wait_until(&f.n_plugged, 1);
	assert_ptr_not_equal(f.plugged, f.first);
	/* Nothing of the old one is sent to it, and the old one stays dead. */
	peer_quiet(f.conn);
	assert_int_equal(f.first->ops->submit(f.first, bulk_in()), -ESHUTDOWN);
	assert_int_equal(f.plugged->ops->submit(f.plugged, bulk_in()), 0);
	ret.seq = peer_read_cmd(f.conn).seq;
	peer_write_ret(f.conn, &ret);
	wait_until(&f.n_ended, 2);
	assert_int_equal(f.status, -EPIPE);
}

static void a_server_that_refuses_is_asked_again(void **state)
{
	lose_it();
	close(answer_import(USBIP_OP_NODEV));
	close(answer_import(USBIP_OP_BUSY));
	f.conn = answer_import(USBIP_OP_OK);
	wait_until(&f.n_plugged, 1);
	assert_int_equal(f.n_plugged, 1);
}

/* The next loss is one of the second device. */
static void it_may_be_lost_again(void **state)
{
	lose_it();
	f.conn = answer_import(USBIP_OP_OK);
	wait_until(&f.n_plugged, 1);
	f.first->ops->close(f.first);
	f.first = f.plugged;
	f.plugged = NULL;
	f.n_ended = 0;
	lose_it();
	f.conn = answer_import(USBIP_OP_OK);
	wait_until(&f.n_plugged, 2);
}

/* Somebody pulled it while the server was being asked. */
static void what_nobody_wants_back_is_closed(void **state)
{
	lose_it();
	f.conn = accept_import();
	reimport_cancel(f.r);
	answer(f.conn, USBIP_OP_OK);
	peer_wait_closed(f.conn);
	assert_int_equal(f.n_plugged, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_comes_back_is_a_new_device),
		T(a_server_that_refuses_is_asked_again),
		T(it_may_be_lost_again),
		T(what_nobody_wants_back_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
