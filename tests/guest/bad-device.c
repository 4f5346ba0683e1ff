// SPDX-License-Identifier: GPL-2.0-only
/*
 * bad-device SOCKET HOW: our device with the test device in its first port, which breaks
 * docs/protocol.md in one way, so that a driver can show what it does then. The ways that
 * are no matter of the set-up begin when request 0x5b (usbtest's case 14) is answered, once.
 *
 * Functions of the device are wrapped by the linker.
 */
#include <endian.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "device_i.h"
#include "log.h"
#include "vhost_user.h"
#include "zero_backend.h"

#define TRIGGER		0x5b
#define SHORT_LEN	20u

static const char *how;
static struct usbip_dev *dev;
static bool triggered;
/* One-shots. Set and used with the device's lock held. */
static bool bad_event, bad_control, short_push, no_push;

static bool is(const char *name)
{
	return !strcmp(how, name);
}

/* ---- set-up ---- */

static uint64_t bad_features(void *d)
{
	return usbip_dev_ops.features(d) &
	       ~(is("no-pdu") ? 1ull << VIRTIO_USBIP_F_USBIP_PDU : 0);
}

static void bad_config_read(void *d, uint32_t offset, void *buf, uint32_t len)
{
	struct virtio_usbip_config c;

	usbip_dev_ops.config_read(d, 0, &c, sizeof(c));
	if (is("version"))
		c.usbip_version = htole16(0x0112);
	else if (is("event-size"))
		c.event_size = htole16(15);
	else if (is("many-ports"))
		c.usb2_ports = 32;
	else if (is("no-ports"))
		c.usb2_ports = c.usb3_ports = 0;
	else if (is("one-queue"))
		c.num_request_queues = htole16(1);
	else if (is("no-segments"))
		c.seg_max = 0;
	memcpy(buf, (char *)&c + offset, len);
}

/* ---- plugging ---- */

static void plug(void)
{
	struct zero_config config = { .speed = USB_SPEED_HIGH_ };
	struct usb_backend *zero;
	unsigned int port;

	if (zero_backend_new(&config, &zero) || usbip_dev_plug(dev, zero, &port))
		abort();
}

static void *plug_thread(void *arg)
{
	plug();
	return NULL;
}

static void plug_elsewhere(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, plug_thread, NULL))
		abort();
	pthread_detach(thread);
}

/* ---- answers ---- */

uint32_t __real_pdu_write_ret(struct usbip_req *req);
uint32_t __wrap_pdu_write_ret(struct usbip_req *req);
void __real_pdu_put_data(const struct usb_urb *urb, const void *from, size_t len);
void __wrap_pdu_put_data(const struct usb_urb *urb, const void *from, size_t len);
void __real_virtq_push(struct virtq *vq, uint16_t head, uint32_t len);
void __wrap_virtq_push(struct virtq *vq, uint16_t head, uint32_t len);

static uint32_t spoil(struct virtio_usbip_ret_submit *ret, const struct usbip_req *req,
		      uint32_t len)
{
	if (is("short-used"))
		return SHORT_LEN;
	if (is("wrong-seq"))
		ret->seq = ~ret->seq;
	else if (is("wrong-command"))
		ret->command = htobe32(VIRTIO_USBIP_RET_UNLINK);
	else if (is("long-actual"))
		ret->actual = htobe32(req->cmd.length + 1);
	else if (is("deaf"))
		no_push = true;
	else if (is("control"))
		bad_control = true;
	else
		bad_event = true;
	if (bad_control || bad_event)
		plug_elsewhere();
	return len;
}

uint32_t __wrap_pdu_write_ret(struct usbip_req *req)
{
	struct virtio_usbip_ret_submit *ret = req->iov[req->n_out].iov_base;
	uint32_t len = __real_pdu_write_ret(req);

	if (bad_control && req->queue->index == VIRTIO_USBIP_VQ_CONTROL) {
		bad_control = false;
		ret->seq = ~ret->seq;
	} else if (!triggered && req->cmd.command == VIRTIO_USBIP_CMD_SUBMIT &&
		   req->cmd.devid && !req->cmd.ep && req->cmd.setup[1] == TRIGGER) {
		triggered = true;
		len = spoil(ret, req, len);
	}
	return len;
}

/* Records: only events are written while bad_event is set. */
void __wrap_pdu_put_data(const struct usb_urb *urb, const void *from, size_t len)
{
	struct virtio_usbip_event ev;

	if (!bad_event || len != sizeof(ev)) {
		__real_pdu_put_data(urb, from, len);
		return;
	}
	bad_event = false;
	memcpy(&ev, from, sizeof(ev));
	if (is("event-port")) {
		ev.port = htole16(99);
	} else if (is("event-devid")) {
		ev.devid = htole32(7 << 16 | 1);
	} else if (is("event-speed")) {
		ev.speed = USB_SPEED_SUPER_;
	} else if (is("short-event")) {
		short_push = true;
	} else if (is("old-event") || is("missed")) {
		/* That the first port is empty, which was so before. */
		ev.port = htole16(1);
		ev.devid = 0;
		ev.change_count = 0;
		if (is("missed"))
			ev.type |= htole16(VIRTIO_USBIP_EV_MISSED);
	}
	__real_pdu_put_data(urb, &ev, sizeof(ev));
}

void __wrap_virtq_push(struct virtq *vq, uint16_t head, uint32_t len)
{
	if (no_push) {
		no_push = false;
		return;
	}
	if (short_push)
		len = 8;
	short_push = false;
	__real_virtq_push(vq, head, len);
}

/* ---- life ---- */

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1))
		abort();
	return fd;
}

/* Until it is killed. */
int main(int argc, char **argv)
{
	struct usbip_dev_config config = { .usb2_ports = 4, .usb3_ports = 4 };
	struct virtio_device_ops ops = usbip_dev_ops;
	struct vhost_user *vu;

	if (argc != 3)
		return 2;
	how = argv[2];
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_LEVEL_INFO);
	ops.features = bad_features;
	ops.config_read = bad_config_read;
	if (usbip_dev_new(&config, &dev))
		return 1;
	plug();
	if (vhost_user_new(&ops, dev, listen_at(argv[1]), &vu))
		return 1;
	return vhost_user_run(vu) ? 1 : 0;
}
