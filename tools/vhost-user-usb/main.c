// SPDX-License-Identifier: GPL-2.0-only
/*
 * vhost-user-usb: the virtio-usbip device with emulated sticks in its ports, for UML,
 * QEMU and any other virtual machine that speaks vhost-user.
 *
 * The main thread serves; another one waits for signals, and one for each USB/IP server
 * to come back. All of them are in the sandbox; another process opens what they need.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker_ask.h"
#include "log.h"
#include "opener.h"
#include "options.h"
#include "report.h"
#include "sticks.h"
#include "vhost_user.h"
#include "virtio_usbip_dev.h"

#define UAS_STREAMS	32u	/* more than usb-storage's drivers ever ask for */

struct server {
	struct options options;
	struct sticks sticks;
	struct usbip_dev *dev;
	struct vhost_user *vu;
	int fd;				/* the socket */
	sigset_t signals;		/* of the thread that waits for them */
};

static int device_new(struct server *s)
{
	struct usbip_dev_config config = {
		.usb2_ports = s->options.usb2_ports,
		.usb3_ports = s->options.usb3_ports,
		.request_queues = s->options.request_queues,
		.features_off = s->options.features_off,
		.max_inflight_bytes = s->options.budget,
		.budget_bytes = s->options.budget,
		.max_streams = UAS_STREAMS,
	};
	int err = usbip_dev_new(&config, &s->dev);

	if (err)
		log_err("vhost-user-usb: no device: %s", strerror(-err));
	return err;
}

static int trace_start(struct server *s)
{
	int err = chain_open(&s->options.chain);

	if (err)
		log_err("vhost-user-usb: %s: %s", s->options.chain.trace_config.path,
			err == -EINVAL ? "not a regular file" :
			err == -EBUSY ? "in use" : strerror(-err));
	return err;
}

/* ---- socket ---- */

static int socket_open(struct server *s)
{
	const struct options *o = &s->options;
	int err = opener_socket(o, &s->fd);

	if (!err)
		err = vhost_user_new(&usbip_dev_ops, s->dev, s->fd, &s->vu);
	if (err && o->socket_path)
		log_err("vhost-user-usb: %s: %s", o->socket_path, strerror(-err));
	else if (err)
		log_err("vhost-user-usb: descriptor %d: %s", o->fd, strerror(-err));
	return err;
}

/* ---- signals ---- */

static void *wait_for_signals(void *arg)
{
	struct server *s = arg;
	int sig;

	while (!sigwait(&s->signals, &sig)) {
		if (sig == SIGUSR1) {
			sticks_pull(&s->sticks);
		} else if (sig == SIGUSR2) {
			sticks_plug(&s->sticks);
		} else {
			vhost_user_stop(s->vu);
			break;
		}
	}
	return NULL;
}

/* Before there are threads: they inherit the mask. */
static void block_signals(struct server *s)
{
	static const int wanted[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 };

	sigemptyset(&s->signals);
	for (unsigned int i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&s->signals, wanted[i]);
	pthread_sigmask(SIG_BLOCK, &s->signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- life ---- */

static int serve(struct server *s)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, wait_for_signals, s);

	if (err)
		return -err;
	log_info("vhost-user-usb: ready");
	err = vhost_user_run(s->vu);
	pthread_kill(thread, SIGTERM);
	pthread_join(thread, NULL);
	return err;
}

/* Before there are threads. Whatever others say is read behind it. */
static int enter_sandbox(struct server *s)
{
	const struct sandbox sandbox = {
		.beneath = -1,
		.usb = options_have_usb(&s->options),
		.trace = s->options.chain.trace,
		.front_ends = true,
	};
	int err = opener_start(&s->options);

	if (err)
		return report(REPORT_SYSTEM, "fork", "fork: %s", strerror(-err));
	return confine(s->options.sandbox, &sandbox, false);
}

static int server_run(struct server *s)
{
	int err = device_new(s);

	s->sticks.options = &s->options;
	s->sticks.dev = s->dev;
	if (!err)
		err = trace_start(s);
	if (!err)
		err = enter_sandbox(s);
	if (!err)
		err = sticks_prepare(&s->sticks);
	if (!err)
		err = sticks_plug(&s->sticks);
	if (!err)
		err = socket_open(s);
	if (!err)
		err = serve(s);
	sticks_close(&s->sticks);
	vhost_user_free(s->vu);
	usbip_dev_free(s->dev);
	sticks_free(&s->sticks);
	chain_close(&s->options.chain);
	if (s->fd >= 0)
		close(s->fd);
	broker_hang_up();
	return err;
}

int main(int argc, char **argv)
{
	struct server s = { .fd = -1, .sticks.lock = PTHREAD_MUTEX_INITIALIZER };
	int err;

	confine_begin();
	report_as("vhost-user-usb");
	err = options_parse(argc, argv, &s.options);
	if (err) {
		options_free(&s.options);
		return err - 1;
	}
	if (s.options.print_capabilities) {
		puts("{ \"type\": \"usb\", \"features\": [] }");
		options_free(&s.options);
		return 0;
	}
	log_set_level(s.options.verbose > 1 ? LOG_LEVEL_DEBUG :
		      s.options.verbose ? LOG_LEVEL_INFO : LOG_LEVEL_WARN);
	block_signals(&s);
	err = server_run(&s);
	options_free(&s.options);
	return err ? 1 : 0;
}
