/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vhost_user_fixture.h - the virtio-usbip device with the null USB device in port 1
 * (high speed), served on a thread to the front ends of vhost_user_client.h.
 */
#ifndef TESTS_VHOST_USER_FIXTURE_H
#define TESTS_VHOST_USER_FIXTURE_H

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "log.h"
#include "null_backend.h"
#include "vhost_user.h"
#include "vhost_user_client.h"
#include "virtio_usbip_dev.h"

#define EVENT	1u
#define BULK	2u
#define INTR	3u

struct fixture {
	char dir[32], path[64];
	int listen_fd;
	struct usbip_dev *dev;
	struct vhost_user *vu;
	pthread_t thread;
	int result;
	int n_fds_before;
};

static _Atomic unsigned int n_dropped;		/* lines in the log that say so */

static inline void count_drops(void *ctx, enum log_level level, const char *line)
{
	if (strstr(line, "front end dropped"))
		n_dropped++;
}

static inline int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static inline void *serve(void *arg)
{
	struct fixture *f = arg;

	f->result = vhost_user_run(f->vu);
	return NULL;
}

static inline void plug_null(struct fixture *f)
{
	struct usb_backend *b;
	unsigned int port;

	assert_int_equal(null_backend_new(USB_SPEED_HIGH_, &b), 0);
	assert_int_equal(usbip_dev_plug(f->dev, b, &port), 0);
	assert_int_equal(port, 1);
}

static inline int setup(void **state)
{
	static const struct usbip_dev_config config = { .usb2_ports = 2, .usb3_ports = 1 };
	struct fixture *f = calloc(1, sizeof(*f));
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	log_set_level(LOG_LEVEL_DEBUG);
	log_set_callback(count_drops, NULL);
	n_dropped = 0;
	f->n_fds_before = count_fds();
	strcpy(f->dir, "/tmp/vhost-user-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	strcpy(addr.sun_path, f->path);
	f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(f->listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(f->listen_fd, 8), 0);
	assert_int_equal(usbip_dev_new(&config, &f->dev), 0);
	plug_null(f);
	assert_int_equal(vhost_user_new(&usbip_dev_ops, f->dev, f->listen_fd, &f->vu), 0);
	pthread_create(&f->thread, NULL, serve, f);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	vhost_user_stop(f->vu);
	pthread_join(f->thread, NULL);
	assert_int_equal(f->result, 0);
	vhost_user_free(f->vu);
	usbip_dev_free(f->dev);
	close(f->listen_fd);
	unlink(f->path);
	rmdir(f->dir);
	assert_int_equal(count_fds(), f->n_fds_before);
	free(f);
	return 0;
}

static inline struct client *bound_client(struct fixture *f)
{
	struct client *c = client_connect(f->path);

	uml_probe(c);
	uml_bind(c);
	return c;
}

/* Whatever happened before: a front end that behaves is served. */
static inline void assert_serves(struct fixture *f)
{
	struct client *c = bound_client(f);

	assert_int_equal(port_devid(c, 1) >> 16, 1);
	client_delete(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
